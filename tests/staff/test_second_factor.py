"""The second step: set up, asked for, guessed at, recovered, required, taken away."""

import re
import time
from base64 import b32decode
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import TOTP
from pytest_django.fixtures import Settings

from agents.models import Agent
from api.models import APIKey
from audit.models import AuditRow
from rehearsal.oauth import OAuthServer
from sso.rotation import rotate
from staff import arrival, rules, second_factor
from staff.models import RecoveryCode, SecondFactor, SignInRules
from tests.make import make_administrator, make_agent, make_people_provider
from tests.staff.conftest import ALICE, come_in, new_browser, user_in

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def code_of(user: User, steps: int = 0) -> str:
    """What the app of this user shows, some steps of 30 seconds from now."""
    clock = TOTP(b32decode(SecondFactor.objects.get(user=user).key))
    clock.time = time.time() + 30 * steps
    return f"{clock.token():06}"


def protected(user: User) -> list[str]:
    """Set it up as somebody did some time ago; returns the recovery codes."""
    factor = second_factor.begin(user)
    codes = second_factor.confirm(user, code_of(user))
    SecondFactor.objects.filter(pk=factor.pk).update(last_step=-1)
    return codes


def with_password(client: Client, user: str = "alice", **headers: Any) -> Any:
    return client.post("/login/", {"username": user, "password": user, "next": "/?view=all"}, headers=headers)


@pytest.fixture
def alice() -> User:
    return make_agent("alice").user


@pytest.fixture
def client() -> Client:
    return Client()


def demand(of_whom: str) -> None:
    SignInRules(two_factor=of_whom).save()
    rules.forget()


def test_setting_it_up_and_signing_in_with_it(alice: User, client: Client) -> None:
    with_password(client)
    page = client.get("/account/two-factor").content.decode()
    assert "<svg" in page
    key = re.sub(r"<[^>]+>|\s", "", re.findall(r'id="key">(.*?)</p>', page, re.DOTALL)[0])
    assert key == SecondFactor.objects.get().key
    assert client.get("/account/two-factor").content.decode().count(key[:4]), "a reload shows the same key"
    wrong = client.post("/account/two-factor", {"code": "000000"})
    assert "That code is not right" in wrong.content.decode()
    assert not second_factor.is_set_up(alice)
    SecondFactor.objects.update(throttling_failure_count=0)

    shown = client.post("/account/two-factor", {"code": code_of(alice)}).content.decode()
    codes = re.findall(r"<li>([a-z2-7-]{19})</li>", shown)
    assert len(set(codes)) == 10
    assert "10 recovery codes left" in client.get("/account/").content.decode()

    again = Client()
    assert with_password(again)["Location"] == "/login/code"
    assert user_in(again) == "", "a password alone opens nothing"
    assert again.get("/").status_code == 302
    before = again.session.session_key
    answer = again.post("/login/code", {"code": code_of(alice, 1)})
    assert answer["Location"] == "/?view=all"
    assert user_in(again) == "alice"
    assert again.session.session_key != before


def test_a_key_that_another_browser_has_seen_is_not_used(alice: User, client: Client) -> None:
    """A stranger at an open browser may have looked at it, and would know the codes for ever."""
    stranger = Client()
    with_password(stranger)
    stranger.get("/account/two-factor")
    seen = SecondFactor.objects.get().key
    with_password(client)
    client.get("/account/two-factor")
    mine = SecondFactor.objects.get().key
    assert mine != seen
    client.post("/account/two-factor", {"code": "000000"})
    SecondFactor.objects.update(throttling_failure_count=0)
    assert SecondFactor.objects.get().key == mine
    client.post("/account/two-factor", {"code": code_of(alice)})
    assert second_factor.is_set_up(alice)
    stranger.get("/account/two-factor")
    assert SecondFactor.objects.get().key == mine


def an_hour_later(client: Client) -> None:
    """As long after the sign-in as a browser may have been left open."""
    session = client.session
    session[arrival.PROVED_AT] = time.time() - 3600
    session.save()


