"""The life of a source by the API."""

from typing import Any

import pytest
from django.test import Client

from api.models import APIKey
from audit.models import AuditRow
from mailsources import check
from mailsources import tasks as tasks_module
from mailsources.deliver import deliver
from mailsources.fetch import ingest
from queues.models import Conversation
from sso.steps import Step
from tests.make import make_administrator, make_agent, make_mail, make_queue, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def unannounced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks_module, "announce", lambda task, **kwargs: None)


def post(client: Client, user_id: int, path: str, **payload: Any) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {APIKey.make(user_id)}"}
    response = client.post(
        f"/api/v1.0/sources/{path}", payload, content_type="application/json", headers=headers
    )
    return response.status_code, response.json()


def test_a_source_is_switched_on_moved_and_retired(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_administrator()
    source = make_source(stage="draft", is_active=False)
    steps = [Step("Login", False, "It says no.", 0.1)]
    monkeypatch.setattr(check, "test_connection", lambda source: steps)
    status, said = post(client, root.pk, f"{source.pk}/activate")
    assert (status, said["detail"]) == (409, "The test stops at “Login”: It says no.")
    status, said = post(client, root.pk, f"{source.pk}/activate", anyway=True)
    assert (status, said["stage"], said["is_active"], said["activated_by"]) == (200, "active", True, "root")
    assert post(client, root.pk, f"{source.pk}/activate")[0] == 409
    message = deliver(ingest(source, make_mail()).pk)
    assert message is not None
    other = make_queue(name="Other")
    status, said = post(client, root.pk, f"{source.pk}/move", queue="Other", conversations="along")
    assert (status, said["queue"], said["went_along"]) == (200, "Other", 1)
    assert Conversation.objects.get().queue == other
    status, said = post(client, root.pk, f"{source.pk}/retire")
    assert status == 409
    assert f"1 open conversation (#{message.conversation.number})" in said["detail"]
    assert post(client, root.pk, f"{source.pk}/pause")[1]["is_active"] is False
    Conversation.objects.update(state="closed")
    assert post(client, root.pk, f"{source.pk}/retire")[1]["stage"] == "retired"
    acts = (
        AuditRow.objects.filter(kind="mailsources.emailsource").order_by("pk").values_list("act", flat=True)
    )
    assert list(acts) == ["activated", "moved", "changed", "retired"]


def test_only_administrators_may(client: Client) -> None:
    alice, source = make_agent().user, make_source()
    for act in ("activate", "pause", "retire"):
        assert post(client, alice.pk, f"{source.pk}/{act}")[0] == 403
    assert post(client, alice.pk, f"{source.pk}/move", queue=str(source.queue))[0] == 403
    assert post(client, make_administrator().pk, "4711/pause")[0] == 404
    source.refresh_from_db()
    assert source.is_active
