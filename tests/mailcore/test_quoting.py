"""Where the quoted mail begins, in the words of many mail programs."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.text import quote_at

ATTRIBUTIONS = [
    "On Tue, Mar 5, 2024 at 10:11 AM Alice <alice@example.com> wrote:",
    "On 5 Mar 2024, at 10:11, Alice <alice@example.com> wrote:",
    "On Tuesday 5 March 2024 the team of the shop\nAlice <alice@example.com>\nwrote:",
    "Am 05.03.24 um 10:11 schrieb Alice:",
    "Alice <alice@example.com> schrieb am Di., 5. März 2024, 10:11:",
    "Dne 5. 3. 2024 v 10:11 Alice napsal(a):",
    "út 5. 3. 2024 v 10:11 odesílatel Alice <alice@example.com> napsal:",
    "Dňa 5. 3. 2024 o 10:11 Alice napísal(a):",
    "El mar, 5 mar 2024 a las 10:11, Alice (<alice@example.com>) escribió:",
    "Le mar. 5 mars 2024 à 10:11, Alice <alice@example.com> a écrit :",
    "Il giorno mar 5 mar 2024 alle ore 10:11 Alice <alice@example.com> ha scritto:",
    "W dniu 5.03.2024 o 10:11, Alice pisze:",
    "wt., 5 mar 2024 o 10:11 Alice <alice@example.com> napisał(a):",
    "Kuupäev T, 5. märts 2024 kell 10:11 kirjutas Alice <alice@example.com>:",
    "Den tis 5 mars 2024 kl 10:11 skrev Alice <alice@example.com>:",
    "Op di 5 mrt 2024 om 10:11 schreef Alice <alice@example.com>:",
    "Em ter., 5 de mar. de 2024 às 10:11, Alice <alice@example.com> escreveu:",
    "вт, 5 мар. 2024 г. в 10:11, Alice <alice@example.com>:",
    "5 марта 2024 г., 10:11, Alice написал:",
    "-----Original Message-----\nFrom: Alice",
    "-----Ursprüngliche Nachricht-----\nVon: Alice",
    "-----Původní zpráva-----\nOd: Alice",
    "---------- Forwarded message ---------\nFrom: Alice",
    "Begin forwarded message:\n\nFrom: Alice",
    "From: Alice <alice@example.com>\nSent: Tuesday, March 5, 2024 10:11\nTo: Carla\nSubject: Parcel",
    "Von: Alice <alice@example.com>\nGesendet: Dienstag, 5. März 2024 10:11\nAn: Carla\nBetreff: Paket",
    "Od: Alice <alice@example.com>\nOdesláno: úterý 5. března 2024 10:11\nKomu: Carla\nPředmět: Balík",
    "De : Alice <alice@example.com>\nEnvoyé : mardi 5 mars 2024 10:11\nÀ : Carla\nObjet : Colis",
    "De: Alice\nEnviado el: martes, 5 de marzo de 2024 10:11\nPara: Carla\nAsunto: Paquete",
    "Saatja: Alice\nSaadetud: teisipäev, 5. märts 2024 10:11\nSaaja: Carla\nTeema: Pakk",
    "________________________________\nFrom: Alice\nSent: Tuesday\nTo: Carla\nSubject: Parcel",
    "Gesendet: Dienstag, 5. März 2024\nVon: Alice <alice@example.com>\nAn: Carla\nBetreff: Paket",
    "envoyé : 5 mars 2024 à 10:11\nde : Alice <alice@example.com>\nà : Carla\nobjet : Colis",
    "*From:* Alice\n*Sent:* Tuesday\n*To:* Carla\n*Subject:* Parcel",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
@pytest.mark.parametrize(
    "quoted", ["> Where did you order it?\n> Alice\n", "Where did you order it?\nAlice\n"]
)
def test_everything_from_the_attribution_on_is_quoted(attribution: str, quoted: str) -> None:
    new = "I ordered it from your shop.\n\n"

    text = f"{new}{attribution}\n\n{quoted}"

    assert quote_at(text) == len(new)


def test_a_block_of_quote_marks_at_the_end() -> None:
    assert quote_at("Yes.\n\n> Really?\n>\n> Alice\n") == len("Yes.\n\n")


def test_a_signature_is_no_quote() -> None:
    new = "Yes.\n-- \nCarla\nExample Ltd.\n\n"

    assert quote_at(f"{new}On Tue, 5 Mar 2024 10:11, Alice wrote:\n> Really?") == len(new)
    assert quote_at(new) == len(new)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nothing quoted here.",
        "On Tue, 5 Mar 2024 10:11, Alice wrote:\n> Really?\n\nYes, really.",  # answer below the quote
        "Hello,\n\nOn Tue, 5 Mar 2024 10:11, Alice wrote:\n> Really?\n\nYes, really.",
        "> Really?\nYes.\n> When?\nTomorrow at noon.",  # answers between the lines
        "See below.\n\nOn 5 Mar 2024 10:11, Alice wrote:\n> Really?\nYes.\n> When?\nTomorrow at noon.",
        "---------- Forwarded message ---------\nFrom: Alice\nTo: Carla\nSubject: Parcel\n\nIt is here.",
        "> only\n> a quote",
        "He wrote: I am coming on Monday.",
        "On Monday I called you, nobody answered.\nThen I wrote:",
        "From: Prague\nI travel by train.",
        "Date: tomorrow\nTo: me",
        "Where to ask\n============\n\nThere is a mailing list.\n" + "More words.\n" * 20,
        "What changed:\n\n2024-03-05  Bob <bob@example.com>\n\n\tThe wheel.",
        "I want to go\nFrom: Prague\nTo: Vienna\nDate: Monday\nThank you",
        "Ich will fahren\nDatum: Montag\nVon: Prag\nBis: Wien\nDanke",
        "The list:\n-----\none\ntwo",
        "I got your message at 10:15 and wrote the order number below:\n4711",
    ],
)
def test_what_is_no_quoted_tail(text: str) -> None:
    assert quote_at(text) == len(text)


def test_answers_between_the_lines_stay_though_a_quote_ends_the_mail() -> None:
    shown = "See below.\n\nOn 5 Mar 2024 10:11, Alice wrote:\n> Really?\n\nYes.\n\n"

    assert quote_at(f"{shown}> --\n> Alice\n") == len(shown)


@pytest.mark.parametrize(
    "attribution",
    [
        "Vào Th 3, 5 thg 3, 2024 vào lúc 10:11 Alice <alice@example.com> đã viết:",
        "Alice (alice@example.com) idatzi du\n2024-03-05 10:11:",
    ],
)
def test_an_unknown_verb_above_a_block_of_quote_marks(attribution: str) -> None:
    new = "I ordered it.\n\n"

    assert quote_at(f"{new}{attribution}\n\n> Where?\n> Alice\n") == len(new)


def test_an_answer_far_below_a_long_quote_is_seen() -> None:
    text = "Hello,\n" + "> quoted\n" * 6_000 + "my answer"

    assert quote_at(text) == len(text)


@pytest.mark.parametrize(
    "line",
    [
        "On 1 May 2024 10:10, alice@example.com wrote:\n",
        "> a\nb\n",
        "\n",
        "-" * 399 + "\n",
        "From: a\n",
        "Mit freundlichen Grüßen\n",
        "a@" * 199 + "\n",
        "Le " + "2024 " * 70 + ":\n",
    ],
)
def test_long_texts_take_linear_time(line: str) -> None:
    text = f"{line}> x\ny\n" + line * (2_000_000 // len(line)) + "> x\nanswer"
    began = time.process_time()

    quote_at(text)

    assert time.process_time() - began < 3


LINES = st.sampled_from(
    [
        "",
        "> quoted",
        "text",
        "On 1 May 2024 10:10, Alice wrote:",
        "--",
        "From: a",
        "To: b",
        "Subject: c",
        "  ",
    ]
)


@given(st.lists(LINES | st.text(max_size=12), max_size=25).map("\n".join))
def test_any_text_is_cut_where_a_line_begins_or_not_at_all(text: str) -> None:
    at = quote_at(text)

    assert at == len(text) or (text[:at].endswith("\n") and text[:at].strip())
