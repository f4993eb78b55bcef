"""Mail in files, moved in: each once, with its own dates, in its conversations, and told to nobody."""

import gzip
import io
import mailbox
import os
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from crm.models import Communication, Contact
from mailsenders.models import OutgoingMail
from mailstore.feed import Type
from mailstore.models import FeedEvent, RawMail
from movein import bring, job, moving, places, scan
from movein.models import Move, Moved, MoveItem
from queues import live, past
from queues.models import Conversation, Event, Message, Turn
from tests.make import make_agent, make_mail, make_queue, receive
from tests.movein.conftest import Mover, brought, finished

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = make_mail(
    "Where is it?", Message_ID="<q@customer.example>", Date="Mon, 02 Mar 2020 09:30:00 +0000"
)
ANSWER = make_mail(
    "On its way.",
    From="Alice <support@example.com>",
    To="Charlie Stone <charlie@customer.example>",
    Message_ID="<a@example.com>",
    In_Reply_To="<q@customer.example>",
    Date="Mon, 02 Mar 2020 10:30:00 +0000",
)
THANKS = make_mail(
    "Thanks!",
    Message_ID="<t@customer.example>",
    References="<q@customer.example> <a@example.com>",
    Date="Tue, 03 Mar 2020 08:00:00 +0000",
)
OTHER = make_mail(
    "Another matter.", Message_ID="<o@customer.example>", Date="Wed, 04 Mar 2020 08:00:00 +0000"
)


def write_mbox(path: Path, mails: list[bytes]) -> None:
    box = mailbox.mbox(path)
    for mail in mails:
        box.add(mail)
    box.close()


def told(*words: object) -> Any:
    raise AssertionError(f"desks were told {words}")


def test_an_mbox_becomes_closed_conversations_and_nobody_hears(
    imports: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.publisher, "publish", told)
    queue = make_queue([make_agent(languages={"en": 5})], acknowledgement="We got it.")
    write_mbox(imports / "box", [THANKS, OTHER, ANSWER, QUESTION])  # not in their order
    move = mover("mbox", "box", queue=queue)
    assert (move.state, move.found, move.ours, move.foreseen_known) == ("scanned", 4, 1, 0)
    assert move.first_at == datetime(2020, 3, 2, 9, 30, tzinfo=UTC)
    assert move.last_at == datetime(2020, 3, 4, 8, tzinfo=UTC)
    assert not Message.objects.exists()
    move = brought(move)
    assert (move.state, move.taken, move.messages, move.failures) == ("done", 4, 4, 0)
    first, second = Conversation.objects.order_by("created_at")
    assert [first.state, second.state] == ["closed", "closed"]
    assert first.created_at == datetime(2020, 3, 2, 9, 30, tzinfo=UTC)
    assert first.closed_at == first.last_message_at == datetime(2020, 3, 3, 8, tzinfo=UTC)
    assert (first.messages_count, first.last_direction, first.preview) == (3, "in", "Thanks!")
    thread = list(first.messages.order_by("created_at"))
    assert [each.direction for each in thread] == ["in", "out", "in"]
    assert [each.message_id for each in thread] == [
        "q@customer.example",
        "a@example.com",
        "t@customer.example",
    ]
    assert [each.created_at for each in thread] == [each.sent_at for each in thread]
    # Exactly what lay there, as it came over the wire.
    assert thread[0].raw is not None
    assert thread[0].raw.as_bytes() == QUESTION
    contact = Contact.objects.get()
    assert (contact.name, contact.pk) == ("Charlie Stone", first.contact_id)
    assert list(Communication.objects.order_by("at").values_list("direction", flat=True)) == [
        *("in", "out", "in", "in"),
    ]
    assert list(Event.objects.values_list("kind", flat=True)) == ["moved_in", "moved_in"]
    for nothing in (OutgoingMail, FeedEvent, Turn):
        assert not nothing.objects.exists(), nothing
    assert not MoveItem.objects.exists()
    # A second run takes nothing, and an answer of today goes on with the old matter.
    moving.begin_scan(move, None)
    move = finished(move)
    assert (move.found, move.foreseen_known) == (4, 4)
    move = brought(move)
    assert (move.taken, move.known, Message.objects.count()) == (0, 4, 4)
    monkeypatch.setattr(live.publisher, "publish", lambda event: None)
    answer = receive(
        queue, make_mail("And now?", In_Reply_To="<a@example.com>", Message_ID="<n@customer.example>")
    )
    assert answer.conversation_id == first.pk
    assert FeedEvent.objects.filter(type=Type.MAIL_RECEIVED).count() == 1


