"""How many card numbers are found, and how many other numbers are taken for one: python -m bench.cards

Cards are drawn from the issuers' ranges, with a right check digit, in the ways that people write them. Other
numbers are drawn from what shops, parcel services, banks and shelves use, half of them with the word that
says what they are and half without. The seed makes a run repeatable; another one makes another set.
"""

import argparse
import random
from collections import Counter
from collections.abc import Callable

from mailcore.card_issuers import is_checked
from mailcore.cards import find

Number = Callable[[random.Random], str]

BRANDS = (  # (share, beginnings, digits)
    (48, ("4",), 16),
    (28, ("51", "52", "53", "54", "55", "2221", "2345", "2720"), 16),
    (9, ("34", "37"), 15),
    (4, ("6011", "644", "65"), 16),
    (3, ("3528", "3550", "3589"), 16),
    (3, ("62",), 16),
    (2, ("36", "300", "38"), 14),
    (2, ("5018", "6304", "6759", "6763"), 16),
    (1, ("62", "4"), 19),
)
USUAL = {14: (4, 6, 4), 15: (4, 6, 5), 16: (4, 4, 4, 4), 19: (4, 4, 4, 4, 3)}

AROUND = """\
Please charge my card {}, exp 05/27.|My Visa number is {} and the name is Charlie Client.|{}|cc: {}|See: {}
I paid with {} yesterday.|Bitte buchen Sie von meiner Karte {} ab.|Kreditkartennummer: {}|Numer karty: {}
Meine Nummer lautet {}, gültig bis 11/28.|Číslo karty je {}, platnost 03/29.|Zaplatil jsem kartou {}.
Mi tarjeta es {}.|Numéro de carte : {}|Il numero della carta è {}.|Číslo mojej karty je {}.|Card: {} CVV: 123
> Please use {} instead.|Amount 49.90 EUR, {}, Charlie Client|Hello! {} Regards, Charlie|Ref. 2231, card {}
Order 10023 was paid with {}.""".replace("\n", "|").split("|")

NAMED = {
    "order": (
        "Order no.: {}|Order {}|Bestellnummer {}|Číslo objednávky: {}|Pedido {}|"
        "Your order number is {}|Commande n° {}"
    ),
    "tracking": (
        "Tracking number: {}|Tracking {}|Sendungsnummer: {}|Zásilka {}|DHL tracking {}|Paketnummer {}|"
        "Número de seguimiento: {}"
    ),
    "account": "IBAN {}|Account: {}|Konto {}|Customer number {}|Kundennummer: {}|Faktura {}",
    "thing": "EAN {}|IMEI: {}|Serial number {}|Seriennummer {}|ISBN {}|Item {}",
    "phone": "Phone: {}|Tel. {}|Call me: {}|Telefon: {}",
}
UNNAMED = "Where is {}?|{}|I still wait for {}.|Wo bleibt {}?|Kde je {}?|See {} please.|Re: {}"


def card(rng: random.Random) -> tuple[str, tuple[int, ...]]:
    """A number with its usual grouping."""
    _, beginnings, length = rng.choices(BRANDS, [share for share, *_ in BRANDS])[0]
    start = rng.choice(beginnings)
    body = start + _digits(rng, length - len(start) - 1)
    return next(body + str(last) for last in range(10) if is_checked(body + str(last))), USUAL[length]


def written(rng: random.Random, digits: str, groups: tuple[int, ...]) -> tuple[str, str]:
    """The number as people write it, and what that is called."""
    way = rng.choices(
        (
            "plain",
            "blanks",
            "hyphens",
            "dots",
            "no-break blanks",
            "cells",
            "lines",
            "zero width",
            "dashes",
            "HTML text",
        ),
        (40, 30, 12, 3, 4, 3, 2, 2, 2, 2),
    )[0]
    marks = {
        "blanks": " ", "hyphens": "-", "dots": ".", "no-break blanks": "\u00a0", "cells": "\t", "lines": "\n",
        "zero width": "\u200b", "dashes": " – ", "HTML text": "  ",
    }  # fmt: skip
    return grouped(digits, groups, marks.get(way, "")), way


def grouped(digits: str, groups: tuple[int, ...], mark: str) -> str:
    """The digits in groups of these sizes."""
    at, parts = 0, []
    for size in groups:
        parts.append(digits[at : at + size])
        at += size
    return mark.join(parts)


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _iban(rng: random.Random) -> str:
    body = _digits(rng, 18)
    check = 98 - int(f"{body}131400") % 97  # DE
    return grouped(f"DE{check:02}{body}", (4, 4, 4, 4, 4, 2), rng.choice(["", " "]))


