"""`manage.py causes`: the recognised causes of trouble as a page, docs/causes.md."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from sso import causes

PAGE = Path(settings.BASE_DIR) / "docs" / "causes.md"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
NAMES = {
    "place": "‹server:port›", "host": "‹server›", "box": "‹mailbox›", "user": "‹username›",
    "text": "‹its words›", "reason": "‹reason›", "whose": "", "username": "‹username›",
    "ssl": "choose SSL (at a source: tick “Use SSL connection”)",
    "starttls": "choose STARTTLS (at a source: clear “Use SSL connection”)",
    "first": "", "others": "",
    "sender": "‹sender›", "address": "‹address›",
    "redirect_uri": "‹redirect URI›", "console": "‹the provider's console›",
}  # fmt: skip
HEAD = """# What goes wrong, and what to click

“Test connection”, the page of a failing source, sender or provider, and `manage.py doctor` climb the same
ladder: name, port, TLS, token, login, folder or MAIL FROM, rights, and what is known of the provider. The
first rung that breaks is shown with the server's own words, what they mean, and a link to the field that
mends it. These are the answers that are recognised; any other is shown as it is. ⏳ marks what needs time at
the provider after it was mended: such a trouble is tested again by itself.

This page is made by `manage.py causes --write` out of `sso/causes/*.toml` and `sso/refusals.toml`.
"""


class Command(BaseCommand):
    """Print the page, or write it."""

    help = "Print docs/causes.md as the recognised causes of trouble make it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="Write the file.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            PAGE.write_text(page(), encoding="utf-8")
            self.stdout.write(f"{PAGE} is up to date.")
        else:
            self.stdout.write(page())


def page() -> str:
    """The whole page."""
    parts = [
        ("The way to a server", _network()),
        ("IMAP and POP3 servers", _mailbox()),
        ("SMTP servers", _smtp()),
        ("OAuth 2.0 servers", _oauth()),
        ("What our own rows tell", _policy()),
    ]
    return "\n".join([HEAD, *("\n".join(_table(title, rows)) for title, rows in parts)]) + "\n"


def _table(title: str, rows: Iterator[tuple[str, str, str]]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| cause | such an answer | what it means and what to do |"
    yield "| --- | --- | --- |"
    for name, sample, meaning in rows:
        yield f"| `{name}` | {_cell(sample)} | {_cell(meaning)} |"
    yield ""


def _network() -> Iterator[tuple[str, str, str]]:
    for name, table in causes.tables("network").items():
        yield name, ", ".join(table["signs"]), _meaning(table["sentence"], table)


def _mailbox() -> Iterator[tuple[str, str, str]]:
    for name, table in causes.tables("mailbox").items():
        yield name, table["samples"][0], _meaning(table["sentence"], table)


def _smtp() -> Iterator[tuple[str, str, str]]:
    tables = causes.tables("smtp")
    samples = {rule["meaning"]: rule["sample"] for rule in reversed(tables["rule"])}
    for name, table in tables["meaning"].items():
        remedy = table["remedy"]
        if other := table.get("token_remedy"):
            remedy += f" With a token URL: {other}"
        yield name, samples[name], _meaning(f"The server {table['cause']}: {remedy}", table)


def _oauth() -> Iterator[tuple[str, str, str]]:
    for name, table in causes.tables("oauth").items():
        remedy = table["remedy"]
        yield name, table.get("sample", name), _meaning(f"{remedy[0].upper()}{remedy[1:]}.", table)


def _policy() -> Iterator[tuple[str, str, str]]:
    for name, table in causes.tables("policy").items():
        yield name, table["sample"], _meaning(table["sentence"], table)


def _meaning(sentence: str, table: dict[str, Any]) -> str:
    worded = PLACEHOLDER.sub(lambda found: NAMES.get(found[1], f"‹{found[1]}›"), sentence)
    return f"{worded} ⏳" if table.get("takes_time") else worded


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
