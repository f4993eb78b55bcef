"""What an answer looks like: from whom, with what below it, and what is refused before it is sent."""

from typing import Any

import pytest

from agents.models import Agent
from mailcore.compose import OutFile
from queues import actions
from queues.actions import ActionRefused, NewFile, Reply
from queues.models import EmailQueue, Message
from queues.texts import signature
from tests.make import make_agent, make_mail, make_queue, make_sender, make_source, receive
from tests.queues.test_replies import frozen, plain

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


def asked(alice: Agent, raw: bytes | None = None, **overrides: Any) -> Message:
    """A mail of Charlie's that waits in a queue like this."""
    return receive(make_queue([alice], **overrides), raw)


def answer(alice: Agent, message: Message, text: str = "Today.", **more: object) -> Message:
    return actions.reply(alice.user, message.conversation, Reply(text=text, **more))  # type: ignore[arg-type]


class TestFrom:
    """The address that the customer wrote to, where the sender may use it."""

    def test_an_alias_answers_for_itself(self, alice: Agent) -> None:
        sender = make_sender(aliases="sales@example.com\n@example.net")
        message = asked(alice, make_mail(To="dora@customer.example, Sales@Example.com"), sender=sender)
        sent = answer(alice, message)
        assert frozen(sent)["From"].addresses[0].addr_spec == sent.from_email == "sales@example.com"
        assert [each["email"] for each in sent.cc] == ["dora@customer.example"]
        assert sent.outgoing is not None
        assert sent.outgoing.mail_from == "support@example.com"

    def test_of_a_domain_only_addresses_that_are_ours(self, alice: Agent) -> None:
        sender = make_sender(aliases="@example.net")
        queue = make_queue([alice], sender=sender)
        make_source(queue=queue, username="orders@example.net")
        ours = receive(queue, make_mail(To="orders@example.net"))
        colleague = receive(queue, make_mail(To="bob@example.net"))
        assert answer(alice, ours).from_email == "orders@example.net"
        assert answer(alice, colleague).from_email == "support@example.com"

    def test_another_senders_alias_is_not_used(self, alice: Agent) -> None:
        make_sender(aliases="sales@example.com")
        assert (
            answer(alice, asked(alice, make_mail(To="sales@example.com"))).from_email == "support@example.com"
        )

    @pytest.mark.parametrize(
        ("from_name", "name"),
        [("sender", "Example Support"), ("agent", "Alice"), ("both", "Alice at Example Support")],
    )
    def test_the_name_beside_it(self, alice: Agent, from_name: str, name: str) -> None:
        sender = make_sender(display_name="Example Support")
        message = asked(alice, sender=sender, from_name=from_name)
        assert frozen(answer(alice, message))["From"].addresses[0].display_name == name

    def test_recipients_of_a_reply_to_the_author_alone(self, alice: Agent) -> None:
        message = asked(alice, make_mail(Cc="eve@customer.example"))
        sent = answer(alice, message, mode=actions.Mode.REPLY)
        assert [each["email"] for each in (*sent.to, *sent.cc)] == ["charlie@customer.example"]

    def test_a_mailing_list(self, alice: Agent) -> None:
        raw = make_mail(
            To="parcels@lists.example",
            Reply_To="parcels@lists.example",
            List_Id="<parcels.lists.example>",
            List_Post="<mailto:parcels@lists.example>",
        )
        sent = answer(alice, asked(alice, raw), mode=actions.Mode.REPLY)
        assert [each["email"] for each in sent.to] == ["charlie@customer.example"]


class TestQuoted:
    """As much history as the queue wants."""

    def thread(self, alice: Agent, quoted: str) -> str:
        first = asked(alice, make_mail("First question.\n\nOn Monday, Support wrote:\n> Old."), quoted=quoted)
        sent = answer(alice, first, "First answer.")
        raw = make_mail("Second question.", In_Reply_To=f"<{sent.message_id}>")
        second = receive(first.conversation.queue, raw)
        return plain(frozen(answer(alice, second, "Second answer.")))

    def test_nothing(self, alice: Agent) -> None:
        assert self.thread(alice, "none").strip() == "Second answer."

    def test_the_mail_that_is_answered(self, alice: Agent) -> None:
        text = self.thread(alice, "last")
        assert "> Second question." in text
        assert "First" not in text

    def test_the_whole_conversation(self, alice: Agent) -> None:
        lines = self.thread(alice, "thread").splitlines()
        assert [line for line in lines if "question" in line or "answer" in line] == [
            "Second answer.",
            "> Second question.",
            ">> First answer.",
            ">>> First question.",
        ]
        assert not [line for line in lines if "Old." in line]


