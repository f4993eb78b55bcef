"""The language of a customer: seen, learned, corrected; and how urgent their mail is."""

import pytest
from django.test import Client

from agents.models import Language
from crm.models import Contact
from queues import customers, kinds
from queues.history import Kind
from queues.models import Conversation, EmailQueue
from queues.refusals import ActionRefused
from tests.make import make_agent, make_conversation, make_mail, make_queue, receive

pytestmark = pytest.mark.django_db

ENGLISH = "Good morning, I ordered two lamps last week and only one of them has arrived. Where is the other?"
CZECH = "Dobrý den, minulý týden jsem si objednal dvě lampy a přišla jen jedna. Kde je ta druhá, prosím?"


@pytest.fixture
def queue() -> EmailQueue:
    for tag in ("cs", "en"):
        Language.objects.create(tag=tag)
    return make_queue()


def wrote(queue: EmailQueue, text: str) -> Conversation:
    return receive(queue, make_mail(text=text, Subject="#")).conversation


def fresh(row: Conversation) -> Conversation:
    return Conversation.objects.select_related("contact", "queue").get(pk=row.pk)


class TestLanguage:
    def test_a_correction_gives_another_kind_and_teaches_the_contact(self, queue: EmailQueue) -> None:
        alice = make_agent(queues=[queue])
        row = wrote(queue, ENGLISH)
        kinds.refresh()
        before = fresh(row)
        assert (before.language, before.kind is None) == ("en", False)
        customers.set_language(alice.user, row, "cs")
        kinds.fill()
        after = fresh(row)
        assert (after.language, after.language_confidence) == ("cs", 1.0)
        assert after.kind_id != before.kind_id
        assert "written in cs, not en" in after.events.get(kind=Kind.LANGUAGE).sentence
        short = wrote(queue, "Ok.")
        assert short.language == "cs"

    def test_what_was_set_by_hand_is_not_learned_away(self, queue: EmailQueue) -> None:
        alice = make_agent(queues=[queue])
        row = wrote(queue, ENGLISH)
        customers.set_language(alice.user, row, "cs")
        later = wrote(queue, ENGLISH)
        assert later.language == "en"  # this mail is surely English
        assert Contact.objects.get(pk=row.contact_id).language == "cs"

    def test_a_contact_learns_from_sure_mails(self, queue: EmailQueue) -> None:
        row = wrote(queue, CZECH)
        assert Contact.objects.get(pk=row.contact_id).language == "cs"
        assert wrote(queue, "Hm?").language == "cs"

    def test_what_is_no_language_or_a_colleagues_is_refused(self, queue: EmailQueue) -> None:
        alice, bob = make_agent(queues=[queue]), make_agent("bob", queues=[queue])
        row = make_conversation(queue)
        with pytest.raises(ActionRefused, match="no language “xx”"):
            customers.set_language(alice.user, row, "xx")
        Conversation.objects.filter(pk=row.pk).update(state="assigned", agent=bob)
        with pytest.raises(ActionRefused, match="is with Bob"):
            customers.set_language(alice.user, row, "cs")


class TestPriority:
    def test_it_is_of_new_conversations(self, queue: EmailQueue) -> None:
        alice = make_agent(queues=[queue])
        row = make_conversation(queue)
        customers.set_contact_priority(alice.user, row, Contact.Priority.URGENT)
        assert fresh(row).priority == Conversation.Priority.NORMAL
        assert make_conversation(queue).priority == Conversation.Priority.URGENT
        assert "priority of new conversations" in fresh(row).events.get(kind=Kind.CONTACT_PRIORITY).sentence

    def test_the_side_panel_changes_both(self, queue: EmailQueue) -> None:
        make_agent(queues=[queue])
        row = make_conversation(queue)
        client = Client()
        assert client.login(username="alice", password="alice")
        page = client.get(f"/conversations/{row.pk}/").content.decode()
        assert 'id="side-language"' in page
        assert "it is late" in page
        assert client.post(f"/conversations/{row.pk}/language", {"language": "cs"}).status_code == 200
        assert client.post(f"/conversations/{row.pk}/contact-priority", {"priority": "2"}).status_code == 200
        assert client.post(f"/conversations/{row.pk}/contact-priority", {"priority": "9"}).status_code == 409
        row = fresh(row)
        assert (row.language, row.contact.priority) == ("cs", Contact.Priority.HIGH)
