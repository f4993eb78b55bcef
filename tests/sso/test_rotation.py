"""Keys come and go while everything runs: no secret is lost, none is left under an old key."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from threading import Event

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from pytest_django.fixtures import Settings

from rehearsal.oauth import OAuthServer
from sso import rotation, tokens
from sso.fields import SecretUnreadable, key_id
from sso.models import ProviderToken, SSOProvider
from sso.oauth import Grant
from tests.make import make_provider, make_sender, make_signed_in_provider, make_source
from tests.sso.conftest import MAILBOX
from ucs import launcher
from ucs.datafolder import StartError

A, B, C, D = (Fernet.generate_key().decode() for _ in range(4))

pytestmark = pytest.mark.django_db


def rotate_keys() -> str:
    said = StringIO()
    call_command("rotate-keys", stdout=said, stderr=said)
    return said.getvalue()


def stored(column: str = "client_secret", table: str = "sso_ssoprovider") -> list[str]:
    """The cipher texts."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} ORDER BY id")
        return [row[0] for row in cursor.fetchall()]


def write_raw(provider: SSOProvider, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sso_ssoprovider SET client_secret = %s WHERE id = %s", [value, provider.pk])


def test_three_times_with_the_old_one_taken_away(oauth_server: OAuthServer, settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [A]
    provider = make_signed_in_provider(oauth_server, MAILBOX, client_secret="čanary")
    source, sender = make_source(password="of the source"), make_sender(password="of the sender")
    empty = make_provider(client_secret="", type="generic")
    before = ProviderToken.objects.get(provider=provider)
    for older, newer in ((A, B), (B, C), (C, D)):
        settings.ENCRYPTION_KEYS = [newer, older]
        assert "older keys can be taken away" in rotate_keys()
        settings.ENCRYPTION_KEYS = [newer]
        assert all(value.startswith(f"fernet:{key_id(newer)}:") for value in stored() if value)
        assert rotation.check_keys() == []
    assert SSOProvider.objects.get(pk=provider.pk).client_secret == "čanary"
    after = ProviderToken.objects.get(provider=provider)
    assert (after.access_token, after.refresh_token) == (before.access_token, before.refresh_token)
    assert oauth_server.owner_of(tokens.access_token(provider.pk, force=True)) == MAILBOX
    source.refresh_from_db()
    sender.refresh_from_db()
    assert (source.password, sender.password) == ("of the source", "of the sender")
    assert stored()[-1] == ""
    assert SSOProvider.objects.get(pk=empty.pk).client_secret == ""
    assert "0 rows" in rotate_keys()


def test_a_value_that_names_no_key_is_read_and_rotated(settings: Settings) -> None:
    """As they were written before keys had names."""
    settings.ENCRYPTION_KEYS = [B, A]
    provider = make_provider()
    write_raw(provider, "fernet:" + Fernet(A).encrypt(b"of old").decode())
    provider.refresh_from_db()
    assert provider.client_secret == "of old"
    assert rotation.check_keys() == []
    rotate_keys()
    settings.ENCRYPTION_KEYS = [B]
    provider.refresh_from_db()
    assert provider.client_secret == "of old"


def test_what_no_key_opens_is_named_and_never_written(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [A]
    lost = make_provider()
    cipher = stored()[0]
    settings.ENCRYPTION_KEYS = [C]
    make_provider(client_secret="kept")
    settings.ENCRYPTION_KEYS = [B, C]
    with pytest.raises(CommandError, match="1 rows could not be decrypted"):
        rotate_keys()
    assert stored()[0] == cipher
    settings.ENCRYPTION_KEYS = [B]
    assert SSOProvider.objects.get(pk=lost.pk + 1).client_secret == "kept"
    with pytest.raises(SecretUnreadable, match=f"add key {key_id(A)} to UCS_ENCRYPTION_KEYS"):
        SSOProvider.objects.get(pk=lost.pk)
    settings.ENCRYPTION_KEYS = [B, A]
    assert "older keys can be taken away" in rotate_keys()
    settings.ENCRYPTION_KEYS = [B]
    assert SSOProvider.objects.get(pk=lost.pk).client_secret == lost.client_secret


def test_an_interrupted_rotation_goes_on_where_it_was(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENCRYPTION_KEYS = [A]
    for _ in range(10):
        make_provider()
    settings.ENCRYPTION_KEYS = [B, A]
    monkeypatch.setattr(rotation, "AT_ONCE", 3)
    real, rows = rotation._rotate_row, iter(range(4))

    def killed(*arguments: object) -> None:
        next(rows)
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(rotation, "_rotate_row", killed)
    with pytest.raises(StopIteration):
        rotation.rotate()
    monkeypatch.setattr(rotation, "_rotate_row", real)
    assert rotation.rotate().written == 6


def test_a_process_with_the_old_setting_is_noticed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENCRYPTION_KEYS = [A]
    provider = make_provider()
    cipher = stored()[0]
    settings.ENCRYPTION_KEYS = [B, A]
    real = rotation._rotate_row

    def written_again(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        write_raw(provider, cipher)

    monkeypatch.setattr(rotation, "_rotate_row", written_again)
    with pytest.raises(CommandError, match="Restart all of them, then run this again"):
        rotate_keys()


def test_the_start_is_refused_with_the_wrong_key(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [A]
    make_provider()
    launcher.check_keys()
    call_command("check", databases=["default"])
    settings.ENCRYPTION_KEYS = [B]
    with pytest.raises(
        StartError, match=f"add key {key_id(A)} to UCS_ENCRYPTION_KEYS.*nothing is overwritten"
    ):
        launcher.check_keys()
    with pytest.raises(SystemCheckError, match=f"add key {key_id(A)} to UCS_ENCRYPTION_KEYS"):
        call_command("check", databases=["default"])
    call_command("check")  # without a database it says nothing


PROVIDERS, WORKERS = 24, 8


@pytest.mark.django_db(transaction=True)
def test_under_load(oauth_server: OAuthServer, settings: Settings) -> None:
    """Eight workers refresh, sign in and save forms, at a server that punishes every lost refresh token."""
    oauth_server.faults.rotate_refresh_tokens = oauth_server.faults.end_on_reuse = True
    settings.ENCRYPTION_KEYS = [A]
    providers = [make_signed_in_provider(oauth_server, MAILBOX) for _ in range(PROVIDERS)]
    settings.ENCRYPTION_KEYS = [B, A]
    over = Event()
    with ThreadPoolExecutor(WORKERS) as pool:
        work = [pool.submit(busy, oauth_server, providers, number, over) for number in range(WORKERS)]
        try:
            done = rotation.rotate()
        finally:
            over.set()
        acts = [each.result() for each in work]
    assert done.is_complete
    assert all(acts), acts
    settings.ENCRYPTION_KEYS = [B]
    assert rotation.check_keys() == []
    for provider in providers:
        row = ProviderToken.objects.select_related("provider").get(provider=provider)
        assert row.provider.client_secret == provider.client_secret
        assert (row.needs_sign_in, row.failures) == (False, 0)
        assert oauth_server.owner_of(tokens.access_token(provider.pk, force=True)) == MAILBOX


def busy(server: OAuthServer, providers: list[SSOProvider], seed: int, over: Event) -> int:
    """Do one thing after the other until all is over; how many things."""
    chance, done = random.Random(seed), 0
    acts: list[Callable[[SSOProvider], object]] = [
        lambda provider: tokens.access_token(provider.pk, force=True),
        lambda provider: sign_in(server, provider),
        lambda provider: SSOProvider.objects.get(pk=provider.pk).save(),
    ]
    try:
        while not over.is_set() or not done:
            chance.choice(acts)(chance.choice(providers))
            done += 1
    finally:
        connection.close()
    return done


def sign_in(server: OAuthServer, provider: SSOProvider) -> None:
    client = server.store.clients[provider.client_id]
    access_token, refresh_token = server.issue(MAILBOX, client)
    tokens.keep_sign_in(provider, Grant(access_token, refresh_token, "", provider.scope, 3600), MAILBOX, None)
