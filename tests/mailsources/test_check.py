"""“Test connection”: each step with its result, and nothing changed on the server."""

from typing import Any

import pytest
from pytest_django import Settings

from mailsources.check import test_connection as climb
from mailsources.faults import MailboxError
from mailsources.models import SourceState
from mailsources.rights import folder_rights
from tests.mailsources.conftest import KINDS, source_at
from tests.make import make_mail, make_source
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.django_db

every_kind = pytest.mark.parametrize("kind", list(KINDS))


@pytest.fixture(autouse=True)
def private_hosts(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True


@every_kind
def test_a_good_source_climbs_to_the_top_and_changes_nothing(dovecot: Dovecot, kind: str) -> None:
    source = source_at(dovecot, kind, after_import="delete")
    dovecot.drop(source.username, make_mail())
    steps = climb(source)
    assert [step.name for step in steps][:4] == ["Name", "TCP", "TLS", "Login"]
    assert all(step.ok for step in steps), steps
    assert "TLSv1." in steps[2].detail
    assert "password is set" in steps[3].detail
    assert steps[4].detail.endswith("holds 1 mail")
    assert dovecot.flags(source.username) == [""]
    assert SourceState.objects.get(source=source).last_success_at is None


@pytest.mark.parametrize(
    ("wrong", "last", "word"),
    [
        ({"server_address": "nowhere.invalid"}, "Name", "nowhere.invalid"),
        ({"service_port": 9}, "TCP", "refuses connections"),
        ({"password": "wrong"}, "Login", "refused the username or password"),
        ({"folder": "Nowhere"}, "Folder", "it has INBOX"),
        ({"password": "http://127.0.0.1:8080/api/v1.0/auth/token/4711"}, "Token", "4711"),
    ],
)
def test_the_ladder_ends_at_what_is_wrong(
    dovecot: Dovecot, wrong: dict[str, Any], last: str, word: str
) -> None:
    steps = climb(source_at(dovecot, **wrong))
    assert [step.ok for step in steps] == [True] * (len(steps) - 1) + [False]
    assert steps[-1].name == last
    assert word in steps[-1].detail


def test_a_wrong_port_for_ssl_is_named(dovecot: Dovecot) -> None:
    steps = climb(source_at(dovecot, service_port=dovecot.ports.imap))
    assert (steps[-1].name, steps[-1].ok) == ("TLS", False)


def test_a_folder_still_to_be_made_is_mentioned(dovecot: Dovecot) -> None:
    steps = climb(source_at(dovecot, after_import="move", move_to="Done"))
    assert (
        steps[-3].detail == "INBOX holds 0 mails; the folder Done will be made when the first mail is moved"
    )


def test_an_unsaved_source_can_be_tested(dovecot: Dovecot) -> None:
    source = source_at(dovecot)
    source.pk = None
    assert all(step.ok for step in climb(source))


def test_a_folder_for_reading_only_is_told() -> None:
    source = make_source(after_import="delete", folder="Shared")
    answers: dict[bytes, Any] = {b"READ-ONLY": [b""]}
    client = Client(answers, rights="")
    with pytest.raises(MailboxError, match="for reading only") as told:
        folder_rights(client, source)
    assert told.value.cause.name == "read_only"


@pytest.mark.parametrize(
    ("choice", "flags", "rights", "lacks"),
    [
        ("read", (rb"\Seen",), "lrs", ""),
        ("read", (rb"\Deleted",), "", "mark mails as read"),
        ("read", (rb"\Seen",), "lr", "mark mails as read"),
        ("delete", (rb"\Deleted",), "lrste", ""),
        ("delete", (rb"\Deleted",), "lrst", "remove deleted mails"),
        ("delete", (rb"\Deleted",), "lrsd", ""),
        ("delete", (), "", "delete mails"),
    ],
)
def test_rights_are_asked_for_before_they_are_needed(
    choice: str, flags: tuple[bytes, ...], rights: str, lacks: str
) -> None:
    source = make_source(after_import=choice)
    client = Client({b"PERMANENTFLAGS": flags}, rights)
    if not lacks:
        assert "may be changed" in folder_rights(client, source)
        return
    with pytest.raises(MailboxError, match=lacks) as told:
        folder_rights(client, source)
    assert told.value.cause.field == "after_import"


class Client:
    """As much of an IMAP client as says what may be done in a folder."""

    def __init__(self, answers: dict[bytes, Any], rights: str) -> None:
        self.answers, self.rights = answers, rights
        self._imap = self

    def select_folder(self, name: str) -> dict[bytes, Any]:
        return self.answers

    def has_capability(self, name: str) -> bool:
        return bool(self.rights)

    def _normalise_folder(self, name: str) -> str:
        return name

    def myrights(self, name: str) -> tuple[str, list[bytes]]:
        return "OK", [f"INBOX {self.rights}".encode()]


def test_a_forwarding_source_is_tested_as_well(settings: Settings) -> None:
    settings.INBOUND_DOMAIN = ""
    (step,) = climb(make_source(server_type="FORWARDING", public_address="support@example.com"))
    assert (step.name, step.cause.name) == ("Address", "forwarding_domain")
    settings.INBOUND_DOMAIN = "inbound.example.com"
    steps = climb(make_source(server_type="FORWARDING", public_address="help@example.com"))
    assert [step.name for step in steps] == ["Address", "Intake"]
    assert steps[-1].cause.name == "intake_silent"
