"""POP3: the whole mailbox, one session for each poll, mails told apart by their UIDL.

A mail that is to be deleted goes only when the session ends with QUIT (RFC 1939 6), and only mails that are
stored are marked, so a session that breaks off loses nothing.
"""

import hashlib
import poplib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from typing import Any

from mailsources import faults
from mailsources.faults import FAULTS, MailboxError
from mailsources.listing import (
    LONGEST_HEADERS,
    Answer,
    Arrived,
    Listed,
    Shown,
    TooBig,
    Unreadable,
    Vanished,
    octets,
)
from mailsources.models import EmailSource
from mailsources.signin import (
    CONNECT_SECONDS,
    guard_token,
    hearing_of,
    login_name,
    prepare,
    security,
    shut,
    signed_in,
    stays_here,
)
from sso import tls
from sso.hearing import Hearing
from sso.secrets import Credential

LISTED_AT_ONCE = 1000
LONGEST_LINE = 20 * 1024 * 1024
LONGEST_LOGIN_DELAY = 24 * 3600
CRLF = b"\r\n"


class _Lines:
    """poplib gives up at lines of 2,048 octets, but mail has longer ones; ours may be as long as a mail."""

    file: Any
    hearing: Hearing | None = None  # the greeting comes before there is one

    def _putline(self, line: bytes) -> None:
        if self.hearing:
            self.hearing.us(line)
        super()._putline(line)  # type: ignore[misc]

    def _getresp(self) -> bytes:
        try:
            answer: bytes = super()._getresp()  # type: ignore[misc]
        except poplib.error_proto as error:
            if self.hearing:
                self.hearing.them(error.args[0] if error.args else b"")
            raise
        if self.hearing:
            self.hearing.them(answer)
        return answer

    def _getlongresp(self) -> tuple[bytes, list[bytes], int]:
        answer: tuple[bytes, list[bytes], int] = super()._getlongresp()  # type: ignore[misc]
        if self.hearing:
            self.hearing.them(answer[2])
        return answer

    def _getline(self) -> tuple[bytes, int]:
        line = self.file.readline(LONGEST_LINE + 1)
        if not line:
            raise poplib.error_proto("-ERR EOF")
        if len(line) > LONGEST_LINE:
            raise poplib.error_proto("-ERR a line is too long")
        return line.removesuffix(b"\n").removesuffix(b"\r"), len(line)


class _Clear(_Lines, poplib.POP3):
    pass


class _Encrypted(_Lines, poplib.POP3_SSL):
    pass


