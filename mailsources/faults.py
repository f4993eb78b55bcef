"""What can go wrong between us and a mailbox, as sentences for the administrator.

Each sentence names the server, what happened, and what to do; the email source is named where it is shown.
"""

import imaplib
import poplib
import socket
import ssl
from typing import Protocol as Shape

from mailcore.clean import clean_line
from mailsources import refusals
from mailsources.refusals import Refusal
from sso.blanking import blanked
from sso.causes import UNKNOWN, Cause
from sso.network import AT_SOURCE, diagnose
from sso.steps import Place, Protocol, start_tls

FAULTS = (OSError, imaplib.IMAP4.error, poplib.error_proto, ValueError)
"""What the libraries raise: the network's errors, the protocols', and those of parsing an answer."""

USUAL_PORTS = {("IMAP", True): 993, ("IMAP", False): 143, ("POP3", True): 995, ("POP3", False): 110}

_TOKENS_ONLY = (".gmail.com", ".googlemail.com", ".office365.com", ".outlook.com")
_CODES: dict[type[OSError], str] = {
    socket.gaierror: "name",
    ConnectionRefusedError: "refused",
    TimeoutError: "timeout",
    ssl.SSLError: "tls",
}


class MailboxError(Exception):
    """A mailbox that can't be read now.

    :param sentence: for the administrator: what happened, to what, and the remedy.
    :param code: one word for programs, such as "password" or "refused".
    :param retry: False when only a person can mend it.
    :param wait: seconds that the server asked us to stay away, 0 for none.
    :param cause: what to click, as far as it is known.
    """

    def __init__(
        self, sentence: str, *, code: str, retry: bool = True, wait: float = 0, cause: Cause = UNKNOWN
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.retry = retry
        self.wait = wait
        self.cause = cause


class Server(Shape):
    """What the sentences need to know of an email source."""

    server_type: str
    server_address: str
    service_port: int
    use_ssl: bool
    username: str
    mailbox: str


def place(server: Server) -> Place:
    """The server as the steps of a connection test know it."""
    protocol: Protocol = "POP3" if server.server_type == "POP3" else "IMAP"
    return Place(
        server.server_address, server.service_port, protocol, "tls" if server.use_ssl else "starttls"
    )


def connecting(error: Exception, server: Server) -> MailboxError:
    """Why no connection came about. A bad certificate is fetched once more, to say whose it is."""
    if isinstance(error, ssl.SSLCertVerificationError):
        step = start_tls(place(server))
        return MailboxError(step.detail, code=step.cause.name or "tls", retry=False, cause=step.cause)
    if isinstance(error, UnicodeError):  # a name that can't even be written for the look-up
        error = socket.gaierror(str(error))
    if isinstance(error, OSError):
        found = diagnose(error, server.server_address, server.service_port, **AT_SOURCE)
        code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "network")
        # A server that hangs up in the middle of it may simply be starting.
        retry = code != "tls" or isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        return MailboxError(found.sentence, code=code, retry=retry, cause=found.cause)
    said = answer(error)
    known = _known(said, server)
    if known:  # said instead of a greeting
        return known
    with_ssl, without = USUAL_PORTS[server.server_type, True], USUAL_PORTS[server.server_type, False]
    return _named("greeting", server, said, with_ssl=with_ssl, without=without)


def refused(error: Exception, server: Server, *, by_token: bool, sent: str = "") -> MailboxError:
    """Why the server did not let us sign in.

    :param sent: the password or token, which some servers repeat.
    """
    text = answer(error, sent)
    known = _known(text, server)
    if known:
        if by_token and known.code == "busy":
            known.code = "token"  # Dovecot says so of an outdated token when its provider answers 401
        return known
    if by_token:
        return _named("token", server, text)
    by_token_only = server.server_address.lower().endswith(_TOKENS_ONLY)
    return _named("password_where_tokens" if by_token_only else "password", server, text)


def talking(error: Exception, server: Server) -> MailboxError:
    """Why a conversation that had begun broke off."""
    text = answer(error)
    known = _known(text, server)
    if known and known.retry:
        return known
    if isinstance(error, TimeoutError) or "timed out" in text:
        return MailboxError(
            f"{place(server)} stopped answering in the middle: it is tried again by itself.", code="timeout"
        )
    if isinstance(error, OSError | imaplib.IMAP4.abort):
        return MailboxError(
            f"{place(server)} closed the connection ({text}): it is tried again by itself.", code="dropped"
        )
    return MailboxError(
        f"{place(server)} gave an answer that can't be used ({text}): it is tried again by itself.",
        code="protocol",
    )


def no_starttls(server: Server) -> MailboxError:
    """The server would let our password travel in clear."""
    word = "STLS" if server.server_type == "POP3" else "STARTTLS"
    port = USUAL_PORTS[server.server_type, True]
    return _named("no_starttls_offered", server, "", word=word, port=port)


def token_in_clear(server: Server) -> MailboxError:
    """A token opens the mailbox for whoever reads it on the way."""
    return _named("token_in_clear", server, "")


def no_folder(server: Server, folder: str, there: list[str], *, others: int = 0) -> MailboxError:
    """The folder to be read isn't there.

    :param others: how many of its folders other sources fetch; they are not offered.
    """
    names = ", ".join(there[:30]) + (" …" if len(there) > 30 else "")
    has = f"it has {names}" if names else "it shows no folders at all"
    if others:
        has += f", and {others} more that other email sources fetch already" if names else ""
        has = has if names else f"it has {others} that other email sources fetch already, and no others"
    return _named("folder", server, has, folder=folder)


def no_uidl(server: Server) -> MailboxError:
    """A POP3 server that can't tell mails apart."""
    return _named("no_uidl", server, "")


def read_only(server: Server, folder: str) -> MailboxError:
    """The folder can't be changed, as the after-import choice demands."""
    return _named("read_only", server, "", folder=folder)


def may_not_change(server: Server, folder: str, what: str, rights: str) -> MailboxError:
    """A right (RFC 4314) lacks that the after-import choice needs.

    :param what: the act, such as “delete mails”.
    """
    return _named("may_not_change", server, rights, folder=folder, what=what)


def answer(error: Exception, sent: str = "") -> str:
    """What the server said, as one short line.

    :param sent: a secret that it may repeat.
    """
    text = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    if text.startswith(("b'", 'b"')) and text.endswith(("'", '"')):
        text = text[2:-1]  # imapclient makes a string of the bytes' repr
    text = blanked(text, sent)
    return clean_line(text)[:200].rstrip(".") or type(error).__name__  # no database takes a NUL


def _known(text: str, server: Server) -> MailboxError | None:
    """Refusals that have nothing to do with the password: throttled, locked, too many connections."""
    found = refusals.find(text, ssl=server.use_ssl)
    return _worded(*found, server, text) if found else None


def _named(name: str, server: Server, text: str, **words: object) -> MailboxError:
    """The entry of that name in sso/causes/mailbox.toml, in words."""
    return _worded(refusals.known()[name], 0, server, text, **words)


def _worded(refusal: Refusal, wait: float, server: Server, text: str, **words: object) -> MailboxError:
    sentence = refusal.sentence.format(
        place=place(server),
        box=server.mailbox or server.username,
        user=server.username,
        host=server.server_address,
        protocol=place(server).protocol,
        text=text,
        wait=max(1, round(wait)),
        **words,
    )
    return MailboxError(sentence, code=refusal.code, retry=refusal.retry, wait=wait, cause=refusal.cause)