def test_what_came_live_is_known_and_what_agents_wrote_is_theirs(imports: Path, mover: Mover) -> None:
    alice = make_agent("alice")
    alice.user.email = "alice@staff.example"
    alice.user.save()
    queue = make_queue()
    live_one = receive(queue, QUESTION)
    rewritten = OTHER.replace(b"Subject:", b"X-Scanned: yes\r\nSubject:")
    receive(queue, OTHER)
    answer = ANSWER.replace(b"support@example.com", b"alice@staff.example")
    write_mbox(imports / "box", [QUESTION, rewritten, answer])
    move = brought(mover("mbox", "box", queue=queue, own_addresses="@staff.example"))
    assert (move.taken, move.known) == (1, 2)
    sent = Message.objects.get(direction="out")
    assert (sent.agent, sent.outgoing, sent.conversation_id) == (alice, None, live_one.conversation_id)
    conversation = Conversation.objects.get(pk=live_one.conversation_id)
    # It is older than what lives there: nothing of the state changes.
    assert (conversation.state, conversation.last_direction) == ("waiting", "in")
    assert conversation.preview == "Where is it?"


def test_a_form_of_ours_is_a_customers_and_a_blind_copy_is_sent(imports: Path, mover: Mover) -> None:
    ours = {"From": "support@example.com", "To": "support@example.com"}
    form = make_mail("From the form", Received="from web by mx; Mon, 02 Mar 2026 09:30:00 +0000", **ours)
    blind = make_mail("To many", **ours)
    write_mbox(imports / "box", [form, blind])
    move = mover("mbox", "box")
    assert move.ours == 1
    brought(move)
    found = dict(Message.objects.values_list("text", "direction"))
    assert {text.strip(): way for text, way in found.items()} == {"From the form": "in", "To many": "out"}


def test_a_maildir_a_folder_and_a_zip(imports: Path, mover: Mover) -> None:
    box = mailbox.Maildir(imports / "Maildir")
    sub = box.add_folder("Sub")
    for where, mail, flags in (
        (box, QUESTION, "S"),
        (sub, OTHER, ""),
        (box, THANKS, "T"),
        (box, ANSWER, "D"),
    ):
        message = mailbox.MaildirMessage(mail)
        message.set_flags(flags)
        where.add(message)
    (imports / "Maildir" / "dovecot.index").write_bytes(b"x")
    move = brought(mover("maildir", "Maildir"))
    assert (move.taken, move.skipped) == (2, 2)
    assert set(MoveItem.objects.values_list("why", flat=True)) == {
        *("It is marked as deleted.", "It is a draft."),
    }
    queue = move.queue
    folder = imports / "mails" / "deep"
    folder.mkdir(parents=True)
    (folder / "\udce9t\udce9.eml").write_bytes(THANKS.replace(b"\r\n", b"\n"))
    (folder / "picture.png").write_bytes(b"x")
    os.symlink("/etc/passwd", folder / "passwd.eml")
    with zipfile.ZipFile(imports / "mails" / "all.zip", "w") as archive:
        archive.writestr("../../evil.eml", ANSWER)
        archive.writestr("readme.txt", "x")
        archive.writestr("again/q.eml", QUESTION)
    move = brought(mover("eml", "mails", queue=queue))
    assert (move.taken, move.known, move.skipped, move.failures) == (2, 1, 2, 0)
    assert not (imports.parent.parent / "evil.eml").exists()
    assert Conversation.objects.count() == 2
    assert Conversation.objects.get(messages__message_id="a@example.com").messages_count == 3


def test_what_its_owner_threw_away_is_left_out(imports: Path, mover: Mover) -> None:
    expunged = make_mail("gone", X_Mozilla_Status="0009")
    read = make_mail("read", X_Mozilla_Status="0001", X_Gmail_Labels="Inbox,Opened")
    spam = make_mail("spam", X_Gmail_Labels='Unread,"Spam"')
    write_mbox(imports / "box", [expunged, read, spam])
    move = brought(mover("mbox", "box"))
    assert (move.taken, move.skipped) == (1, 2)
    assert set(move.items.values_list("why", flat=True)) == {
        *("Thunderbird had deleted it.", "Gmail had it under “spam”."),
    }


