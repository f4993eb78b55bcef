"""Mail rules on mail that really comes in: what each condition sees, what each action does."""

import logging
from typing import Any

import pytest
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from agents.models import Language, Skill
from crm.models import Contact, ContactAddress, Organisation
from crm.tracking import contact_for
from mailcore.parsed import Address
from mailcore.rule_terms import What
from mailsenders.models import OutgoingMail
from mailsources import rulebook, ruling
from mailsources.deliver import deliver, deliver_many
from mailsources.fetch import ingest
from mailsources.models import EmailSource, FetchedMail
from mailsources.rule_models import MailRule, RuleBook, RuleCondition, RuleHit
from mailsources.rule_writing import BadRule
from queues import actions, customers, passed_on
from queues.history import Kind, note_event
from queues.models import Conversation, Message, Tag
from tests.make import make_agent, make_mail, make_queue, make_rule, make_source

pytestmark = pytest.mark.django_db

State = Conversation.State
LONG = "Bitte senden Sie mir die Rechnung noch einmal zu, ich habe sie leider nicht bekommen und brauche sie."
MULTIPART = (
    "--x\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--x\r\nContent-Type: application/pdf\r\n"
    'Content-Disposition: attachment; filename="bill.pdf"\r\n\r\n%PDF-1.4 0123456789\r\n--x--'
)
FILE = {"Content-Type": 'multipart/mixed; boundary="x"'}
"""Headers of a mail with `MULTIPART` as its text."""


@pytest.fixture
def source() -> EmailSource:
    return make_source(authserv_id="mx.example.com")


def come(source: EmailSource, *args: Any, **headers: str) -> Message:
    """Let a mail come in over a source."""
    message = deliver(ingest(source, make_mail(*args, **headers)).pk)
    assert message is not None
    return message


def told(message: Message) -> list[str]:
    """What the history says of rules."""
    return [each.sentence for each in message.conversation.events.filter(kind="ruled")]


CONDITIONS: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({"what": "header", "key": "X-Shop", "how": "is", "value": "prague"}, {"X_Shop": "Prague"}, ""),
    ({"what": "header", "key": "x-shop", "how": "exists"}, {"X_Shop": "1"}, ""),
    ({"what": "header", "key": "X-Shop", "how": "matches", "value": "*/eu-?"}, {"X_Shop": "a/b/eu-1"}, ""),
    (
        {"what": "sender", "how": "is", "value": "bob@a.example | dora@a.example"},
        {"From": "Dora@a.example"},
        "",
    ),
    (
        {"what": "sender_name", "how": "words", "value": "stone dora"},
        {"From": '"Dora  Stone" <d@a.example>'},
        "",
    ),
    ({"what": "sender_domain", "how": "matches", "value": "*.a.example"}, {"From": "d@eu.a.example"}, ""),
    (
        {"what": "recipient", "how": "is", "value": "bills@example.com"},
        {"Cc": "Bills <bills@example.com>"},
        "",
    ),
    ({"what": "subject", "how": "contains", "value": "INVOICE"}, {"Subject": "Your invoice 5"}, ""),
    ({"what": "subject", "how": "words", "value": "rechnung"}, {"Subject": "Meine =?utf-8?q?Rechnung?="}, ""),
    (
        {"what": "text", "how": "contains", "value": "noch einmal zu"},
        {},
        LONG.replace("einmal zu", "einmal\r\nzu"),
    ),
    ({"what": "text", "how": "matches", "value": "bitte*rechnung*brauche sie."}, {}, LONG),
    ({"what": "file_name", "how": "matches", "value": "*.PDF"}, FILE, MULTIPART),
    ({"what": "file_type", "how": "is", "value": "application/pdf"}, FILE, MULTIPART),
    ({"what": "file_count", "how": "at_least", "value": "1"}, FILE, MULTIPART),
    ({"what": "file_size", "how": "at_least", "value": "10 B"}, FILE, MULTIPART),
    ({"what": "language", "how": "is", "value": "de"}, {}, LONG),
    (
        {"what": "spf", "how": "is", "value": "fail | softfail"},
        {"Authentication_Results": "mx.example.com; spf=fail"},
        "",
    ),
    (
        {"what": "dkim", "how": "is", "value": "pass"},
        {"Authentication_Results": "mx.example.com; dkim=pass"},
        "",
    ),
    ({"what": "dmarc", "how": "exists"}, {"Authentication_Results": "mx.example.com; dmarc=none"}, ""),
    ({"what": "size", "how": "at_least", "value": "2 kB"}, {}, "word " * 500),
    (
        {"what": "kind", "how": "is", "value": "list"},
        {"List_Id": "<news.a.example>", "Precedence": "list"},
        "",
    ),
]


