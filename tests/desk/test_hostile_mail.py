"""Hostile mail in a real browser, on the way agents see it: no script runs, nobody is asked anything."""

import re
import socketserver
import threading
from collections.abc import Iterator
from email.utils import encode_rfc2231

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request

from mailcore.parse import parse
from queues.models import Conversation, EmailQueue, Message, Picture
from queues.pictures import want
from tests.desk.conftest import SignIn
from tests.desk.payloads import payloads
from tests.make import make_conversation, make_mail, make_queue, make_supervisor, receive

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 25
BODY = re.compile(r"/messages/\d+/body(?:\?pictures=1)?$")
# Beside the frame of the open mail, as it is, one for each address; true for those where a script ran.
SHOW = """(addresses) => Promise.all(addresses.map((address) => new Promise((done) => {
  const frame = document.querySelector("iframe.frame").cloneNode();
  frame.removeAttribute("id");
  frame.loading = "eager";
  frame.addEventListener("load", () => {
    const page = frame.contentDocument;
    const has_run = !page || page.documentElement.title === "run" || page.title !== "Mail";
    frame.remove();
    done(has_run);
  });
  frame.src = address;
  document.body.append(frame);
})))"""


class Visit(socketserver.StreamRequestHandler):
    """Notes what is asked; a connection without a word is only the browser being eager."""

    server: "Stranger"
    timeout = 10

    def handle(self) -> None:
        asked = self.rfile.readline()
        if asked:
            self.server.asked.append(asked.decode("latin-1"))


class Stranger(socketserver.ThreadingTCPServer):
    """Listens where nobody may ask."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self._thread.start()

    def finish(self) -> list[str]:
        """Wait for who is still connected (close the browser first); return what was asked."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        return self.asked


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    server = Stranger()
    yield server
    server.finish()


def address(server: Stranger) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def html_mail(html: str) -> bytes:
    head = make_mail("", Content_Type='text/html; charset="utf-8"', Content_Transfer_Encoding="8bit")
    return head.rstrip() + b"\r\n\r\n" + html.encode()


def keep(conversation: Conversation, pages: list[str]) -> list[str]:
    """Write a message for each page; return where the desk's frames would find them."""
    first = conversation.messages.get()
    rows = [
        Message(
            conversation=conversation,
            direction="in",
            html=page,
            raw=first.raw,
            sent_at=first.sent_at,
            created_at=first.created_at,
        )
        for page in pages
    ]
    return [f"/messages/{row.pk}/body" for row in Message.objects.bulk_create(rows)]