def test_a_scan_goes_on_where_it_was(imports: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "TOGETHER", 3)
    write_mbox(imports / "a", [make_mail(str(number)) for number in range(7)])
    write_mbox(imports / "b", [make_mail(str(number)) for number in range(4)])
    with zipfile.ZipFile(imports / "c.zip", "w") as archive:
        for number in range(7):
            archive.writestr(f"{number}.eml", make_mail(str(number)))
    for kind, place, count in (
        ("mbox", "", 12),
        ("eml", "c.zip", 7),
    ):  # the zip itself is left out as no mbox
        move = Move.objects.create(kind=kind, place=place, queue=make_queue())
        moving.begin_scan(move, None)
        turns = 0
        while move.state == "scanning":
            moving.work(move.pk, 0)
            move.refresh_from_db()
            turns += 1
        assert (move.found, move.items.count()) == (count, count)
        assert turns > count / 3
        assert move.items.values("file", "offset").distinct().count() == count


def test_a_compressed_mbox_is_unpacked_and_tidied(imports: Path, mover: Mover) -> None:
    write_mbox(imports / "box", [QUESTION, ANSWER])
    (imports / "box.mbox.gz").write_bytes(gzip.compress((imports / "box").read_bytes()))
    move = brought(mover("mbox", "box.mbox.gz"))
    assert (move.taken, move.failures) == (2, 0)
    assert not list((imports / ".unpacked").glob("*/*"))
    (imports / "torn.gz").write_bytes(gzip.compress(b"From x\n")[:-9])
    torn = mover("mbox", "torn.gz")
    assert (torn.found, torn.skipped) == (1, 1)
    assert "can't be unpacked" in torn.items.get().why


@pytest.mark.parametrize("place", ["../secret", "/../secret", "link/x.eml", "nothing", ".unpacked", "a\0b"])
def test_no_path_leads_out(imports: Path, place: str) -> None:
    (imports.parent / "secret").write_bytes(b"x")
    (imports / ".unpacked").mkdir()
    os.symlink(imports.parent, imports / "link")
    with pytest.raises(places.PlaceRefused):
        places.located(place)


