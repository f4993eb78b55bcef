"""The desk's page without a browser: the same requests, in the same order, with the same headers.

What the page keeps in the browser until the server has it is kept here in `local`.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import requests

from bench.desk_trial.office import PASS_PHRASE, Office

PATIENCE = 90.0  # seconds that somebody keeps clicking while the server is away
AGAIN = 0.5
BEAT = 30.0
KEPT = ("text", "html", "to", "cc", "token")
MARKS = ("seen", "seen_note")


class GaveUp(Exception):
    """The server didn't answer for so long that nobody would wait on."""


class _Reader(HTMLParser):
    """The fields of the editor in a page, and the subject of the conversation."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.form: dict[str, str | None] | None = None
        self.subject = ""
        self._in_text = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.subject = found.get("data-subject") or self.subject
        if tag == "form" and found.get("id") == "reply-form":
            self.form = found
        name = found.get("name")
        if self.form is None or not name or name in self.fields:
            return
        if tag == "textarea":
            self.fields[name], self._in_text = "", True
        elif tag == "input" and found.get("type") not in ("checkbox", "file"):
            self.fields[name] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._in_text = False

    def handle_data(self, data: str) -> None:
        if self._in_text:
            self.fields["text"] += data


def read(page: str) -> _Reader:
    """What a page says."""
    reader = _Reader()
    reader.feed(page)
    return reader


@dataclass
class Editor:
    """An open editor: its fields as they stand, with formatting or without."""

    conversation: int
    fields: dict[str, str]
    is_rich: bool
    version: int = 0
    window: str = field(default_factory=lambda: str(uuid4()))

    @property
    def text(self) -> str:
        """What stands in it, as one reads it."""
        return re.sub(r"<[^>]+>", " ", self.fields["html"]) if self.is_rich else self.fields["text"]

    def write(self, text: str) -> None:
        """Let this stand in it."""
        self.fields["html" if self.is_rich else "text"] = f"<p>{text}</p>" if self.is_rich else text

    def values(self) -> dict[str, str]:
        """What is saved, and sent."""
        return {name: self.fields[name] for name in (*KEPT, *MARKS) if name in self.fields}


@dataclass
class Answered:
    """An answer of the server: whether it did what was asked, and its words when it refused."""

    is_done: bool
    words: str = ""
    message: int = 0  # that can be taken back
    newer: dict[str, str] = field(default_factory=dict)  # what came meanwhile, as seen


class Page:
    """One agent's tab."""

    def __init__(self, office: Office, name: str) -> None:
        self.office, self.name = office, name
        self.http = requests.Session()
        self.http.trust_env = False
        self.local: dict[int, dict[str, str]] = {}
        self.is_offline = False
        self.errors: list[str] = []
        self.heard_at = 0.0  # when the server was last there: patience counts from then

    # Requests.

    def sign_in(self, *, in_place: bool = False) -> None:
        """As on the sign-in page, or in the dialog of a page whose session is over."""
        headers = {"HX-Request": "true"} if in_place else {}
        url = f"{self.office.product.url}/login/"
        body = {"username": self.name, "password": PASS_PHRASE, "next": "/"}
        self._patiently(lambda: self.http.get(url, headers=headers, timeout=30))
        self._patiently(
            lambda: self.http.post(
                url, body, headers=headers | self._proof(), timeout=30, allow_redirects=False
            )
        )

    def _proof(self) -> dict[str, str]:
        return {"X-CSRFToken": self.http.cookies.get("csrftoken") or "", "Referer": self.office.product.url}

    def ask(
        self, method: str, path: str, data: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """One request of the page, which signs in again when the session is over; then it is repeated."""
        url = f"{self.office.product.url}{path}"
        headers = {"HX-Request": "true"} | more.pop("headers", {})
        for _ in range(5):
            if self.is_offline:
                raise requests.ConnectionError("offline")
            answer = self.http.request(
                method,
                url,
                data=data,
                headers=headers | self._proof(),
                timeout=60,
                allow_redirects=False,
                **more,
            )
            if answer.status_code not in (401, 403):
                self._check(answer, path)
                return answer
            self.sign_in(in_place=True)
        raise GaveUp(f"{path} answered {answer.status_code} after signing in again and again")

    def _check(self, answer: requests.Response, path: str) -> None:
        if answer.status_code >= 500:
            self.errors.append(f"{answer.status_code} from {path}")
            raise requests.ConnectionError(f"{answer.status_code} from {path}")

    def patiently(
        self, method: str, path: str, data: dict[str, str] | None = None, **more: Any
    ) -> requests.Response:
        """The same, clicked again while the server can't be reached."""
        return self._patiently(lambda: self.ask(method, path, data, **more))

    def _patiently(self, ask: Callable[[], requests.Response]) -> requests.Response:
        self.heard_at = time.monotonic()
        while True:
            try:
                answer = ask()
            except requests.RequestException as error:
                if time.monotonic() > self.heard_at + PATIENCE:
                    raise GaveUp(str(error)) from error
                time.sleep(AGAIN)
            else:
                self.heard_at = time.monotonic()
                return answer

    # What an agent does.

    def take_next(self) -> int | None:
        """The conversation that is given, or None."""
        answer = self.patiently("POST", "/next?view=mine")
        found = re.search(r"/conversations/(\d+)/", answer.headers.get("HX-Push-Url", ""))
        return int(found.group(1)) if found else None

    def open(self, conversation: int) -> str | None:
        """The subject of a conversation, None when it can't be seen."""
        answer = self.patiently("GET", f"/conversations/{conversation}/?view=all")
        return read(answer.text).subject if answer.ok else None

    def open_editor(self, conversation: int) -> Editor | str:
        """The editor, with what this browser has kept; or why there is none."""
        answer = self.patiently("GET", f"/conversations/{conversation}/reply")
        if not answer.ok:
            return words(answer.text)
        reader = read(answer.text)
        form = reader.form or {}
        version = int(form.get("data-version") or 0)
        editor = Editor(conversation, reader.fields, form.get("data-format") == "rich", version)
        if kept := self.local.get(conversation):
            token = editor.fields["token"] if version else kept["token"]
            editor.fields |= {name: kept[name] for name in KEPT if name in kept} | {"token": token}
            editor.is_rich = bool(kept.get("html"))
            self.save(editor)
        return editor

    def save(self, editor: Editor) -> str:
        """Save the draft: "" when the server has it; what was typed is kept here until then."""
        self.local[editor.conversation] = editor.values()
        path = f"/conversations/{editor.conversation}/draft"
        body = editor.values() | {"version": str(editor.version), "window": editor.window}
        try:
            answer = self.ask("POST", path, body, headers={"X-Requested-With": "desk"})
        except requests.RequestException as error:
            return str(error) or "not reached"
        if answer.ok:
            self.local.pop(editor.conversation, None)
            editor.version = answer.json()["version"]
        elif "version" in answer.text and editor.version != (there := answer.json()["version"]):
            editor.version = there  # “Keep what I have here”
            return self.save(editor)
        return "" if answer.ok else answer.text

    def send(self, editor: Editor, *, close: bool = False, seen: dict[str, str] | None = None) -> Answered:
        """Click on “Send” until there is an answer."""
        body = editor.values() | ({"close": "1"} if close else {}) | (seen or {})
        return answered(self.patiently("POST", f"/conversations/{editor.conversation}/reply", body))

    def double_click(self, editor: Editor) -> list[Answered]:
        """Two requests at the same moment."""
        found: list[Answered] = []

        def click() -> None:
            with suppress(GaveUp):
                found.append(self.send(editor))

        clicks = [threading.Thread(target=click) for _ in range(2)]
        for one in clicks:
            one.start()
        for one in clicks:
            one.join()
        return found

    def undo(self, message: int) -> Answered:
        """Take it back; asked again when no answer came."""
        return answered(self.patiently("POST", f"/messages/{message}/undo?view=mine"))

    def act(self, conversation: int, what: str, data: dict[str, str] | None = None) -> bool:
        """A button of the conversation."""
        return self.patiently("POST", f"/conversations/{conversation}/{what}?view=mine", data or {}).ok


def words(html: str) -> str:
    """A refusal as it is read."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("×", "").split())[:200]


def answered(answer: requests.Response) -> Answered:
    """What the page makes of an answer."""
    if answer.ok:
        undo = re.search(r"/messages/(\d+)/undo", answer.text.partition("hx-swap-oob")[2])
        return Answered(True, message=int(undo.group(1)) if undo else 0)
    marks = re.search(r'data-seen="(\d*)" data-note="(\d*)"', answer.text)
    newer = dict(zip(MARKS, marks.groups(), strict=True)) if marks else {}
    return Answered(False, words(answer.text), newer=newer)


class Ear(threading.Thread):
    """The page's live updates: it reads again what a hint is about, and gives signs of life."""

    def __init__(self, page: Page) -> None:
        super().__init__(name=f"ear of {page.name}", daemon=True)
        self.page = Page(page.office, page.name)
        self.page.http.cookies = page.http.cookies
        self.opened = 0
        self.heard = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        """Until it is over; a stream that breaks is opened again."""
        while not self.is_over.is_set():
            try:
                self._listen()
            except (requests.RequestException, GaveUp, AttributeError):  # AttributeError: the stream was cut
                self.is_over.wait(4)

    def _listen(self) -> None:
        token = self.page.ask("GET", "/live/token").text
        beat = 0.0
        with self.page.http.get(
            f"{self.page.office.product.url}/sse", params={"token": token}, stream=True, timeout=60
        ) as stream:
            for line in stream.iter_lines(chunk_size=1):
                if self.is_over.is_set():
                    return
                if time.monotonic() > beat + BEAT:
                    self.page.ask("POST", "/presence/seen")
                    beat = time.monotonic()
                if line.startswith(b"data:"):
                    self._hear(json.loads(line[5:]))

    def _hear(self, hint: dict[str, Any]) -> None:
        self.heard += 1
        opened = self.opened
        if opened and hint.get("conversation", opened) == opened:
            self.page.ask("GET", f"/conversations/{opened}/parts?view=mine")
            self.page.ask("GET", "/rows?view=mine", headers={"HX-Trigger": "refresh"})
