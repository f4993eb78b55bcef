"""Card numbers, in and out, by the queue's rule; where they must not be, the whole database is searched."""

import base64
import io
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from agents.rights import agent_of
from mailcore.cards import find
from mailcore.compose import OutFile
from mailcore.parse import parse
from mailcore.parsed import ParsedMail
from mailcore.text import html_to_text
from mailsources import apart
from mailsources.deliver import deliver, deliver_many
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail
from mailstore.models import RawMail
from queues import actions, bulk_acts, drafts
from queues.history import Kind
from queues.letters import Reply
from queues.models import Conversation, EmailQueue, Event, Message
from queues.notes import write_note
from queues.refusals import ActionRefused
from tests.mailcore.test_card_office import document
from tests.mailcore.test_masking import mail, pdf
from tests.make import make_agent, make_mail, make_queue, make_sender, make_source

pytestmark = pytest.mark.django_db

NUMBER = "4111111111111111"
SPACED = "4111 1111 1111 1111"
WITH_CARD = f"Please charge {SPACED}, and thank you for your patience."


REPORT = (
    b"From: MAILER-DAEMON@mx.example\r\nTo: support@example.com\r\nSubject: Returned\r\n"
    b"Message-ID: <report@mx.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=R\r\n\r\n"
    b"--R\r\n\r\nIt could not be delivered.\r\n--R\r\nContent-Type: message/delivery-status\r\n\r\n"
    b"Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; charlie@customer.example\r\n"
    b"Action: failed\r\nStatus: 5.1.1\r\n\r\n"
    b"--R\r\nContent-Type: message/rfc822\r\n\r\n%s\r\n--R--\r\n"
)


@pytest.fixture(autouse=True)
def _close_parsers() -> Iterator[None]:
    yield
    apart.guarded_parsers.close()


def source_with(rule: str) -> EmailSource:
    """A mailbox whose queue has this rule."""
    return make_source(queue=make_queue([make_agent("alice")], sender=make_sender(), pci=rule))


def came(source: EmailSource, text: str = WITH_CARD, **headers: str) -> Message:
    """The message of a customer's mail."""
    message = deliver(ingest(source, make_mail(text, **headers)).pk)
    assert message is not None
    message.refresh_from_db()
    return message


def everything() -> str:
    """All rows of all tables as text, and all raw mail, without blanks and hyphens."""
    out = io.StringIO()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.copy_expert(f'COPY (SELECT * FROM "{table}") TO STDOUT', out)
    raws = "".join(row.as_bytes().decode("utf-8", "replace") for row in RawMail.objects.all())
    return "".join(letter for letter in out.getvalue() + raws if letter not in " -\n\r")


def test_without_a_rule_nobody_looks() -> None:
    message = came(source_with("off"))
    assert SPACED in message.text
    assert not message.has_cards


def test_a_flagged_mail_stays_as_it_came_and_says_so() -> None:
    source = source_with("flag")
    message = came(source)
    assert SPACED in message.text
    assert message.has_cards
    assert message.conversation.has_cards
    assert Event.objects.filter(kind=Kind.CARD_FOUND).exists()
    assert not came(source, "Order no. 4111111111111111").has_cards


def test_office_files_are_read_where_no_file_can_be_opened() -> None:
    made = mail("Here.")
    made.add_attachment(document(SPACED), maintype="application", subtype="zip", filename="form.docx")
    (found,) = apart.guarded_parsers.parse_all([made.as_bytes()])
    assert isinstance(found, ParsedMail)
    assert found.has_cards
    assert b"form.docx.txt" in base64.b64decode(found.masked)


@pytest.mark.parametrize(
    ("rule", "word", "words"),
    [
        ("off", "Card number<", ""),
        ("flag", "Card number: marked<", "card numbers: marked"),
        ("mask", "Card number: masked<", "card numbers: masked, also in what is stored"),
        ("reject", "Card number: refused<", "card numbers: refused, and the sender is told"),
    ],
)
def test_the_rule_is_a_badge_on_source_queue_and_case(
    admin_client: Client, client: Client, rule: str, word: str, words: str
) -> None:
    source = source_with("flag")
    found, other = came(source).conversation, came(source, "No number here.").conversation
    EmailQueue.objects.update(pci=rule)
    for name in ("mailsources_emailsource", "queues_emailqueue"):
        page = admin_client.get(reverse(f"admin:{name}_changelist")).content.decode()
        assert page.count(f'<span class="ucs-badge ucs-badge-calm">{words}</span>') == bool(words)
        assert words or "card numbers" not in page
    client.force_login(User.objects.get(username="alice"))
    for row, is_marked in ((found, True), (other, False)):
        page = client.get(f"/conversations/{row.pk}/").content.decode()
        assert bool(re.search(rf'<span class="pill red"[^>]*>{word}', page)) == is_marked