class Watch:
    """What the mails on a page did: what they asked for, besides themselves, and said."""

    def __init__(self, page: Page) -> None:
        self.asked: list[str] = []
        self.dialogs: list[str] = []
        self._desk = page.main_frame
        page.context.on("request", self._request)
        page.on("dialog", self._dialog)

    def _request(self, request: Request) -> None:
        if request.frame != self._desk and not BODY.search(request.url):
            self.asked.append(request.url)

    def _dialog(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


def show(page: Page, mails: list[str], how: str = SHOW) -> list[str]:
    """Open each address, or HTML, in a frame of the page; return those where a script ran."""
    ran: list[str] = []
    for start in range(0, len(mails), AT_ONCE):
        some = mails[start : start + AT_ONCE]
        ran += [each for each, has_run in zip(some, page.evaluate(how, some), strict=True) if has_run]
    return ran


@pytest.fixture
def desk(chromium: Browser, site: str) -> Iterator[Page]:
    """A page that nobody watches but the test; ``enter`` goes to the desk."""
    with chromium.new_context(base_url=site, viewport={"width": 1440, "height": 900}) as context:
        yield context.new_page()


def enter(page: Page, queue: EmailQueue) -> None:
    """Sign in and open an HTML mail."""
    conversation = receive(queue, html_mail("<p>words</p>")).conversation
    page.goto(f"/login/?next=/conversations/{conversation.pk}")
    page.get_by_label("User name").fill("bob")
    page.get_by_label("Password").fill("bob")
    page.get_by_role("button", name="Sign in").click()
    page.locator("iframe.frame").wait_for()


def test_no_payload_does_anything(desk: Page, stranger: Stranger) -> None:
    queue = make_queue([make_supervisor("bob")])
    sources = sorted(set(payloads(address(stranger))))
    frames = keep(make_conversation(queue), [parse(html_mail(source)).html for source in sources])
    enter(desk, queue)
    watch = Watch(desk)

    ran = show(desk, frames)

    desk.context.close()
    assert len(sources) >= 500
    assert ran == watch.dialogs == watch.asked == stranger.finish() == []


BARE = """(pages) => Promise.all(pages.map((html) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.addEventListener("load", () => {
    const has_run = frame.contentDocument?.documentElement.title === "run";
    frame.remove();
    done(has_run);
  });
  frame.srcdoc = html;
  document.body.append(frame);
})))"""


def test_the_sanitiser_holds_without_any_frame(chromium: Browser, stranger: Stranger) -> None:
    """The first line of defence by itself: in a page of its own, where scripts may run and all may load."""
    sources = sorted(set(payloads(address(stranger))))
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto("about:blank")
        watch = Watch(page)

        ran = show(page, [parse(html_mail(source)).html for source in sources], BARE)

    assert ran == watch.dialogs == watch.asked == stranger.finish() == []


OURS = re.compile(r"^http://127\.0\.0\.1:\d+/pictures/\d+$")
DOT = b"GIF89a\x03\x00\x03\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00," + (
    b"\x00\x00\x00\x00\x03\x00\x03\x00\x00\x02\x03D\x02\x05\x00;"
)


def test_pictures_that_were_asked_for_are_only_pictures(desk: Page) -> None:
    queue = make_queue([make_supervisor("bob")])
    pages = [parse(html_mail(source)).html for source in payloads("http://stranger.example")]
    pictures = [page for page in pages if "data-remote-src" in page]
    frames = [f"{each}?pictures=1" for each in keep(make_conversation(queue), pictures)]
    for message in Message.objects.exclude(html=""):
        want(message)
    Picture.objects.update(state=Picture.State.HERE, type="image/gif", data=DOT)
    enter(desk, queue)
    watch = Watch(desk)

    ran = show(desk, frames)

    assert len(pictures) > 10
    assert ran == watch.dialogs == []
    assert len(watch.asked) >= len(pictures)
    assert all(OURS.search(url) for url in watch.asked)


def test_names_and_subjects_are_words_wherever_they_are_shown(sign_in: SignIn) -> None:
    evil = "<img src=http://stranger.example/x onerror=alert(1)>\"'><script>alert(1)</script>{{7*7}}"
    name = encode_rfc2231(evil, "utf-8")
    body = (
        "--b\r\nContent-Type: text/plain\r\n\r\n"
        f"{evil}\r\n\r\nRegards\r\n{evil}\r\n\r\n---------- Forwarded message ---------\r\n"
        f"From: {evil} <{evil}@example.net>\r\nSubject: {evil}\r\nTo: b@example.net\r\n\r\n{evil}\r\n"
        f"begin 644 {evil}\r\n#0V%T\r\n`\r\nend\r\n"
        f"--b\r\nContent-Type: text/html; name*={name}\r\nContent-Disposition: attachment; filename*={name}"
        f"\r\n\r\n{evil}\r\n--b--\r\n"
    )
    queue = make_queue([make_supervisor("bob")])
    words = {"From": f'"{evil.replace(chr(34), "")}" <charlie@customer.example>', "Subject": evil, "To": evil}
    message = receive(queue, make_mail(body, Content_Type="multipart/mixed; boundary=b", **words))

    page = sign_in("bob", f"/conversations/{message.conversation_id}/")

    page.locator(".mail-body .file").first.wait_for()
    assert page.locator("#items script, #items img[src*=stranger], [onerror]").count() == 0
    assert message.forwarded["subject"].startswith("<img")


def test_the_frame_holds_even_what_was_not_cleaned(desk: Page, stranger: Stranger) -> None:
    """The second line of defence by itself: sandbox and policy, without the sanitiser."""
    queue = make_queue([make_supervisor("bob")])
    sources = sorted({source.replace("\0", "") for source in payloads(address(stranger))})
    frames = keep(make_conversation(queue), sources[::3])
    enter(desk, queue)
    watch = Watch(desk)

    show(desk, frames)

    desk.context.close()
    assert watch.dialogs == stranger.finish() == []
