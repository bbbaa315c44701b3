"""Scrapers that ask for the metrics again as soon as they have them."""

import http.client
import threading
from contextlib import suppress


def scrape_again(port: int, count: int) -> None:
    """Scrape as fast as it is answered, many at a time, for ever."""

    def scrape() -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            with suppress(OSError, http.client.HTTPException):
                connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
                connection.getresponse().read()
            connection.close()

    scrapers = [threading.Thread(target=scrape, daemon=True) for _ in range(count)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