def test_a_browser_left_open_gives_nobody_a_second_factor(alice: User, client: Client) -> None:
    with_password(client)
    an_hour_later(client)
    page = client.get("/account/two-factor?next=/%3Fview=all").content.decode()
    assert "Is it you?" in page
    assert "<svg" not in page
    assert not SecondFactor.objects.exists()
    second_factor.begin(alice)
    client.post("/account/two-factor", {"code": code_of(alice)})
    assert not second_factor.is_set_up(alice), "nor by a form from elsewhere"
    wrong = client.post("/account/two-factor", {"password": "wrong"}).content.decode()
    assert "That is not your password." in wrong
    address = "/account/two-factor?next=/%3Fview=all"
    assert client.post(address, {"password": "alice"})["Location"] == address
    page = client.get(address).content.decode()
    assert "<svg" in page
    assert 'name="next" value="/?view=all"' in page
    client.post("/account/two-factor", {"code": code_of(alice)})
    assert second_factor.is_set_up(alice)


@pytest.mark.parametrize("page", ["two-factor", "two-factor/off", "recovery-codes"])
def test_who_has_no_password_signs_in_once_more(page: str, alice: User, client: Client) -> None:
    alice.set_unusable_password()
    alice.save()
    if page != "two-factor":
        protected(alice)
    client.force_login(alice)
    asked = client.get(f"/account/{page}").content.decode()
    assert "sign in once more" in asked
    assert 'name="password"' not in asked
    code = "" if page == "two-factor" else code_of(alice)
    refused = client.post(f"/account/{page}", {"code": code, "password": ""}).content.decode()
    assert "sign in once more" in refused
    left = client.post("/logout/", {"next": f"/account/{page}"})
    assert left["Location"] == f"/account/{page}"
    assert client.get(left["Location"])["Location"] == f"/login/?next=/account/{page}"
    client.force_login(alice)
    session = client.session
    session[arrival.PROVED_AT] = time.time()
    session.save()
    assert "sign in once more" not in client.get(f"/account/{page}").content.decode()


def test_a_session_that_somebody_planted_is_not_past_the_password(alice: User, client: Client) -> None:
    protected(alice)
    session = client.session
    session["planted"] = True
    session.save()
    client.cookies["ucs_session"] = planted = str(session.session_key)
    with_password(client)
    stranger = Client()
    stranger.cookies["ucs_session"] = planted
    assert stranger.get("/login/code")["Location"] == "/login/"
    client.post("/login/code", {"code": code_of(alice)})
    assert user_in(client) == "alice"


def test_a_code_is_good_once(alice: User, client: Client) -> None:
    protected(alice)
    code = code_of(alice)
    with_password(client)
    client.post("/login/code", {"code": code})
    assert user_in(client) == "alice"
    second = Client()
    with_password(second)
    assert "was used already" in second.post("/login/code", {"code": code}).content.decode()
    assert user_in(second) == ""


@pytest.mark.parametrize("steps", [-2, 3, 20])
def test_codes_of_other_times(alice: User, client: Client, steps: int) -> None:
    protected(alice)
    with_password(client)
    client.post("/login/code", {"code": code_of(alice, steps)})
    assert user_in(client) == ""


@pytest.mark.parametrize("code", ["", "12345", "1234567", "-12345", "１２３４５６", "x" * 1000, "\x00"])
def test_what_is_no_code(alice: User, client: Client, code: str) -> None:
    protected(alice)
    with_password(client)
    assert client.post("/login/code", {"code": code}).status_code == 200
    assert user_in(client) == ""


