"""What a server says that it takes: noted for who writes, and obeyed."""

import pytest

from mailsenders import connections, sending
from mailsenders.models import OutgoingMail
from tests.mailsenders.conftest import MakeServer, sender_for
from tests.make import make_outgoing, make_raw

pytestmark = pytest.mark.django_db

ODD = "jiří@příklad.example"
WIRED = "jiří@xn--pklad-zsa96e.example"


def test_size_and_scripts_are_noted_with_each_new_connection(make_server: MakeServer) -> None:
    sender = sender_for(make_server(size=5_000_000, utf8=True))
    assert (sender.state.largest_mail, sender.state.takes_utf8) == (None, None)
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    sender.state.refresh_from_db()
    assert (sender.state.largest_mail, sender.state.takes_utf8) == (5_000_000, True)


def test_an_address_in_any_script_goes_to_a_server_that_takes_it(make_server: MakeServer) -> None:
    server = make_server(utf8=True)
    raw = make_raw().replace(b"charlie@customer.example", WIRED.encode())
    mail = make_outgoing(sender_for(server), raw=raw, recipients=(ODD,))
    sending.send_due_mail(mail.sender_id)
    taken = server.wait_for(1)[0]
    assert taken.recipients == (WIRED,)
    assert taken.raw == raw
    assert any(command.startswith("MAIL") and "SMTPUTF8" in command for command in server.seen.commands)


def test_a_server_that_takes_none_is_not_even_asked(make_server: MakeServer) -> None:
    server = make_server()
    mail = make_outgoing(sender_for(server), recipients=(ODD,))
    other = make_outgoing(mail.sender)
    sending.send_due_mail(mail.sender_id)
    server.wait_for(1)
    connections.close_all()
    mail.refresh_from_db()
    other.refresh_from_db()
    assert (mail.state, other.state) == (OutgoingMail.State.FAILED, OutgoingMail.State.SENT)
    assert "SMTPUTF8" in mail.recipients.get().answer
    assert not any("SMTPUTF8" in command for command in server.seen.commands)


def test_a_plain_mail_asks_for_nothing_special(make_server: MakeServer) -> None:
    server = make_server(utf8=True)
    mail = make_outgoing(sender_for(server))
    sending.send_due_mail(mail.sender_id)
    server.wait_for(1)
    assert not any("SMTPUTF8" in command for command in server.seen.commands)
