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
from sso.steps import Place, Protocol, explain, start_tls

FAULTS = (OSError, imaplib.IMAP4.error, poplib.error_proto, ValueError)
"""What the libraries raise: the network's errors, the protocols', and those of parsing an answer."""

USUAL_PORTS = {("IMAP", True): 993, ("IMAP", False): 143, ("POP3", True): 995, ("POP3", False): 110}

_TOKENS_ONLY = (".gmail.com", ".googlemail.com", ".office365.com", ".outlook.com")
_HOSTNAME_MISMATCH, _IP_MISMATCH = 62, 64
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
    """

    def __init__(self, sentence: str, *, code: str, retry: bool = True, wait: float = 0) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.retry = retry
        self.wait = wait


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
        mismatch = error.verify_code in (_HOSTNAME_MISMATCH, _IP_MISMATCH)
        return MailboxError(
            start_tls(place(server)).detail, code="tls_name" if mismatch else "tls_untrusted", retry=False
        )
    if isinstance(error, UnicodeError):  # a name that can't even be written for the look-up
        error = socket.gaierror(str(error))
    if isinstance(error, OSError):
        sentence = explain(error, server.server_address, server.service_port)
        code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "network")
        # A server that hangs up in the middle of it may simply be starting.
        return MailboxError(sentence, code=code, retry=code != "tls" or isinstance(error, ssl.SSLEOFError))
    known = _known(answer(error), server)
    if known:  # said instead of a greeting
        return known
    with_ssl, without = USUAL_PORTS[server.server_type, True], USUAL_PORTS[server.server_type, False]
    return MailboxError(
        f"{place(server)} gave no greeting ({answer(error)}): check the service port (usually {with_ssl} "
        f"with SSL, {without} without) and whether it wants “Use SSL connection”.",
        code="greeting",
    )


def refused(error: Exception, server: Server, *, by_token: bool) -> MailboxError:
    """Why the server did not let us sign in."""
    text = answer(error)
    known = _known(text, server)
    if known:
        if by_token and known.code == "busy":
            known.code = "token"  # Dovecot says so of an outdated token when its provider answers 401
        return known
    box = server.mailbox or server.username
    if by_token:
        return MailboxError(
            f"{place(server)} refused the token for {box}, also a fresh one ({text}): sign in again as {box} "
            "with 🔑 at the SSO provider, and check that the account may use "
            f"{server.server_type} and that the username is the mailbox that signed in.",
            code="token",
            retry=False,
        )
    by_token_only = server.server_address.lower().endswith(_TOKENS_ONLY)
    remedy = "give the token URL of an SSO provider instead" if by_token_only else "type both again"
    return MailboxError(
        f"{place(server)} refused the username or password of {server.username} ({text}): {remedy}.",
        code="password",
        retry=False,
    )


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
    return MailboxError(
        f"{place(server)} offers no {word}, so the password would travel in clear: tick “Use SSL connection” "
        f"and give its port ({USUAL_PORTS[server.server_type, True]} is usual), or allow clear text.",
        code="no_starttls",
        retry=False,
    )


def no_folder(server: Server, folder: str, there: list[str]) -> MailboxError:
    """The folder to be read isn't there."""
    names = ", ".join(there[:30]) + (" …" if len(there) > 30 else "")
    return MailboxError(
        f"The mailbox {server.mailbox or server.username} on {server.server_address} has no folder "
        f"“{folder}”: " + (f"it has {names}." if names else "it shows no folders at all."),
        code="folder",
        retry=False,
    )


def no_uidl(server: Server) -> MailboxError:
    """A POP3 server that can't tell mails apart."""
    return MailboxError(
        f"{place(server)} doesn't tell one mail from another (it has no UIDL): "
        "choose “Delete it” after import, or fetch the mailbox by IMAP.",
        code="no_uidl",
        retry=False,
    )


def answer(error: Exception) -> str:
    """What the server said, as one short line."""
    text = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    if text.startswith(("b'", 'b"')) and text.endswith(("'", '"')):
        text = text[2:-1]  # imapclient makes a string of the bytes' repr
    return clean_line(text)[:200].rstrip(".") or type(error).__name__  # no database takes a NUL


def _known(text: str, server: Server) -> MailboxError | None:
    """Refusals that have nothing to do with the password: throttled, locked, too many connections."""
    found = refusals.find(text)
    if found is None:
        return None
    refusal, wait = found
    sentence = refusal.sentence.format(
        place=place(server),
        box=server.mailbox or server.username,
        user=server.username,
        host=server.server_address,
        protocol=place(server).protocol,
        text=text,
        wait=max(1, round(wait)),
    )
    return MailboxError(sentence, code=refusal.code, retry=refusal.retry, wait=wait)
