"""Requests of a page in Chromium, held back or answered by a test."""

import time
from collections.abc import Callable
from re import Pattern

from playwright.sync_api import Page, Route

DEADLINE = 15.0

# Chromium holds requests back a moment after it has been asked to: one that a key makes at once would escape.
PROBE = "/static/desk/icons.svg?is-held-back"
UNTIL_HELD = f"""async () => {{
  const end = Date.now() + {DEADLINE * 1000};
  while ((await fetch("{PROBE}", {{ cache: "no-store" }})).status !== 202) {{
    if (Date.now() > end) throw new Error("nothing is held back");
  }}
}}"""


def intercept(
    page: Page, address: str | Pattern[str], answer: Callable[[Route], object], times: int | None = None
) -> None:
    """Let a test answer what the page asks for, from now on.

    No page may be coming just then.

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


def at_once(page: Page, *keys: str) -> None:
    """Press keys before the browser paints again, each where the focus is by then."""
    event = "new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })"
    page.evaluate(f"keys => keys.forEach((key) => document.activeElement.dispatchEvent({event}))", list(keys))


def sign_out(page: Page) -> None:
    """Forget who is signed in; what a page asks for by itself is not asked without its session."""
    page.goto("about:blank")
    page.context.clear_cookies()


def tear_away(page: Page) -> None:
    """The page is gone, and nobody hears what it says with its last breath, which no route holds back."""
    fall_silent(page)
    page.goto("about:blank")


def fall_silent(page: Page) -> None:
    """What it asks for by itself, as it saves drafts, reaches nobody; what htmx asks for does."""
    page.evaluate(
        """probe => {
          const ask = fetch;
          const refuse = () => Promise.reject(new TypeError("nobody listens"));
          window.fetch = (address, ...more) => (address === probe ? ask(address, ...more) : refuse());
        }""",
        PROBE,
    )


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
