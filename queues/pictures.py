"""Pictures from the internet that a mail shows: fetched by a worker when somebody asks, then served by us.

So the sender learns that the mail was read, once, but not by whom, from where or how often; and no browser
ever asks anybody but us. What is asked for are rows made out of the mail itself: nobody can have us fetch an
address of their choice, and who may not see the mail sees no picture of it.
"""

import hashlib
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urljoin, urlsplit, urlunsplit

from celery import signature
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.encoding import iri_to_uri

from agents.rights import Person
from mailcore.markup import TINY, remote_images
from mailcore.pictures import picture_size, picture_type
from mailstore.announce import announce
from queues import live
from queues.access import conversations_for, one
from queues.models import Message, Picture, PictureTrust
from sso.guard import GuardError, Question, Unreachable, ask

logger = logging.getLogger(__name__)

State = Picture.State
TASK = signature("queues.tasks.pictures")

MOST = 100  # of one mail
AT_ONCE = 6
LARGEST = 5_000_000  # octets
MOST_PIXELS = 40_000_000
SECONDS = 10.0  # for one answer
ONLY_PUBLIC = True  # mails come from strangers
MOST_REDIRECTS = 3
LEASE = timedelta(minutes=5)
GIVEN_UP = timedelta(minutes=15)
KEPT = timedelta(days=30)
HEADERS = {"Accept": "image/webp,image/png,image/jpeg,image/gif"}


@dataclass(frozen=True, slots=True)
class Found:
    """What came of asking for one: `why` is a code, for what is not shown."""

    state: str
    why: str = ""
    type: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Album:
    """The pictures of a mail, counted. `missing` are those that nobody has asked for yet."""

    total: int = 0
    missing: int = 0
    wanted: int = 0
    here: int = 0
    tiny: int = 0
    refused: int = 0

    @property
    def is_asked(self) -> bool:
        """Whether somebody wanted to see them."""
        return self.total > 0 and self.missing == 0


def album(message: Message, rows: Iterable[Picture]) -> Album:
    """Count the pictures of a mail."""
    urls = list(remote_images(message.html).items())[:MOST]
    known = {row.mark: row.state for row in rows}
    states = [known.get(mark(url), "") for url, _ in urls]
    is_asked = any(states)
    tiny = sum(is_tiny for _, is_tiny in urls) if not is_asked else states.count(State.TINY)
    return Album(
        total=len(urls),
        missing=0 if is_asked else len(urls),
        wanted=states.count(State.WANTED),
        here=states.count(State.HERE),
        tiny=tiny,
        refused=states.count(State.REFUSED) + (states.count("") if is_asked else 0),
    )


def want(message: Message) -> None:
    """Let the pictures of a mail be fetched, once; those that show nothing are not even asked for."""
    rows = [
        Picture(message=message, url=url, mark=mark(url), state=State.TINY if is_tiny else State.WANTED)
        for url, is_tiny in list(remote_images(message.html).items())[:MOST]
    ]
    with transaction.atomic():
        Picture.objects.bulk_create(rows, ignore_conflicts=True)
        announce(TASK, message_id=message.pk)


def mark(url: str) -> str:
    """The name of an address within a mail."""
    return hashlib.sha256(url.encode()).hexdigest()


def shown(user: Person, pk: int) -> Picture:
    """One picture, or `Http404`."""
    rows = Picture.objects.filter(message__conversation__in=conversations_for(user), state=State.HERE)
    return one(rows.filter(pk=pk))


# Always for a sender


def trusts(user: User, email: str) -> bool:
    """Whether the user wants to see the pictures of this sender always."""
    return bool(email) and PictureTrust.objects.filter(user_id=user.pk, email=email.lower()).exists()


def trusted(user: User, emails: Iterable[str]) -> frozenset[str]:
    """Those of the senders, in lower case."""
    wanted = {each.lower() for each in emails if each}
    rows = PictureTrust.objects.filter(user_id=user.pk, email__in=wanted)
    return frozenset(rows.values_list("email", flat=True))


