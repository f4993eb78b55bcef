"""`manage.py doctor` names the first broken rung of each connection."""

from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from tests.make import make_provider, make_sender, make_source
from tests.servers.ports import free_ports
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def loopback(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True


def doctor(*names: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("doctor", *names, stdout=out, no_color=True)
    except SystemExit as ended:
        return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def test_nothing_to_test() -> None:
    assert doctor() == ("There is nothing to test yet.\n", 0)


def test_each_is_examined_and_the_broken_rung_named() -> None:
    port = free_ports(1)[0]
    with SmtpServer(tls="none") as server:
        make_sender(
            name="good", server_type="NONE", server_address="127.0.0.1", service_port=server.port, username=""
        )
        make_source(name="closed", server_address="127.0.0.1", service_port=port)
        make_provider(name="never")
        said, code = doctor()
        assert code == 1
        assert "2 of 3 connections don't work." in said
        assert f"127.0.0.1:{port} refuses connections" in said
        assert "is not signed in yet: click 🔑" in said
        well, code = doctor("good")
        assert (code, "The connection works." in well) == (0, True)
        assert server.mails == []


def test_a_provider_for_the_sign_in_page_needs_no_mailbox() -> None:
    with SmtpServer(tls="none") as server:
        make_provider(
            name="staff",
            type="generic",
            for_people=True,
            authorization_url="http://127.0.0.1:1/authorize",
            token_url=f"http://127.0.0.1:{server.port}/token",
        )
        said, code = doctor("staff")
    assert "people sign in with it; no mailbox does" in said
    assert (code, "Token" in said) == (0, False)