@pytest.mark.parametrize(("condition", "headers", "text"), CONDITIONS, ids=lambda each: str(each)[:60])
def test_a_condition_sees_what_came(
    source: EmailSource, condition: dict[str, Any], headers: dict[str, str], text: str
) -> None:
    for tag in ("de", "en"):
        Language.objects.get_or_create(tag=tag)
    make_rule(condition, {"tag": "hit"})
    make_rule({**condition, "not": True}, {"tag": "other"})
    messages = [
        come(source, *([text] if text else []), **headers),
        come(source, "Hello there.", Subject="Hi"),
    ]
    tags = [[tag.name for tag in each.conversation.tags.all()] for each in messages]
    assert tags == [["hit"], ["other"]]


def test_a_condition_sees_the_contact(source: EmailSource) -> None:
    firm = Organisation.objects.create(name="ACME")
    firm.domains.create(domain="acme.example")
    contact_for(Address("Dora", "dora@acme.example"))
    known = Contact.objects.get()
    known.fields = {"tier": "gold"}
    known.save()
    make_rule(
        {"what": "contact_field", "key": "tier", "how": "is", "value": "gold"}, {"tag": "gold"}, mode="all"
    )
    make_rule({"what": "contact", "how": "exists", "not": True}, {"tag": "new"})
    make_rule({"what": "organisation", "how": "is", "value": "acme"}, {"tag": "firm"})
    tags = [
        sorted(tag.name for tag in come(source, From=email).conversation.tags.all())
        for email in ("dora@acme.example", "new@acme.example", "charlie@other.example")
    ]
    assert tags == [["firm", "gold"], ["firm", "new"], ["new"]]


def test_every_condition_is_tried_here() -> None:
    tried = {each[0]["what"] for each in CONDITIONS}
    assert set(What) - tried == {"contact", "contact_field", "organisation", "position"}


def test_what_a_rule_does_with_a_new_conversation(source: EmailSource) -> None:
    queue = make_queue(name="Billing", acknowledgement="We have it.")
    then = {"queue": "Billing", "priority": "high", "tag": "bill", "skill": "billing 3", "language": "cs"}
    make_rule((), then | {"acknowledge": "no"}, source=source, name="Invoices")
    message = come(source)
    row = message.conversation
    assert (row.queue, row.priority, row.language, row.kind) == (queue, 2, "cs", None)
    assert [tag.name for tag in row.tags.all()] == ["bill"]
    assert list(row.skill_demands.values_list("skill__name", "level")) == [("billing", 3)]
    assert not OutgoingMail.objects.exists(), "it is not acknowledged"
    assert told(message) == [
        "The rule “Invoices” put it into Billing.",
        "The rule “Invoices” set its priority to high.",
        "The rule “Invoices” put on “bill”.",
        "The rule “Invoices” demands billing ≥ 3 for it.",
        "The rule “Invoices” says that it is written in cs.",
        "The rule “Invoices” wants no acknowledgement to be sent.",
    ]
    assert row.target == queue.first_response * queue.percent(2) // 100, "due by its new queue and priority"


def test_a_rule_holds(source: EmailSource) -> None:
    make_rule({"what": "subject", "how": "contains", "value": "prize"}, {"hold": ""}, name="Prizes")
    row = come(source, Subject="Your prize").conversation
    assert (row.state, row.due_at) == (State.HELD, None)
    sentence = "The rule “Prizes” holds it until somebody lets it go."
    assert row.events.filter(kind="held", sentence=sentence).exists()


def test_a_discarded_mail_stays_in_the_ledger(source: EmailSource) -> None:
    make_rule({"what": "subject", "how": "contains", "value": "prize"}, {"discard": ""}, name="Prizes")
    raws = [
        make_mail(Subject=subject, From=f"{n}@a.example") for n, subject in enumerate(["1", "prize", "2"])
    ]
    rows = [ingest(source, raw) for raw in raws]
    messages = deliver_many([row.pk for row in rows])
    assert [message.subject for message in messages] == ["1", "2"]
    rows[1].refresh_from_db()
    assert (rows[1].state, rows[1].message) == ("skipped", None)
    assert rows[1].reason == "The rule “Prizes” discarded it; its bytes are kept."
    assert rows[1].raw is not None
    assert rows[1].raw.as_bytes() == raws[1]
    assert RuleHit.objects.get().fetched == rows[1]
    assert not ContactAddress.objects.filter(email="1@a.example").exists()