def test_a_masked_mail_leaves_no_trace_of_the_number() -> None:
    source = source_with("mask")
    message = came(source, Subject=f"My card {SPACED}", From=f'"Visa {NUMBER}" <charlie@customer.example>')
    assert message.text.startswith("Please charge **** **** **** 1111,")
    assert message.subject == "My card **** **** **** 1111"
    assert message.has_cards
    assert message.raw is not None
    assert "**** **** **** 1111" in message.raw.as_bytes().decode()
    assert NUMBER not in everything()
    fetched = FetchedMail.objects.get()
    assert fetched.subject == "My card **** **** **** 1111"


def test_a_masked_mail_is_still_the_same_mail_to_the_ledger() -> None:
    source = source_with("mask")
    raw = make_mail(WITH_CARD)
    first = ingest(source, raw)
    assert deliver(first.pk) is not None
    assert ingest(source, raw).pk == first.pk
    assert Message.objects.count() == 1


def test_mails_without_a_number_in_the_same_batch_are_kept_as_they_came() -> None:
    source = source_with("mask")
    raws = [
        make_mail("Hello.", Subject="One"),
        make_mail(WITH_CARD, Subject="Two"),
        make_mail("Bye.", Subject="Three"),
    ]
    rows = [ingest(source, raw).pk for raw in raws]
    messages = deliver_many(rows)
    assert [message.has_cards for message in messages] == [False, True, False]
    kept = [message.raw.as_bytes() for message in Message.objects.order_by("pk") if message.raw]
    assert (kept[0], kept[2]) == (raws[0], raws[2])
    assert NUMBER not in everything()


def test_a_refused_mail_is_closed_and_its_sender_told() -> None:
    message = came(source_with("reject"), Subject=f"Card {NUMBER}")
    conversation = Conversation.objects.get()
    assert conversation.state == "closed"
    assert "Nothing of its content was kept" in message.text
    notice = Message.objects.get(direction="out")
    assert "holds the number of a payment card" in notice.text
    assert notice.outgoing is not None
    assert [each["email"] for each in notice.to] == [message.from_email]
    assert "The sender was told" in Event.objects.get(kind=Kind.CARD_FOUND).sentence
    assert NUMBER not in everything()
    assert "patience" not in everything()


def test_a_machine_is_not_told_that_its_mail_was_refused() -> None:
    came(source_with("reject"), Auto_Submitted="auto-generated")
    assert not Message.objects.filter(direction="out").exists()
    assert NUMBER not in everything()


def test_a_refused_answer_comes_back_to_who_is_at_it() -> None:
    source = source_with("reject")
    first = came(source, "My parcel is lost.")
    alice = first.conversation.queue.members.get()
    sent = actions.reply(alice.user, first.conversation, Reply(text="Which one?"))
    came(source, In_Reply_To=f"<{sent.message_id}>", Subject=f"Re: {sent.subject}")
    conversation = Conversation.objects.get()
    assert conversation.state != "closed"
    assert conversation.has_cards
    assert NUMBER not in everything()


@pytest.mark.parametrize("rule", ["mask", "reject"])
def test_the_rule_of_the_queue_that_has_the_conversation_now_holds_for_its_answers(rule: str) -> None:
    source = source_with("off")
    first = came(source, "My parcel is lost.")
    sent = actions.reply(
        first.conversation.queue.members.get().user, first.conversation, Reply(text="Which?")
    )
    other = make_queue(name="Accounts", sender=make_sender(), pci=rule)
    Conversation.objects.update(queue=other)
    answer = came(source, In_Reply_To=f"<{sent.message_id}>", Subject=f"Re: {SPACED}")
    assert answer.conversation == first.conversation
    assert answer.has_cards
    assert NUMBER not in everything()
    assert Message.objects.filter(text__contains="holds the number").exists() == (rule == "reject")
    assert SPACED in came(source, Subject="Another matter").text  # of the queue itself, which keeps it


def test_a_mail_without_content_is_told_of_even_if_its_conversation_would_keep_it() -> None:
    source = source_with("reject")
    first = came(source, "My parcel is lost.")
    sent = actions.reply(
        first.conversation.queue.members.get().user, first.conversation, Reply(text="Which?")
    )
    Conversation.objects.update(queue=make_queue(name="Accounts", sender=make_sender(), pci="mask"))
    came(source, In_Reply_To=f"<{sent.message_id}>")
    assert "The sender was told" in Event.objects.get(kind=Kind.CARD_FOUND).sentence


