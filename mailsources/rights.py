"""May we do in the folder what the after-import choice demands? Asked without doing it.

By SELECT, which says whether the folder is read-only and which flags stay (RFC 9051 6.3.2, 7.1), and by
MYRIGHTS where the server has access lists (RFC 4314).
"""

from contextlib import suppress
from typing import Any

from imapclient import IMAPClient

from mailsources import faults, imap
from mailsources.faults import FAULTS
from mailsources.models import EmailSource

AfterImport = EmailSource.AfterImport

NEEDED = {
    AfterImport.READ: {"s": "mark mails as read"},
    AfterImport.DELETE: {"t": "delete mails", "e": "remove deleted mails"},
    AfterImport.MOVE: {"t": "delete mails", "e": "remove deleted mails"},
}
OLD_DELETE = frozenset("cd")
"""RFC 2086 had one letter for what are now several."""


def folder_rights(client: IMAPClient, source: EmailSource) -> str:
    """What may be done, in words.

    :raises MailboxError: something lacks that the after-import choice needs.
    """
    choice = AfterImport(source.after_import)
    try:
        answer = client.select_folder(source.folder)
    except FAULTS as error:
        raise faults.talking(error, source) from error
    if b"READ-ONLY" in answer:
        raise faults.read_only(source, source.folder)
    wanted = {AfterImport.READ: rb"\Seen"}.get(choice, rb"\Deleted")
    permanent = answer.get(b"PERMANENTFLAGS")
    if permanent is not None and wanted not in permanent:
        raise faults.may_not_change(source, source.folder, _act(choice), _words(permanent))
    rights = _rights(client, source.folder)
    for letter, act in NEEDED[choice].items():
        if rights and letter not in rights and not (letter in "te" and rights & OLD_DELETE):
            raise faults.may_not_change(source, source.folder, act, "".join(sorted(rights)))
    if choice == AfterImport.MOVE:
        _check_target(client, source)
    return f"the folder may be changed: {choice.label.lower()}"


def _check_target(client: IMAPClient, source: EmailSource) -> None:
    if source.move_to not in imap.folders(client, source):
        return
    rights = _rights(client, source.move_to)
    if rights and "i" not in rights:
        raise faults.may_not_change(source, source.move_to, "put mails", "".join(sorted(rights)))


def _rights(client: IMAPClient, folder: str) -> set[str]:
    """The letters of MYRIGHTS; none when the server doesn't tell."""
    if not client.has_capability("ACL"):
        return set()
    with suppress(*FAULTS, LookupError):
        # imapclient has no MYRIGHTS of its own.
        answer = client._imap.myrights(client._normalise_folder(folder))[1][-1]
        return set(answer.decode("ascii", "replace").strip().rpartition(" ")[2])
    return set()


def _act(choice: AfterImport) -> str:
    return next(iter(NEEDED[choice].values()))


def _words(flags: Any) -> str:
    return " ".join(flag.decode(errors="replace") for flag in flags) or "none"