def test_a_rule_forwards_through_the_outbox(source: EmailSource) -> None:
    source.queue = make_queue()
    source.save()
    make_rule((), {"forward": "books@outside.example boss@outside.example"}, name="Books")
    message = come(source, MULTIPART, Subject="Bill", **FILE)
    mail = OutgoingMail.objects.get()
    assert sorted(mail.recipients.values_list("email", flat=True)) == [
        "books@outside.example",
        "boss@outside.example",
    ]
    raw = mail.raw.as_bytes()
    assert b"Subject: Fwd: Bill" in raw
    assert b"bill.pdf" in raw
    assert b"Auto-Submitted:" in raw
    assert told(message) == ["The rule “Books” forwarded it to books@outside.example, boss@outside.example."]
    row = message.conversation
    row.refresh_from_db()
    assert (row.state, row.last_direction) == (State.WAITING, "in"), "the customer still waits"


FROM_A_MACHINE = {"Auto_Submitted": "auto-replied", "Subject": "Out of office"}


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"From": "books@outside.example"}, "books@outside.example wrote it."),
        (FROM_A_MACHINE, "It is a machine's answer."),
    ],
)
def test_nothing_is_forwarded_in_a_circle(source: EmailSource, headers: dict[str, str], why: str) -> None:
    make_rule((), {"forward": "books@outside.example"}, name="Books")
    message = come(source, **headers)
    assert told(message) == [f"The rule “Books” did not forward it to books@outside.example. {why}"]
    assert not OutgoingMail.objects.exists()


def test_what_was_forwarded_and_comes_back_is_not_forwarded_again(source: EmailSource) -> None:
    source.queue = make_queue()
    source.save()
    make_rule((), {"forward": "books@outside.example"}, name="Books")
    come(source)
    sent = OutgoingMail.objects.get()
    back = come(source, From="gate@outside.example", References=f"<{sent.message_id}>", Subject="Fwd: x")
    assert "perhaps what was forwarded comes back" in told(back)[0]
    assert OutgoingMail.objects.count() == 1


def test_so_many_are_forwarded_in_an_hour(source: EmailSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passed_on, "MOST_IN_AN_HOUR", 2)
    source.queue = make_queue()
    source.save()
    make_rule((), {"forward": "books@outside.example"})
    come(source)
    come(source)
    assert "were forwarded in an hour" in told(come(source))[0]
    assert OutgoingMail.objects.count() == 2


def test_our_own_addresses_are_refused_and_never_forwarded_to(source: EmailSource) -> None:
    with pytest.raises(BadRule, match="address of ours"):
        make_rule((), {"forward": source.username})
    make_rule((), {"forward": "later@outside.example"}, name="Books")
    make_source(username="later@outside.example")  # a source of ours since
    assert "is an address of ours" in told(come(source))[0]
    assert not OutgoingMail.objects.exists()


def test_old_mail_of_a_first_import_is_not_forwarded(source: EmailSource) -> None:
    make_rule((), {"forward": "books@outside.example", "tag": "old"})
    fetched = ingest(source, make_mail())
    FetchedMail.objects.update(is_history=True)
    message = deliver(fetched.pk)
    assert message is not None
    assert [tag.name for tag in message.conversation.tags.all()] == ["old"]
    assert not OutgoingMail.objects.exists()


def test_no_card_number_comes_into_a_queue_that_keeps_none_by_a_rule(source: EmailSource) -> None:
    make_queue(name="Billing", pci="mask")
    make_rule((), {"queue": "Billing"})
    message = come(source, "My card is 4111 1111 1111 1111.")
    assert message.conversation.queue.name == "Billing"
    assert "4111 1111 1111" not in message.text
    assert message.raw is not None
    assert b"4111 1111 1111" not in message.raw.as_bytes()


def test_a_rule_that_is_deleted_meanwhile_costs_no_mail(source: EmailSource) -> None:
    make_rule((), {"queue": make_queue(name="Billing").name})
    stamp = RuleBook.objects.get().stamp
    kept = rulebook.book(stamp)
    MailRule.objects.all().delete()
    RuleBook.objects.update(stamp=stamp, has_rules=True)  # as a batch has read it a moment before
    assert rulebook.book(stamp) is kept
    assert come(source).conversation.queue.name == "Billing"


