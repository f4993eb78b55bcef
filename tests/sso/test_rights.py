"""Staff who may look at settings and not change them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from sso.models import SSOProvider
from tests.make import make_provider, make_sender, make_source

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
