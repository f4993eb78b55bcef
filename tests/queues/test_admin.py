"""The administration's pages of queues, agents and contacts."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings

from agents.models import Agent, Language, Skill
from queues import actions
from queues.models import EmailQueue
from tests.make import make_agent, make_conversation, make_queue, make_sender, make_source, receive

pytestmark = pytest.mark.django_db

QUEUES = "/admin/queues/emailqueue/"
AGENTS = "/admin/agents/agent/"
LANGUAGES = "language_levels"


def words(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.headers
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def inline(name: str, *rows: dict[str, str]) -> dict[str, str]:
    """The hidden and visible fields of an inline form with these new rows."""
    fields = {f"{name}-TOTAL_FORMS": str(len(rows)), f"{name}-INITIAL_FORMS": "0"}
    return fields | {f"{name}-{n}-{key}": value for n, row in enumerate(rows) for key, value in row.items()}


class TestQueues:
    """☰ Messaging → Email queues."""

    def form(self, **overrides: str) -> dict[str, str]:
        usual = {
            "name": "Support",
            "sender": str(make_sender().pk),
            "members": str(make_agent("alice").pk),
            "mode": "push",
            "wait_rule": "uncovered",
            "accept_seconds": "60",
            "weight": "1",
            "own_share": "0.4",
            "exponent": "3",
            "late_halving": "1",
            "steps": "[]",
            "language_level": "3",
            "first_response": "60",
            "next_response": "120",
            "urgent_percent": "25",
            "high_percent": "50",
            "low_percent": "200",
            "hours": "Mo-Fr 08:00-18:00",
            "reply_to_closed": "new",
            "changed_subject": "join",
            "acknowledgement_limit": "100",
            "from_name": "both",
            "quoted": "thread",
            "pci": "flag",
            "kept_then": "anonymise",
            "signature": "{{ agent.name }}",
        }
        billing = Skill.objects.create(name="billing")
        czech = Language.objects.create(tag="cs")
        inlines = inline("skill_demands", {"skill": str(billing.pk), "level": "4"})
        inlines |= inline("escalation", {"amount": "80", "when": "used", "act": "supervisor"})
        inlines |= inline("acknowledgement_texts", {"language": czech.pk, "text": "Máme to."})
        return usual | inlines | overrides

    def test_insert(self, admin_client: Client) -> None:
        page = words(admin_client, f"{QUEUES}add/")
        assert "Insert" in page
        response = admin_client.post(f"{QUEUES}add/", self.form(), follow=True)
        assert (
            "Support was inserted. Now add an email source that delivers to it." in response.content.decode()
        )
        queue = EmailQueue.objects.get()
        assert queue.acknowledgement_texts.get().text == "Máme to."
        assert (queue.mode, queue.first_response, queue.reply_to_closed) == ("push", 60, "new")
        assert [str(member) for member in queue.members.all()] == ["Alice"]
        assert [(row.skill.name, row.level) for row in queue.skill_demands.all()] == [("billing", 4)]

    def test_a_queue_is_renamed_and_keeps_what_is_its(self, admin_client: Client) -> None:
        queue = make_queue([make_agent("bob")], name="Support")
        source, row = make_source(queue=queue), make_conversation(queue)
        admin_client.post(f"{QUEUES}{queue.pk}/change/", self.form(name="Help desk"))
        renamed = EmailQueue.objects.get()
        assert renamed.name == "Help desk"
        for each in (source, row):
            each.refresh_from_db()
            assert each.queue == queue
        assert receive(renamed).conversation.queue == queue

    def test_a_signature_with_an_unknown_place_is_refused_in_words(self, admin_client: Client) -> None:
        form = self.form(signature="{{ agent.password }}")
        page = admin_client.post(f"{QUEUES}add/", form, follow=True).content.decode()
        assert "“{{ agent.password }}” is not known" in page
        assert not EmailQueue.objects.exists()

    def test_hours_that_cannot_be_read_are_refused_in_words(self, admin_client: Client) -> None:
        response = admin_client.post(f"{QUEUES}add/", self.form(hours="Mo-Fr 8-18"))
        assert "“8-18” in the opening hours is not a time such as 08:00-17:30." in response.content.decode()
        assert not EmailQueue.objects.exists()

    def test_the_list_shows_load_and_health(self, admin_client: Client) -> None:
        alice = make_agent("alice", capacity=5)
        queue = make_queue([alice], name="Support")
        make_conversation(queue, at=timezone.now() - timedelta(hours=5))
        actions.take(alice.user, make_conversation(queue))
        make_queue(name="Orphan", sender=None)
        page = words(admin_client, QUEUES)
        assert "+ add email queue" in page
        assert "5 h ago" in page
        assert "It has no email sender, so answers can&#x27;t leave. It has no members." in page

    def test_the_list_takes_as_many_queries_for_many_queues(self, admin_client: Client) -> None:
        def look() -> int:
            with CaptureQueriesContext(connection) as captured:
                words(admin_client, QUEUES)
            return len(captured)

        make_queue([make_agent("alice")])
        look()
        few = look()
        for number in range(4):
            make_conversation(make_queue([make_agent(f"agent{number}")]))
        assert look() == few

    def test_a_queue_in_use_is_not_deleted(self, admin_client: Client) -> None:
        row = make_conversation()
        response = admin_client.get(f"{QUEUES}{row.queue_id}/delete/")
        assert "has 1 conversations: move them to another queue first." in response.content.decode()

    def test_conversations_are_listed_for_reading(self, admin_client: Client) -> None:
        row = make_conversation()
        assert f"#{row.number}" in words(admin_client, "/admin/queues/conversation/")
        assert admin_client.get("/admin/queues/conversation/add/").status_code == 403


class TestAgents:
    """☰ Messaging → Agents: the person and the profile in one form."""

    def form(self, **overrides: str) -> dict[str, str]:
        usual = {
            "username": "alice",
            "first_name": "Alice",
            "email": "alice@example.com",
            "password": "correct horse battery",
            "role": "agent",
            "capacity": "1",
            "writes": "rich",
            "is_active": "on",
        }
        Language.objects.get_or_create(tag="cs")
        spoken = inline(LANGUAGES, {"language": "cs", "level": "5"})
        return usual | inline("skill_levels") | inline("absences") | spoken | overrides

    def test_insert_makes_the_user_too(self, admin_client: Client) -> None:
        admin_client.post(f"{AGENTS}add/", self.form())
        agent = Agent.objects.get()
        assert agent.user.check_password("correct horse battery")
        assert (agent.user.email, agent.user.is_staff) == ("alice@example.com", False)
        assert [(row.language_id, row.level) for row in agent.language_levels.all()] == [("cs", 5)]
        assert "Alice" in words(admin_client, AGENTS)

    def test_the_password_is_kept_when_left_empty_and_never_shown(self, admin_client: Client) -> None:
        agent = make_agent("alice", languages={"cs": 5})
        before = agent.user.password
        address = f"{AGENTS}{agent.pk}/change/"
        assert before not in admin_client.get(address).content.decode()
        level = agent.language_levels.get()
        kept = {
            f"{LANGUAGES}-INITIAL_FORMS": "1",
            f"{LANGUAGES}-0-id": str(level.pk),
            f"{LANGUAGES}-0-agent": str(agent.pk),
        }
        admin_client.post(address, self.form(password="", last_name="Brown", role="administrator", **kept))
        user = User.objects.get(username="alice")
        assert (user.password, user.last_name, user.is_superuser) == (before, "Brown", True)

    @pytest.mark.parametrize(
        ("overrides", "sentence"),
        [
            ({"password": ""}, "A new agent needs a password"),
            ({"password": "alice"}, "too similar to the username"),
            ({"username": "dora"}, "The username “dora” is taken"),
            ({"username": "admin"}, "“admin” is the only administrator"),
        ],
    )
    def test_refused(
        self, admin_client: Client, settings: Settings, overrides: dict[str, str], sentence: str
    ) -> None:
        similar = "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"
        settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": similar}]
        make_agent("dora")
        response = admin_client.post(f"{AGENTS}add/", self.form(**overrides))
        assert sentence in response.content.decode()
        assert Agent.objects.count() == 1

    @pytest.mark.parametrize("page", ["agents/skill", "agents/language", "crm/organisation"])
    def test_small_lists(self, admin_client: Client, page: str) -> None:
        make_queue([make_agent("alice", skills={"billing": 3}, languages={"cs": 4})], skills={"billing": 2})
        assert words(admin_client, f"/admin/{page}/")
        assert words(admin_client, f"/admin/{page}/add/")


class TestContacts:
    """☰ Messaging → Contacts."""

    def test_the_page_tells_all_mail(self, admin_client: Client) -> None:
        row = make_conversation()
        assert "charlie@customer.example" in words(admin_client, "/admin/crm/contact/")
        page = words(admin_client, f"/admin/crm/contact/{row.contact_id}/change/")
        assert f"#{row.number}" in page
        assert "Where is my parcel?" in page
