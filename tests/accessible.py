"""What axe finds on a page, in light and in dark, in words."""

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Page, *, within: str = "", without: str = "") -> list[str]:
    """Of WCAG 2.2, A and AA, on the page as it stands; only `within` a part, or `without` one."""
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": WCAG}}
    context = {"include": [[within]]} if within else {"exclude": [[without]]} if without else None
    found = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        response = Axe().run(page, context=context, options=options).response
        found += [
            f"{theme}: {each['id']}: {each['nodes'][0]['html'][:200]}" for each in response["violations"]
        ]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found
