"""The attacks, each with the bound that it must not break."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from multiprocessing import get_context

from attack.catching_up import stream_again
from attack.faults import break_everything
from attack.half_open import keep_half_open
from attack.harness import (
    LARGE_CHAT,
    WORDY_CHAT,
    Result,
    Target,
    Users,
    check_ready,
    edit,
    read,
    send,
)
from attack.scraping import scrape_again
from tests.support.service import eventually
from tests.support.sockets import connected, read_all, read_answers, statuses

MB = 1024 * 1024
WAIT = 60  # Seconds in which something has to come.
HOST = b"Host: localhost\r\n"
EXPORT = b"GET /messages/ HTTP/1.1\r\n" + HOST + b"\r\n"


def offer_upgrades(target: Target) -> Result:
    """Create chats by requests that offer an upgrade, and hide a deletion behind the body."""
    wire = target.wire()
    _, kept = wire.call("POST", "/chats/", {"title": "Kept"})
    body = b'{"title": "Offered"}'
    hidden = b"DELETE /chats/%d HTTP/1.1\r\n%s\r\n" % (kept["id"], HOST)
    head = (
        b"POST /chats/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"
    )
    harmless = 0
    for _ in range(50):
        # The deletion is the body: what an upgrade would have left to the next parser.
        refused = exchange(target, head + b"Content-Length: %d\r\n\r\n" % len(hidden), hidden)
        created = exchange(target, head + b"Content-Length: %d\r\n\r\n" % len(body), body)
        there = wire.call("GET", f"/chats/{kept['id']}")[0] == 200
        harmless += refused == [422] and created == [201] and there
    return Result(
        "1", "an upgrade is offered", "50 of 50 harmless", f"{harmless} of 50", harmless == 50
    )


def exchange(target: Target, *parts: bytes) -> list[int]:
    """Return the status of what is answered first to the parts, each a segment of its own."""
    with connected(target.service, WAIT) as connection:
        for part in parts:
            connection.sendall(part)
        return read_answers(connection, 1)


def send_large_header(target: Target) -> Result:
    """Send a header of 200 MB."""
    before = target.service.memory()
    start = time.monotonic()
    with connected(target.service, WAIT) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"X: ")
        sent = 0
        with suppress(OSError):  # It is refused, and the connection cut.
            while sent < 200 * MB:
                sent += connection.send(b"x" * MB)
        answer = answered(connection)
    took, grown = time.monotonic() - start, (target.service.memory() - before) / MB
    return Result(
        "2",
        "one header of 200 MB",
        "refused within 1 s, memory ≤ 10 MB",
        f"{answer or 'cut'} after {sent / MB:.0f} MB and {took:.2f} s, memory + {grown:.1f} MB",
        sent < 200 * MB and took <= 1 and grown <= 10,
    )


def answered(connection: socket.socket) -> list[int]:
    """Return the statuses that came before the connection was cut."""
    try:
        return statuses(read_all(connection))
    except OSError:
        return []


def leave_answers_unread(target: Target) -> Result:
    """Send requests and never read their answers."""
    count = 20
    request = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    before = target.service.memory()
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(connected(target.service, WAIT, receive_buffer=4096))
            connection.settimeout(0.2)
            with suppress(TimeoutError):  # Until the service reads no more.
                while True:
                    connection.sendall(request * 1000)
        grown = (target.service.memory() - before) / MB / count
    return Result(
        "2",
        "answers to pipelined requests are not read",
        "≤ 2 MB a connection",
        f"{grown:.2f} MB a connection, of {count}",
        grown <= 2,
    )


def half_open(target: Target) -> Result:
    """Keep connections open that never say what they want; each that is ended is opened anew."""
    count, seconds = int(target.choose(300, 2000)), target.choose(6, 60)

    def attack() -> AbstractContextManager[None]:
        return elsewhere(keep_half_open, ("127.0.0.1", target.service.port), count)

    told, held = under(target, attack, seconds, {"reads": read, "sends": send}, 2)
    return Result(
        "2",
        f"{count} half-open connections, opened anew for {seconds:.0f} s",
        "p99 ≤ × 2",
        told,
        held,
    )


@contextmanager
def elsewhere(attack: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Attack in another process: what it does is not to be taken for what the users notice."""
    attacker = get_context("spawn").Process(target=attack, args=arguments)
    attacker.start()
    try:
        yield
    finally:
        attacker.terminate()
        attacker.join()