class TestSignature:
    """Of queue and agent, with places."""

    def test_places_are_filled_in_and_escaped(self, alice: Agent) -> None:
        alice.user.last_name = "<b>Novak</b> {{ queue.name }}"
        alice.user.save()
        alice.signature = "{{ agent.first_name }} answers Mondays"
        alice.save()
        lines = ["{{ agent.name }}", "{{ agent.signature }}", "{{ agent.email }}"]
        lines.append("#{{ conversation.number }}, {{ queue.address }}")
        message = asked(alice, signature="\n".join(lines))
        sent = answer(alice, message)
        number = message.conversation.number
        assert sent.text[: sent.quote_at].rstrip().split("\n")[2:] == [
            "-- ",
            "Alice <b>Novak</b> {{ queue.name }}",
            "Alice answers Mondays",
            f"#{number}, support@example.com",
        ]
        body = frozen(sent).get_body(("html",))
        assert body is not None
        assert "<b>Novak" not in body.get_content()

    def test_an_agents_own_alone(self, alice: Agent) -> None:
        alice.signature = "Yours, {{ agent.name }}"
        alice.save()
        message = asked(alice)
        assert signature(message.conversation, alice) == "Yours, Alice"
        assert signature(message.conversation, None) == ""

    def test_a_first_mail_knows_its_number(self, alice: Agent) -> None:
        queue = make_queue([alice], signature="Matter {{ conversation.number }}")
        sent = actions.start(alice.user, queue, "Hello", Reply(text="Hi.", to=("eva@customer.example",)))
        assert f"Matter {sent.conversation.number}" in plain(frozen(sent))


class TestPictures:
    """Pasted into the text."""

    def test_it_stands_where_the_text_says(self, alice: Agent) -> None:
        message = asked(alice)
        row = message.conversation
        file = NewFile(name="image.png", type="image/png", data=PNG, is_picture=True)
        kept = actions.add_draft_file(alice.user, row, file)
        draft = actions.draft_of(alice.user, row)
        assert draft is not None
        assert kept.name == "picture-1.png"
        sent = answer(alice, message, f"Look:\n[image: {kept.name}]\nSee?", files=actions.out_files(draft))
        mail = frozen(sent)
        html = mail.get_body(("related", "html"))
        assert html is not None
        shown = next(part for part in mail.walk() if part.get_content_type() == "text/html").get_content()
        assert f'<img src="cid:{kept.content_id}"' in shown
        assert "[image: picture-1.png]" in plain(mail)
        assert sent.attachments.get().inline

    @pytest.mark.parametrize("data", [b"<svg onload=alert(1)>", b"MZ\x90", b""])
    def test_what_only_says_that_it_is_one_is_a_file(self, alice: Agent, data: bytes) -> None:
        row = asked(alice).conversation
        file = NewFile(name="x.png", type="image/png", data=data, is_picture=True)
        assert actions.add_draft_file(alice.user, row, file).content_id == ""


class TestRefused:
    """What the sender's server would refuse is refused before anybody waits for it."""

    def limited(self, alice: Agent, **state: object) -> tuple[Message, EmailQueue]:
        message = asked(alice)
        queue = message.conversation.queue
        assert queue.sender is not None
        for name, value in state.items():
            setattr(queue.sender.state, name, value)
        queue.sender.state.save()
        return message, queue

    def test_more_than_the_server_takes(self, alice: Agent) -> None:
        message, _ = self.limited(alice, largest_mail=1_000_000)
        data = b"x" * 740_000
        with pytest.raises(ActionRefused, match=r"has 1\.0 MB.*support-out.*takes 1\.0 MB"):
            answer(alice, message, files=(OutFile("a.bin", "application/octet-stream", data),))
        big = NewFile(name="a.bin", type="x/y", data=data)
        with pytest.raises(ActionRefused, match=r"“a\.bin” doesn't fit"):
            actions.add_draft_file(alice.user, message.conversation, big)
        answer(alice, message, files=(OutFile("a.bin", "application/octet-stream", data[:700_000]),))

    def test_a_script_that_the_server_does_not_take(self, alice: Agent) -> None:
        message, queue = self.limited(alice, takes_utf8=False)
        to = ("jiří@příklad.example",)
        with pytest.raises(ActionRefused, match=rf"“{queue.sender}” takes no such address"):
            answer(alice, message, to=to)
        assert queue.sender is not None
        queue.sender.state.takes_utf8 = True
        queue.sender.state.save()
        message = Message.objects.get(pk=message.pk)
        sent = answer(alice, message, to=to)
        assert sent.outgoing is not None
        assert "jiří@xn--pklad-zsa96e.example".encode() in sent.outgoing.raw.as_bytes()

    def test_the_language_is_said(self) -> None:
        alice = make_agent("alice", languages={"cs": 5})
        message = asked(alice)
        message.conversation.language = "cs"
        message.conversation.save()
        assert frozen(answer(alice, message))["Content-Language"] == "cs"
