"""Texts to insert: who sees which, in which order, and what stands in their places."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from agents.models import Agent, Language
from queues import snippets
from queues.models import Conversation, EmailQueue, Snippet, SnippetUse
from queues.refusals import ActionRefused
from queues.snippets import check_filled, filled, open_places
from tests.make import make_agent, make_mail, make_queue, make_sender, make_snippet, receive

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice", languages={"cs": 5, "en": 5})


@pytest.fixture
def orders(alice: Agent) -> EmailQueue:
    return make_queue([alice], name="Orders", sender=make_sender())


@pytest.fixture
def row(orders: EmailQueue) -> Conversation:
    row = receive(orders, make_mail("Kde je můj balík?", Subject="Balík")).conversation
    Conversation.objects.filter(pk=row.pk).update(language="cs")
    row.refresh_from_db()
    return row


def names(alice: Agent, row: Conversation | None) -> list[str]:
    return [each.name for each in snippets.listed(alice.user, row)]


def test_who_sees_which(alice: Agent, row: Conversation, orders: EmailQueue) -> None:
    bob = make_agent("bob")
    make_snippet("Everywhere")
    make_snippet("Here", queues=[orders])
    make_snippet("Elsewhere", queues=[make_queue(name="Billing")])
    make_snippet("Mine", owner=alice)
    make_snippet("Bob's", owner=bob)
    assert sorted(names(alice, row)) == ["Everywhere", "Here", "Mine"]
    assert sorted(names(alice, None)) == ["Everywhere", "Mine"]
    hidden = Snippet.objects.get(name="Bob's")
    with pytest.raises(ActionRefused, match="not here any more"):
        snippets.insert(alice.user, row, hidden.pk)
    snippets.delete_own(alice.user, hidden.pk)
    assert Snippet.objects.filter(pk=hidden.pk).exists()


def test_the_customers_language_first_and_then_the_newest_used(alice: Agent, row: Conversation) -> None:
    for name, language in (("A", "en"), ("B", None), ("C", "cs"), ("D", "cs")):
        make_snippet(name, language=language)
    assert names(alice, row) == ["C", "D", "B", "A"]
    snippets.insert(alice.user, row, Snippet.objects.get(name="D").pk)
    snippets.insert(alice.user, row, Snippet.objects.get(name="D").pk)
    assert names(alice, row) == ["D", "C", "B", "A"]
    use = SnippetUse.objects.get()
    assert (use.times, use.agent) == (2, alice)
    assert timezone.now() - use.used_at < timedelta(minutes=1)


def test_places_are_filled_in_and_nothing_else_is_read(alice: Agent, row: Conversation) -> None:
    row.contact.name = "<b>{{ agent.email }}</b> & Sons"
    row.contact.save()
    html = "<p>Dear {{ contact.name }}, #{{conversation.number}}: {{ ?order number }} {{ queue.address }}</p>"
    done = snippets.insert(alice.user, row, make_snippet("S", html).pk)
    assert done.text == (
        "Dear <b>{{ agent.email }}</b> & Sons, "
        f"#{row.number}: {{{{ ?order number }}}} support@example.com"
    )
    assert "<b>" not in done.html


def test_what_is_missing_is_seen_and_hinders(alice: Agent, row: Conversation) -> None:
    row.contact.name = ""
    row.contact.save()
    done = snippets.insert(alice.user, row, make_snippet("S", "<p>Dear {{ contact.name }}</p>").pk)
    assert open_places(done.text) == ["{{ contact.name }}"]
    with pytest.raises(ActionRefused, match="before it leaves"):
        check_filled(done.text)
    check_filled("In your template write {{ user.name }}.")  # none of ours
    first = snippets.insert(
        alice.user, None, make_snippet("T", "<p>{{ agent.name }} {{ queue.name }}</p>").pk
    )
    assert first.text == "Alice {{ queue.name }}"


def test_filling_in_keeps_lines() -> None:
    assert filled("<p>{{ agent.signature }}</p>", {"agent.signature": "A\nB"}).html == "<p>A<br>B</p>"


def test_a_name_does_not_leave_the_link_that_it_stands_in() -> None:
    """Customers choose their names."""
    link = '<a href="https://example.com/{{ contact.name }}">x</a>'
    html = filled(link, {"contact.name": 'a"><img src="b'}).html
    assert html == '<a href="https://example.com/a&quot;&gt;&lt;img src=&quot;b">x</a>'


def test_an_own_snippet_is_kept_once(alice: Agent) -> None:
    Language.objects.get_or_create(tag="cs")
    snippets.save_own(alice.user, " Two  words ", "<p>one<script>x</script></p>")
    snippets.save_own(alice.user, "Two words", "<p>two</p>", "cs")
    snippets.save_own(alice.user, "Two words", "<p>three</p>")
    assert sorted(Snippet.objects.values_list("name", "html", "language", "owner")) == sorted(
        [("Two words", "<p>three</p>", None, alice.pk), ("Two words", "<p>two</p>", "cs", alice.pk)]
    )
    for name, html in (
        ("", "<p>x</p>"),
        ("x", "<p></p>"),
        ("x" * 101, "<p>x</p>"),
        ("x", "{{ nothing.known }}"),
    ):
        with pytest.raises(ActionRefused):
            snippets.save_own(alice.user, name, html)


def test_unknown_places_are_refused_when_it_is_written() -> None:
    with pytest.raises(ValidationError, match="is not known"):
        Snippet(name="x", html="<p>{{ customer }}</p>").full_clean()
    Snippet(name="x", html="<p>{{ contact.name }} {{ ?number of the parcel }}</p>").full_clean()