class TestOrder:
    def test_source_before_all_sources_before_the_queue_it_goes_to(self, source: EmailSource) -> None:
        billing, other = make_queue(name="Billing"), make_queue(name="Other")
        make_rule((), {"tag": "queue", "priority": "urgent"}, queue=billing, name="Q")
        make_rule((), {"tag": "wrong"}, queue=source.queue)
        make_rule((), {"queue": other.name, "priority": "low"}, name="All")
        make_rule((), {"queue": "Billing"}, source=source, name="S")
        message = come(source)
        assert message.conversation.queue == billing
        assert message.conversation.priority == Conversation.Priority.LOW, "the earlier one counts"
        assert told(message) == [
            "The rule “S” put it into Billing.",
            "The rule “All” set its priority to low.",
            "The rule “Q” put on “queue”.",
        ]

    @pytest.mark.parametrize(("mode", "tags"), [("first", ["a"]), ("all", ["a", "b"])])
    def test_the_first_or_all(self, source: EmailSource, mode: str, tags: list[str]) -> None:
        make_rule({"what": "subject", "how": "is", "value": "no"}, {"tag": "never"}, mode=mode)
        make_rule((), {"tag": "a"})
        make_rule((), {"tag": "b"})
        assert sorted(tag.name for tag in come(source).conversation.tags.all()) == tags

    def test_stop_ends_all_lists(self, source: EmailSource) -> None:
        make_rule((), {"stop": ""}, source=source)
        make_rule((), {"tag": "a"})
        assert not come(source).conversation.tags.exists()

    def test_one_that_is_off_or_a_draft_does_nothing(self, source: EmailSource) -> None:
        make_rule((), {"tag": "a"}, active=False)
        message = come(source)
        assert not message.conversation.tags.exists()


class TestAnswers:
    def answer(self, source: EmailSource, to: Message) -> Message:
        return come(source, In_Reply_To=f"<{to.message_id}>", Subject="Re: it")

    def test_an_answer_stays_unless_the_rule_is_for_answers(self, source: EmailSource) -> None:
        first = come(source)
        billing = make_queue(name="Billing")
        rule = make_rule((), {"queue": "Billing", "tag": "seen", "priority": "urgent"}, name="Move")
        second = self.answer(source, first)
        assert second.conversation_id == first.conversation_id
        assert second.conversation.queue == source.queue
        assert told(second) == [
            "The rule “Move” put on “seen”.",
            "The rule “Move” set its priority to urgent.",
        ]
        assert second.conversation.priority == 1
        rule.is_for_answers = True
        rule.save()
        third = self.answer(source, first)
        row = Conversation.objects.get(pk=third.conversation_id)
        assert (row.queue, row.state) == (billing, State.WAITING)
        assert told(third)[-1] == "The rule “Move” put it into Billing."
        assert len(told(third)) == 3, "what is so already is not told again"

    def test_where_it_stands_is_a_condition(self, source: EmailSource) -> None:
        make_rule({"what": "position", "how": "is", "value": "answer"}, {"tag": "answered"})
        first = come(source)
        assert not first.conversation.tags.exists()
        assert [tag.name for tag in self.answer(source, first).conversation.tags.all()] == ["answered"]

    def test_what_a_person_chose_stays(self, source: EmailSource) -> None:
        alice = make_agent("alice", languages={"cs": 5, "de": 5}, queues=[source.queue])
        make_rule((), {"priority": "low", "language": "de"}, name="All")
        first = come(source)
        row = first.conversation
        assert (row.priority, row.language) == (4, "de")
        customers.set_language(alice.user, row, "cs")
        customers.set_contact_priority(alice.user, row, 1)
        Conversation.objects.filter(pk=row.pk).update(priority=1)
        again = self.answer(source, first)
        row = again.conversation
        assert (row.pk, row.priority, row.language) == (first.conversation_id, 1, "cs")
        assert len(told(again)) == 2, "only of the first mail"
        actions.take(alice.user, row)
        actions.close(alice.user, row)
        Contact.objects.update(priority=Contact.Priority.NONE)
        row = self.answer(source, first).conversation
        assert (row.priority, row.language) == (4, "de"), "closed since: the rules hold again"

    def test_an_answer_leaves_the_priority_of_the_contact(self, source: EmailSource) -> None:
        first = come(source)
        Contact.objects.update(priority=1)
        Conversation.objects.update(priority=1)
        make_rule((), {"priority": "low"}, name="All")
        assert self.answer(source, first).conversation.priority == 1
        Contact.objects.update(priority=Contact.Priority.NONE)
        assert self.answer(source, first).conversation.priority == 4

    def test_what_a_step_raised_is_not_lowered(self, source: EmailSource) -> None:
        make_rule((), {"priority": "normal"}, name="All")
        first = come(source)
        Conversation.objects.filter(pk=first.conversation_id).update(priority=2)
        note_event(first.conversation, Kind.ESCALATED, "Raised.", data={"act": "priority"})
        assert self.answer(source, first).conversation.priority == 2

    def test_a_discarded_answer(self, source: EmailSource) -> None:
        rule = make_rule({"what": "position", "how": "is", "value": "answer"}, {"discard": ""})
        first = come(source)
        self.answer(source, first)
        MailRule.objects.filter(pk=rule.pk).update(is_for_answers=True)
        raw = make_mail(In_Reply_To=f"<{first.message_id}>")
        assert deliver(ingest(source, raw).pk) is None
        assert first.conversation.messages.count() == 2

    def test_an_assigned_conversation_gets_what_it_demands(self, source: EmailSource) -> None:
        agent = make_agent(queues=[source.queue])
        first = come(source)
        actions.take(agent.user, first.conversation)
        make_rule((), {"skill": "billing 4", "language": "cs", "hold": ""})
        row = self.answer(source, first).conversation
        assert (row.state, row.agent, row.language) == (State.ASSIGNED, agent, "cs")
        assert list(row.skill_demands.values_list("level", flat=True)) == [4]

    def test_an_answer_goes_through_the_rules_of_its_conversations_queue(self, source: EmailSource) -> None:
        first = come(source)
        elsewhere = make_source()
        make_rule((), {"tag": "here"}, queue=source.queue)
        make_rule((), {"tag": "there"}, queue=elsewhere.queue)
        second = self.answer(elsewhere, first)
        assert [tag.name for tag in second.conversation.tags.all()] == ["here"]


