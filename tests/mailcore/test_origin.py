"""Whoever forwards, the customer stays the customer."""

import pytest

from mailcore.origin import Handed, srs_original, with_envelope, with_original_id
from mailcore.parse import parse
from mailcore.parsed import Address, Automatic, ParsedMail
from tests.make import make_mail

US = "support-abcdefghij234567@inbound.example.test"
MAX = Address("Max Muster", "max@customer.example")


def sender(**headers: str) -> Address:
    return parse(make_mail(**{name.replace("_", "-"): value for name, value in headers.items()})).from_


@pytest.mark.parametrize(
    ("address", "original"),
    [
        ("SRS0=Qw12=AB=customer.example=max@forwarder.example", "max@customer.example"),
        ("srs0+qw12=ab=Customer.Example=max.m+tag@forwarder.example", "max.m+tag@customer.example"),
        ("SRS0-x/Y+=CD=customer.example=a=b@forwarder.example", "a=b@customer.example"),
        ("SRS1=Zz99=first.example==Qw12=AB=customer.example=max@second.example", "max@customer.example"),
        ("SRS1+Zz99=first.example=+Qw12=AB=customer.example=max@second.example", "max@customer.example"),
        ("prvs=0123456789=max@customer.example", "max@customer.example"),
        ("max@customer.example", ""),
        ("SRS0@customer.example", ""),
        ("box+caf_=support-x=inbound.example.test@gmail.example", ""),
        ("<>", ""),
        ("", ""),
    ],
)
def test_rewritten_envelope_senders(address: str, original: str) -> None:
    assert srs_original(address) == original


def test_from_that_a_group_has_rewritten() -> None:
    group = {"From": "'Max Muster' via Support <support@shop.example>", "To": "support@shop.example"}
    assert sender(**group, X_Original_From="Max Muster <max@customer.example>") == MAX
    assert sender(**group, X_Original_Sender="max@customer.example") == MAX
    assert sender(**group, Reply_To="Max Muster <max@customer.example>") == MAX
    both = "support@shop.example, Max Muster <max@customer.example>"
    assert sender(**group, Reply_To=both) == MAX
    german = group | {"From": "Max Muster über Support <support@shop.example>"}
    assert sender(**german, Reply_To="max@customer.example") == MAX
    quiet = {"From": "Support <support@shop.example>", "To": "boss@shop.example"}
    posted = {"List_Post": "<mailto:support@shop.example>"}
    assert sender(**quiet, **posted, X_Original_From="Max Muster <max@customer.example>") == MAX


def test_from_stays_where_nothing_shows_a_rewriting() -> None:
    group = Address("Max Muster via Support", "support@shop.example")
    to_group = {"From": str(group), "To": "support@shop.example"}
    assert sender(**to_group) == group
    assert sender(**to_group, Reply_To="support@shop.example") == group
    plain = {"From": "Max Muster <max@customer.example>", "To": "support@shop.example"}
    assert sender(**plain, Reply_To="evil@x.example", X_Original_From="evil@x.example") == MAX
    platform = "Max via Platform <mailer@platform.example>"
    assert sender(From=platform, Reply_To="bob@example.com").email == "mailer@platform.example"


def test_whom_servers_noted() -> None:
    raw = make_mail(
        **{
            "X-Forwarded-For": f"box@gmail.example {US}",
            "X-Forwarded-To": US,
            "Delivered-To": "box@gmail.example",
            "X-Original-To": "support@shop.example",
            "Resent-To": "Team <team@shop.example>",
        }
    )
    assert parse(raw).delivered_to == (
        *("box@gmail.example", "support@shop.example"),
        *(US, "team@shop.example"),
    )
    assert parse(make_mail(**{"X-Forwarded-For": "192.0.2.7, 192.0.2.8"})).delivered_to == ()


def handed(raw: bytes, mail_from: str = "max@customer.example") -> ParsedMail:
    envelope = Handed(mail_from=mail_from, rcpt_to=US, public_address="Support@shop.example")
    return with_envelope(parse(raw), raw, envelope)


