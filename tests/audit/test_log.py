"""What is done stands in the log, and nobody changes it there."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from agents.models import Skill
from audit import actors
from audit.actors import Actor
from audit.acts import Act
from audit.log import Subject, record
from audit.models import AuditRow
from mailsenders.models import EmailSender
from tests.make import make_agent, make_queue, make_sender

pytestmark = pytest.mark.django_db


def typed(client: Client, url: str) -> dict[str, Any]:
    """What a page's form would send as it stands."""
    form = client.get(url).context["adminform"].form
    values = {bound.name: bound.value() for bound in form}
    return {name: value for name, value in values.items() if value not in (None, False)}


def test_a_row_says_who_did_what_to_what() -> None:
    alice = User.objects.create_user("alice")
    queue = make_queue(name="Support")
    record(alice, Act.MOVED, queue, changes=[("queue", "Sales", "Support")], reason="They asked.")
    row = AuditRow.objects.get()
    assert (row.actor_kind, row.actor_id, row.actor_name) == ("user", alice.pk, "alice")
    assert (row.act, row.kind, row.object_id, row.object_name) == (
        "moved", "queues.emailqueue", str(queue.pk), "Support",
    )  # fmt: skip
    assert (row.changes, row.reason) == ([["queue", "Sales", "Support"]], "They asked.")
    assert row.digest == row.computed_digest()


def test_who_acts_is_known_without_being_told() -> None:
    record(None, Act.DID, Subject("settings"))
    with actors.acting(Actor.command("apply")):
        record(None, Act.DID, Subject("settings"))
    first, second = AuditRow.objects.order_by("pk")
    assert (first.actor_kind, second.actor_kind) == ("system", "command")
    assert second.actor_name.startswith("manage.py apply (")


@pytest.mark.parametrize("change", ["delete", "update"])
def test_the_database_refuses_to_change_a_row(change: str) -> None:
    record(None, Act.DID, Subject("settings"))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditRow.objects.update(note="nothing") if change == "update" else AuditRow.objects.all().delete()
    assert AuditRow.objects.get().note == ""


def test_a_form_of_the_administration_is_told_field_by_field(admin_client: Client) -> None:
    sender = make_sender(name="out", username="out", password="first-secret", display_name="Old")
    url = reverse("admin:mailsenders_emailsender_change", args=[sender.pk])
    form = typed(admin_client, url) | {"display_name": "New", "password": "second-secret"}
    answer = admin_client.post(url, form, headers={"user-agent": "Browser 1"})
    assert answer.status_code == 302, answer.context["errors"]
    row = AuditRow.objects.get(act="changed")
    assert (row.actor_name, row.ip, row.browser) == ("admin", "127.0.0.1", "Browser 1")
    assert ["display_name", "Old", "New"] in row.changes
    assert ["password", "", "changed"] in row.changes
    assert "secret" not in f"{row.changes}{row.note}"

    admin_client.post(url, form)  # nothing differs: no row
    assert AuditRow.objects.filter(act="changed").count() == 1
    history = admin_client.get(reverse("admin:mailsenders_emailsender_history", args=[sender.pk]))
    assert "kind=mailsenders.emailsender" in history["Location"]
    deleted = reverse("admin:mailsenders_emailsender_delete", args=[sender.pk])
    admin_client.post(deleted, {"post": "yes"})
    assert not EmailSender.objects.exists()
    gone = AuditRow.objects.get(act="deleted")
    assert ["display_name", "New", ""] in gone.changes


def test_rows_below_a_form_are_told_too(admin_client: Client) -> None:
    billing, agent = Skill.objects.create(name="billing"), make_agent("alice")
    agent.skill_levels.create(skill=billing, level=2)
    row = agent.skill_levels.get()
    url = reverse("admin:agents_agent_change", args=[agent.pk])
    form = typed(admin_client, url) | {"password": ""}
    for prefix in ("language_levels", "absences"):
        form |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    form |= {"skill_levels-TOTAL_FORMS": 1, "skill_levels-INITIAL_FORMS": 1, "skill_levels-0-id": row.pk}
    form |= {"skill_levels-0-agent": agent.pk, "skill_levels-0-skill": billing.pk, "skill_levels-0-level": 4}
    answer = admin_client.post(url, form)
    assert answer.status_code == 302, answer.context["errors"]
    (change,) = [each for each in AuditRow.objects.get(act="changed").changes if each[0].endswith("level")]
    assert change == ["skill levels: billing, level", "2", "4"]
