"""Too many wrong passwords: a sentence with the time left, for users who exist and for others."""

import re
from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from audit.models import AuditRow
from staff import second_factor
from staff.tasks import tidy
from tests.make import make_administrator, make_agent
from tests.staff.conftest import user_in
from tests.staff.test_second_factor import code_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def lockout(settings: Settings) -> None:
    settings.AXES_ENABLED = True


def guess(client: Client, username: str, times: int, at: str = "/login/", **headers: str) -> str:
    for _ in range(times):
        answer = client.post(at, {"username": username, "password": "wrong"}, headers=headers)
    return answer.content.decode()


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_the_sentence_tells_how_long_and_not_who_exists(username: str) -> None:
    make_agent("alice")
    client = Client()
    assert "don’t match" in guess(client, username, 9)
    page = guess(client, username, 1)
    assert re.search(rf"Signing in as {username} from here is locked for 15 minutes", page)
    assert "locked" in guess(client, username, 1, **{"HX-Request": "true"})
    locked = client.post("/login/", {"username": username, "password": username})
    assert locked.status_code == 429
    assert user_in(client) == ""


def test_trying_on_does_not_prolong_it() -> None:
    make_agent("alice")
    guess(Client(), "alice", 10)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=12))
    assert "for 3 minutes" in guess(Client(), "alice", 3)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    client = Client()
    client.post("/login/", {"username": "alice", "password": "alice"})
    assert user_in(client) == "alice"


def test_what_no_longer_counts_is_deleted() -> None:
    make_agent("alice")
    guess(Client(), "alice", 2)
    Client().get("/login/")
    client = Client()
    client.post("/login/", {"username": "alice", "password": "alice"})
    guess(Client(), "alice", 1)
    tidy()
    assert (AccessAttempt.objects.count(), AccessLog.objects.count(), Session.objects.count()) == (1, 1, 1)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    AccessLog.objects.update(attempt_time=timezone.now() - timedelta(days=91))
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    tidy()
    assert (AccessAttempt.objects.count(), AccessLog.objects.count(), Session.objects.count()) == (0, 0, 0)


def test_colleagues_at_the_same_address_are_not_locked_out() -> None:
    make_agent("alice")
    make_agent("bob")
    guess(Client(), "alice", 12)
    client = Client()
    client.post("/login/", {"username": "bob", "password": "bob"})
    assert user_in(client) == "bob"


def test_the_administration_is_entered_through_the_same_door() -> None:
    make_administrator()
    make_agent("alice")
    client = Client()
    assert "locked" in guess(client, "root", 10, at="/admin/login/")
    agent = Client()
    agent.post("/login/", {"username": "alice", "password": "alice"})
    page = agent.get("/admin/", follow=True).content.decode()
    assert "You are signed in as alice, who may not open the administration." in page
    answer = agent.post("/admin/login/?next=/admin/", {"username": "alice", "password": "alice"}, follow=True)
    assert "may not open the administration" in answer.content.decode()


def test_who_has_a_whole_network_of_addresses_gains_nothing() -> None:
    make_agent("alice")
    for number in range(10):
        guess(Client(REMOTE_ADDR=f"2001:db8:1:2::{number:x}"), "alice", 1)
    form = {"username": "alice", "password": "alice"}
    neighbour = Client(REMOTE_ADDR="2001:db8:1:2:ffff::1")
    answer = neighbour.post("/login/", form)
    assert answer.status_code == 429
    assert "for 15 minutes" in answer.content.decode()
    for elsewhere in ("2001:db8:1:3::1", "::ffff:192.0.2.7", "192.0.2.8"):
        client = Client(REMOTE_ADDR=elsewhere)
        client.post("/login/", form)
        assert user_in(client) == "alice", elsewhere
    guess(Client(REMOTE_ADDR="::ffff:192.0.2.9"), "alice", 10)
    assert Client(REMOTE_ADDR="192.0.2.9").post("/login/", form).status_code == 429


@pytest.mark.parametrize(
    "headers", [{"user-agent": "x{}"}, {"x-forwarded-for": "192.0.2.{}"}, {"forwarded": "for=192.0.2.{}"}]
)
@pytest.mark.parametrize("username", ["alice", " alice ", "\uff41lice"], ids=ascii)
def test_what_a_browser_says_of_itself_is_not_counted_by(username: str, headers: dict[str, str]) -> None:
    make_agent("alice")
    for number in range(10):
        guess(Client(), username, 1, **{name: text.format(number) for name, text in headers.items()})
    assert Client().post("/login/", {"username": "alice", "password": "alice"}).status_code == 429


@pytest.mark.parametrize(
    "address", ["/account/password", "/account/two-factor/off", "/account/recovery-codes"]
)
def test_a_browser_that_was_found_open_is_no_place_to_guess_at(address: str) -> None:
    alice = make_agent("alice").user
    second_factor.confirm(alice, code_of(second_factor.begin(alice).user))
    client = Client()
    client.force_login(alice)
    new = {"new_password1": "correct-horse-7", "new_password2": "correct-horse-7"}
    for number in range(10):
        client.post(
            address, {"password": f"x{number}", "old_password": f"x{number}", "code": "000000", **new}
        )
    form = {"password": "alice", "old_password": "alice", "code": code_of(alice, 1), **new}
    assert client.post(address, form).status_code == 429
    alice.refresh_from_db()
    assert alice.check_password("alice")
    assert second_factor.is_set_up(alice)
    assert client.get("/account/").status_code == 200, "the owner stays signed in"


def test_nothing_secret_is_kept_of_a_wrong_password() -> None:
    alice = make_agent("alice").user
    second_factor.confirm(alice, code_of(second_factor.begin(alice).user))
    client = Client()
    client.force_login(alice)
    canary = "canary-secret-7"
    new = {"old_password": canary, "new_password1": f"{canary}a", "new_password2": f"{canary}b"}
    client.post("/account/password", {**new, "csrfmiddlewaretoken": canary})
    client.post("/account/two-factor/off", {"password": canary, "code": canary})
    client.post("/login/", {"username": "alice", "password": canary})
    kept = str(AccessAttempt.objects.values_list())
    assert "alice" in kept
    assert "canary" not in kept


def test_the_administration_has_no_other_page_for_ones_password() -> None:
    client = Client()
    client.force_login(make_administrator())
    assert client.get("/admin/password_change/")["Location"] == "/account/password"


def test_an_administrator_sees_and_lifts_it() -> None:
    make_agent("alice")
    page = guess(Client(), "alice", 10)
    assert "ask your administrator" in page
    admin = Client()
    admin.force_login(make_administrator("bob"))
    listed = admin.get("/admin/auth/user/").content.decode()
    assert "15 min" in listed
    assert "Too many wrong passwords from 127.0.0.1." in listed
    alice = User.objects.get(username="alice")
    assert "15 min" in admin.get(f"/admin/auth/user/{alice.pk}/change/").content.decode()
    form = {"action": "lift_lock_out", "_selected_action": [alice.pk]}
    assert (
        "alice can try again at once" in admin.post("/admin/auth/user/", form, follow=True).content.decode()
    )
    assert AuditRow.objects.get(act="did").note == "Lifted the lock-out after wrong passwords."
    client = Client()
    client.post("/login/", {"username": "alice", "password": "alice"})
    assert user_in(client) == "alice"
    again = admin.post("/admin/auth/user/", form, follow=True).content.decode()
    assert "Nobody of them was locked out" in again