class Pop3Mailbox:
    """A `Mailbox` (see mailsources/mailbox.py) that speaks POP3."""

    def __init__(self, source: EmailSource) -> None:
        self.source = source
        self.hearing = hearing_of(source)
        self._line: poplib.POP3 | None = None
        self._numbers: dict[str, int] = {}
        self._has_read = False

    def open(self) -> Shown:
        """Sign in; this locks the mailbox until `settle` or `close`."""
        self._line = connect(self.source, self.hearing)
        with self._talking() as line:
            return Shown(line.stat()[0])

    def listing(self, after_uid: int) -> Iterator[list[Listed]]:
        """All mails, in portions: POP3 doesn't know which are new."""
        with self._talking() as line:
            sizes = dict(_pairs(line.list()[1]))
        names = self._uidls()
        if names is None:
            everything = [Listed(number=number, size=_size(size)) for number, size in sizes.items()]
        else:
            # Of several mails with one name (RFC 1939 7) the first; the others follow when that is gone.
            self._numbers = {uidl: number for number, uidl in reversed(names)}
            everything = [
                Listed(uidl=uidl, number=number, size=_size(sizes.get(number, b""))) for number, uidl in names
            ]
        for start in range(0, len(everything), LISTED_AT_ONCE):
            yield everything[start : start + LISTED_AT_ONCE]

    def names(self, after_uid: int = 0) -> Iterator[list[Listed]]:
        """All mails: POP3 tells their sizes as cheaply as their names."""
        return self.listing(after_uid)

    def weigh(self, listed: Sequence[Listed]) -> Iterator[list[Listed]]:
        """The same mails; their sizes are known."""
        yield list(listed)

    def since(self, listed: Sequence[Listed], first_day: date) -> list[Listed]:
        """All of them, as POP3 doesn't tell when a mail came."""
        return list(listed)

    def fetch(self, listed: Sequence[Listed]) -> Iterator[Answer]:
        """Read mails, in order. One that the server refuses doesn't stop the others."""
        for one in listed:
            try:
                with self._talking() as line:
                    raw = _octets(line.retr(one.number)[1])
            except MailboxError as error:
                cause = error.__cause__
                if self._line is None and isinstance(cause, FAULTS) and not self._has_read:
                    # Maybe this mail is why: after three times it blocks the others no more.
                    yield Unreadable(one, faults.answer(cause))
                if self._line is None or not isinstance(cause, poplib.error_proto):
                    raise
                yield Unreadable(one, faults.answer(cause))
                continue
            self._has_read = True
            yield Arrived(self._named(one, raw), raw)

    def headers(self, listed: Listed) -> TooBig | Vanished:
        """Only the headers of a mail; none when the server has no TOP."""
        headers = b""
        with suppress(MailboxError), self._talking() as line:
            headers = _octets(line.top(listed.number, 0)[1])[:LONGEST_HEADERS]
        return TooBig(listed, headers)

    def settle(self, listed: Sequence[Listed]) -> None:
        """Delete mails and end the session; those that are gone already are no error."""
        if self.source.after_import != EmailSource.AfterImport.DELETE:
            return
        with self._talking() as line:
            for one in listed:
                number = self._numbers.get(one.uidl or "")
                if number:
                    line.dele(number)
            line.quit()
        self._line = None

    def close(self) -> None:
        """End the session, if `settle` has not."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(*FAULTS):
                line.quit()

    def drop(self) -> None:
        """Hang up without QUIT: nothing is deleted."""
        line, self._line = self._line, None
        if line is not None:
            _cut(line)

    def cut(self) -> None:
        """From another thread: end the reading."""
        line = self._line
        if line is not None:
            shut(line.sock)

    def _uidls(self) -> list[tuple[int, str]] | None:
        """Number and UIDL of each mail; None from a server without, which will do only when we delete."""
        try:
            with self._talking() as line:
                return [(number, _clean(name)) for number, name in _pairs(line.uidl()[1])]
        except MailboxError as error:
            if not isinstance(error.__cause__, poplib.error_proto) or self._line is None:
                raise
            if self.source.after_import != EmailSource.AfterImport.DELETE:
                raise faults.no_uidl(self.source) from error
            return None

    def _named(self, one: Listed, raw: bytes) -> Listed:
        if one.uidl is not None:
            return one
        uidl = "sha256:" + hashlib.sha256(raw).hexdigest()  # its content is then its only name
        self._numbers[uidl] = one.number
        return replace(one, uidl=uidl)

    @contextmanager
    def _talking(self) -> Iterator[poplib.POP3]:
        if self._line is None:
            raise faults.talking(EOFError("the session has ended"), self.source)
        try:
            yield self._line
        except poplib.error_proto as error:
            if _is_refusal(error):
                raise faults.talking(error, self.source) from error  # the session goes on
            self.drop()
            raise faults.talking(ConnectionError(faults.answer(error)), self.source) from error
        except FAULTS as error:
            self.drop()
            raise faults.talking(error, self.source) from error


def connect(source: EmailSource, hearing: Hearing | None = None) -> poplib.POP3:
    """A new session, signed in and listened to. Raises MailboxError."""
    heard = hearing or hearing_of(source)
    return signed_in(source, lambda credential: _connect(source, credential, heard))


def reach(source: EmailSource) -> "_Clear | _Encrypted":
    """A connection that is encrypted where it must be, not signed in yet. Raises MailboxError."""
    host, port = source.server_address, source.service_port
    try:
        line: _Clear | _Encrypted
        if source.use_ssl:
            line = _Encrypted(host, port, timeout=CONNECT_SECONDS, context=tls.context())
        else:
            line = _Clear(host, port, timeout=CONNECT_SECONDS)
    except FAULTS as error:
        raise faults.connecting(error, source) from error
    try:
        _encrypt(line, source)
        prepare(line.sock)
    except FAULTS as error:
        _cut(line)
        raise faults.connecting(error, source) from error
    except MailboxError:
        _cut(line)
        raise
    return line


def sign_in(line: poplib.POP3, source: EmailSource, credential: Credential) -> None:
    """Authenticate an open connection. Raises MailboxError."""
    name = login_name(source, credential)
    try:
        if credential.kind == "xoauth2":
            guard_token(line.sock, source)
            _authenticate(line, "XOAUTH2", f"user={name}\1auth=Bearer {credential.value}\1\1")
        elif source.mailbox and source.mailbox != source.username:
            _authenticate(line, "PLAIN", f"{source.mailbox}\0{name}\0{credential.value}")
        else:
            line.user(name)
            line.pass_(credential.value)
    except OSError as error:
        raise faults.talking(error, source) from error
    except FAULTS as error:
        by_token = credential.kind == "xoauth2"
        refusal = faults.refused(error, source, by_token=by_token, sent=credential.value)
        if refusal.code == "login_delay":
            refusal.wait = max(refusal.wait, _login_delay(line))
        raise refusal from error


def _connect(source: EmailSource, credential: Credential, hearing: Hearing) -> poplib.POP3:
    hearing.hide(credential.value)
    hearing.note(f"Connecting to {hearing.peer} …")
    line = reach(source)
    hearing.note(security(line.sock))
    hearing.them(line.getwelcome())
    line.hearing = hearing
    try:
        sign_in(line, source, credential)
    except MailboxError:
        _cut(line)
        raise
    return line


def _cut(line: poplib.POP3) -> None:
    """Close without a word; after a failed handshake poplib finds nothing to close."""
    with suppress(OSError):
        line.close()


def _encrypt(line: poplib.POP3, source: EmailSource) -> None:
    if source.use_ssl:
        return
    if "STLS" in _capabilities(line):
        line.stls(tls.context())
    elif not source.allow_clear_text and not stays_here(line.sock):
        raise faults.no_starttls(source)


def _capabilities(line: poplib.POP3) -> dict[str, list[str]]:
    try:
        return line.capa()
    except poplib.error_proto as error:
        if _is_refusal(error):
            return {}  # a server older than CAPA
        raise


def _login_delay(line: poplib.POP3) -> float:
    """Seconds from one login to the next that the server announces (RFC 2449 6.5), 0 if it doesn't."""
    with suppress(*FAULTS):
        seconds = _capabilities(line).get("LOGIN-DELAY", ["0"])[0]
        return min(float(seconds), LONGEST_LOGIN_DELAY) if seconds.isdigit() else 0
    return 0