def test_the_envelope_recipient_comes_first() -> None:
    mail = handed(make_mail(**{"Delivered-To": "support@shop.example"}))
    assert mail.delivered_to == (US, "support@shop.example")
    assert mail.from_.email == "charlie@customer.example"


def test_the_customer_by_the_envelope_where_from_is_our_own() -> None:
    srs = "SRS0=Qw12=AB=customer.example=max@shop.example"
    own = make_mail(From="Max Muster via Support <support@shop.example>")
    assert handed(own, srs).from_ == MAX
    assert handed(own, "support@shop.example").from_.email == "support@shop.example"
    assert handed(make_mail(From=""), srs).from_ == Address("", "max@customer.example")
    other = make_mail(From="Charlie <charlie@customer.example>")
    assert handed(other, srs).from_.email == "charlie@customer.example"


def test_machines_are_known_by_the_null_path() -> None:
    assert handed(make_mail(), "<>").automatic is Automatic.AUTO_REPLY
    assert handed(make_mail()).automatic is Automatic.NO


def test_a_group_that_is_our_own_address_makes_nobody_a_list() -> None:
    ours = {"List-ID": "<support.shop.example>", "List-Post": "<mailto:support@shop.example>"}
    assert parse(make_mail(**ours)).automatic is Automatic.LIST
    assert handed(make_mail(**ours)).automatic is Automatic.NO
    assert handed(make_mail(**ours, From="noreply@shop.example")).automatic is Automatic.LIST
    theirs = {"List-ID": "<news.other.example>", "List-Post": "<mailto:news@other.example>"}
    assert handed(make_mail(**theirs)).automatic is Automatic.LIST


def id_of(mail_from: str = "max@customer.example", **headers: str) -> str:
    raw = make_mail(**{name.replace("_", "-"): value for name, value in headers.items()})
    envelope = Handed(mail_from=mail_from, rcpt_to=US, public_address="support@shop.example")
    return with_original_id(parse(raw), raw, envelope).message_id


@pytest.mark.parametrize(
    "made",
    [
        "<CAB1@shop.example>",
        "<AM0PR01@AM0PR01MB1234.eurprd01.prod.outlook.com>",
        "<010201@eu-west-1.amazonses.com>",
        "<abc@mx.google.com>",
        "",
    ],
)
def test_an_id_that_the_forwarder_replaced_is_recovered(made: str) -> None:
    first = "<first@customer.example>"
    for name in ("X_Original_Message_ID", "X_Google_Original_Message_ID", "X_Microsoft_Original_Message_ID"):
        assert id_of(Message_ID=made, **{name: first}) == "first@customer.example"
    srs = "SRS0=Qw12=AB=customer.example=max@relay.example"
    assert id_of(srs, Message_ID="<x@relay.example>", Original_Message_ID=first) == "first@customer.example"
    by_rule = {"X_MS_Exchange_Parent_Message_Id": first, "Message_ID": made}
    agent = {"X_MS_Exchange_Generated_Message_Source": "Mailbox Rules Agent"}
    assert id_of(**by_rule, **agent) == "first@customer.example"
    assert id_of(**by_rule) != "first@customer.example"


def test_an_id_is_not_recovered_where_nobody_replaced_it() -> None:
    theirs = "<theirs@customer.example>"
    assert id_of(Message_ID=theirs, X_Original_Message_ID="<evil@x.example>") == "theirs@customer.example"
    kept = {"Message_ID": theirs, "Resent_Message_ID": "<again@shop.example>"}
    assert id_of(**kept) == "theirs@customer.example"
    made = "<made@shop.example>"
    two = {"X_Original_Message_ID": "<a@x.example>", "Original_Message_ID": "<b@x.example>"}
    assert id_of(Message_ID=made, **two) == "made@shop.example"
    assert id_of(Message_ID=made, X_Original_Message_ID="<a@x.example> <b@x.example>") == "made@shop.example"
    answer = {"In_Reply_To": "<ours@example.com>", "X_Original_Message_ID": "<ours@example.com>"}
    assert id_of(Message_ID=made, **answer) == "made@shop.example"
    assert id_of(Message_ID=made, X_Original_Message_ID="\x00<>" * 500) == "made@shop.example"
