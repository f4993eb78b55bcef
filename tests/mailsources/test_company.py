"""Mails that are delivered together become what they become when they come one by one."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailsources import deliver as delivering
from mailsources.deliver import deliver, deliver_many
from mailsources.fetch import ingest
from mailsources.models import EmailSource
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_mail, make_queue, make_source

pytestmark = pytest.mark.django_db
TEXTS = (
    "Dobrý den, moje zásilka ještě nedorazila. Můžete mi prosím říct, kdy ji dostanu? Děkuji.",
    "Guten Tag, mein Paket ist noch nicht angekommen. Wann kann ich damit rechnen? Vielen Dank.",
    "Ok.",
)
SIDES = count()


@dataclass(frozen=True)
class Letter:
    """A mail of a story: who writes, what it answers (a number of those before it), whom it copies in."""

    sender: int
    answers: int | None
    copied: int | None
    text: int
    is_machine: bool
    is_again: bool

    def raw(self, number: int, side: str) -> bytes:
        """The mail, with people and ids of this side of the comparison alone."""
        headers = {
            "From": f"person{self.sender}{side}@customer.example",
            "Message_ID": f"<{number}{side}@customer.example>",
            "Subject": f"Matter {self.sender}" if self.answers is None else "Re: it",
        }
        if self.answers is not None and number:
            headers["In_Reply_To"] = f"<{self.answers % number}{side}@customer.example>"
            if self.is_again:
                headers["Message_ID"] = headers["In_Reply_To"]
        if self.copied is not None:
            headers["Cc"] = f"person{self.copied}{side}@customer.example"
        if self.is_machine:
            headers["Auto_Submitted"] = "auto-replied"
        return make_mail(TEXTS[self.text], **headers)


LETTERS = st.builds(
    Letter,
    sender=st.integers(0, 2),
    answers=st.none() | st.integers(0, 8),
    copied=st.none() | st.integers(0, 2),
    text=st.integers(0, len(TEXTS) - 1),
    is_machine=st.sampled_from([False, False, False, True]),
    is_again=st.sampled_from([False, False, False, True]),
)


@pytest.fixture
def usual() -> dict[str, Any]:
    """What both queues are set to."""
    return {"changed_subject": EmailQueue.ChangedSubject.NEW, "default_language": None}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(LETTERS, min_size=2, max_size=9))
def test_together_as_one_by_one(usual: dict[str, Any], story: list[Letter]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delivering, "AT_FIRST", delivering.TOGETHER)
        one, all_ = (_delivered(story, usual, together) for together in (False, True))
    assert one == all_


def _delivered(story: list[Letter], usual: dict[str, Any], together: bool) -> list[Any]:
    side = f"x{next(SIDES)}x"
    queue = make_queue(name=f"Side {side}", **usual)
    source = make_source(queue=queue)
    rows = _stored(source, (letter.raw(number, side) for number, letter in enumerate(story)))
    if together:
        assert len(deliver_many(rows)) == len(rows)
    else:
        for row in rows:
            assert deliver(row) is not None
    return _told(queue, side)


def _stored(source: EmailSource, raws: Iterable[bytes]) -> list[int]:
    return [ingest(source, raw).pk for raw in raws]


def _told(queue: EmailQueue, side: str) -> list[Any]:
    """All that agents see of it, without what is different anyway: ids, names of this side, moments."""
    found = []
    for row in Conversation.objects.filter(queue=queue).order_by("pk"):
        mails = [_of_mail(mail, side) for mail in row.messages.order_by("pk")]
        events = [each.kind for each in row.events.order_by("pk")]
        records = row.contact.communications.count()
        shown = (row.subject, row.state, row.messages_count, row.last_direction, row.preview)
        settled = (row.language, round(row.language_confidence, 3), row.due_at is None, row.contact.language)
        assert row.last_message_at == max(mail.created_at for mail in row.messages.all())
        found.append((row.contact.name.replace(side, ""), shown, settled, mails, events, records))
    return found


def _of_mail(mail: Message, side: str) -> tuple[str, str, str, bool]:
    return (
        mail.from_email.replace(side, ""),
        mail.message_id.replace(side, ""),
        mail.automatic,
        mail.is_outside,
    )
