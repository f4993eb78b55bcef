"""The causes that are kept as data: each is reached by its sample answer, and leads somewhere."""

import errno
import poplib
import socket
import ssl
from typing import Any

import pytest

from mailsenders.answers import Answer, Phase, classify, meanings, rules
from mailsenders.models import EmailSender
from mailsources import faults, refusals
from mailsources.models import EmailSource
from sso import causes, network
from sso.blanking import blanked
from sso.models import SSOProvider
from sso.refusals import refusal
from ucs.management.commands.causes import PAGE, page

SAID = [(name, sample) for name, entry in refusals.known().items() for sample in entry.samples]
SIGNS = [(name, sign) for name, entry in causes.tables("network").items() for sign in entry["signs"]]
OURS = ("IPV6 ONLY", "TLS WANTED", "NO STARTTLS", "FORBIDDEN ADDRESS")
"""Signs that no error has, but our own code gives."""


def source(**values: Any) -> EmailSource:
    given = {"server_address": "imap.example.com", "username": "box@example.com", "use_ssl": True}
    return EmailSource(**(given | values))


@pytest.mark.parametrize(("name", "said"), SAID)
def test_what_a_mailbox_server_says_is_recognised(name: str, said: str) -> None:
    entry = refusals.known()[name]
    server = source(use_ssl=entry.ssl is not False)
    if entry.words is not None:
        found = faults.refused(poplib.error_proto(said.encode()), server, by_token=False)
        assert (found.cause.name, found.code) == (name, entry.code)
        assert said.rstrip(".") in found.sentence
    elif name in ("password", "password_where_tokens", "token"):
        address = "outlook.office365.com" if name == "password_where_tokens" else "imap.example.com"
        server = source(server_address=address)
        found = faults.refused(poplib.error_proto(said.encode()), server, by_token=name == "token")
        assert found.cause.name == name


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.sample[:40])
def test_what_an_smtp_server_says_is_recognised(rule: Any) -> None:
    code, _, text = rule.sample.partition(" ")
    for phase in rule.phases:
        assert classify(Answer(int(code), text), phase).name == rule.verdict.name
    assert set(meanings()) == {each.verdict.name for each in rules()}


@pytest.mark.parametrize("name", list(causes.tables("oauth")))
def test_what_an_oauth_server_says_is_recognised(name: str) -> None:
    error, _, description = causes.tables("oauth")[name]["sample"].partition(": ")
    assert refusal(error, description, of_code=name == "code_expired").cause.name == name


def error_of(sign: str) -> OSError:
    kind, _, rest = sign.partition(" ")
    if kind == "NAME":
        return socket.gaierror(getattr(socket, rest) if rest else socket.EAI_NONAME, "no")
    if kind == "CERT":
        refused = ssl.SSLCertVerificationError("certificate verify failed")
        refused.verify_code, refused.verify_message = int(rest or 1), "words of OpenSSL"
        return refused
    if sign == "SSL EOF":
        return ssl.SSLEOFError(8, "eof")
    if kind == "SSL":
        wrong = ssl.SSLError(1, "no")
        wrong.reason = rest or "ANYTHING"
        return wrong
    return OSError(getattr(errno, sign, 9999), "words of the system")


@pytest.mark.parametrize(("name", "sign"), [pair for pair in SIGNS if pair[1] not in OURS])
def test_errors_of_the_network_are_recognised(name: str, sign: str) -> None:
    found = network.diagnose(error_of(sign), "mail.example.com", 993, whose="other.example")
    assert found.cause.name == name
    assert "mail.example.com" in found.sentence
    assert "{" not in found.sentence


def test_there_are_many_and_each_name_is_there_once() -> None:
    names = [name for file in ("network", "mailbox", "oauth", "policy") for name in causes.tables(file)]
    names += list(causes.tables("smtp")["meaning"])
    assert len(names) == len(set(names))
    mail = len(causes.tables("mailbox")) + len(meanings()) + len(causes.tables("network"))
    assert mail >= 60
    assert len(causes.tables("oauth")) >= 75


def test_each_field_is_one_of_the_forms() -> None:
    forms = {
        "network": (EmailSource, EmailSender),
        "mailbox": (EmailSource,),
        "smtp": (EmailSender,),
        "oauth": (),
        "policy": (EmailSource, EmailSender),
    }
    for file, models in forms.items():
        tables = causes.tables(file)["meaning"] if file == "smtp" else causes.tables(file)
        for name, table in tables.items():
            field = causes.cause_of(name, table).field
            if field.startswith("provider."):
                found = field.removeprefix("provider.")
                assert found == "key" or SSOProvider._meta.get_field(found), name
            elif field and field != "security":
                assert any(field in {each.name for each in model._meta.fields} for model in models), name


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run manage.py causes --write"


def test_a_server_that_repeats_a_secret_tells_nothing() -> None:
    assert blanked("BAD unknown: LOGIN box hunter22", "hunter22") == "BAD unknown: LOGIN box …"
    said = "535 dXNlcj1ib3gBYXV0aD1CZWFyZXIgeWEyOS5jYW5hcnktdG9rZW4BAQ== refused"
    assert blanked(said, "ya29.canary-token") == "535 … refused"
    link = "NO [ALERT] https://support.google.com/mail/accounts/answer/78754"
    assert blanked(link, "hunter22") == link
    server = source(password="hunter22")
    told = faults.refused(
        poplib.error_proto(b"-ERR no hunter22 here"), server, by_token=False, sent="hunter22"
    )
    assert "hunter22" not in told.sentence


def test_unknown_words_are_shown_raw_and_short() -> None:
    said = b"-ERR <b>odd</b> \x00\x1b[31m" + b"x" * 500
    told = faults.refused(poplib.error_proto(said), source(), by_token=False)
    assert "<b>odd</b>" in told.sentence  # the templates escape it
    assert "\0" not in told.sentence
    assert len(told.sentence) < 400


def test_what_takes_time_is_marked() -> None:
    assert classify(Answer(535, "5.7.139 no"), Phase.AUTH).takes_time
    assert refusal("access_denied", "AADSTS65001").cause.takes_time
    assert not classify(Answer(535, "5.7.8 no"), Phase.AUTH).takes_time


def test_time_helps_only_where_nothing_is_to_be_changed_here() -> None:
    """What needs 🔑, another value of a field, or a new mail is not mended by testing it again."""
    for name in (
        "scope_missing",
        "scope_older",
        "wrong_account",
        "not_signed_in",
        "server_not_listed",
        "forwarding_off",
    ):
        assert causes.named(name), name
        assert not causes.named(name).takes_time, name
    for name, table in causes.tables("oauth").items():
        if table.get("takes_time") and table["cure"] == "sign in":
            # The same token serves again once an administrator has consented for all.
            assert name == "AADSTS65001"
        assert not (table.get("takes_time") and table["cure"] == "wait"), name
    for name in ("password", "expired", "tls_name", "login_refused", "no_passwords", "unauthorized_client"):
        assert not causes.named(name).takes_time, name
    for name in ("disabled", "not_yours", "smtp_auth_off", "shared_mailbox", "redirect_uri_mismatch"):
        assert causes.named(name).takes_time, name
