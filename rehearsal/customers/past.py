"""What customers wrote in the weeks before today, and what the company did, for a program to begin with.

The world writes it down once, as plain steps in the order of time (`past.json`): mails as bytes, and what the
company's people did with them. Where a customer answers the company, the id of that mail stands as `OURS`,
as only the program knows it.

    mail ──take──▶ answer that closes it, or: answer ──mail (thanks)──▶ close, or: answer, and no word since
"""

import base64
import random
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from rehearsal.customers.letters import MAILBOXES, Letter, Library, Person, read_library
from rehearsal.customers.writing import POLICY, Writer

OURS = "<ours@past.example>"
WEEKS = 5  # a forecast wants four whole ones
PER_DAY = (2, 1, 2, 1, 2, 0, 0)
"""Conversations from Monday on; the company is closed at the weekend."""

OPENS, OPEN_MINUTES = time(7, 30, tzinfo=UTC), 7 * 60
TODAY = (205, 150, 110, 80)  # minutes ago
READERS = {"fr": ("bob",), "pl": ("bob",)}
USUAL_READERS = ("alice", "bob", "alice")
TAGS = {"invoice": "invoice", "delivery": "shipping", "return": "refund"}
LATE_EVERY = 11
ORGANISATIONS = {
    "Example Workshop Ltd.": ("olivia@customer.example", "harry.t@mail.example"),
    "Dílna Příklad s.r.o.": (),
}

Step = dict[str, Any]


def remember(now: datetime, library: Library | None = None, seed: int = 1) -> dict[str, Any]:
    """The past as it was until `now`: organisations, and steps, the oldest first."""
    past = _Past(now, library or read_library(), random.Random(seed))
    steps = [step for number, at in enumerate(past.arrivals()) for step in past.conversation(number, at)]
    return {
        "organisations": past.organisations(),
        "steps": sorted(
            (each for each in steps if each["at"] < past.now.isoformat()), key=lambda one: one["at"]
        ),
    }


class _Past:
    def __init__(self, now: datetime, library: Library, dice: random.Random) -> None:
        self.now = now.astimezone(UTC).replace(microsecond=0)
        self.library = library
        self.dice = dice
        file = Path(__file__).with_name("answers.toml")
        self.answers = tomllib.loads(file.read_text(encoding="utf-8"))

    def organisations(self) -> list[dict[str, Any]]:
        """Firms, and who of the customers belongs to them."""
        czech = [person.address for person in self.library.languages["cs"].people[:2]]
        return [{"name": name, "people": list(people) or czech} for name, people in ORGANISATIONS.items()]

    def arrivals(self) -> Iterator[datetime]:
        """When conversations began: on working days, and this morning."""
        first = self.now.date() - timedelta(days=7 * WEEKS + self.now.weekday())
        for number in range((self.now.date() - first).days):
            day = first + timedelta(days=number)
            for _ in range(PER_DAY[day.weekday()]):
                yield datetime.combine(day, OPENS) + timedelta(minutes=self.dice.randrange(OPEN_MINUTES))
        yield from (self.now - timedelta(minutes=each) for each in TODAY)

    def conversation(self, number: int, at: datetime) -> Iterator[Step]:
        """One of them, from its first mail on."""
        tag = self.dice.choice(("en", "cs", "de", "en", "cs", "es", "de", "fr", "pl"))
        key = self.dice.choice(("support", "billing"))
        language = self.library.languages[tag]
        person = self.dice.choice([each for each in language.people if not each.away])
        letter = self.dice.choice([each for each in language.letters_to(MAILBOXES[key]) if _is_work(each)])
        mail = self._writer(person, at).first_mail(letter, MAILBOXES[key])
        step = {"conversation": number, "by": self.dice.choice(READERS.get(tag, USUAL_READERS))}
        begun = at + timedelta(minutes=self.dice.randrange(6, 75))
        if number % LATE_EVERY == LATE_EVERY - 1:
            begun += timedelta(minutes=270)
        answered = begun + timedelta(minutes=self.dice.randrange(3, 15))
        yield step | {"at": at.isoformat(), "do": "mail", "to": MAILBOXES[key], "raw": _text(mail)}
        yield step | {"at": begun.isoformat(), "do": "take"}
        if letter.topic in TAGS and number % 2:
            yield step | {"at": begun.isoformat(), "do": "tag", "tag": TAGS[letter.topic]}
        text = self.dice.choice(self.answers[tag]["answers"]).format(name=person.name)
        is_thanked = number % 3 == 0
        is_left = self.now - at < timedelta(days=2) and not is_thanked
        closes = not (is_thanked or is_left)
        yield step | {"at": answered.isoformat(), "do": "answer", "text": text, "closes": closes}
        if is_thanked:
            writer = self._writer(person, answered + timedelta(minutes=40))
            yield from self._thanks(step, writer, _answer(mail, text))

    def _thanks(self, step: Step, writer: Writer, answer: EmailMessage) -> Iterator[Step]:
        at = writer.clock()
        thanks = writer.answer(answer, self.dice.choice(writer.language.thanks))
        yield step | {"at": at.isoformat(), "do": "mail", "to": str(thanks["To"]), "raw": _text(thanks)}
        yield step | {"at": (at + timedelta(minutes=9)).isoformat(), "do": "close"}

    def _writer(self, person: Person, at: datetime) -> Writer:
        return Writer(person, self.library.languages[person.language], self.dice, clock=lambda: at)


def _is_work(letter: Letter) -> bool:
    """Whether a person answers it; and no picture, which would make the past large."""
    return letter.form in ("plain", "html") and not letter.attachment


def _answer(mail: EmailMessage, text: str) -> EmailMessage:
    """What the company has sent, as far as an answer to it needs it."""
    answer = EmailMessage(POLICY)
    answer["From"], answer["Subject"] = mail["To"], mail["Subject"]
    answer["Message-ID"], answer["References"] = OURS, mail["Message-ID"]
    answer.set_content(text)
    return answer


def _text(mail: EmailMessage) -> str:
    return base64.b64encode(mail.as_bytes()).decode()
