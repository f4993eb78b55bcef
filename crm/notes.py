"""Notes about a contact."""

from uuid import UUID, uuid5

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from crm.changes import Kind, note_change
from crm.locking import lock_whole
from crm.models import ContactNote
from crm.refusals import ContactRefused

LONGEST_NOTE = 5000


@transaction.atomic
def add(user: User, pk: int, text: str, token: UUID | None = None) -> ContactNote:
    """Write a note about the contact.

    :param token: of the form; the same words under the same one are one note, whose answer was lost.

    Raises:
        ContactRefused: it is empty or too long.
    """
    written = text.replace("\x00", "").strip()
    if not written:
        raise ContactRefused(_("Write something first."), "text")
    if len(written) > LONGEST_NOTE:
        said = _("A note has %(most)s characters at most.") % {"most": LONGEST_NOTE}
        raise ContactRefused(said, "text")
    row = lock_whole(pk)
    token = token and uuid5(token, written)
    added = ContactNote.objects.filter(user=user, token=token).first() if token else None
    return added or ContactNote.objects.create(contact=row, user=user, text=written, token=token)


@transaction.atomic
def remove(user: User, pk: int, note_id: int, *, may_all: bool) -> None:
    """Take a note away: one's own, or anybody's for who `may_all`.

    Raises:
        ContactRefused: it is a colleague's.
    """
    row = lock_whole(pk)
    note = row.notes.filter(pk=note_id).first()
    if note is None:
        return
    if note.user_id != user.pk and not may_all:
        raise ContactRefused(_("It is a colleague's note: ask them, or a supervisor."))
    note.delete()
    note_change(Kind.NOTE_REMOVED, user, contact=row)
