"""What a source's settings must fulfil, for forms and settings files alike."""

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from mailsources.models import EmailSource
from tests.make import make_queue, make_source

pytestmark = pytest.mark.django_db


def refusals(**values: Any) -> dict[str, list[str]]:
    """What full_clean says of a source that is good but for `values`."""
    good: dict[str, Any] = {
        "name": "support-in",
        "server_address": "imap.example.com",
        "username": "support@example.com",
        "password": "secret",
        "queue": make_queue(),
    }
    try:
        EmailSource(**(good | values)).full_clean()
    except ValidationError as error:
        return dict(error.message_dict)
    return {}


def test_a_good_source_is_taken() -> None:
    assert refusals() == {}
    assert refusals(password="http://127.0.0.1:8080/api/v1.0/auth/token/2") == {}


@pytest.mark.parametrize(
    ("values", "field", "word"),
    [
        ({"server_address": "https://imap.example.com/"}, "server_address", "only a name"),
        ({"server_address": "imap.example.com:993"}, "server_address", "no port"),
        ({"service_port": 0}, "service_port", "1 to 65535"),
        ({"server_type": "POP3", "import_since": date(2026, 1, 1)}, "import_since", "by IMAP"),
        ({"silence_hours": 0}, "silence_hours", "1 hour or more"),
        ({"service_port": 70000}, "service_port", "1 to 65535"),
        ({"password": "https://login.example.com/token"}, "password", "not a token URL"),
        ({"after_import": "move"}, "move_to", "such as Done"),
        ({"after_import": "move", "move_to": "INBOX"}, "move_to", "another"),
        ({"server_type": "POP3", "after_import": "read"}, "after_import", "POP3 has neither"),
        (
            {"server_type": "POP3", "after_import": "move", "move_to": "Done"},
            "after_import",
            "POP3 has neither",
        ),
        ({"poll_interval": 1}, "poll_interval", "5 seconds"),
    ],
)
def test_what_cannot_be_honoured_is_refused_in_words(values: dict[str, Any], field: str, word: str) -> None:
    found = refusals(**values)
    assert list(found) == [field]
    assert word in found[field][0]


def test_a_source_has_a_queue() -> None:
    assert list(refusals(queue=None)) == ["queue"]
    with pytest.raises(IntegrityError), transaction.atomic():  # whatever is looked at before
        make_source(queue=None)
    source = make_source()
    with pytest.raises(IntegrityError), transaction.atomic():
        EmailSource.objects.filter(pk=source.pk).update(queue=None)


def test_the_same_mailbox_twice_names_the_other_source() -> None:
    twin = make_source(server_address="imap.example.com", username="Support@example.com", name="the first")
    found = refusals()
    assert "“the first”" in found["folder"][0]
    assert refusals(folder="Other") == {}
    assert refusals(mailbox="shared@example.com") == {}
    twin.full_clean()


def test_blanks_around_a_value_are_taken_off() -> None:
    source = EmailSource(name="x", server_address=" imap.example.com ", username=" a@example.com ")
    source.clean()
    assert (source.server_address, source.username) == ("imap.example.com", "a@example.com")
