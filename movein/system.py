"""Another help desk, asked over its API: what a ticket there is, and how any of them is talked to."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.utils import timezone

from mailcore.compose import OutFile
from mailcore.parsed import Address
from movein.facts import OLDEST
from movein.job import Job, Later
from movein.places import PlaceRefused
from sso.guard import GuardError, Question, Unreachable, ask

LONGEST_PAUSE = 600
LARGEST_JSON = 64 * 1024 * 1024
WHAT = "The address of the other system"
NOBODY = Address()
UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""Of a ticket that is left out, as nobody can tell when it began."""


class TicketRefused(Exception):
    """A ticket that can't be taken; the text says why."""


class Gone(TicketRefused):
    """What was asked for is not there any more."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A ticket as the list has it; `why` says why it is left out."""

    key: str
    at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the list; `following` is the cursor of the next."""

    rows: list[Listed]
    following: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One mail or note of a ticket; `raw` is the mail as it was on the wire, if the other system kept it.

    :param author: who of us wrote it, as an address or a name.
    """

    key: str
    at: datetime
    is_ours: bool
    is_note: bool = False
    is_automatic: bool = False
    author: str = ""
    author_email: str = ""
    raw: bytes = field(default=b"", repr=False)
    from_: Address = NOBODY
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    subject: str = ""
    text: str = ""
    html: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    files: tuple[OutFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A conversation of the other system; `reference` is how it is called there, and where it is."""

    key: str
    at: datetime
    title: str
    reference: str
    is_closed: bool
    tags: tuple[str, ...] = ()
    articles: tuple[Article, ...] = ()


Known = Callable[[Sequence[str]], Set[str]]
"""Which of these articles, by their keys, were taken before."""


class System(Protocol):
    """What can be asked of any of them."""

    def pages(self, cursor: Mapping[str, int]) -> Iterator[Page]:
        """All tickets, the oldest first, from a cursor on."""

    def check(self) -> None:
        """Ask something small, to know whether it answers at all."""

    def ticket(self, key: str, known: Known) -> Ticket:
        """One ticket with all that is in it and was not taken before, of which nothing more is asked.

        :raises TicketRefused: it can't be taken.
        """


class Line:
    """Questions to one system, with its token in a header.

    Each raises PlaceRefused if nothing can be asked until somebody does something, and Later if it can be
    asked again in a while.
    """

    def __init__(self, job: Job, headers: Mapping[str, str]) -> None:
        move, self._hold = job.move, job.hold
        self.base = move.place.rstrip("/")
        self.name = move.get_kind_display()
        self.host = urlsplit(self.base).hostname or "localhost"
        self._headers = headers

    def json(self, path: str, **parameters: object) -> Any:
        """What it answers, read.

        :raises Gone: there is no such thing.
        """
        query = f"?{urlencode(parameters)}" if parameters else ""
        body = self._ask(f"{self.base}{path}{query}", LARGEST_JSON, self._headers)
        try:
            return json.loads(body)
        except ValueError as error:
            if len(body) >= LARGEST_JSON:
                raise TicketRefused(f"{self.name} answered with more than can be read at once.") from error
            raise PlaceRefused(
                f"{self.name} at {self.host} answered {path} with no JSON: is this its address?"
            ) from error

    def octets(self, path: str) -> bytes:
        """A file.

        :raises Gone: there is no such thing.
        :raises TicketRefused: it is too large.
        """
        return self._file(f"{self.base}{path}", self._headers)

    def linked(self, url: str) -> bytes:
        """A file at an address that it named, if that is its own; the token isn't shown for it."""
        if (urlsplit(url).hostname or "") != self.host:
            raise Gone(f"A file lies on another server than {self.host}.")
        return self._file(url, {})

    def _file(self, url: str, headers: Mapping[str, str]) -> bytes:
        most = settings.LARGEST_MAIL
        data = self._ask(url, most + 1, {"Accept": "*/*", **headers})
        if len(data) > most:
            raise TicketRefused("One of its files is larger than the largest mail that is taken.")
        return data

    def _ask(self, url: str, largest: int, headers: Mapping[str, str]) -> bytes:
        self._hold()
        try:
            answer = ask(Question(url, WHAT, headers=headers, largest=largest, seconds=120))
        except GuardError as error:
            raise PlaceRefused(str(error)) from error
        except Unreachable as error:
            raise Later(f"{self.name} can't be asked: {error}. It is tried again.") from error
        if answer.status in (200, 204):
            return answer.body
        if answer.status in (401, 403) and not self._headers.items() <= headers.items():
            raise Gone(f"{self.name} does not give it by its address alone ({answer.status}).")
        if answer.status in (401, 403):
            raise PlaceRefused(
                f"{self.name} at {self.host} refused the token ({answer.status}): give one that may read all "
                "tickets, and let the move go on."
            )
        if answer.status in (404, 410, 422):
            raise Gone(f"{self.name} has it no more ({answer.status}).")
        if answer.status == 429 or answer.status >= 500:
            said = answer.header("Retry-After")
            pause = min(int(said), LONGEST_PAUSE) if said.isascii() and said.isdigit() else 0
            raise Later(f"{self.name} answered {answer.status}: it is asked again in a while.", pause)
        raise PlaceRefused(f"{self.name} at {self.host} answered {answer.status}: is this its address?")


def listed(key: object, created: object, why: str = "") -> Listed:
    """A ticket of their list; one whose date can't be read is left out, and the others are not."""
    try:
        return Listed(str(key), moment(created), why)
    except TicketRefused as refused:
        return Listed(str(key), UNDATED, why or str(refused))


def moment(value: object) -> datetime:
    """A time of theirs, ISO 8601 in UTC; none before there was mail, and none to come.

    :raises TicketRefused: it is none.
    """
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise TicketRefused(f"It has a date that can't be read: “{str(value)[:60]}”.") from error
    return min(max(found if found.tzinfo else found.replace(tzinfo=UTC), OLDEST), timezone.now())
