"""Answers: to whom, what they carry, once only, and taken back."""

import email
import email.policy
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.utils import timezone

from agents.models import Agent
from crm.models import Communication
from mailcore.compose import OutFile
from mailcore.text import quote_at
from mailsenders.models import OutgoingMail
from queues import actions, inbox
from queues.actions import ActionRefused, NewFile, NewMailArrived, Reply
from queues.models import Conversation, Draft, DraftFile, Message
from tests.make import make_agent, make_mail, make_queue, make_sender, make_supervisor, receive

pytestmark = pytest.mark.django_db

State = Conversation.State
TOKEN = "0b7c2a52-7f0e-4f0e-9d0e-1f2a3b4c5d6e"


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


@pytest.fixture
def asked(alice: Agent) -> Message:
    """A mail of Charlie's that waits."""
    return receive(make_queue([alice], signature="Support of Example\nexample.com"))


def frozen(message: Message) -> EmailMessage:
    """The bytes that go out, as the standard library reads them."""
    assert message.outgoing is not None
    parsed = email.message_from_bytes(message.outgoing.raw.as_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def plain(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\r\n", "\n")


class TestSending:
    """One answer from conversation to outbox."""

    def test_it_is_written_tracked_and_frozen(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="It is on its way."))
        row = sent.conversation
        row.refresh_from_db()
        assert (row.state, row.agent, row.due_at) == (State.PENDING, alice, None)
        assert (row.messages_count, row.last_direction) == (2, "out")
        assert row.preview.startswith("It is on its way.")
        mail = frozen(sent)
        assert mail["To"] == "Charlie Stone <charlie@customer.example>"
        assert mail["From"].addresses[0].addr_spec == "support@example.com"
        assert mail["In-Reply-To"] == mail["References"] == f"<{asked.message_id}>"
        assert mail["Message-ID"] == f"<{sent.message_id}>"
        assert mail["Subject"] == f"Re: {asked.subject}"
        assert "Auto-Submitted" not in mail
        outgoing = sent.outgoing
        assert outgoing is not None
        assert (outgoing.state, outgoing.created_by) == (OutgoingMail.State.HELD, alice.user)
        assert outgoing.mail_from == "support@example.com"
        assert [to.email for to in outgoing.recipients.all()] == ["charlie@customer.example"]
        communication = Communication.objects.get(message_ref=f"message-{sent.pk}")
        assert (communication.direction, communication.user) == ("out", alice.user)
        assert [event.kind for event in row.events.all()] == ["opened", "taken", "replied"]

    def test_text_signature_and_quote(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Today.\n\n"))
        expected = (
            "Today.\n\n-- \nSupport of Example\nexample.com\n\n"
            "On 02 Mar 2026 at 09:30 +0000, Charlie Stone <charlie@customer.example> wrote:\n"
            "> Where is my parcel?"
        )
        assert plain(frozen(sent)).strip() == expected == sent.text.strip()
        assert sent.text[: sent.quote_at].strip().endswith("example.com")

    @pytest.mark.parametrize("language", ["en", "cs", "de", "es", "pl"])
    def test_readers_of_mail_find_our_quote(self, alice: Agent, asked: Message, language: str) -> None:
        actions.take(alice.user, asked.conversation)
        Conversation.objects.update(language=language)
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Today."))
        assert sent.text[: quote_at(sent.text)].strip() == sent.text[: sent.quote_at].strip()

    def test_html_of_the_agent_is_cleaned_and_sent(self, alice: Agent, asked: Message) -> None:
        html = "<p>It is <b>on its way</b>.<script>alert(1)</script></p>"
        sent = actions.reply(alice.user, asked.conversation, Reply(text="", html=html))
        assert "<b>on its way</b>" in sent.html
        assert "script" not in sent.html
        body = frozen(sent).get_body(("html",))
        assert body is not None
        assert "<blockquote" in body.get_content()
        assert sent.text.startswith("It is on its way.")

    def test_everybody_gets_it_but_ourselves(self, alice: Agent) -> None:
        raw = make_mail(
            To="Support@Example.com, dora@customer.example",
            Cc="eve@customer.example, support+x@example.com",
            Reply_To="charlie.private@customer.example",
        )
        message = receive(make_queue([alice]), raw)
        found = actions.recipients(message.conversation)
        assert [each.email for each in found.to] == ["charlie.private@customer.example"]
        assert [each.email for each in found.cc] == ["dora@customer.example", "eve@customer.example"]
        mail = frozen(actions.reply(alice.user, message.conversation, Reply(text="Hello.")))
        assert mail["Cc"] == "dora@customer.example, eve@customer.example"

    def test_typed_recipients_replace_the_computed(self, alice: Agent, asked: Message) -> None:
        to = ("Dora <dora@customer.example>, frank@customer.example", "DORA@customer.example")
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello.", to=to))
        assert [person["email"] for person in sent.to] == ["dora@customer.example", "frank@customer.example"]
        assert sent.cc == []

    def test_files_go_along_and_are_listed(self, alice: Agent, asked: Message) -> None:
        files = (OutFile("Rechnung März.pdf", "application/pdf", b"%PDF-1.4 x"),)
        sent = actions.reply(alice.user, asked.conversation, Reply(text="See the file.", files=files))
        attachment = sent.attachments.get()
        assert (attachment.name, attachment.size) == ("Rechnung März.pdf", 10)
        assert [part.get_filename() for part in frozen(sent).iter_attachments()] == ["Rechnung März.pdf"]

    def test_close_with_the_answer(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Done.", close=True))
        sent.conversation.refresh_from_db()
        assert sent.conversation.state == State.CLOSED

    def test_our_id_joins_and_a_second_answer_builds_the_thread(self, alice: Agent, asked: Message) -> None:
        first = actions.reply(alice.user, asked.conversation, Reply(text="One."))
        second = actions.reply(alice.user, asked.conversation, Reply(text="Two."))
        assert frozen(second)["References"].split() == [f"<{asked.message_id}>"]
        back = receive(
            asked.conversation.queue,
            make_mail(
                In_Reply_To=f"<{first.message_id}>", References=f"<{asked.message_id}> <{first.message_id}>"
            ),
        )
        third = actions.reply(alice.user, asked.conversation, Reply(text="Three."))
        assert frozen(third)["In-Reply-To"] == f"<{back.message_id}>"
        assert frozen(third)["References"].split() == [
            f"<{each}>" for each in (asked.message_id, first.message_id, back.message_id)
        ]


class TestRefusing:
    """Nothing leaves, and nothing changes."""

    @pytest.mark.parametrize(
        ("answer", "sentence"),
        [
            (Reply(text=" \n"), "The mail is empty"),
            (Reply(text="x", to=("nobody",)), "“nobody” is not an e-mail address"),
            (Reply(text="x", to=("a@b",)), "“a@b” is not an e-mail address"),
            (Reply(text="x", cc=("ünder@example.com",)), "ünder@example.com"),
            (
                Reply(text="x", files=(OutFile("big", "x/y", b"0" * 25_000_001),)),
                "at most 50 files and 25 MB",
            ),
            (Reply(text="x", token="t" * 151), "Idempotency-Key"),
        ],
    )
    def test_what_cannot_be_sent(self, alice: Agent, asked: Message, answer: Reply, sentence: str) -> None:
        with pytest.raises(ActionRefused, match=sentence):
            actions.reply(alice.user, asked.conversation, answer)
        asked.conversation.refresh_from_db()
        assert asked.conversation.state == State.WAITING
        assert asked.conversation.messages.count() == 1

    def test_a_queue_without_a_sender(self, alice: Agent) -> None:
        row = receive(make_queue([alice], sender=None)).conversation
        with pytest.raises(ActionRefused, match="has no email sender: an administrator chooses one"):
            actions.reply(alice.user, row, Reply(text="x"))
        row = receive(make_queue([alice], sender=make_sender(is_active=False))).conversation
        with pytest.raises(ActionRefused, match="is switched off"):
            actions.reply(alice.user, row, Reply(text="x"))

    def test_an_unknown_sender_cannot_be_answered(self, alice: Agent) -> None:
        row = receive(make_queue([alice]), make_mail(From="")).conversation
        with pytest.raises(ActionRefused, match="address is not known"):
            actions.reply(alice.user, row, Reply(text="x"))

    def test_a_colleagues_conversation(self, alice: Agent, asked: Message) -> None:
        dora, bob = make_agent("dora"), make_supervisor("bob")
        asked.conversation.queue.members.add(dora, bob)
        actions.take(alice.user, asked.conversation)
        with pytest.raises(ActionRefused, match="is with Alice"):
            actions.reply(dora.user, asked.conversation, Reply(text="x"))
        sent = actions.reply(bob.user, asked.conversation, Reply(text="x"))
        assert sent.conversation.agent == bob

    def test_new_mail_must_be_seen_first(self, alice: Agent, asked: Message) -> None:
        raw = make_mail("I have found it.", References=f"<{asked.message_id}>")
        newer = receive(asked.conversation.queue, raw)
        answer = Reply(text="Where did you look?", seen_message_id=asked.pk)
        with pytest.raises(NewMailArrived, match="Charlie Stone has written again") as caught:
            actions.reply(alice.user, asked.conversation, answer)
        assert caught.value.message == newer
        again = Reply(text="Good!", seen_message_id=newer.pk)
        assert actions.reply(alice.user, asked.conversation, again).pk


class TestOnce:
    """The token makes two requests one mail."""

    def test_the_second_call_gives_the_first_message(self, alice: Agent, asked: Message) -> None:
        first = actions.reply(alice.user, asked.conversation, Reply(text="One.", token=TOKEN))
        second = actions.reply(alice.user, asked.conversation, Reply(text="One.", token=TOKEN))
        assert first == second
        assert OutgoingMail.objects.count() == 1

    def test_another_answer_with_the_same_token_is_refused_not_dropped(
        self, alice: Agent, asked: Message
    ) -> None:
        actions.reply(alice.user, asked.conversation, Reply(text="One.", token=TOKEN))
        with pytest.raises(ActionRefused, match=r"another text .* this one was not sent"):
            actions.reply(alice.user, asked.conversation, Reply(text="Two.", token=TOKEN))
        assert OutgoingMail.objects.count() == 1

    def test_its_draft_is_gone_and_cannot_come_back(self, alice: Agent, asked: Message) -> None:
        actions.save_draft(alice.user, asked.conversation, "On", token=TOKEN)
        actions.reply(alice.user, asked.conversation, Reply(text="One.", token=TOKEN))
        assert not Draft.objects.exists()
        with pytest.raises(ActionRefused, match="sent already"):
            actions.save_draft(alice.user, asked.conversation, "One", token=TOKEN)

    def test_another_answers_draft_stays(self, alice: Agent, asked: Message) -> None:
        actions.save_draft(alice.user, asked.conversation, "Half a thought")
        actions.reply(alice.user, asked.conversation, Reply(text="One.", token="api-1"))
        assert Draft.objects.get().text == "Half a thought"

    def test_starting_twice_gives_one_conversation(self, alice: Agent) -> None:
        queue = make_queue([alice])
        wanted = Reply(text="Your order is ready.", to=("charlie@customer.example",), token="order-7")
        first = actions.start(alice.user, queue, "Order 7", wanted)
        assert actions.start(alice.user, queue, "Order 7", wanted) == first
        row = first.conversation
        row.refresh_from_db()
        assert (row.state, row.agent, row.contact.addresses.get().email) == (
            State.PENDING,
            alice,
            "charlie@customer.example",
        )
        back = receive(queue, make_mail(In_Reply_To=f"<{first.message_id}>"))
        assert back.conversation == row

    def test_a_relay_that_changes_our_id_does_not_break_the_thread(self, alice: Agent) -> None:
        wanted = Reply(text="Your order is ready.", to=("charlie@customer.example",))
        first = actions.start(alice.user, make_queue([alice]), "Order 7", wanted)
        kept = frozen(first)["References"]
        back = make_mail(In_Reply_To="<changed@relay.example>", References=f"{kept} <changed@relay.example>")
        assert receive(first.conversation.queue, back).conversation == first.conversation


class TestUndo:
    """Back to the draft, as long as it is held."""

    def test_text_files_and_state_are_back(self, alice: Agent, asked: Message) -> None:
        due = actions.take(alice.user, asked.conversation).due_at
        answer = Reply(
            text="Too fast.", token=TOKEN, close=True, files=(OutFile("a.txt", "text/plain", b"abc"),)
        )
        sent = actions.reply(alice.user, asked.conversation, answer)
        assert actions.undo(alice.user, sent)
        row = Conversation.objects.get()
        assert (row.state, row.agent, row.due_at) == (State.ASSIGNED, alice, due)
        assert (row.messages_count, row.last_direction, row.preview) == (1, "in", "Where is my parcel?")
        draft = Draft.objects.get()
        assert draft.text == "Too fast."
        assert draft.to == ['"Charlie Stone" <charlie@customer.example>']
        assert [(file.name, bytes(file.data)) for file in draft.files.all()] == [("a.txt", b"abc")]
        assert not Communication.objects.filter(direction="out").exists()
        shown = inbox.timeline(alice.user, row)
        assert [entry.item.pk for entry in shown if entry.kind == "message"] == [asked.pk]
        again = Reply(text=draft.text, token=str(draft.token), to=tuple(draft.to))
        resent = actions.reply(alice.user, row, again)
        assert resent.pk != sent.pk
        assert resent.to[0]["name"] == "Charlie Stone"

    def test_too_late_is_told(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello."))
        OutgoingMail.objects.update(not_before=timezone.now() - timedelta(seconds=1))
        assert not actions.undo(alice.user, sent)
        assert not Draft.objects.exists()

    def test_without_undo_time_it_is_queued_at_once(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello.", undo_seconds=0))
        assert sent.outgoing is not None
        assert sent.outgoing.state == OutgoingMail.State.QUEUED
        assert not actions.undo(alice.user, sent)

    def test_taken_back_twice_it_is_taken_back_once(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello."))
        assert actions.undo(alice.user, sent)
        draft = Draft.objects.get()
        assert actions.undo(alice.user, sent)
        assert Draft.objects.get().token == draft.token
        assert sent.conversation.events.filter(kind="undone").count() == 1

    def test_mail_that_came_meanwhile_keeps_the_state(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello."))
        receive(asked.conversation.queue, make_mail("More.", References=f"<{asked.message_id}>"))
        assert actions.undo(alice.user, sent)
        row = Conversation.objects.get()
        assert (row.state, row.agent, row.messages_count) == (State.ASSIGNED, alice, 2)
        assert row.preview == "More."

    def test_sent_again_from_another_window_it_is_not_taken_for_sent(
        self, alice: Agent, asked: Message
    ) -> None:
        """That window still has the old token: its text must not seem to be on its way."""
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello.", token=TOKEN))
        assert actions.undo(alice.user, sent)
        with pytest.raises(ActionRefused, match="taken back"):
            actions.reply(alice.user, asked.conversation, Reply(text="Hello.", token=TOKEN))

    def test_what_was_taken_back_is_neither_quoted_nor_named(self, alice: Agent) -> None:
        """Of a first mail too, where there is nothing else to answer."""
        queue = make_queue([alice])
        wanted = Reply(text="Your password is 1234.", to=("charlie@customer.example",))
        first = actions.start(alice.user, queue, "Order 7", wanted)
        assert actions.undo(alice.user, first)
        second = actions.reply(alice.user, first.conversation, Reply(text="Your order is ready."))
        mail = frozen(second)
        assert mail["To"] == "charlie@customer.example"
        assert "1234" not in mail.as_string()
        assert mail["In-Reply-To"] is None
        assert first.message_id not in mail["References"]

    def test_only_by_who_wrote_it(self, alice: Agent, asked: Message) -> None:
        dora = make_agent("dora", queues=[asked.conversation.queue])
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello."))
        with pytest.raises(ActionRefused, match="is with Alice"):
            actions.undo(dora.user, sent)
        with pytest.raises(ActionRefused, match="Only a mail of ours"):
            actions.undo(alice.user, asked)


class TestSettling:
    """What the outbox leaves to a person."""

    def test_an_uncertain_mail_is_sent_again_or_noted(self, alice: Agent, asked: Message) -> None:
        sent = actions.reply(alice.user, asked.conversation, Reply(text="Hello."))
        with pytest.raises(ActionRefused, match="isn't possible"):
            actions.mark_sent(alice.user, sent)
        OutgoingMail.objects.update(state=OutgoingMail.State.UNCERTAIN)
        actions.resend(alice.user, sent)
        assert OutgoingMail.objects.get().state == OutgoingMail.State.QUEUED
        OutgoingMail.objects.update(state=OutgoingMail.State.UNCERTAIN)
        actions.mark_sent(alice.user, sent)
        assert OutgoingMail.objects.get().state == OutgoingMail.State.SENT
        kinds = [event.kind for event in asked.conversation.events.all()]
        assert kinds[-2:] == ["resent", "marked_sent"]


class TestDrafts:
    """Saved while typing."""

    def test_saving_again_changes_the_one_draft(self, alice: Agent, asked: Message) -> None:
        one = actions.save_draft(alice.user, asked.conversation, "He", token=TOKEN, seen_message_id=asked.pk)
        two = actions.save_draft(alice.user, asked.conversation, "Hello\0", to=["x@example.com"], token=TOKEN)
        assert one.pk == two.pk
        found = actions.draft_of(alice.user, asked.conversation)
        assert found is not None
        assert (found.text, found.to, str(found.token)) == ("Hello", ["x@example.com"], TOKEN)
        actions.discard_draft(alice.user, asked.conversation, token=TOKEN)
        assert actions.draft_of(alice.user, asked.conversation) is None

    def test_files(self, alice: Agent, asked: Message) -> None:
        kept = actions.add_draft_file(
            alice.user,
            asked.conversation,
            NewFile(name="../x\\y.txt", type="text/plain", data=b"abc"),
            token=TOKEN,
        )
        draft = actions.draft_of(alice.user, asked.conversation)
        assert draft is not None
        assert str(draft.token) == TOKEN
        assert actions.out_files(draft) == (OutFile(kept.name, "text/plain", b"abc"),)
        assert "/" not in kept.name
        with pytest.raises(ActionRefused, match="doesn't fit"):
            actions.add_draft_file(
                alice.user, asked.conversation, NewFile(name="big", type="x/y", data=b"0" * 25_000_000)
            )
        dora = make_agent("dora", queues=[asked.conversation.queue])
        actions.remove_draft_file(dora.user, kept.pk)
        assert DraftFile.objects.count() == 1
        actions.remove_draft_file(alice.user, kept.pk)
        assert not DraftFile.objects.exists()

    def test_a_broken_token_is_refused(self, alice: Agent, asked: Message) -> None:
        with pytest.raises(ActionRefused, match="load the page again"):
            actions.save_draft(alice.user, asked.conversation, "x", token="nonsense")


class TestRepeats:
    """A token is for one mail: what else is asked for with it doesn't vanish unseen."""

    BASE = Reply(
        text="Today.",
        to=("charlie@customer.example",),
        files=(OutFile("a.txt", "text/plain", b"a"),),
        token="k",
        undo_seconds=0,
    )

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"text": "Today"}, "another text"),
            ({"html": "<p>Today.</p>"}, "another text"),
            ({"to": ("dora@customer.example",)}, "other recipients"),
            ({"to": ()}, "other recipients"),
            ({"cc": ("dora@customer.example",)}, "other recipients"),
            ({"close": True}, "another end"),
            ({"files": (OutFile("a.txt", "text/plain", b"b"),)}, "other files"),
        ],
    )
    def test_something_else_is_refused(
        self, alice: Agent, asked: Message, change: dict[str, object], words: str
    ) -> None:
        actions.reply(alice.user, asked.conversation, self.BASE)
        with pytest.raises(ActionRefused, match=f"{words}.* was sent from another window already"):
            actions.reply(alice.user, asked.conversation, replace(self.BASE, **change))  # type: ignore[arg-type]
        assert OutgoingMail.objects.count() == 1

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"to": ("Charlie <CHARLIE@customer.example>",)},
            {"seen_message_id": None, "undo_seconds": 5},
            {"files": ()},  # of a second click: the draft has gone, and its files with it
        ],
    )
    def test_the_same_again_is_the_first_one(
        self, alice: Agent, asked: Message, change: dict[str, object]
    ) -> None:
        first = actions.reply(alice.user, asked.conversation, self.BASE)
        again = actions.reply(alice.user, asked.conversation, replace(self.BASE, **change))  # type: ignore[arg-type]
        assert again == first
        assert OutgoingMail.objects.count() == 1

    def test_the_subject_of_a_first_mail_counts(self, alice: Agent, asked: Message) -> None:
        queue = asked.conversation.queue
        actions.start(alice.user, queue, "Your order", self.BASE)
        actions.start(alice.user, queue, "Your  order", self.BASE)
        with pytest.raises(ActionRefused, match="another subject"):
            actions.start(alice.user, queue, "Your bill", self.BASE)
        assert OutgoingMail.objects.count() == 1
