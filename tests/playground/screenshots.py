"""Pictures of the playground: `python -m tests.playground.screenshots [folder]`.

Without a folder, those of the README are written to docs/images.
"""

import sys
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any

from app.core.embedded import embedded_postgres
from tests.playground.browser import Window, chromium
from tests.playground.conversation import fill
from tests.support import ROOT, Postgres, Service, running

DESKTOP = {"width": 1280, "height": 760}
NARROW = {"width": 1000, "height": 700}
PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
OF_README = ("playground", "playground-phone-dark")


def take_all(folder: Path, service: Service, empty: Service) -> None:
    """Take every picture."""
    with service.client() as client, chromium() as browser:
        fill(client)

        def window(**options: Any) -> Window:
            window = Window(browser, locale="en-GB", **options)
            window.page.add_init_script("sessionStorage.setItem('name', 'Ada')")
            return window

        def take(window: Window, name: str) -> None:
            window.page.wait_for_timeout(300)
            session = window.context.new_cdp_session(window.page)
            shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": 90})
            (folder / f"{name}.webp").write_bytes(b64decode(shot["data"]))

        for scheme in ("light", "dark"):
            suffix = "" if scheme == "light" else "-dark"
            desktop = window(viewport=DESKTOP, color_scheme=scheme).open(service.url)
            desktop.open_chat("Weekend plans")
            if scheme == "light":
                desktop.write("I bring the map, in case the phones run out.")
                desktop.message("I bring the map").wait_for()
            desktop.page.locator("#call-list summary").first.click()
            take(desktop, f"playground{suffix}")
            phone = window(color_scheme=scheme, **PHONE).open(service.url)
            take(phone, f"playground-phone-chats{suffix}")
            phone.open_chat("Weekend plans")
            take(phone, f"playground-phone{suffix}")
        plain = window(viewport=NARROW).open(empty.url)
        take(plain, "playground-empty")
        plain.open(service.url).open_chat("Weekend plans")
        plain.page.get_by_label("Search", exact=False).fill("cake")
        plain.page.locator("#found-list a").wait_for()
        take(plain, "playground-search")
        plain.page.locator("#search").fill("")
        plain.message("Bring a jacket").hover()
        plain.message("Bring a jacket").get_by_role("button", name="Edit").click()
        plain.page.get_by_label("New text").wait_for()
        take(plain, "playground-edit")
        plain.page.get_by_role("button", name="Cancel").click()
        service.stop()
        plain.await_state("Offline")
        plain.write("Does anybody hear me?")
        plain.page.get_by_role("button", name="Send again").wait_for()
        take(plain, "playground-offline")


def main() -> None:
    """Take the pictures on a PostgreSQL of their own."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with embedded_postgres(folder / "postgres", durable=False) as server:
            postgres = Postgres(server.host, server.port, server.user)
            with (
                postgres.database() as one,
                postgres.database() as two,
                running(folder / "log", postgres.settings(one)) as service,
                running(folder / "log2", postgres.settings(two)) as empty,
            ):
                taken = Path(sys.argv[1]) if len(sys.argv) > 1 else folder
                taken.mkdir(exist_ok=True)
                take_all(taken, service, empty)
                if taken == folder:
                    for name in OF_README:
                        (folder / f"{name}.webp").replace(ROOT / f"docs/images/{name}.webp")


if __name__ == "__main__":
    main()