def test_what_can_not_be_taken_is_told_and_holds_up_nothing(
    imports: Path, mover: Mover, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LARGEST_MAIL = 100_000
    big = make_mail("x" * 200_000)
    odd = make_mail("odd", Message_ID="<odd@customer.example>")
    write_mbox(imports / "box", [QUESTION, big, odd, OTHER])
    (imports / "note.txt").write_bytes(b"no mbox")
    move = mover("mbox", "")
    assert (move.found, move.skipped) == (5, 2)
    file = past.file

    def refuse(queue: Any, mail: Any) -> Any:
        if mail.mail.message_id == "odd@customer.example":
            raise ValueError("no such thing\nDETAIL: Failing row contains (a customer's words)")
        return file(queue, mail)

    monkeypatch.setattr(past, "file", refuse)
    move = brought(move)
    assert (move.state, move.taken, move.failures, move.skipped) == ("done", 2, 1, 2)
    reasons = "\n".join(f"{places.shown(each.file)}: {each.why}" for each in move.items.order_by("pk"))
    assert "box: It has 195.6" in reasons
    assert "at most 97.7" in reasons
    assert "note.txt: It is no mbox" in reasons
    assert "ValueError: no such thing" in reasons
    assert "words" not in reasons
    assert RawMail.objects.count() == 2


def test_the_newest_stay_open_if_that_is_wanted(imports: Path, mover: Mover) -> None:
    now = timezone.now()
    recent = (now - timedelta(days=3)).strftime("%a, %d %b %Y %H:%M:%S +0000")
    asked = make_mail("Still waiting.", Message_ID="<w@customer.example>", Date=recent)
    other = make_mail(
        "Answered.", From="eve@customer.example", Message_ID="<x@customer.example>", Date=recent
    )
    headers = {
        "From": "support@example.com",
        "To": "eve@customer.example",
        "In-Reply-To": "<x@customer.example>",
    }
    done = make_mail("Yes.", Date=recent, **headers)
    write_mbox(imports / "box", [QUESTION, asked, other, done])
    move = brought(mover("mbox", "box", open_days=30))
    assert move.opened == 1
    row = Conversation.objects.get(messages__message_id="w@customer.example")
    assert (row.state, row.closed_at) == ("waiting", None)
    assert row.created_at < now - timedelta(days=2)
    assert row.due_at is not None
    assert row.due_at > now  # the promise counts from now on
    assert set(Conversation.objects.exclude(pk=row.pk).values_list("state", flat=True)) == {"closed"}


def test_the_card_rule_of_the_queue_holds(imports: Path, mover: Mover) -> None:
    number = "4111 1111 1111 1111"
    write_mbox(imports / "box", [make_mail(f"My card is {number}.")])
    brought(mover("mbox", "box", queue=make_queue(pci="mask")))
    message = Message.objects.get()
    assert message.has_cards
    assert number not in message.text
    assert message.raw is not None
    assert number.encode() not in message.raw.as_bytes()
    write_mbox(imports / "other", [make_mail(f"My card is {number}.")])
    move = brought(mover("mbox", "other", queue=make_queue(pci="reject")))
    message = Message.objects.latest("pk")
    assert message.text.startswith("This mail was moved in without its content")
    # The hash of what lay there is remembered, so it is known although its bytes are others.
    moving.begin_scan(move, None)
    assert brought(finished(move)).known == 1


def test_pausing_going_on_and_cancelling(
    imports: Path, mover: Mover, monkeypatch: pytest.MonkeyPatch
) -> None:
    mails = [make_mail(str(number)) for number in range(100)]
    write_mbox(imports / "box", mails)
    move = mover("mbox", "box")
    moving.start(move, None)
    moving.work(move.pk, 0)  # one portion
    move.refresh_from_db()
    assert move.taken == bring.TOGETHER
    moving.pause(move, None)
    moving.work(move.pk)
    move.refresh_from_db()
    assert (move.taken, move.state) == (bring.TOGETHER, "paused")
    with pytest.raises(moving.MoveRefused, match="is paused"):
        moving.start(move, None)
    moving.go_on(move, None)
    # Live mail goes first: a turn ends after one portion while some waits.
    monkeypatch.setattr(moving, "is_live_mail_waiting", lambda: True)
    moving.work(move.pk)
    move.refresh_from_db()
    assert move.taken == 2 * bring.TOGETHER
    moving.cancel(move, None)
    moving.work(move.pk)
    move.refresh_from_db()
    assert (move.state, Message.objects.count()) == ("cancelled", 2 * bring.TOGETHER)
    assert not move.items.exists()
    assert Moved.objects.count() == 2 * bring.TOGETHER


def test_a_late_worker_writes_nothing(imports: Path, mover: Mover) -> None:
    write_mbox(imports / "box", [QUESTION])
    move = mover("mbox", "box")
    moving.start(move, None)
    late = job.claim(move.pk)
    assert late is not None
    assert job.claim(move.pk) is None  # it is held
    Move.objects.update(lease_until=timezone.now())
    other = job.claim(move.pk)
    assert other is not None
    with pytest.raises(job.Stopped):
        next(bring.bring(late))
    assert not Message.objects.exists()
    assert len(list(bring.bring(other))) == 1
    assert Message.objects.count() == 1


def test_an_uploaded_file_is_kept_below_the_folder_and_goes(imports: Path, mover: Mover) -> None:
    place = places.keep_upload("../../x/évil.eml", io.BytesIO(QUESTION))
    assert place.startswith("uploads/")
    move = brought(mover("eml", place, is_uploaded=True))
    assert move.taken == 1
    assert not list((imports / "uploads").iterdir())


def test_the_place_that_is_gone_stops_it_with_a_sentence(imports: Path, mover: Mover) -> None:
    write_mbox(imports / "box", [QUESTION])
    move = mover("mbox", "box")
    (imports / "box").rename(imports / "away")
    move = brought(move)
    assert (move.state, move.failures, "There is no “box”" in move.error) == ("failed", 0, True)
    with pytest.raises(places.PlaceRefused, match="There is no “box”"):
        moving.begin_scan(move, None)
    assert Move.objects.get().state == "failed"
    (imports / "away").rename(imports / "box")
    moving.go_on(move, None)
    assert (finished(move).state, Message.objects.count()) == ("done", 1)
