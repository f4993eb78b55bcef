"""☰ System → Audit log: filters, pages, export; and what else writes rows."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.acts import Act
from audit.log import Subject, record
from audit.models import AuditRow, AuditRules
from tests.make import make_agent

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/auditrow/"


def told(client: Client, **asked: str) -> str:
    answer = client.get(LIST, asked)
    assert answer.status_code == 200
    return answer.content.decode()


def test_filters_and_pages(admin_client: Client) -> None:
    alice = User.objects.create_user("alice")
    for number in range(120):
        record(alice, Act.DID, Subject("settings", f"thing {number}", number))
    record(None, Act.EXPORTED, Subject("crm.contact", "contacts as CSV"), note="<b>bold</b>")
    first = told(admin_client)
    assert "thing 119" in first
    assert "thing 70<" not in first
    assert "&lt;b&gt;bold" in first
    older = first.split('rel="next"')[0].rpartition('href="?')[2].split('"')[0].replace("&amp;", "&")
    second = admin_client.get(f"{LIST}?{older}").content.decode()
    assert "thing 70<" in second
    assert "thing 119" not in second
    assert "thing 70<" in told(admin_client, object_id="70", kind="settings")
    assert "contacts as CSV" in told(admin_client, act="exported")
    assert "thing 11" not in told(admin_client, act="exported")
    assert "Nothing like that" in told(admin_client, who="bob")
    assert "thing 3<" in told(admin_client, name="THING 3", who="ali")
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    assert "Nothing like that" in told(admin_client, first=tomorrow)
    assert "thing 119" in told(admin_client, last=tomorrow, first="nonsense")
    export = b"".join(admin_client.get(f"{LIST}export/", {"who": "alice"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert len(export.splitlines()) == 121
    assert AuditRow.objects.latest("pk").note == "who=alice"


def test_the_page_costs_the_same_however_long_it_is(admin_client: Client) -> None:
    told(admin_client)
    counts = []
    for number in (1, 60):
        for _ in range(number):
            record(None, Act.DID, Subject("settings"))
        with CaptureQueriesContext(connection) as queries:
            told(admin_client)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 6


def test_strangers_and_agents_see_nothing(client: Client) -> None:
    assert client.get(LIST).status_code == 302
    client.force_login(make_agent("alice").user)
    assert client.get(LIST).status_code == 302
    assert client.get(f"{LIST}export/").status_code == 302


def test_who_comes_and_goes_is_told(client: Client) -> None:
    User.objects.create_user("alice", password="correct horse")
    client.post("/login/", {"username": "alice", "password": "wrong"})
    client.post("/login/", {"username": "hunter2", "password": "wrong"})
    client.post("/login/", {"username": "alice", "password": "correct horse"})
    client.post("/logout/")
    rows = AuditRow.objects.order_by("pk")
    assert [row.act for row in rows] == ["sign_in_failed", "sign_in_failed", "signed_in", "signed_out"]
    assert [row.actor_kind for row in rows] == ["stranger", "stranger", "user", "user"]
    assert rows[0].object_name == "alice"
    assert not AuditRow.objects.filter(object_name__contains="hunter2").exists()


def test_rules_are_set_on_a_page(admin_client: Client) -> None:
    assert admin_client.get("/admin/audit/auditrules/").status_code == 302
    admin_client.post("/admin/audit/auditrules/1/change/", {"days": "90"})
    assert AuditRules.days_kept() == 90
    assert ["days", "400", "90"] in AuditRow.objects.get(act="changed").changes


def test_a_settings_file_names_its_command(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    text = "skills: [billing]\nsenders:\n  - {name: out, server_type: NONE, server_address: mail.example,\n"
    text += "     email_address: s@example.com, username: u, password: %s, display_name: %s}\n"
    file.write_text(text % ("first-secret", "Old"))
    call_command("apply", str(file))
    file.write_text(text % ("other-secret", "New"))
    call_command("apply", str(file))
    rows = AuditRow.objects.filter(kind="mailsenders.emailsender").order_by("pk")
    assert [row.act for row in rows] == ["inserted", "changed"]
    assert rows[1].actor_name.startswith("manage.py apply settings.yaml (")
    assert ["display_name", "Old", "New"] in rows[1].changes
    assert ["password", "", "changed"] in rows[1].changes
    assert "secret" not in "".join(f"{row.changes}" for row in rows)
    assert AuditRow.objects.filter(kind="agents.skill", act="inserted").exists()
