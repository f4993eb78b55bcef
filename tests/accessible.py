"""What axe finds on a page, in light and in dark, in words."""

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OF_A_THEME = ["color-contrast", "link-in-text-block"]
"""The rules that look at colours: all others find in dark what they have found in light."""

RUN = """([context, options]) => axe.run(context ?? document, options).then(
  ({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`))"""


def violations(page: Page, *, within: str = "", without: str = "") -> list[str]:
    """Of WCAG 2.2, A and AA, on the page as it stands; only `within` a part, or `without` one."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    context = {"include": [[within]]} if within else {"exclude": [[without]]} if without else None
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        # In the frame of a mail nothing runs, so axe would wait there for a minute.
        options: dict[str, Any] = {"resultTypes": ["violations"], "runOnly": _only(theme), "iframes": False}
        found += [f"{theme}: {each}" for each in page.evaluate(RUN, [context, options])]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


def _only(theme: str) -> dict[str, Any]:
    if theme == "dark":
        return {"type": "rule", "values": OF_A_THEME}
    return {"type": "tag", "values": WCAG}