def test_guessing_is_slowed_down_more_and_more(alice: User) -> None:
    protected(alice)
    tried = 0
    for _ in range(200):
        try:
            second_factor.check(alice, "000000")
        except second_factor.CodeRefused as refusal:
            tried += "not right" in str(refusal)
    assert tried <= 5, "the others came too soon and weren't even looked at"
    SecondFactor.objects.update(throttling_failure_count=5, throttling_failure_timestamp=timezone.now())
    with pytest.raises(second_factor.CodeRefused, match=r"wait \d+ seconds?"):
        second_factor.check(alice, code_of(alice))

    for failures, pause in ((5, 16), (12, 2048), (13, 3600), (64, 3600)):
        for seconds, is_allowed in ((pause - 10, False), (pause + 1, True)):
            at = timezone.now() - timedelta(seconds=seconds)
            SecondFactor.objects.update(throttling_failure_count=failures, throttling_failure_timestamp=at)
            allowed, _ = SecondFactor.objects.get().verify_is_allowed()
            assert allowed is is_allowed, f"{seconds} s after {failures}"
    with pytest.raises(second_factor.CodeRefused, match="not right"):
        second_factor.check(alice, "000000")
    assert SecondFactor.objects.get().throttling_failure_count == 64, "not more than can be reckoned with"


def test_the_password_is_asked_for_again_after_five_wrong_codes(alice: User, client: Client) -> None:
    protected(alice)
    with_password(client)
    for _ in range(arrival.MOST_WRONG):
        answer = client.post("/login/code", {"code": "000000"})
    assert answer["Location"] == "/login/"
    assert "begin again with your password" in client.get("/login/").content.decode()
    SecondFactor.objects.update(throttling_failure_count=0)
    client.post("/login/code", {"code": code_of(alice)})
    assert user_in(client) == ""


def test_a_recovery_code_in_the_place_of_the_digits_is_not_counted(alice: User, client: Client) -> None:
    first, *_ = protected(alice)
    with_password(client)
    answer = client.post("/login/code", {"code": first[:10]}).content.decode()
    assert "choose “Use a recovery code” below" in answer
    client.post("/login/code", {"code": code_of(alice)})
    assert user_in(client) == "alice", "no waiting time came of it"


def test_a_recovery_code_is_good_once_however_it_is_typed(alice: User, client: Client) -> None:
    first, *_ = protected(alice)
    with_password(client)
    page = client.get("/login/code?with=recovery").content.decode()
    assert 'value="recovery"' in page
    client.post("/login/code", {"code": f" {first.upper().replace('-', ' ')} ", "with": "recovery"})
    assert user_in(client) == "alice"
    assert second_factor.codes_left(alice) == 9
    second = Client()
    with_password(second)
    second.post("/login/code", {"code": first, "with": "recovery"})
    assert user_in(second) == ""


def test_who_changed_or_lost_the_account_meanwhile_is_not_let_in(alice: User, client: Client) -> None:
    protected(alice)
    with_password(client)
    alice.set_password("new")
    alice.save()
    assert client.post("/login/code", {"code": code_of(alice)})["Location"] == "/login/"
    alice.set_password("alice")
    alice.save()
    with_password(client)
    User.objects.update(is_active=False)
    client.post("/login/code", {"code": code_of(alice)})
    assert user_in(client) == ""


def test_a_second_step_without_a_first(client: Client) -> None:
    assert client.get("/login/code")["Location"] == "/login/"
    assert client.post("/login/code", {"code": "123456"})["Location"] == "/login/"


def test_inside_of_a_page_whose_session_is_over(alice: User, client: Client) -> None:
    protected(alice)
    form = with_password(client, **HTMX)
    assert form.status_code == 200
    assert 'hx-post="/login/code"' in form.content.decode()
    wrong = client.post("/login/code", {"code": "000000"}, headers=HTMX)
    assert "not right" in wrong.content.decode()
    SecondFactor.objects.update(throttling_failure_count=0)
    right = client.post("/login/code", {"code": code_of(alice)}, headers=HTMX)
    assert right.status_code == 204
    assert f'"user": {alice.pk}' in right["HX-Trigger"]


def test_who_has_it_is_asked_also_after_a_sign_in_at_a_provider(
    alice: User, oauth_server: OAuthServer, public: None
) -> None:
    User.objects.update(email=ALICE)
    protected(alice)
    browser = new_browser()
    where, _ = come_in(browser, make_people_provider(oauth_server), ALICE)
    assert where == "/login/code"
    assert user_in(browser) == ""
    browser.post("/login/code", {"code": code_of(alice)})
    assert user_in(browser) == "alice"


