"""Requests of a page in Chromium, held back or answered by a test."""

import time
from collections.abc import Callable
from re import Pattern

from playwright.sync_api import Page, Route

DEADLINE = 15.0

# Chromium holds requests back a moment after it has been asked to: one that a key makes at once would escape.
PROBE = "/static/desk/icons.svg?is-held-back"
UNTIL_HELD = f"""async () => {{
  while ((await fetch("{PROBE}", {{ cache: "no-store" }})).status !== 202);
}}"""


def intercept(
    page: Page, address: str | Pattern[str], answer: Callable[[Route], object], times: int | None = None
) -> None:
    """Let a test answer what the page asks for, from now on.

    :param address: as of Page.route.
    :param answer: is called with each request.
    :param times: how many of them; all if None.
    """
    page.route(address, answer, times=times)
    if page.url == "about:blank":
        return  # the page that comes is loaded with it
    page.route(f"**{PROBE}", lambda route: route.fulfill(status=202))
    page.evaluate(UNTIL_HELD)
    page.unroute(f"**{PROBE}")


def held_back(page: Page, *addresses: str | Pattern[str]) -> list[Route]:
    """The requests there, as they come: each waits until the test answers it."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    for address in addresses:
        intercept(page, address, hold)
    return held


def come(page: Page, held: list[Route]) -> Route:
    """The next of them, which comes here a moment after the page has asked for it."""
    end = time.monotonic() + DEADLINE
    while not held:
        assert time.monotonic() < end, "nothing was asked for"
        page.wait_for_timeout(20)
    return held.pop(0)
