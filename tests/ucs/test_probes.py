"""What load balancers, containers and Prometheus ask."""

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client

from api.models import APIKey
from mailstore import hints
from mailstore.workers import heartbeat_key, worker_states
from ucs import alive, health
from ucs.tasks import heartbeat

STRANGE_HOST = {"host": "10.0.0.7:8000"}  # a container is probed by its address


@pytest.mark.django_db
def test_healthz_and_readyz(client: Client) -> None:
    assert client.get("/healthz", headers=STRANGE_HOST).content == b"ok\n"
    answer = client.get("/readyz", headers=STRANGE_HOST)
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "problems": []})


def test_not_ready_without_redis(client: Client, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(hints, "client", lambda: redis.Redis(port=1))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == [health.redis_problem()]
    assert health.redis_problem().startswith("Redis can't be reached")
    assert {state.backlog for state in worker_states()} == {None}


@pytest.mark.usefixtures("clean_redis")
def test_workers() -> None:
    assert not any(state.alive for state in worker_states())
    assert alive.main(["send"]) == 1
    heartbeat(queue="send")
    assert (alive.main(["send"]), alive.main(["send", "fetch"]), alive.main(["sned"])) == (0, 1, 2)
    assert [state.queue for state in worker_states() if state.alive] == ["send"]
    hints.client().set(heartbeat_key("send"), "1000000000.0")
    assert not any(state.alive for state in worker_states())


@pytest.mark.usefixtures("clean_redis")
@pytest.mark.django_db
def test_metrics_only_from_here_or_with_a_key(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert 'ucs_worker_alive{queue="fetch"} 0.0' in text
    assert "ucs_database_up 1.0" in text
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 401
    for header in ("x-forwarded-for", "x-real-ip", "via"):
        assert client.get("/metrics", headers={header: "192.0.2.1"}).status_code == 401
    for name, is_superuser, status in (("alice", False, 401), ("admin", True, 200)):
        user = User.objects.create(username=name, is_superuser=is_superuser)
        bearer = f"Bearer {APIKey.make(user.pk)}"
        answer = client.get("/metrics", REMOTE_ADDR="192.0.2.1", headers={"authorization": bearer})
        assert answer.status_code == status
