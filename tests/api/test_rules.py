"""Mail rules by the API: made, read, changed, put in order, taken away, by administrators alone."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from api.models import APIKey
from audit.models import AuditRow
from mailsources.rule_models import MailRule
from tests.make import make_administrator, make_agent, make_queue, make_rule, make_source

pytestmark = pytest.mark.django_db


def key_for(user: User) -> str:
    return APIKey.make(user.pk)


def ask(client: Client, key: str, method: str, path: str, body: Any = None) -> Any:
    response = client.generic(
        method,
        f"/api/v1.0/{path}",
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {key}",
    )
    return response.status_code, response.json() if response.content else None


def test_rules_are_made_changed_ordered_and_deleted(client: Client) -> None:
    key = key_for(make_administrator())
    make_queue(name="Billing")
    make_source(name="support-in")
    wanted: dict[str, Any] = {
        "name": "Invoices",
        "source": "support-in",
        "conditions": [{"what": "subject", "how": "contains", "value": "bill", "negated": True}],
        "actions": [{"do": "queue", "value": "Billing"}, {"do": "hold"}],
    }
    status, made = ask(client, key, "POST", "rules", wanted)
    assert status == 201
    assert made["conditions"] == [
        {"what": "subject", "how": "contains", "value": "bill", "key": "", "negated": True}
    ]
    assert made["actions"] == [{"do": "queue", "value": "Billing"}, {"do": "hold", "value": ""}]
    assert (made["source"], made["queue"], made["position"], made["hits"]) == ("support-in", None, 1, 0)
    assert ask(client, key, "POST", "rules", wanted)[0] == 409, "its name is taken"
    other = ask(client, key, "POST", "rules", wanted | {"name": "More", "joined": "any"})[1]
    order = {"source": "support-in", "match": "all", "rules": [other["id"], made["id"]]}
    status, found = ask(client, key, "PUT", "rules/order", order)
    assert (status, [each["name"] for each in found]) == (200, ["More", "Invoices"])
    assert ask(client, key, "PUT", "rules/order", order | {"rules": [made["id"]]})[0] == 409
    changed = wanted | {"actions": [{"do": "discard"}], "answers": True}
    status, found = ask(client, key, "PUT", f"rules/{made['id']}", changed)
    assert (status, found["answers"], found["position"]) == (200, True, 2)
    assert (
        ask(client, key, "PUT", f"rules/{made['id']}", wanted | {"source": None, "queue": "Billing"})[0]
        == 409
    )
    assert ask(client, key, "GET", f"rules/{made['id']}") == (200, found)
    assert [each["id"] for each in ask(client, key, "GET", "rules?source=support-in")[1]] == [
        other["id"],
        made["id"],
    ]
    assert ask(client, key, "GET", "rules?queue=Billing") == (200, [])
    assert ask(client, key, "DELETE", f"rules/{other['id']}")[0] == 204
    assert MailRule.objects.count() == 1
    acts = (
        AuditRow.objects.filter(kind__startswith="mailsources.").order_by("pk").values_list("act", flat=True)
    )
    assert list(acts) == ["inserted", "inserted", "did", "changed", "deleted"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"conditions": [{"what": "moon", "how": "is"}]}, "nothing that a condition looks at"),
        ({"actions": [{"do": "queue", "value": "Nowhere"}]}, "no email queue"),
        ({"actions": []}, "does nothing"),
        ({"queue": "Nowhere"}, "no email queue"),
    ],
)
def test_a_bad_rule_is_refused_in_words(client: Client, change: dict[str, Any], told: str) -> None:
    key = key_for(make_administrator())
    status, problem = ask(client, key, "POST", "rules", {"name": "x", "actions": [{"do": "hold"}]} | change)
    assert status == 409
    assert told in problem["detail"]
    assert not MailRule.objects.exists()


def test_only_administrators(client: Client) -> None:
    rule = make_rule()
    key = key_for(make_agent("alice").user)
    for method, path in (("GET", "rules"), ("GET", f"rules/{rule.pk}"), ("DELETE", f"rules/{rule.pk}")):
        assert ask(client, key, method, path)[0] == 403
    assert ask(client, key_for(make_administrator()), "GET", "rules/999999")[0] == 404
