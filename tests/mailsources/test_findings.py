"""Whose word on a sender counts, from the mailbox to the message."""

from typing import Any

import pytest

from mailcore.parse import parse
from mailsources.deliver import deliver
from mailsources.fetch import ingest
from mailsources.findings import with_believed
from mailsources.models import EmailSource, FetchedMail
from tests.make import make_mail, make_source

PASS = "mx.google.com; dkim=pass header.d=customer.example"


@pytest.mark.parametrize(
    ("values", "is_believed"),
    [
        ({"server_address": "imap.gmail.com"}, True),
        ({"server_address": "imap.gmail.com", "authserv_id": "gateway.example.com"}, False),
        ({"server_address": "imap.example.com"}, False),
        ({"server_address": "imap.example.com", "authserv_id": "MX.google.com"}, True),
        ({"server_address": "outlook.office365.com"}, False),
        ({"server_type": "FORWARDING", "collected_by": EmailSource(server_address="imap.gmail.com")}, True),
    ],
)
def test_the_word_of_the_sources_own_server_counts(values: dict[str, Any], is_believed: bool) -> None:
    mail = parse(make_mail(Authentication_Results=PASS))
    assert (with_believed(EmailSource(**values), mail).findings is not None) is is_believed


@pytest.mark.django_db
def test_what_is_believed_is_kept_with_the_message() -> None:
    source = make_source(authserv_id="mx.google.com")
    ingest(source, make_mail(Authentication_Results=PASS))
    message = deliver(FetchedMail.objects.get().pk)
    assert message is not None
    message.refresh_from_db()
    assert message.authentication == {"by": "mx.google.com", "checks": [["dkim", "pass", "customer.example"]]}