def test_a_report_that_returns_a_card_number_is_still_a_report() -> None:
    source = source_with("off")
    first = came(source)
    alice = first.conversation.queue.members.get().user
    sent = actions.reply(alice, first.conversation, Reply(text="Which one?"))
    assert sent.outgoing is not None
    EmailQueue.objects.update(pci="mask")
    raw = REPORT % sent.outgoing.raw.as_bytes()
    message = deliver(ingest(source, raw).pk)
    assert message is not None
    message.refresh_from_db()
    assert message.has_cards
    assert message.automatic == "bounce"
    assert message.conversation == first.conversation
    assert Event.objects.filter(kind=Kind.BOUNCED).exists()


class TestWriting:
    """What agents write."""

    def conversation(self, rule: str) -> Conversation:
        return came(source_with(rule), "My parcel is lost.").conversation

    def test_an_answer_is_masked_before_it_is_stored(self) -> None:
        row = self.conversation("mask")
        alice = row.queue.members.get().user
        answer = Reply(
            text=f"Your card {SPACED} was charged.",
            html=f"<p>Your card {SPACED} was charged.</p>",
            token="t1",
        )
        sent = actions.reply(alice, row, answer)
        assert sent.text.startswith("Your card **** **** **** 1111 was charged.")
        assert actions.reply(alice, row, answer).pk == sent.pk  # the same call again is no other answer
        assert NUMBER not in everything()

    @pytest.mark.parametrize("rule", ["mask", "reject"])
    def test_what_came_before_the_rule_is_not_quoted(self, rule: str) -> None:
        first = came(source_with("off"), Subject=f"Card {SPACED}")
        EmailQueue.objects.update(pci=rule)
        row = Conversation.objects.get()
        alice = row.queue.members.get().user
        sent = actions.reply(alice, row, Reply(text="Thank you.", html="<p>Thank <b>you</b>.</p>"))
        asked = Reply(text="Is it yours?", to=("bank@example.net",), is_outside=True, about_id=first.pk)
        for message in (sent, actions.reply(alice, row, asked)):
            assert message.raw is not None
            mail = parse(message.raw.as_bytes())
            assert "**** **** **** 1111" in mail.text
            assert not find(f"{mail.subject}\n{mail.text}\n{html_to_text(mail.html)}")
            assert not find(f"{message.subject}\n{message.text}\n{html_to_text(message.html)}")

    def test_an_answer_is_refused(self) -> None:
        row = self.conversation("reject")
        with pytest.raises(ActionRefused, match="holds the number of a payment card"):
            actions.reply(row.queue.members.get().user, row, Reply(text=NUMBER))

    @pytest.mark.parametrize("rule", ["mask", "reject"])
    def test_a_file_is_refused_when_it_is_added(self, rule: str) -> None:
        row = self.conversation(rule)
        alice = row.queue.members.get().user
        file = drafts.NewFile(name="form.pdf", type="application/pdf", data=pdf(f"Card {SPACED}"))
        with pytest.raises(ActionRefused, match=r"“form.pdf” holds the number"):
            drafts.add_draft_file(alice, row, file)
        with pytest.raises(ActionRefused, match=r"“form.pdf” holds the number"):
            actions.reply(alice, row, Reply(text="Here.", files=(OutFile("form.pdf", file.type, file.data),)))

    def test_drafts_and_notes_are_masked(self) -> None:
        row = self.conversation("mask")
        alice = row.queue.members.get().user
        draft = drafts.save_draft(alice, row, f"Card {SPACED}", html=f"<p>Card <b>{SPACED}</b></p>")
        assert draft.html == "<p>Card <b>**** **** **** 1111</b></p>"
        write_note(row, alice, f"Card {SPACED}")
        assert NUMBER not in everything()

    def test_a_note_for_many_is_masked_before_it_is_written_down(self) -> None:
        alice = self.conversation("off").queue.members.get().user
        other = make_queue([each for each in [agent_of(alice)] if each], name="Accounts", pci="mask")
        values = bulk_acts.checked(alice, "transfer", {"queue": other.pk, "note": f"Card {SPACED}"})
        assert values["note"] == "Card **** **** **** 1111"

    def test_a_flagged_answer_goes_out_as_it_is(self) -> None:
        row = self.conversation("flag")
        sent = actions.reply(row.queue.members.get().user, row, Reply(text=f"Your card {SPACED}."))
        assert SPACED in sent.text
        assert sent.has_cards


def test_the_rule_of_today_holds_for_what_waits() -> None:
    source = source_with("off")
    fetched = ingest(source, make_mail(WITH_CARD))
    EmailQueue.objects.update(pci="mask")
    assert deliver(fetched.pk) is not None
    assert NUMBER not in everything()