def under(
    target: Target,
    attack: Callable[[], AbstractContextManager[None]],
    seconds: float,
    calls: dict[str, Callable[..., int]],
    most: float,
) -> tuple[str, bool]:
    """Return what others notice of the attack, to tell, and whether the bound held."""
    users = Users(target, calls)
    users.measure(1)
    before = users.measure(target.choose(4, 10))
    with attack():
        meanwhile = users.measure(seconds)
    told, held = meanwhile.compared(before, most)
    # The few calls of a short run make percentiles coarse: it tells them, and judges failures.
    return told, held or (target.short and meanwhile.failed == 0)


def under_unread(
    target: Target, request: bytes, count: int, calls: dict[str, Callable[..., int]]
) -> tuple[str, bool, float]:
    """Return what others notice of so many answers that nobody reads, and whether three times held.

    And by how many MB the service's memory grew.
    """
    start, grown = target.service.memory(), 0.0

    @contextmanager
    def attack() -> Iterator[None]:
        nonlocal grown
        with ExitStack() as stack:
            for _ in range(count):
                connection = stack.enter_context(
                    connected(target.service, WAIT, receive_buffer=4096)
                )
                connection.sendall(request)
            yield
            grown = (target.service.memory() - start) / MB

    told, held = under(target, attack, target.choose(5, 20), calls, 3)
    return told, held, grown


def export_slowly(target: Target) -> Result:
    """Begin exports and read nothing of them."""
    count = int(target.choose(60, 500))
    told, held, grown = under_unread(target, EXPORT, count, {"reads": read})
    return Result(
        "3",
        f"{count} exports that nobody reads",
        "memory ≤ 300 MB, p99 of reads ≤ × 3",
        f"memory + {grown:.0f} MB; {told}",
        held and grown <= 300,
    )


def leave_streams_unread(target: Target) -> Result:
    """Open streams of a chat of large messages from its beginning, and read nothing of them."""
    count = int(target.choose(100, 2000))
    calls = {"reads": read, "sends": send}
    told, held, grown = under_unread(target, stream_of(LARGE_CHAT), count, calls)
    return Result(
        "8",
        f"{count} streams that nobody reads",
        "memory ≤ 500 MB, p99 of others ≤ × 3",
        f"memory + {grown:.0f} MB; {told}",
        held and grown <= 500,
    )


def stream_of(chat: int) -> bytes:
    """Return the request for all that ever changed in a chat."""
    return b"GET /chats/%d/changes/stream?since=0 HTTP/1.1\r\n%s\r\n" % (chat, HOST)


def catch_up_again_and_again(target: Target) -> Result:
    """Stream the whole of a chat as fast as it comes, 32 at a time, and begin anew."""

    def attack() -> AbstractContextManager[None]:
        address = ("127.0.0.1", target.service.port)
        return elsewhere(stream_again, address, stream_of(WORDY_CHAT), 32)

    calls = {"reads": read, "sends": send, "readiness": check_ready}
    told, held = under(target, attack, target.choose(6, 20), calls, 3)
    return Result("8", "32 streams catch up", "p99 of others ≤ × 3, none 503", told, held)


def scrape_again_and_again(target: Target) -> Result:
    """Scrape the metrics as fast as they come, 64 at a time."""

    def attack() -> AbstractContextManager[None]:
        return elsewhere(scrape_again, target.metrics_port, 64)

    calls = {"reads": read, "sends": send, "readiness": check_ready}
    told, held = under(target, attack, target.choose(6, 20), calls, 2)
    return Result("9", "64 scrapers of the metrics", "p99 of others ≤ × 2, none 503", told, held)