def _checked(rng: random.Random, start: str, length: int) -> str:
    body = start + _digits(rng, length - len(start) - 1)
    return next(body + str(last) for last in range(10) if is_checked(body + str(last)))


OTHERS: tuple[tuple[str, int, str, Number], ...] = (  # (called, share, whose words, how it is made)
    ("running order number", 25, "order", lambda rng: str(rng.randint(10_000, 99_999_999))),
    ("Amazon order", 10, "order", lambda rng: grouped(_digits(rng, 17), (3, 7, 7), "-")),
    ("eBay order", 4, "order", lambda rng: grouped(_digits(rng, 12), (2, 5, 5), "-")),
    ("sixteen-digit order", 2, "order", lambda rng: rng.choice("38") + "0" + _digits(rng, 14)),
    (
        "dated order",
        5,
        "order",
        lambda rng: f"20{rng.randint(20, 29)}{rng.randint(1, 12):02}{_digits(rng, 10)}",
    ),
    ("UPS", 8, "tracking", lambda rng: "1Z" + _digits(rng, 16)),
    ("FedEx", 8, "tracking", lambda rng: _digits(rng, rng.choice([12, 12, 15, 20]))),
    (
        "USPS",
        6,
        "tracking",
        lambda rng: grouped("9400" + _digits(rng, 18), (4, 4, 4, 4, 4, 2), rng.choice(["", " "])),
    ),
    ("DHL", 8, "tracking", lambda rng: rng.choice(["JJD0", "0034", ""]) + _digits(rng, rng.choice([10, 16]))),
    ("DPD", 5, "tracking", lambda rng: "0" + _digits(rng, 13)),
    ("GLS, PPL", 3, "tracking", lambda rng: _digits(rng, 11)),
    ("IBAN", 5, "account", _iban),
    ("customer number", 3, "account", lambda rng: _digits(rng, rng.randint(6, 12))),
    ("EAN-13", 3, "thing", lambda rng: rng.choice(["400", "859", "978", "841"]) + _digits(rng, 10)),
    ("IMEI", 2, "thing", lambda rng: _checked(rng, "35", 15)),
    ("phone", 3, "phone", lambda rng: "+4" + _digits(rng, rng.randint(10, 12))),
)


def recall(rng: random.Random, count: int) -> tuple[int, Counter[str], Counter[str]]:
    """Of so many cards: those found whole, and by way of writing how many there were and were missed."""
    hits, ways, missed = 0, Counter[str](), Counter[str]()
    for _ in range(count):
        number, way = written(rng, *card(rng))
        text = rng.choice(AROUND).replace("{}", number)
        is_found = [text[each.start : each.end] for each in find(text)] == [number]
        hits += is_found
        ways[way] += 1
        missed[way] += not is_found
    return hits, ways, missed


def mistakes(rng: random.Random, count: int) -> tuple[Counter[str], Counter[str]]:
    """Of so many other numbers: by kind how many there were and were taken for cards."""
    kinds, wrong = Counter[str](), Counter[str]()
    for _ in range(count):
        called, _, whose, make = rng.choices(OTHERS, [share for _, share, *_ in OTHERS])[0]
        words = (NAMED[whose] if rng.random() < 0.5 else UNNAMED).split("|")
        kinds[called] += 1
        wrong[called] += bool(find(rng.choice(words).replace("{}", make(rng))))
    return kinds, wrong


def main() -> None:
    """Print what was found of the cards, and taken for one of the others."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cards", type=int, default=20_000)
    parser.add_argument("--others", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    hits, ways, missed = recall(rng, chosen.cards)
    print(f"cards found: {hits} of {chosen.cards}, {100 * hits / chosen.cards:.2f} %")
    for way, number in ways.most_common():
        print(f"  {way:22}{number:7}  missed {missed[way]}")
    kinds, wrong = mistakes(rng, chosen.others)
    total = sum(wrong.values())
    print(f"other numbers taken for a card: {total} of {chosen.others}, {100 * total / chosen.others:.3f} %")
    for called, number in kinds.most_common():
        print(f"  {called:22}{number:7}  wrong {wrong[called]}")


if __name__ == "__main__":
    main()
