"""aiosmtplib's client, which notes what is said, and what became of the mails of a connection."""

from dataclasses import dataclass
from typing import Any

import aiosmtplib
from aiosmtplib import SMTPResponse

from sso.hearing import Hearing


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one mail, for the communication log."""

    mail_id: int
    is_good: bool
    sentence: str = ""


class HeardClient(aiosmtplib.SMTP):
    """A client that is heard. The text of mails goes another way, so it isn't."""

    hearing: Hearing

    async def connect(self, **options: Any) -> SMTPResponse:
        response = await super().connect(**options)
        self.hearing.them(in_full(response.code, response.message))
        return response

    async def execute_command(self, *words: bytes, **options: Any) -> SMTPResponse:
        self.hearing.us(b" ".join(words))
        response = await super().execute_command(*words, **options)
        self.hearing.them(in_full(response.code, response.message))
        return response

    async def starttls(self, **options: Any) -> SMTPResponse:
        self.hearing.us("STARTTLS")
        response = await super().starttls(**options)
        self.hearing.them(in_full(response.code, response.message))
        return response


def in_full(code: int, text: str) -> str:
    """An answer as it came, line by line (RFC 5321 4.2.1)."""
    lines = text.split("\n")
    return "\n".join([*(f"{code}-{line}" for line in lines[:-1]), f"{code} {lines[-1]}"])