def trust(user: User, email: str, *, is_wanted: bool) -> None:
    """From now on always, or no longer."""
    if is_wanted:
        PictureTrust.objects.get_or_create(user_id=user.pk, email=email.lower()[:320])
    else:
        PictureTrust.objects.filter(user_id=user.pk, email=email.lower()).delete()


# In a worker


def fetch(message_id: int) -> None:
    """Fetch what is wanted of a mail, several at once; the rows are written by this thread alone."""
    claimed = _claim(message_id)
    if not claimed:
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for pk, found in zip(claimed, pool.map(fetched, claimed.values()), strict=True):
            Picture.objects.filter(pk=pk, state=State.WANTED).update(
                state=found.state, why=found.why, type=found.type, data=found.data, lease_until=None
            )
    row = Message.objects.select_related("conversation").get(pk=message_id).conversation
    live.changed(row.pk, row.queue_id, row.agent_id)


@transaction.atomic
def _claim(message_id: int) -> dict[int, str]:
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    rows = Picture.objects.filter(free, message=message_id, state=State.WANTED).order_by("id")
    claimed = dict(rows.select_for_update(skip_locked=True).values_list("pk", "url"))
    Picture.objects.filter(pk__in=claimed).update(lease_until=now + LEASE)
    return claimed


def fetched(url: str) -> Found:
    """Ask for a picture, by way of at most three others; each address is checked before it is asked."""
    try:
        for _ in range(1 + MOST_REDIRECTS):
            question = Question(_safe(url), "A picture", None, HEADERS, LARGEST + 1, SECONDS, ONLY_PUBLIC)
            answer = ask(question)
            target = answer.header("Location")
            if answer.status not in (301, 302, 303, 307, 308) or not target:
                return _judged(answer.status, answer.body)
            url = urljoin(question.url, target)
    except (GuardError, ValueError):
        return Found(State.REFUSED, "address")
    except Unreachable:
        return Found(State.REFUSED, "silent")
    return Found(State.REFUSED, "answer")


def _safe(url: str) -> str:
    """The address as it may be asked: encrypted, in ASCII, without what stays in the browser."""
    parts = urlsplit(iri_to_uri(url.strip()))
    host = (parts.hostname or "").encode("idna").decode()
    if parts.username or parts.password:
        raise ValueError("a picture's address has no password")
    port = f":{parts.port}" if parts.port and (parts.scheme, parts.port) != ("http", 80) else ""
    if parts.scheme == "http" and host != "127.0.0.1":  # the guard lets loopback alone go without TLS
        parts = parts._replace(scheme="https")
    return urlunsplit((parts.scheme, f"{host}{port}", parts.path, parts.query, ""))


def _judged(status: int, data: bytes) -> Found:
    if status != 200:
        return Found(State.REFUSED, "answer")
    if len(data) > LARGEST:
        return Found(State.REFUSED, "large")
    kind, size = picture_type(data), picture_size(data)
    if not kind or size is None:
        return Found(State.REFUSED, "kind")
    if min(size) <= TINY:
        return Found(State.TINY)
    if size[0] * size[1] > MOST_PIXELS:
        return Found(State.REFUSED, "large")
    return Found(State.HERE, "", kind, data)


def sweep() -> None:
    """Take up what lost its worker, give up what nobody could fetch, forget what is old."""
    now = timezone.now()
    wanted = Picture.objects.filter(state=State.WANTED)
    wanted.filter(asked_at__lt=now - GIVEN_UP).update(state=State.REFUSED, why="silent", lease_until=None)
    lost = wanted.filter(
        Q(lease_until=None, asked_at__lt=now - timedelta(minutes=1)) | Q(lease_until__lt=now)
    )
    for message_id in lost.order_by().values_list("message", flat=True).distinct()[:100]:
        announce(TASK, message_id=message_id)
    Picture.objects.filter(asked_at__lt=now - KEPT).delete()
