"""“Test connection” of a source: name, TCP, TLS, token, login, folder, rights, policy. Changes nothing.

A folder that is to be changed after import is opened as a poll opens it; nothing in it is read, marked or
moved.
"""

import poplib
import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from imapclient import IMAPClient

from mailsources import faults, forwarding_check, imap, imap_line, pop3
from mailsources.faults import FAULTS, MailboxError
from mailsources.models import EmailSource
from mailsources.rights import folder_rights
from sso import ladder, secrets
from sso.ladder import SignIn
from sso.steps import Step, StepFailed, open_port, reach, resolve_host, timed

AfterImport = EmailSource.AfterImport
GMAIL = (".gmail.com", ".googlemail.com")


def test_connection(source: EmailSource) -> list[Step]:
    """Climb the ladder with a source, saved or not; when a step fails, it is the last one."""
    if source.is_forwarding:
        return forwarding_check.test_forwarding(source)
    with ExitStack() as stack:
        climbing = _Ladder(source, stack)
        climbing.climb()
        return climbing.steps


def sign_in_of(source: EmailSource) -> SignIn:
    """Who signs in where."""
    where = faults.place(source)
    login = source.mailbox or source.username
    return SignIn(where.protocol, where.host, where.port, login, source.password)


class _Ladder:
    """The steps so far. A step that fails ends the climb."""

    def __init__(self, source: EmailSource, stack: ExitStack) -> None:
        self.source = source
        self.sign_in = sign_in_of(source)
        self.stack = stack
        self.is_pop3 = source.server_type == EmailSource.ServerType.POP3
        self.steps: list[Step] = []
        self.line: Any = None

    def climb(self) -> None:
        self._reach()
        self._token()
        self._step("Login", self._login)
        self.steps[-1] = ladder.explained(self.steps[-1], self.sign_in)
        if self.is_pop3:
            self._step("Mailbox", self._count)
        else:
            self._step("Folder", self._folder)
        self._step("Rights", self._rights)
        if self.steps[-1].ok:
            self.steps.append(ladder.policy_step(self._notes()))

    def _reach(self) -> None:
        host, port = self.source.server_address, self.source.service_port
        if self.source.use_ssl:
            self.steps = reach(faults.place(self.source))
            return
        self.steps.append(resolve_host(host, port))
        if self.steps[-1].ok:
            self.steps.append(open_port(host, port))
        self._step("TLS", self._starttls)

    def _token(self) -> None:
        step = ladder.token_step(self.sign_in) if self.steps[-1].ok else None
        if step:
            self.steps.append(step)

    def _step(self, name: str, work: Callable[[], str]) -> None:
        def worded() -> str:
            try:
                return work()
            except MailboxError as error:
                raise StepFailed(error.sentence, error.cause) from error

        if self.steps[-1].ok:
            self.steps.append(timed(name, worded))

    def _starttls(self) -> str:
        """STARTTLS where it is offered, and what its absence means where it isn't."""
        line = pop3.reach(self.source) if self.is_pop3 else imap_line.reach(self.source)
        try:
            sock = line.socket() if isinstance(line, IMAPClient) else line.sock
            if isinstance(sock, ssl.SSLSocket):
                return f"{sock.version()} after {'STLS' if self.is_pop3 else 'STARTTLS'}"
            return "not offered: everything travels in clear text"
        finally:
            _hang_up(line)

    def _login(self) -> str:
        connect: Callable[[EmailSource], Any] = pop3.connect if self.is_pop3 else imap_line.connect
        self.line = connect(self.source)
        self.stack.callback(_hang_up, self.line)
        box = self.source.mailbox or self.source.username
        shared = f" for the mailbox {box}" if box != self.source.username else ""
        return f"signed in as {self.source.username}{shared}, {secrets.describe(self.source.password)}"

    def _folder(self) -> str:
        try:
            shown = imap.select(self.line, self.source, examine=True)
        except MailboxError as error:
            if error.cause.name != "folder":
                raise
            taken = self.source.folders_of_others()
            free = [each for each in imap.folders(self.line, self.source) if each not in taken]
            raise faults.no_folder(self.source, self.source.folder, free, others=len(taken)) from error
        counted = f"{self.source.folder} holds {_mails(shown.total)}"
        wanted = self.source.move_to if self.source.after_import == AfterImport.MOVE else ""
        if wanted and wanted not in imap.folders(self.line, self.source):
            return f"{counted}; the folder {wanted} will be made when the first mail is moved"
        return counted

    def _count(self) -> str:
        try:
            total = self.line.stat()[0]
        except FAULTS as error:
            raise faults.talking(error, self.source) from error
        if self.source.after_import != AfterImport.DELETE:
            try:
                self.line.uidl()
            except poplib.error_proto as error:
                raise faults.no_uidl(self.source) from error
            except FAULTS as error:
                raise faults.talking(error, self.source) from error
        return f"the mailbox holds {_mails(total)}"

    def _rights(self) -> str:
        if self.source.after_import == AfterImport.LEAVE:
            return "it may be read, and nothing more is needed"
        if self.is_pop3:
            return "POP3 tells only when a mail is deleted whether that is allowed"
        return folder_rights(self.line, self.source)

    def _notes(self) -> list[str]:
        notes = ladder.policy_notes(self.sign_in)
        deletes = self.source.after_import == AfterImport.DELETE
        if deletes and f".{self.source.server_address.lower()}".endswith(GMAIL):
            notes.append(
                "Gmail archives what is deleted by IMAP or POP, unless its own settings say otherwise."
            )
        return notes


def _hang_up(line: Any) -> None:
    if isinstance(line, IMAPClient):
        imap_line.hang_up(line)
    else:
        with suppress(*FAULTS):
            line.quit()


def _mails(total: int) -> str:
    return "1 mail" if total == 1 else f"{total:,} mails"
