"""What the customers write, read from ``letters/<language>.toml``: one file for each language."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).with_name("letters")
#: What a letter calls a mailbox, and its address.
MAILBOXES = {
    "support": "support@company.example",
    "billing": "billing@company.example",
    "google": "mailbox.email@company.com",
    "returns": "returns@company.com",
}

Form = Literal["plain", "html", "photo", "newsletter"]


@dataclass(frozen=True)
class Person:
    """A customer. One who is ``away`` sends an automatic reply before the true one."""

    name: str
    address: str
    language: str
    away: bool = False


@dataclass(frozen=True)
class Letter:
    """A first mail. ``subject`` and ``text`` hold names in braces, filled in by :mod:`.writing`.

    ``form``: plain, html (both texts), photo (html with a picture inside), newsletter (with the headers of
    a list). ``to``: keys of MAILBOXES that it suits, the best first.
    """

    topic: str
    to: tuple[str, ...]
    subject: str
    text: str
    form: Form = "plain"
    attachment: str = ""
    charset: str = "utf-8"

    def suits(self, mailbox: str) -> bool:
        """Whether the letter may go to the address."""
        return mailbox in (MAILBOXES[key] for key in self.to)


@dataclass(frozen=True)
class Language:
    """All that is said in one language."""

    tag: str
    name: str
    people: tuple[Person, ...]
    letters: tuple[Letter, ...]
    thanks: tuple[str, ...]
    questions: tuple[str, ...]
    away_subject: str
    away: str
    attribution: str
    date_format: str
    products: tuple[str, ...]
    amounts: tuple[str, ...]

    def letters_to(self, mailbox: str) -> list[Letter]:
        """The letters that suit the mailbox; every language has some for each."""
        return [letter for letter in self.letters if letter.suits(mailbox)]


@dataclass(frozen=True)
class Library:
    """All languages, by their tag."""

    languages: dict[str, Language] = field(default_factory=dict)

    @property
    def people(self) -> list[Person]:
        return [person for language in self.languages.values() for person in language.people]


def read_library(folder: Path = FOLDER) -> Library:
    """Read every language of the folder.

    :raises ValueError, TypeError, KeyError: a file is not one of letters.
    """
    return Library({file.stem: _read(file) for file in sorted(folder.glob("*.toml"))})


def _read(file: Path) -> Language:
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    people = tuple(Person(language=file.stem, **entry) for entry in found.pop("people"))
    letters = tuple(
        Letter(**entry | {"to": tuple(entry["to"]), "text": entry["text"] + "\n"})
        for entry in found.pop("letter")
    )
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in found.items()
    }
    return Language(tag=file.stem, people=people, letters=letters, **plain)
