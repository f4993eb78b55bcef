"""A connection that is listened to: what both sides say, with the time, and without any secret.

What signs in is never written down, the text of a mail only by its size, and should a server repeat a secret,
it is blanked there as well.
"""

import base64
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any, cast

import aiosmtplib
from aiosmtplib import SMTPResponse

from mailsenders.answers import Answer
from mailsenders.heard_client import in_full
from mailsenders.smtp import Line, Refused, Server
from sso.secrets import Credential

BLANK = "••••••"
LONGEST = 1000  # characters of a line
MOST_LINES = 400
US, THEM, NOTE = "us", "them", "note"

Said = tuple[float, str, str]
"""Seconds since the beginning, who (US, THEM, NOTE), the words."""


class Dialogue:
    """What was said so far; written on the loop of the connection, read by another thread.

    :param secrets: whose every form is blanked.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._said: list[Said] = []
        self._forms: list[str] = []
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Blank these secrets from now on, as they are and in base64."""
        forms = {form for secret in secrets if len(secret) > 2 for form in _forms(secret)}
        self._forms = sorted({*self._forms, *forms}, key=len, reverse=True)

    def note(self, who: str, words: str) -> None:
        """Write down a line, or several."""
        at = round(time.monotonic() - self._began, 3)
        with self._lock:
            for line in words.splitlines() or [""]:
                if len(self._said) < MOST_LINES:
                    self._said.append((at, who, self.blanked(line)[:LONGEST]))

    def said(self) -> list[Said]:
        """All of it so far."""
        with self._lock:
            return list(self._said)

    def blanked(self, line: str) -> str:
        """The text without the secrets."""
        line = line.encode("utf-8", "replace").decode().replace("\0", "")
        for form in self._forms:
            line = line.replace(form, BLANK)
        return line


class _HeardClient(aiosmtplib.SMTP):
    """aiosmtplib's client, heard. What it sends beside commands is the text, which `HeardLine` notes."""

    dialogue: Dialogue
    is_signing_in = False

    async def connect(self, **options: Any) -> SMTPResponse:
        response = await super().connect(**options)
        self._heard(response)
        return response

    async def execute_command(self, *words: bytes, **options: Any) -> SMTPResponse:
        self.dialogue.note(US, self._shown(words))
        response = await super().execute_command(*words, **options)
        self._heard(response)
        return response

    async def starttls(self, **options: Any) -> SMTPResponse:
        self.dialogue.note(US, "STARTTLS")
        response = await super().starttls(**options)
        self._heard(response)
        return response

    def _shown(self, words: tuple[bytes, ...]) -> str:
        if self.is_signing_in:
            first = words[0].upper() == b"AUTH" and len(words) > 1
            return f"AUTH {words[1].decode('ascii', 'replace')} {BLANK}" if first else BLANK
        return b" ".join(words).decode("utf-8", "replace")

    def _heard(self, response: SMTPResponse) -> None:
        self.dialogue.note(THEM, in_full(response.code, response.message))


class HeardLine(Line):
    """A `Line` that tells a dialogue what is said on it."""

    client_type = _HeardClient

    def __init__(self, server: Server, dialogue: Dialogue) -> None:
        super().__init__(server)
        self.dialogue = dialogue
        self._heard = cast("_HeardClient", self._client)
        self._heard.dialogue = dialogue

    async def open(self) -> None:
        self.dialogue.note(NOTE, f"Connecting to {self.server}, {self.server.server_type} …")
        await super().open()
        self.dialogue.note(NOTE, self._security())

    async def sign_in(self, credential: Credential) -> None:
        user, secret = self.server.username, credential.value
        self.dialogue.hide(
            [secret, f"\0{user}\0{secret}", f"user={user}\1auth=Bearer {secret}\1\1", f"{user} {secret}"]
        )
        self._heard.is_signing_in = True
        try:
            await super().sign_in(credential)
        finally:
            self._heard.is_signing_in = False

    async def text(self, raw: bytes) -> Answer:
        self.dialogue.note(US, f"(the text: {len(raw):,} octets, and the final dot)")
        try:
            answer = await super().text(raw)
        except Refused as refusal:
            self.dialogue.note(THEM, in_full(refusal.answer.code, refusal.answer.text))
            raise
        self.dialogue.note(THEM, in_full(answer.code, answer.text))
        return answer

    def _security(self) -> str:
        secured = self._client.get_transport_info("ssl_object")
        if not isinstance(secured, ssl.SSLObject | ssl.SSLSocket):
            return "Everything travels in clear text."
        cipher = secured.cipher()
        certificate: Any = secured.getpeercert() or {}
        ends = f", valid until {certificate['notAfter']}" if "notAfter" in certificate else ""
        return (
            f"{secured.version()}, {cipher[0] if cipher else 'unknown cipher'}\n"
            f"Certificate of {_name(certificate.get('subject', ()))}, issued by "
            f"{_name(certificate.get('issuer', ()))}{ends}"
        )


def _name(parts: Iterable[Iterable[tuple[str, str]]]) -> str:
    """The telling part of a certificate's name."""
    found = dict(pair for part in parts for pair in part)
    return found.get("commonName") or found.get("organizationName") or "nobody named"


def _forms(secret: str) -> list[str]:
    encoded = base64.b64encode(secret.encode()).decode()
    return [secret, encoded, encoded.rstrip("=")]
