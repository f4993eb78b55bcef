"""What a demo begins with: the weeks before it, told by the rehearsal, done by the product's own actions."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import F
from django.utils import timezone

from crm.models import Contact
from mailsenders.models import OutgoingMail
from queues.models import Conversation, EmailQueue, Event, Message, Turn
from rehearsal.customers.past import remember
from reports.board import Scope, read
from reports.forecast import Forecast
from tests.make import make_conversation
from ucs import past

DEMO = Path(__file__).parents[2] / "rehearsal" / "demo.yml"
State = Conversation.State

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Five weeks; every second conversation is enough here."""
    found = remember(timezone.now())
    found["steps"] = [each for each in found["steps"] if each["conversation"] % 2]
    file = tmp_path / "past.json"
    file.write_text(json.dumps(found))
    return file


def test_the_past_is_as_if_it_had_been(told: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", DEMO, told)
    now = timezone.now()
    rows = Conversation.objects.all()
    assert rows.filter(state=State.CLOSED).count() > rows.count() / 2
    assert rows.filter(created_at__lt=now - timedelta(weeks=4)).exists()
    for model, name in ((Event, "at"), (Message, "created_at"), (Turn, "ended_at")):
        assert not model._default_manager.filter(**{f"{name}__gt": now - timedelta(minutes=5)}).exists(), name
        assert model._default_manager.filter(**{f"{name}__lt": now - timedelta(weeks=3)}).exists(), name
    assert not rows.filter(last_message_at__lt=F("created_at")).exists()
    assert rows.filter(messages_count=3).exists(), "thanks went into the conversation that was answered"
    sent = OutgoingMail.objects.values_list("state", "sent_at__date", "message__created_at__date")
    assert {(state, one == other) for state, one, other in sent} == {("sent", True)}, "nothing leaves again"
    assert Contact.objects.filter(organisation__name="Example Workshop Ltd.").exists()
    seen = read(Scope(User.objects.get(username="bob")), now)
    assert seen.decisions
    queues = EmailQueue.objects.filter(name__in=["Support", "Billing"])
    assert all(Forecast(queues, now).is_possible(each) for each in queues)

    before = rows.count()
    call_command("demo", DEMO, told)
    assert "0 steps of the past" in capsys.readouterr().out
    assert rows.count() == before


def test_where_something_has_happened_the_past_is_left_alone(told: Path) -> None:
    make_conversation()
    assert past.play(told) == 0


def test_a_past_that_is_none_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "past.json"
    file.write_text('{"steps": [{"at": "2026-01-01T10:00:00+00:00", "do": "dance", "conversation": 1}]}')
    with pytest.raises(CommandError, match="can't be told"):
        call_command("demo", DEMO, file)
    assert timezone.now.__name__ == "now", "the clock is the real one again"
