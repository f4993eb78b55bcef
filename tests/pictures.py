"""`python -m tests.pictures`: pictures for the documents, taken from the demo along the page for Google."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.documents import DOCS, MAILBOX
from tests.product import Product

PICTURES = DOCS / "pictures"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SIZE: ViewportSize = {"width": 1200, "height": 640}  # what is beside a form is there from here on
PROVIDERS = "/admin/sso/ssoprovider/"


class Demo(Product):
    """The product with the rehearsal world around it."""

    command = (*Product.command, "--demo")


def picture(page: Page, name: str) -> None:
    """Take one, without the row of buttons that lies over the form."""
    page.wait_for_timeout(400)  # fonts and transitions
    page.screenshot(path=PICTURES / f"{name}.png")
    print(name, (PICTURES / f"{name}.png").stat().st_size, "octets")


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "rehearsal")
    page.keyboard.press("Enter")
    page.wait_for_selector("#main")


def add_provider(page: Page) -> None:
    page.goto(f"{PROVIDERS}add/")
    page.get_by_label("Client ID").fill("123456789-copiedClientId.apps.googleusercontent.com")
    page.get_by_label("Client secret").first.fill("GABCDEF-copiedClientSecretFromGoogleCloudConsole")
    page.get_by_label("Mailbox").first.fill(MAILBOX)
    picture(page, "provider-add")
    page.get_by_role("button", name="Insert").click()
    page.wait_for_selector("tr:has(.ucs-marked)")


def sign_mailbox_in(page: Page) -> None:
    page.click("tr:has(.ucs-marked) .ucs-key")
    page.click(f"text={MAILBOX} >> nth=0")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_selector("tr:has(.ucs-marked) >> text=signed in")
    picture(page, "providers")
    page.click("tr:has(.ucs-marked) th a")
    page.wait_for_selector(".ucs-card-key")
    picture(page, "provider")


def add_source(page: Page) -> None:
    page.click(".ucs-card a:text-is('email source')")
    page.wait_for_selector("#id_server_address")
    page.get_by_role("button", name="Test connection").click()
    page.wait_for_selector(".ucs-steps-verdict", timeout=60_000)
    page.evaluate("scrollTo(0, 0)")
    picture(page, "source")
    page.get_by_role("button", name="Insert").click()
    page.wait_for_selector("tr:has(.ucs-marked)")


def walk_checklist(page: Page) -> None:
    page.goto(PROVIDERS)
    page.click("tr:has-text('provider 2') >> text=/^Checklist \\d+/")
    for step in ("google-project", "google-app", "google-internal"):
        page.click(f"#{step}-tick")
        page.wait_for_selector(f"#{step}.is-done")
    page.evaluate("scrollTo(0, 0)")
    picture(page, "checklist")


def powershell(page: Page) -> None:
    page.goto(f"{PROVIDERS}checklists/microsoft-app/")
    page.locator("#ms-connect").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('ms-connect').scrollIntoView({block: 'start'})")
    picture(page, "checklist-powershell")


STEPS: tuple[Callable[[Page], None], ...] = (
    sign_in, add_provider, sign_mailbox_in, add_source, walk_checklist, powershell,
)  # fmt: skip


def main() -> int:
    """Start the demo, take all pictures, stop it."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder) / "data")
        try:
            demo.start(180)
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            page = browser.new_page(base_url=demo.url, viewport=SIZE)
            page.set_default_timeout(60_000)
            for step in STEPS:
                step(page)
            browser.close()
        finally:
            demo.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