def test_switching_off_needs_password_and_code(alice: User, client: Client) -> None:
    protected(alice)
    client.force_login(alice)
    code = code_of(alice)
    page = client.post("/account/two-factor/off", {"password": "wrong", "code": code}).content.decode()
    assert "That is not your password." in page
    assert second_factor.is_set_up(alice)
    client.post("/account/two-factor/off", {"password": "alice", "code": "000000"})
    assert second_factor.is_set_up(alice)
    SecondFactor.objects.update(throttling_failure_count=0)
    client.post("/account/two-factor/off", {"password": "alice", "code": code})
    assert not second_factor.is_set_up(alice)
    assert RecoveryCode.objects.count() == 0


def test_new_recovery_codes_make_the_old_ones_void(alice: User, client: Client) -> None:
    old = protected(alice)
    client.force_login(alice)
    page = client.post("/account/recovery-codes", {"password": "alice", "code": code_of(alice)})
    assert len(re.findall(r"<li>[a-z2-7-]{19}</li>", page.content.decode())) == 10
    with pytest.raises(second_factor.CodeRefused):
        second_factor.recover(alice, old[0])
    assert "no-store" in page["Cache-Control"]


def test_a_key_that_lay_around_unconfirmed_is_not_used(alice: User) -> None:
    seen = second_factor.begin(alice).key
    SecondFactor.objects.update(
        made_at=timezone.now() - second_factor.UNCONFIRMED_LIVES - timedelta(minutes=1)
    )
    assert second_factor.begin(alice).key != seen


@pytest.mark.parametrize(
    ("of_whom", "led"),
    [("nobody", set()), ("administrators", {"root"}), ("everybody", {"root", "alice"})],
)
def test_who_must_have_it_can_do_nothing_else(alice: User, of_whom: str, led: set[str]) -> None:
    make_administrator("root")
    demand(of_whom)
    for name in ("alice", "root"):
        browser = Client()
        with_password(browser, name)
        answer = browser.get("/?view=all")
        assert (answer.status_code == 302) is (name in led)
        if name not in led:
            continue
        assert answer["Location"].startswith("/account/two-factor")
        assert browser.get("/admin/")["Location"].startswith("/account/two-factor")
        assert browser.get("/rows", headers=HTMX)["HX-Redirect"] == "/account/two-factor"
        assert browser.post("/presence", {"presence": "away"}).status_code == 403
        assert browser.get("/live/token", headers={"X-Requested-With": "desk"}).status_code == 403
        assert "required here" in browser.get("/account/two-factor").content.decode()
        browser.post("/account/two-factor", {"code": code_of(User.objects.get(username=name))})
        assert browser.get("/?view=all").status_code == 200


def test_an_administrator_of_the_desk_alone_is_an_administrator(alice: User, client: Client) -> None:
    """Whose user has lost the administration's own marks, and still sees everything."""
    Agent.objects.update(role=Agent.Role.ADMINISTRATOR)
    demand("administrators")
    with_password(client)
    assert client.get("/")["Location"].startswith("/account/two-factor")


def test_who_comes_from_a_provider_or_by_a_key_is_not_led(
    alice: User, oauth_server: OAuthServer, public: None
) -> None:
    User.objects.update(email=ALICE)
    demand("everybody")
    browser = new_browser()
    come_in(browser, make_people_provider(oauth_server), ALICE)
    assert browser.get("/").status_code == 200
    bearer = {"Authorization": f"Bearer {APIKey.make(alice.pk, '')}", "host": "ucs.example.com"}
    assert Client().get("/api/v1.0/queues", headers=bearer).status_code == 200


def test_an_administrator_resets_it_and_that_is_written_down(alice: User, client: Client) -> None:
    protected(alice)
    client.force_login(make_administrator())
    listed = client.get(reverse("admin:auth_user_changelist")).content.decode()
    assert "Two-factor" in listed
    form = {"action": "reset_second_factor", "_selected_action": [alice.pk]}
    client.post(reverse("admin:auth_user_changelist"), form)
    assert not second_factor.is_set_up(alice)
    entry = AuditRow.objects.get(act="second_factor", note__startswith="Reset")
    assert (entry.object_id, entry.note) == (str(alice.pk), "Reset two-factor sign-in.")
    assert client.get(reverse("admin:auth_user_change", args=[alice.pk])).status_code == 200


