"""The mail trace: one search, each step of one mail in order, and only for who directs its queue."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent
from mailcore.parsed import Failure, Reason
from mailcore.reasons import advice
from mailsenders import outbox, returned
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailsources import deliver, fetch, tracing
from mailsources.models import EmailSource, FetchedMail
from mailsources.trace_steps import Step, in_order
from mailsources.tracing import Asker, find
from queues import actions
from queues.letters import Reply
from queues.models import EmailQueue
from reports.views.trace import length
from sso import communication
from sso.communication import Entry, Kind, Whose
from sso.hearing import Hearing
from tests.make import (
    make_administrator,
    make_agent,
    make_mail,
    make_outgoing,
    make_queue,
    make_source,
    make_supervisor,
    receive,
)

pytestmark = pytest.mark.django_db

MAIL = (
    b"From: Dana Customer <dana@customer.example>\r\nTo: orders@company.example\r\n"
    b"Subject: Parcel %s is late\r\nMessage-ID: <%s@customer.example>\r\n\r\nWhere is it?\r\n"
)


def signed_in(username: str) -> Client:
    client = Client()
    assert client.login(username=username, password=username)
    return client


@pytest.fixture
def alice() -> Agent:
    """Works in Orders, which bob supervises; eve supervises Billing."""
    alice = make_agent("alice", capacity=9)
    make_queue([alice, make_supervisor("bob")], name="Orders")
    make_queue([make_supervisor("eve")], name="Billing")
    return alice


def came(name: bytes = b"x17", queue: str = "Orders") -> FetchedMail:
    """A mail that was fetched and delivered."""
    source = EmailSource.objects.filter(queue__name=queue).first() or make_source(
        queue=EmailQueue.objects.get(name=queue), name=f"box of {queue}"
    )
    at = timezone.now() - timedelta(minutes=3)
    fetched = fetch.ingest(source, MAIL % (name, name), at)
    FetchedMail.objects.filter(pk=fetched.pk).update(uid=4710 + fetched.pk, folder="INBOX", uidvalidity=1)
    deliver.deliver(fetched.pk)
    return FetchedMail.objects.get(pk=fetched.pk)


def answered(alice: Agent, fetched: FetchedMail) -> OutgoingMail:
    """Our answer, which the server refused for now, took then, and which came back."""
    assert fetched.message is not None
    conversation = fetched.message.conversation
    actions.take(alice.user, conversation)
    actions.reply(alice.user, conversation, Reply(text="It is on its way.", token="one"))
    mail = OutgoingMail.objects.get()
    for state, answer, sentence in (
        (outbox.RecipientState.RETRY, "450 4.2.1 Busy just now", "The mailbox is busy."),
        (outbox.RecipientState.ACCEPTED, "250 2.0.0 Queued as 77", ""),
    ):
        OutgoingMail.objects.filter(pk=mail.pk).update(not_before=timezone.now())
        claim = outbox.claim(mail.sender_id, timezone.now())
        assert claim is not None
        assert outbox.start_data(claim)
        outcome = outbox.Outcome(dict.fromkeys(claim.recipients, (state, answer)), answer, sentence)
        assert outbox.finish(claim, outcome)
    failure = Failure("dana@customer.example", answer="550 5.1.1 Nobody here by that name")
    returned.bounced(mail, [failure], timezone.now())
    heard = Hearing("SMTP", "smtp.company.example:587")
    whose = Whose(type(mail.sender), mail.sender_id)
    communication.write([Entry(Kind.SENDING, heard, whose, "1 mail was taken.", mails=[mail.pk])])
    return mail


def steps_of(page: str) -> list[str]:
    """The words of the steps, in order."""
    found = re.findall(r'<span class="trace-words">(.*?)</span>\s*</li>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in found]


def test_every_step_from_the_server_s_uid_to_the_report(alice: Agent) -> None:
    fetched = came()
    heard = Hearing("IMAP", "imap.company.example:993", began_at=fetched.fetched_at - timedelta(seconds=2))
    communication.write([Entry(Kind.POLL, heard, Whose(EmailSource, fetched.source_id), mails=[fetched.pk])])
    mail = answered(alice, fetched)
    make_administrator()
    page = signed_in("root").get(reverse("trace"), {"q": "<x17@customer.example>"}, follow=True)
    told = steps_of(page.content.decode())
    number = fetched.message.conversation.number if fetched.message else 0
    wanted = [
        f"has it in the folder INBOX as UID {fetched.uid}",
        "A connection with imap.company.example:993 began",
        "Fetched for box of Orders and stored",
        "Parsed and put into the queue Orders, at attempt 1",
        f"It began the conversation #{number}",
        "took it",
        "Answer was written by Alice",
        "Sending it failed. The mailbox is busy. 450 4.2.1 Busy just now",
        "Answer was taken by",
        "It came back from dana@customer.example",
    ]
    places = [next((n for n, one in enumerate(told) if words in one), None) for words in wanted]
    assert None not in places, (told, places)
    assert places == sorted(place for place in places if place is not None), told
    assert "250 2.0.0 Queued as 77" in " ".join(told)
    assert "550 5.1.1 Nobody here" in " ".join(told)
    text = page.content.decode()
    assert reverse("conversation", args=[fetched.message.conversation_id if fetched.message else 0]) in text
    assert reverse("trace-out", args=[mail.pk]) in text
    assert "/admin/sso/connectionlog/" in text
    assert "+3 min" in text or "+2 min" in text  # from the server's clock to ours


def test_the_steps_are_told_in_the_language_of_the_reader(alice: Agent) -> None:
    fetched = came()
    actions.take_next(alice.user)
    answered(alice, fetched)
    OutgoingRecipient.objects.update(answer=f"550 5.1.1 Nobody – {advice(Reason.NO_SUCH_USER)}")
    bob = signed_in("bob")
    bob.post("/language", {"language": "de"})
    told = " ".join(steps_of(bob.get(reverse("trace-in", args=[fetched.pk])).content.decode()))
    assert "Alice hat sie bekommen" in told
    assert "550 5.1.1 Nobody – die Adresse gibt es nicht, ein neuer Versuch ist also zwecklos" in told


def test_a_mail_of_ours_is_traced_by_itself(alice: Agent) -> None:
    fetched = came()
    mail = answered(alice, fetched)
    client = signed_in("bob")
    page = client.get(reverse("trace"), {"q": mail.message_id}, follow=True)
    assert page.redirect_chain[-1][0] == reverse("trace-out", args=[mail.pk])
    told = steps_of(page.content.decode())
    assert "The mail came that it answers: Parcel x17 is late" in told[0]
    assert any("was taken by" in one for one in told)
    assert "/admin/" not in page.content.decode().split('id="trace-title"')[1].split("</section>")[0]
    both = client.get(reverse("trace"), {"q": "dana@customer.example"}).content.decode()
    assert reverse("trace-in", args=[fetched.pk]) in both
    assert reverse("trace-out", args=[mail.pk]) in both
    words = client.get(reverse("trace"), {"q": "parcel x17"}).content.decode()
    assert reverse("trace-in", args=[fetched.pk]) in words


def test_skipped_and_parked_mails_say_why(alice: Agent) -> None:
    skipped, parked = came(b"s1"), came(b"p1")
    for row, state, reason in (
        (skipped, "skipped", "It is a copy."),
        (parked, "failed", "The parser broke."),
    ):
        FetchedMail.objects.filter(pk=row.pk).update(state=state, reason=reason, message=None, attempts=3)
    client = signed_in("bob")
    assert "Not imported" in client.get(reverse("trace"), {"q": "dana@customer.example"}).content.decode()
    page = client.get(reverse("trace-in", args=[skipped.pk])).content.decode()
    assert "It was not imported. It is a copy." in steps_of(page)
    page = client.get(reverse("trace-in", args=[parked.pk])).content.decode()
    assert "It is parked after 3 attempts. The parser broke." in steps_of(page)


def test_only_who_directs_the_queue_finds_it(alice: Agent) -> None:
    fetched = came()
    mail = answered(alice, fetched)
    parked = came(b"p2")
    FetchedMail.objects.filter(pk=parked.pk).update(state="failed", message=None)
    test_mail = make_outgoing()
    urls = [reverse("trace-in", args=[fetched.pk]), reverse("trace-in", args=[parked.pk])]
    urls.append(reverse("trace-out", args=[mail.pk]))
    bob, eve = signed_in("bob"), signed_in("eve")
    assert [bob.get(url).status_code for url in urls] == [200, 200, 200]
    assert [eve.get(url).status_code for url in urls] == [404, 404, 404]
    assert signed_in("alice").get(reverse("trace")).status_code == 404
    assert bob.get(reverse("trace-out", args=[test_mail.pk])).status_code == 404
    for asked in ("<x17@customer.example>", "dana@customer.example", "parcel", mail.message_id):
        assert "No mail found" in eve.get(reverse("trace"), {"q": asked}).content.decode(), asked
    # Moved to Billing, it is eve's to look at, and no longer bob's.
    assert fetched.message is not None
    fetched.message.conversation.queue = EmailQueue.objects.get(name="Billing")
    fetched.message.conversation.save(update_fields=["queue"])
    assert eve.get(urls[0]).status_code == 200
    assert bob.get(urls[0]).status_code == 404


def test_other_conversations_are_named_by_right_alone(alice: Agent) -> None:
    fetched = came()
    assert fetched.message is not None
    dora = make_agent("dora", queues=list(EmailQueue.objects.all()))
    theirs = receive(EmailQueue.objects.get(name="Billing"), make_mail("Hm.", Subject="Dismissal of Charlie"))
    actions.merge(dora.user, theirs.conversation, fetched.message.conversation)
    url = reverse("trace-in", args=[fetched.pk])
    page = signed_in("bob").get(url).content.decode()
    assert "merged a conversation of another queue into it" in page
    assert "Dismissal" not in page
    make_administrator()
    assert "Dismissal of Charlie" in signed_in("root").get(url).content.decode()


def test_a_search_asks_a_constant_number_of_queries(alice: Agent) -> None:
    user = make_administrator()

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            found = find(Asker.of(user), "dana@customer.example")
            [(str(one.source) if isinstance(one, FetchedMail) else one.sender.name) for one in found]
        return len(queries)

    came(b"q1")
    asked()  # content types and the like are remembered
    first = asked()
    for number in range(4):
        came(b"r%d" % number)
    assert asked() == first


def test_steps_are_told_in_order_with_their_distance() -> None:
    now = timezone.now()
    steps = [Step(None, "later"), Step(now, "second"), Step(now - timedelta(seconds=90), "first")]
    told = in_order(steps)
    assert [(step.words, step.after) for step in told] == [("first", None), ("second", 90.0), ("later", None)]
    spans = [length(seconds) for seconds in (0.24, 12.4, 185, 7800, 300_000)]
    assert spans == ["0.2 s", "12 s", "3 min 5 s", "2 h 10 min", "3 days"]


def test_odd_questions_do_no_harm(alice: Agent) -> None:
    client = signed_in("bob")
    for asked in ("", "   ", "<>", "'; --", "a" * 3000, "\x00", "(", "from:", '"', "-x", "%", "@"):
        assert client.get(reverse("trace"), {"q": asked}).status_code == 200, asked


def test_many_hits_of_others_hide_nothing_and_tell_nothing(
    alice: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "MOST", 1)
    eve = Asker.of(Agent.objects.get(user__username="eve").user)
    bob = Asker.of(Agent.objects.get(user__username="bob").user)
    mine = answered(alice, came())
    for number in range(5):
        make_outgoing(mine.sender, recipients=("dana@customer.example",), message_id=f"n{number}@example.com")
    assert mine in list(tracing._outgoing(bob, "dana@customer.example"))
    hers = came(b"x17@customer.example", queue="Billing")
    assert find(eve, "x17@customer.example") == [hers], "by its words, as if there were no such Message-ID"
