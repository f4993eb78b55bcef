"""What was closed long enough goes at night; what is held, open or young stays."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AuditRow
from mailcore.parse import parse
from mailsenders import outbox
from mailsenders.models import OutgoingMail
from mailstore.models import RawMail
from privacy import retention, stripping
from queues import actions, intake
from queues.actions import ActionRefused
from queues.deliveries import delivery
from queues.matching import Match
from queues.models import Conversation, EmailQueue, Message
from queues.ruled import Ruled
from tests.make import make_agent, make_conversation, make_mail, make_outgoing, make_queue

pytestmark = pytest.mark.django_db


def night() -> datetime:
    return timezone.localtime().replace(hour=2, minute=0)


def closed(queue: EmailQueue, days: int) -> Conversation:
    row = make_conversation(queue)
    at = night() - timedelta(days=days)
    Conversation.objects.filter(pk=row.pk).update(
        state="closed", closed_at=at, due_at=None, due_tick=None, subject="words", agent=None
    )
    return row


@pytest.mark.parametrize("then", ["delete", "anonymise"])
def test_only_what_is_due_goes(then: str, client: Client) -> None:
    queue = make_queue([make_agent("alice")], keep_days=30, kept_then=then)
    other = make_queue()
    old, young, held = closed(queue, 31), closed(queue, 29), closed(queue, 400)
    elsewhere, still = closed(other, 400), make_conversation(queue)
    merged = closed(queue, 10)
    Conversation.objects.filter(pk=merged.pk).update(merged_into=old)
    root = User.objects.create_superuser("root")
    retention.hold(root, Conversation.objects.filter(pk=held.pk), "Court.", is_held=True)
    foreseen = retention.foreseen(queue, night())
    assert (foreseen.now, foreseen.month, foreseen.held) == (1, 3, 1)
    assert Conversation.objects.count() == 6  # a look changes nothing

    assert retention.run(night().replace(hour=12)) == 0  # by day
    assert retention.run(night()) == 1
    assert retention.run(night()) == 0
    left = set(Conversation.objects.values_list("pk", flat=True))
    assert left - {old.pk} == {young.pk, held.pk, elsewhere.pk, still.pk, merged.pk}
    if then == "delete":
        assert old.pk not in left
        assert not Message.objects.filter(conversation=old.pk).exists()
    else:
        old.refresh_from_db()
        assert (old.subject, old.contact.external_id) == ("", "(erased)")
        assert not Message.objects.filter(conversation=old).exclude(text="", from_email="").exists()
    assert set(Conversation.objects.exclude(pk__in=[old.pk, still.pk]).values_list("subject", flat=True)) == {
        "words"
    }
    act = "pruned" if then == "delete" else "erased"
    assert AuditRow.objects.get(act=act).note.startswith("1 conversations closed before")
    client.force_login(root)
    page = client.get("/admin/privacy/erasure/retention/").content.decode()
    assert queue.name in page
    assert f"#{held.number}" in page


def test_an_answer_that_is_not_sent_keeps_its_conversation() -> None:
    queue = make_queue(keep_days=30)
    row = closed(queue, 31)
    mail = make_outgoing(message_id="late@example.com")
    Message.objects.create(
        conversation=row, direction="out", outgoing=mail, raw=mail.raw,
        sent_at=night(), created_at=night(), text="words",
    )  # fmt: skip
    for state, gone in (("retry", 0), ("uncertain", 0), ("sent", 1)):
        OutgoingMail.objects.filter(pk=mail.pk).update(state=state, copy="wanted")
        assert retention.run(night()) == gone
    mail.refresh_from_db()
    assert (mail.copy, mail.raw.size) == ("", 0)


def test_one_that_cannot_go_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = make_queue(keep_days=30)
    bad, good = closed(queue, 40), closed(queue, 31)
    strip = stripping.strip

    def sometimes(pk: int) -> None:
        if pk == bad.pk:
            raise ValueError("no")
        strip(pk)

    monkeypatch.setattr(stripping, "strip", sometimes)
    assert retention.run(night()) == 1
    assert Conversation.objects.get(stripped_at=None) == bad
    assert Conversation.objects.exclude(stripped_at=None).get() == good


def test_what_was_emptied_is_not_sent_again(client: Client) -> None:
    alice = make_agent("alice")
    queue = make_queue([alice], keep_days=30)
    row = closed(queue, 31)
    mail = make_outgoing(message_id="late@example.com", recipients=("a@example.com", "b@example.com"))
    message = Message.objects.create(
        conversation=row, direction="out", outgoing=mail, raw=mail.raw,
        sent_at=night(), created_at=night(), text="words",
    )  # fmt: skip
    OutgoingMail.objects.filter(pk=mail.pk).update(state="sent")
    mail.recipients.filter(email="b@example.com").update(state="refused")
    mail.refresh_from_db()
    assert outbox.can_resend(mail)
    assert retention.run(night()) == 1
    mail.refresh_from_db()
    OutgoingMail.objects.filter(pk=mail.pk).update(state="failed")
    mail.refresh_from_db()
    assert not outbox.can_resend(mail)
    assert not outbox.resend(mail)
    with pytest.raises(ActionRefused, match="The text of this mail was deleted"):
        actions.resend(alice.user, message)
    assert not delivery(mail, night()).can_resend
    client.force_login(User.objects.create_superuser("root"))
    page = client.post(f"/admin/mailsenders/outgoingmail/{mail.pk}/resend/", follow=True).content.decode()
    assert "its text was deleted" in page
    mail.refresh_from_db()
    assert mail.state == "failed"


def join(row: Conversation, at: datetime, **headers: str) -> Message:
    """Let a mail come that names a conversation."""
    raw = make_mail(**headers)
    ruled = Ruled(match=Match(conversation_id=row.pk))
    return intake.deliver(row.queue, parse(raw), RawMail.objects.keep(raw), at, by_rules=ruled)


def test_a_date_in_the_future_keeps_nothing_for_ever() -> None:
    queue = make_queue([make_agent("alice")], keep_days=30)
    row = closed(queue, 100)
    Conversation.objects.filter(pk=row.pk).update(last_message_at=timezone.now() + timedelta(days=3650))
    assert retention.run(night()) == 1
    assert list(retention.due(queue, timezone.now() + timedelta(days=31))) == []
    join(row, timezone.now(), Auto_Submitted="auto-replied", Subject="Away")
    assert list(retention.due(queue, timezone.now() + timedelta(days=29))) == []
    assert list(retention.due(queue, timezone.now() + timedelta(days=31))) == [row]


def test_what_comes_later_goes_when_its_time_comes() -> None:
    queue = make_queue([make_agent("alice")], keep_days=30)
    row = closed(queue, 100)
    at = night() - timedelta(days=60)
    assert retention.run(at) == 1
    Conversation.objects.filter(pk=row.pk).update(stripped_at=at, last_message_at=at - timedelta(days=40))
    late = at - timedelta(minutes=1)  # it was on its way while the conversation was emptied
    message = join(row, late, Auto_Submitted="auto-replied", Subject="Away")
    row.refresh_from_db()
    assert (message.conversation_id, row.state, row.stripped_at is not None) == (row.pk, "closed", True)
    assert list(retention.due(queue, late + timedelta(days=29))) == []
    assert list(retention.due(queue, late + timedelta(days=31))) == [row]
    assert retention.run(night()) == 1
    message.refresh_from_db()
    assert (message.text, message.raw) == ("", None)
    assert retention.run(night()) == 0

    again = join(row, night())
    row.refresh_from_db()
    assert (again.conversation_id, row.state) == (row.pk, "waiting")
    closed_at = night() + timedelta(days=1)
    Conversation.objects.filter(pk=row.pk).update(
        state="closed", closed_at=closed_at, due_at=None, due_tick=None
    )
    later = night() + timedelta(days=32)
    assert retention.foreseen(queue, later).now == 1
    assert retention.run(later) == 1
    with CaptureQueriesContext(connection) as asked:
        list(retention.due(queue, later))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        assert "conversation_kept_until" in str(cursor.fetchall())