def _authenticate(line: Any, mechanism: str, text: str) -> None:
    """AUTH with the answer on a line of its own, as Microsoft documents it (RFC 5034 4).

    poplib has no public way, and takes the "+ " of a refused token for success; so "+OK" is demanded.
    """
    answer = line._shortcmd(f"AUTH {mechanism}")
    if not answer.startswith(b"+") or answer.startswith(b"+OK"):
        raise poplib.error_proto(answer)
    answer = line._shortcmd(b64encode(text.encode()).decode())
    if not answer.startswith(b"+OK"):  # a challenge that tells why; an empty line brings the -ERR
        answer = line._shortcmd("")
        raise poplib.error_proto(answer)


def _is_refusal(error: poplib.error_proto) -> bool:
    """The server said -ERR, as opposed to nothing at all."""
    return bool(error.args) and error.args[0] not in ("-ERR EOF", b"-ERR EOF")


def _pairs(lines: list[bytes]) -> list[tuple[int, bytes]]:
    """What LIST and UIDL answer: a number and a word on each line; others are passed over."""
    words = [line.split(None, 1) for line in lines]
    return [(int(two[0]), two[1].strip()) for two in words if len(two) == 2 and two[0].isdigit()]


def _size(words: bytes) -> int:
    """Octets by LIST, after which a server may say more (RFC 1939 5); 0 for what can't be one."""
    number = words.partition(b" ")[0]
    return octets(int(number)) if number.isdigit() and len(number) < 20 else 0


def _clean(name: bytes) -> str:
    """A UIDL as text: up to 70 visible characters (RFC 1939 7), if the server keeps to that."""
    return name.decode("ascii", errors="replace").replace("\0", "")[:200]


def _octets(lines: list[bytes]) -> bytes:
    return CRLF.join(lines) + CRLF