class TestFaults:
    def test_a_fault_delivers_by_the_defaults(
        self, source: EmailSource, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_rule((), {"discard": ""})

        def broken(*args: object, **named: object) -> object:
            raise RuntimeError("a fault of ours")

        monkeypatch.setattr(ruling, "decide", broken)
        with caplog.at_level(logging.CRITICAL):
            message = come(source)
        assert ruling.BROKEN in message.defects
        assert message.conversation.queue == source.queue

    def test_a_rule_that_cant_be_read_is_left_out(self, source: EmailSource) -> None:
        bad = make_rule((), {"tag": "bad"}, name="Bad", mode="all")
        RuleCondition.objects.create(rule=bad, what="moon", how="is", value="full")
        make_rule((), {"tag": "good"})
        message = come(source)
        assert [tag.name for tag in message.conversation.tags.all()] == ["good"]
        assert any("“Bad” can't be read and is left out" in each for each in message.defects)

    def test_what_a_rule_names_cant_be_deleted(self, source: EmailSource) -> None:
        make_rule((), {"queue": make_queue(name="Billing").name, "skill": "billing 2", "tag": "bill"})
        for row in (
            Tag.objects.get(),
            Skill.objects.get(),
            make_queue().__class__.objects.get(name="Billing"),
        ):
            with pytest.raises(ProtectedError):
                row.delete()

    def test_the_same_mail_over_a_second_mailbox_is_ruled_once(self, source: EmailSource) -> None:
        source.queue = make_queue()
        source.save()
        twin = make_source(queue=source.queue)
        make_rule((), {"forward": "books@outside.example"})
        raw = make_mail()
        first, second = deliver(ingest(source, raw).pk), deliver(ingest(twin, raw).pk)
        assert first is not None
        assert second is not None
        assert first.conversation_id == second.conversation_id
        assert OutgoingMail.objects.count() == 1


class TestReadOnce:
    def test_without_rules_nothing_is_asked(self, source: EmailSource) -> None:
        come(source)
        before = self.asked(source)
        assert not any("rulelist" in each or "mailrule" in each for each in before)
        books = [each for each in before if "rulebook" in each]
        assert len(books) == 1
        assert 'FROM "mailsources_emailsource"' in books[0], "the stamp comes along with the sources"

    def test_many_mails_read_the_rules_once(self, source: EmailSource) -> None:
        for number in range(5):
            make_rule({"what": "subject", "how": "is", "value": f"{number}"}, {"tag": f"t{number}"})
        rulebook._kept.clear()
        statements = self.asked(source)
        assert sum("mailsources_rulelist" in each for each in statements) == 1
        assert not any('"mailsources_rulelist"' in each for each in self.asked(source)), "kept by its stamp"

    def asked(self, source: EmailSource) -> list[str]:
        rows = [ingest(source, make_mail(Subject=str(n))) for n in range(5)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(deliver_many([row.pk for row in rows])) == 5
        return [each["sql"] for each in queries.captured_queries]

    def test_a_change_holds_for_the_next_mail(self, source: EmailSource) -> None:
        rule = make_rule((), {"tag": "a"})
        assert come(source).conversation.tags.exists()
        MailRule.objects.filter(pk=rule.pk).update(is_active=False)
        assert not come(source).conversation.tags.exists()
        assert rulebook.now() is rulebook.EMPTY