def test_who_is_no_administrator_loosens_no_administrators_sign_in(client: Client) -> None:
    root = make_administrator()
    protected(root)
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=("view_user", "change_user")))
    client.force_login(clerk)
    for action in ("reset_second_factor", "unlink_accounts"):
        form = {"action": action, "_selected_action": [root.pk]}
        client.post(reverse("admin:auth_user_changelist"), form)
    assert second_factor.is_set_up(root)


def test_an_unlinked_account_finds_its_user_by_the_address_again(
    alice: User, oauth_server: OAuthServer, public: None
) -> None:
    User.objects.update(email=ALICE)
    provider = make_people_provider(oauth_server)
    come_in(new_browser(), provider, ALICE)
    oauth_server.faults.identity = {"sub": "a-new-account"}
    assert "linked with another account" in come_in(new_browser(), provider, ALICE)[1]
    admin = new_browser()
    admin.force_login(make_administrator())
    admin.post(
        reverse("admin:auth_user_changelist"), {"action": "unlink_accounts", "_selected_action": [alice.pk]}
    )
    assert AuditRow.objects.filter(act="did", note="Unlinked the accounts at providers.").exists()
    browser = new_browser()
    come_in(browser, provider, ALICE)
    assert user_in(browser) == "alice"


def test_the_rules_have_one_page(client: Client) -> None:
    client.force_login(make_administrator())
    page = client.get(reverse("admin:staff_signinrules_changelist"))
    assert page["Location"] == reverse("admin:staff_signinrules_change", args=[1])
    assert client.get(page["Location"]).status_code == 200
    client.post(page["Location"], {"two_factor": "everybody"})
    assert client.get("/admin/")["Location"].startswith("/account/two-factor")


def test_the_way_back_in_for_an_only_administrator(capsys: pytest.CaptureFixture[str]) -> None:
    root = make_administrator()
    protected(root)
    call_command("reset-second-factor", "root")
    assert "root now signs in with the password alone" in capsys.readouterr().out
    assert not second_factor.is_set_up(root)
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("reset-second-factor", "root")
    with pytest.raises(CommandError, match="There is no user “nobody”"):
        call_command("reset-second-factor", "nobody")


def test_a_key_that_nobody_can_read_is_said_in_words(alice: User, client: Client, settings: Settings) -> None:
    codes = protected(alice)
    settings.ENCRYPTION_KEYS = ["HqoJkD0lvqUcrv8p0DQjn2wtVQZS4rzkT9QNNqbK5ek="]
    with_password(client)
    page = client.post("/login/code", {"code": "123456"}).content.decode()
    assert "use a recovery code" in page
    client.post("/login/code", {"code": codes[0], "with": "recovery"})
    assert user_in(client) == "alice"


def test_the_key_is_encrypted_and_rotates(alice: User, settings: Settings) -> None:
    protected(alice)

    def stored() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT key FROM staff_secondfactor")
            return str(cursor.fetchone()[0])

    before, key = stored(), SecondFactor.objects.get().key
    assert before.startswith("fernet:")
    settings.ENCRYPTION_KEYS = ["HqoJkD0lvqUcrv8p0DQjn2wtVQZS4rzkT9QNNqbK5ek=", *settings.ENCRYPTION_KEYS]
    rotate()
    assert stored() != before
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert SecondFactor.objects.get().key == key


def test_changing_ones_password(alice: User, client: Client) -> None:
    with_password(client)
    form = {"old_password": "alice", "new_password1": "correct-horse-7", "new_password2": "correct-horse-7"}
    assert client.post("/account/password", form)["Location"] == "/account/"
    alice.refresh_from_db()
    assert alice.check_password("correct-horse-7")
    assert client.get("/account/").status_code == 200
