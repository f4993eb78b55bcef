"""Staff who may do some few things: look at settings, or change some, but never give themselves more."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from agents.models import Agent
from agents.rights import is_administrator, is_supervisor
from api.models import APIKey
from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from sso.models import SSOProvider
from tests.make import make_administrator, make_agent, make_provider, make_sender, make_source

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("make", [make_provider, make_sender, make_source])
def test_who_may_only_look_sees_no_secret_and_no_key(
    client: Client, make: Callable[..., SSOProvider | EmailSender | EmailSource]
) -> None:
    row = make(**{"client_secret" if make is make_provider else "password": "canary-secret"})
    opts = row._meta
    bob = User.objects.create_user("bob", password="x", is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename=f"view_{opts.model_name}"))
    client.force_login(bob)
    response = client.get(f"/admin/{opts.app_label}/{opts.model_name}/{row.pk}/change/")
    html = response.content.decode()
    assert response.status_code == 200
    assert "canary" not in html
    assert 'form="paste-form"' not in html
    assert 'form="key-form"' not in html


NO_ROWS = {
    f"{prefix}-{name}_FORMS": "0"
    for prefix in ("skill_levels", "language_levels")
    for name in ("TOTAL", "INITIAL")
}
AGENT = {"password": "correct-horse-7", "capacity": "1", "writes": "rich", "is_active": "on", **NO_ROWS}


def clerk_with(client: Client, *codenames: str) -> User:
    """Somebody who enters the administration for some few things."""
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(clerk)
    return clerk


@pytest.fixture
def root() -> User:
    make_administrator("another")
    return make_administrator()


def test_who_may_change_users_changes_nobody_of_the_administration(client: Client, root: User) -> None:
    clerk = clerk_with(client, "view_user", "change_user", "delete_user")
    new = {"password1": "correct-horse-7", "password2": "correct-horse-7", "usable_password": "true"}
    for user in (root, clerk):
        rights = {"username": user.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
        assert client.post(f"/admin/auth/user/{user.pk}/password/", new).status_code == 403
        assert client.post(f"/admin/auth/user/{user.pk}/change/", rights).status_code == 403
        assert client.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"}).status_code == 403
        page = client.get(f"/admin/auth/user/{user.pk}/change/").content.decode()
        assert user.password.rpartition("$")[2] not in page
    alice = make_agent("alice").user
    form = {
        "username": "alice",
        "first_name": "Alice",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
    }
    assert client.post(f"/admin/auth/user/{alice.pk}/change/", form).status_code == 302
    alice.refresh_from_db()
    assert (alice.first_name, alice.is_staff, alice.is_superuser) == ("Alice", False, False)


def test_who_is_no_administrator_any_more_is_none_in_the_desk(client: Client, root: User) -> None:
    client.force_login(root)
    bob = make_agent("bob", role=Agent.Role.ADMINISTRATOR).user
    User.objects.filter(pk=bob.pk).update(is_staff=True, is_superuser=True)
    client.post(f"/admin/auth/user/{bob.pk}/change/", {"username": "bob", "is_active": "on"})
    bob = User.objects.get(pk=bob.pk)
    assert not bob.is_superuser
    assert not is_administrator(bob)
    assert not is_supervisor(bob)


def test_who_may_change_groups_gets_no_rights_by_that(client: Client) -> None:
    clerk = clerk_with(client, "view_group", "change_group", "add_group")
    group = Group.objects.create(name="clerks")
    clerk.groups.add(group)
    right = Permission.objects.get(codename="change_user")
    client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "clerks", "permissions": [right.pk]})
    assert group.permissions.count() == 0
    assert client.get("/admin/auth/group/add/").status_code == 403


def test_who_may_change_agents_makes_no_administrators(client: Client, root: User) -> None:
    clerk_with(client, "view_agent", "add_agent", "change_agent")
    taken = client.post("/admin/agents/agent/add/", {**AGENT, "username": "root", "role": "agent"})
    assert "enters the administration" in taken.content.decode()
    made = client.post("/admin/agents/agent/add/", {**AGENT, "username": "dora", "role": "administrator"})
    assert "Only an administrator makes administrators" in made.content.decode()
    profile = make_agent("bob", role=Agent.Role.ADMINISTRATOR)
    User.objects.filter(username="bob").update(is_staff=True, is_superuser=True)
    bob = {**AGENT, "username": "bob", "role": "agent"}
    assert client.post(f"/admin/agents/agent/{profile.pk}/change/", bob).status_code == 403
    fine = client.post("/admin/agents/agent/add/", {**AGENT, "username": "dora", "role": "agent"})
    assert fine.status_code == 302
    root.refresh_from_db()
    assert root.is_superuser
    assert root.check_password("root")


def test_who_may_make_keys_makes_none_of_an_administrator(client: Client, root: User) -> None:
    clerk = clerk_with(client, "view_apikey", "add_apikey", "view_user")
    client.post("/admin/api/apikey/add/", {"user": root.pk, "name": "mine"})
    assert APIKey.objects.count() == 0
    for user in (clerk, make_agent("alice").user):
        client.post("/admin/api/apikey/add/", {"user": user.pk, "name": "mine"})
        assert APIKey.objects.filter(user=user).exists()


def test_who_may_change_providers_lets_nobody_sign_in(client: Client) -> None:
    clerk_with(client, "view_ssoprovider", "change_ssoprovider")
    mailbox, door = make_provider(name="mailbox"), make_provider(name="door", for_people=True)
    form = {"type": "google", "client_id": "1", "name": "mailbox", "scope": "https://mail.google.com/",
            "for_people": "on", "allowed_domains": "evil.example", "create_people": "on"}  # fmt: skip
    assert client.post(f"/admin/sso/ssoprovider/{mailbox.pk}/change/", form).status_code == 302
    mailbox.refresh_from_db()
    assert (mailbox.client_id, mailbox.for_people, mailbox.allowed_domains) == ("1", False, "")
    assert client.post(f"/admin/sso/ssoprovider/{door.pk}/change/", form).status_code == 403
    assert client.get(f"/admin/sso/ssoprovider/{door.pk}/change/").status_code == 200