def lock_a_chat(target: Target) -> Result:
    """Lock a chat's row as a stranger to the service, while others send to that chat, too."""
    seconds = target.choose(5, 30)

    def send_to_locked(stop: threading.Event) -> None:
        wire = target.wire()
        while not stop.is_set():
            wire.call("POST", "/chats/1/messages/", {"text": "Waiting"})

    @contextmanager
    def attack() -> Iterator[None]:
        stop = threading.Event()
        with (
            closing(target.postgres.connect(target.database)) as stranger,
            ThreadPoolExecutor(8) as threads,
        ):
            stranger.cursor().execute("SELECT FROM chat WHERE id = 1 FOR UPDATE")
            for _ in range(8):
                threads.submit(send_to_locked, stop)
            yield
            stop.set()
            stranger.rollback()

    told, held = under(target, attack, seconds, {"sends": send, "reads": read, "edits": edit}, 2)
    return Result(
        "4", f"a chat is locked for {seconds:.0f} s", "p99 of others ≤ × 2, none 503", told, held
    )


def search_slowly(target: Target) -> Result:
    """Search for a phrase of common words that never adjoin, 32 at a time."""

    @contextmanager
    def attack() -> Iterator[None]:
        stop = threading.Event()

        def search() -> None:
            wire = target.wire()
            while not stop.is_set():
                wire.call("GET", "/messages/?q=%22half%20the%22")

        with ThreadPoolExecutor(32) as threads:
            for _ in range(32):
                threads.submit(search)
            yield
            stop.set()

    calls = {"reads": read, "edits": edit, "readiness": check_ready}
    told, held = under(target, attack, target.choose(6, 20), calls, 3)
    return Result("5", "32 slow searches", "p99 of others ≤ × 3, none 503", told, held)


def read_much(target: Target) -> Result:
    """Read answers of 2 MB, many at a time."""
    count = int(target.choose(60, 300))
    request = b"GET /chats/%d?limit=100 HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (
        LARGE_CHAT,
        HOST,
    )

    @contextmanager
    def attack() -> Iterator[None]:
        with ThreadPoolExecutor(count) as threads:

            def read_one() -> None:
                with connected(target.service, WAIT) as connection:
                    connection.sendall(request)
                    while connection.recv(MB):
                        pass

            done = [threads.submit(read_one) for _ in range(count)]
            yield
            for one in done:
                one.result()

    users = Users(target, {"reads": read})
    with attack():
        meanwhile = users.measure(target.choose(3, 10))
    return Result(
        "6",
        f"{count} readers of 2 MB",
        "no small read 503",
        f"{meanwhile.failed} failed; p99 of small reads {meanwhile.p99['reads'] * 1000:.0f} ms",
        meanwhile.failed == 0,
    )


def forbid_writing(target: Target) -> Result:
    """Let the database only be read for a while, as in a failover."""
    seconds = target.choose(3, 10)
    wire = target.wire()
    name = f'ALTER DATABASE "{target.database}" SET default_transaction_read_only'
    cut = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        f" WHERE datname = '{target.database}' AND pid <> pg_backend_pid()"
    )
    target.postgres.execute(f"{name} = on")
    target.postgres.execute(cut)
    eventually(lambda: send(wire) == 503)
    users = Users(target, {"sends": send})
    users.measure(seconds)
    wire = target.wire()  # The service has closed the one that lay idle.
    ready = check_ready(wire)
    target.postgres.execute(f"{name} = off")
    start = time.monotonic()
    eventually(lambda: send(wire) == 201)
    took = time.monotonic() - start
    return Result(
        "7",
        f"read-only for {seconds:.0f} s",
        "not ready meanwhile; writes again within 2 s",
        f"readiness {ready}; writes again after {took:.2f} s",
        ready == 503 and took <= 2,
    )


ATTACKS: dict[str, Callable[[Target], Result]] = {
    "upgrade": offer_upgrades,
    "header": send_large_header,
    "pipeline": leave_answers_unread,
    "half-open": half_open,
    "exports": export_slowly,
    "streams": leave_streams_unread,
    "catch-up": catch_up_again_and_again,
    "lock": lock_a_chat,
    "searches": search_slowly,
    "large-reads": read_much,
    "read-only": forbid_writing,
    "scrapers": scrape_again_and_again,
    "faults": break_everything,
}
