"""How times, mails and their fate are put into words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.parsed import Address
from mailcore.text import sanitise
from mailsenders.models import OutgoingMail
from queues.deliveries import delivery
from queues.folds import LONG_QUOTE, fold, linked, original, parts
from queues.models import Conversation, Message
from queues.presentation import age, due, person, size
from queues.subjects import base_subject
from queues.thread import is_coloured
from tests.make import make_outgoing

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
State = OutgoingMail.State
CARLA = Address("Carla Client", "carla@customer.example")


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-5), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=5), "5 d"),
        (timedelta(days=6), "24 Feb"),
        (timedelta(days=100), "22 Nov 2025"),
    ],
)
def test_ages(ago: timedelta, words: str) -> None:
    assert age(NOW - ago, NOW) == words


@pytest.mark.parametrize(
    ("left", "level", "words"),
    [
        (timedelta(hours=3), "calm", "3 h left"),
        (timedelta(minutes=59), "amber", "59 min left"),
        (timedelta(minutes=-90), "red", "1 h late"),
    ],
)
def test_due_times(left: timedelta, level: str, words: str) -> None:
    told = due(Conversation(state="waiting", due_at=NOW + left), NOW)
    assert told is not None
    assert (told.level, told.label) == (level, words)


def test_nothing_is_due_on_the_customers_turn() -> None:
    assert due(Conversation(state="pending", due_at=NOW), NOW) is None


def test_initials() -> None:
    initials = [
        person(name).initials for name in ("Jana Dvořáková", "anna", "Eva Maria Gil", "x@y.example", "!")
    ]
    assert initials == ["JD", "A", "EG", "XE", "?"]


def test_sizes() -> None:
    assert [size(octets) for octets in (999, 15_400, 3_400_000)] == ["999 B", "15 kB", "3.4 MB"]


@pytest.mark.parametrize("mark", ["Re: ", "AW: ", "RE: Fwd: ", "Re[2]: "])
def test_answer_marks_don_t_make_another_subject(mark: str) -> None:
    assert base_subject(mark + "Parcel 17") == base_subject("parcel 17")


def test_text_becomes_links_and_never_markup() -> None:
    html = linked("<b>see</b>\nhttps://example.com/a?b=1&c=2")
    assert html.startswith("&lt;b&gt;see&lt;/b&gt;\n<a ")
    assert 'rel="noopener noreferrer"' in html


def test_a_text_is_shown_whole_with_quote_and_signature_folded() -> None:
    text = "It came.\n\nRegards\nCarla\n\nOn 5 Mar 2024 10:11, Alice wrote:\n> Where is it?"
    message = Message(text=text, signature_at=text.index("Regards"), quote_at=text.index("On 5"))

    shown = parts(message)

    assert [part.label for part in shown] == ["", "Signature", "•••"]
    assert "\n\n".join(part.text for part in shown) == text.replace(">", "&gt;")


def test_a_text_that_is_all_quotation_is_not_hidden() -> None:
    assert [part.label for part in parts(Message(text="> Where is it?", quote_at=0))] == [""]
    assert parts(Message(text="", quote_at=0)) == ()


def test_who_wrote_a_forwarded_mail() -> None:
    assert original(Message()) == ""
    told = {"name": "Dan", "email": "dan@example.net", "subject": "Chairs"}
    assert original(Message(forwarded=told)) == "Dan <dan@example.net>, “Chairs”"


def test_what_was_forwarded_is_open() -> None:
    told = {"name": "Dan", "email": "dan@example.net", "subject": ""}
    shown = parts(Message(text="Look.\n\nFrom: Dan\n\nHow much?", quote_at=7, forwarded=told))
    assert [part.is_open for part in shown] == [False, True]
    block = "<p>From: Dan<br>Sent: today<br>To: Carla<br>Subject: Chairs</p><p>How much?</p>"
    assert "<details open>" in fold(sanitise(f"<p>Look.</p>{block}"), CARLA, forwarded=True)


def test_the_quotation_at_the_end_is_folded_with_the_words_above_it() -> None:
    quote = "<blockquote>No?<blockquote>Well</blockquote></blockquote>"
    html = f"<div>Yes.</div><div>On 5 Mar 2024 10:11, Alice wrote:</div>{quote}"
    folded = fold(sanitise(html), CARLA)
    assert folded.count("<details>") == folded.count("</details>") == 1
    assert folded.index("Yes.") < folded.index("<details>") < folded.index("On 5") < folded.index("No?")


def test_a_signature_in_html_is_folded_unless_a_machine_wrote() -> None:
    html = sanitise("<p>It came.</p><p>Viele Grüße<br>Carla</p>")
    assert fold(html, CARLA) == (
        "<p>It came.</p><details><summary>Signature</summary><p>Viele Grüße<br>Carla</p></details>"
    )
    assert fold(html, None) == html


def test_quotations_between_answers_are_folded_when_they_are_long() -> None:
    html = f"<blockquote>When?</blockquote>Today.<blockquote>{'Why? ' * LONG_QUOTE}</blockquote>So."
    folded = fold(sanitise(html), CARLA)
    assert folded.startswith(
        "<blockquote>When?</blockquote>Today.<details><summary>•••</summary><blockquote>Why?"
    )
    assert folded.endswith("</blockquote></details>So.")


def test_a_mail_that_is_all_quotation_is_not_hidden() -> None:
    html = sanitise("<blockquote>" + "forwarded " * LONG_QUOTE + "</blockquote>&nbsp;")
    assert fold(html, CARLA) == html


PIECES = [
    "<blockquote>",
    "</blockquote>",
    "<div>",
    "</div>",
    "x",
    "<p>",
    "y" * LONG_QUOTE,
    "Regards",
    "-- ",
    "<br>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_folding_keeps_any_mail_well_formed(html: str) -> None:
    folded = fold(sanitise(html), CARLA)
    assert folded.count("<details>") == folded.count("</details>")
    assert sanitise(folded) == folded


def test_colours_of_its_own() -> None:
    assert is_coloured('<p style="color:#777">x</p>')
    assert is_coloured('<td bgcolor="#fff">')
    assert not is_coloured("<p>the colour: red</p>")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "words", "level"),
    [
        ({"state": State.HELD, "not_before": NOW + timedelta(seconds=8)}, "Leaves in", ""),
        ({"state": State.HELD, "not_before": NOW}, "Waiting to be sent", ""),
        ({"state": State.SENDING}, "Being sent", ""),
        ({"state": State.SENT, "sent_at": NOW}, "Sent 2 Mar 2026, 12:00", "good"),
        ({"state": State.RETRY, "not_before": NOW + timedelta(hours=1)}, "Not sent yet", "warn"),
        ({"state": State.FAILED}, "Could not be sent", "bad"),
        ({"state": State.UNCERTAIN}, "It is not known whether this was sent", "bad"),
    ],
)
def test_the_fate_of_a_mail(values: dict[str, object], words: str, level: str) -> None:
    mail = make_outgoing()
    for name, value in values.items():
        setattr(mail, name, value)
    told = delivery(mail, NOW)
    assert told.label.startswith(words)
    assert told.level == level
    assert bool(told.again) == (mail.state in (State.HELD, State.SENDING, State.RETRY))
    assert told.can_resend == (mail.state in (State.FAILED, State.UNCERTAIN))
    assert told.may_have_left == (mail.state == State.UNCERTAIN)
    assert bool(told.held_until) == (words == "Leaves in")


@pytest.mark.django_db
def test_one_refused_recipient_of_several_is_named() -> None:
    mail = make_outgoing(recipients=("a@customer.example", "b@customer.example"))
    mail.recipients.filter(email="b@customer.example").update(state="refused", answer="550 no")
    mail.state = State.SENT
    told = delivery(mail, NOW)
    assert (told.level, told.refused) == ("bad", ("b@customer.example: 550 no",))


@pytest.mark.django_db
def test_the_only_refusal_is_told_once() -> None:
    words = "charlie@customer.example: the server does not know this address (550 no): check it."
    mail = make_outgoing()
    mail.recipients.update(state="refused", answer="550 no")
    mail.state, mail.last_error = OutgoingMail.State.FAILED, words
    told = delivery(mail, NOW)
    assert (told.answer, told.refused) == (words, ())
