"""The acknowledgement: in the customer's language, another one while the queue is closed."""

from datetime import datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.utils import timezone
from pytest_django import Settings

from agents.models import Language
from mailsenders.models import OutgoingMail
from queues import brakes
from queues.acknowledging import choose, text_for
from queues.models import AcknowledgementText, Conversation, EmailQueue, Message
from tests.make import make_mail, make_queue, receive
from tests.queues.test_replies import frozen, plain

pytestmark = pytest.mark.django_db

OPEN = timezone.make_aware(datetime(2026, 3, 2, 10))
CLOSED = timezone.make_aware(datetime(2026, 3, 1, 10))  # a Sunday


@pytest.fixture
def queue() -> EmailQueue:
    """Open on weekdays, with Czech texts."""
    made = make_queue(
        hours="Mo-Fr 08:00-18:00",
        acknowledgement="We have got it.",
        acknowledgement_outside="We are closed.",
        signature="{{ agent.name }}\nExample",
    )
    czech = Language.objects.create(tag="cs")
    made.acknowledgement_texts.create(language=czech, text="Máme to: {{ conversation.number }}.")
    return made


@pytest.mark.parametrize(
    ("texts", "is_open", "chosen"),
    [
        ([("own", "own closed"), ("all", "all closed")], True, "own"),
        ([("own", "own closed"), ("all", "all closed")], False, "own closed"),
        ([("own", ""), ("all", "all closed")], False, "own"),
        ([("", "own closed"), ("all", "all closed")], True, "all"),
        ([("", ""), ("all", "all closed")], False, "all closed"),
        ([("", ""), ("all", "")], False, "all"),
        ([("", ""), ("", "all closed")], True, ""),
        ([(" ", "\n"), ("", "")], False, ""),
    ],
)
def test_choosing(texts: list[tuple[str, str]], is_open: bool, chosen: str) -> None:
    assert choose(texts, is_open) == chosen


def test_by_language_and_hour(queue: EmailQueue) -> None:
    row = Conversation(queue=queue, language="cs")
    assert text_for(row, CLOSED).startswith("Máme to")
    row.language = "de"
    assert (text_for(row, OPEN), text_for(row, CLOSED)) == ("We have got it.", "We are closed.")


def test_it_is_sent_filled_in_marked_and_without_an_agents_name(queue: EmailQueue) -> None:
    czech = (
        "Dobrý den, prosím vás, kde je moje zásilka? Čekám na ni už od minulého týdne a nikdo mi neodpovídá."
    )
    message = receive(queue, make_mail(czech))
    sent = Message.objects.get(direction="out")
    mail = frozen(sent)
    assert plain(mail).strip() == f"Máme to: {message.conversation.number}.\n\n-- \nExample"
    assert (mail["Auto-Submitted"], mail["Content-Language"]) == ("auto-replied", "cs")
    assert mail["X-Auto-Response-Suppress"] == "DR, RN, NRN, OOF, AutoReply"
    assert mail["Precedence"] is None
    assert OutgoingMail.objects.get().mail_from == ""


def test_once_a_day_for_a_contact(queue: EmailQueue) -> None:
    for _ in range(3):
        receive(queue)
    assert Message.objects.filter(direction="out").count() == 1


def test_when_nobody_can_count_nothing_is_sent(queue: EmailQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail isn't delivered yet either: it comes again when the rows can be asked."""

    def away(*args: object) -> bool:
        raise DatabaseError("away")

    monkeypatch.setattr(brakes, "is_acknowledged", away)
    with pytest.raises(DatabaseError), transaction.atomic():
        receive(queue)
    assert not OutgoingMail.objects.exists()
    assert not Message.objects.exists()


def test_texts_with_unknown_places_are_refused(queue: EmailQueue, settings: Settings) -> None:
    queue.acknowledgement = "{{ agent.name }} writes soon"
    queue.signature = "{{ settings.SECRET_KEY }}"
    with pytest.raises(ValidationError) as refused:
        queue.full_clean()
    told = refused.value.message_dict
    assert "“{{ agent.name }}” is not known: there are {{ contact.name }}" in told["acknowledgement"][0]
    assert "“{{ settings.SECRET_KEY }}” is not known" in told["signature"][0]
    assert settings.SECRET_KEY not in str(told)
    with pytest.raises(ValidationError):
        AcknowledgementText(queue=queue, language_id="cs", text="{% load %}").full_clean()
