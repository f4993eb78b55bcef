"""What came of looking into the Sent folder, for mails of ours; a part of `outbox`, which draws their states.

    a copy is wanted ──filed──▶ done                      uncertain ──found──▶ sent
           └──refused, too often or too long──▶ failed          └──not found: it stays uncertain

Nothing here decides about sending: a mail that isn't found is never sent again for that.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet

from mailcore.moments import written
from mailsenders import returned
from mailsenders.models import OutgoingMail

State = OutgoingMail.State
Copy = OutgoingMail.Copy

MINUTE = timedelta(minutes=1)
COPY_PAUSES = tuple(MINUTE * each for each in (1, 5, 15, 60, 240, 720, 1440))
GIVEN_UP = timedelta(days=3)
"""A copy that could not be made by then is not tried any more."""

LOOKS = tuple(MINUTE * each for each in (1, 5, 15, 30, 60, 120, 240, 480, 960, 1440))
"""After the text had begun to leave; the last one ends it."""

FOUND = "It was found in the Sent folder."


def copies(now: datetime) -> QuerySet[OutgoingMail]:
    """Sent mails whose copy is to be made now."""
    return OutgoingMail.objects.filter(_timely(now), state=State.SENT, copy=Copy.WANTED)


def doubtful(now: datetime) -> QuerySet[OutgoingMail]:
    """Uncertain mails to look for now. One that had left before would be found, whatever became of it now."""
    rows = OutgoingMail.objects.filter(_timely(now), state=State.UNCERTAIN, sent_at=None)
    last = now - LOOKS[-1] - MINUTE * 60
    return rows.filter(data_started_at__lt=now - LOOKS[0], data_started_at__gt=last).exclude(copy=Copy.DONE)


def begin(mail: OutgoingMail, now: datetime) -> bool:
    """Count a try before it is made; False when another worker has begun it."""
    if mail.state == State.UNCERTAIN:
        began = mail.data_started_at or now
        after = next((began + each for each in LOOKS if began + each > now), None)
    else:
        after = now + COPY_PAUSES[min(mail.folder_tries, len(COPY_PAUSES) - 1)]
    ours = OutgoingMail.objects.filter(
        pk=mail.pk, state=mail.state, copy=mail.copy, folder_tries=mail.folder_tries
    )
    begun = ours.update(folder_tries=F("folder_tries") + 1, folder_next_at=after or now + GIVEN_UP)
    if begun:
        mail.folder_tries, mail.folder_next_at = mail.folder_tries + 1, after
    return bool(begun)


def filed(mail: OutgoingMail, note: str, alias: str = "") -> None:
    """The copy is in the Sent folder.

    :param alias: the Message-ID that it has there, if it isn't ours.
    """
    values = {"copy": Copy.DONE, "folder_note": note} | ({"alias": alias[:500]} if alias else {})
    OutgoingMail.objects.filter(pk=mail.pk).update(**values)


def not_filed(mail: OutgoingMail, words: str) -> None:
    """The server did not take the copy; after the last try this is how it stays."""
    is_over = mail.folder_tries > len(COPY_PAUSES)
    note = f"The copy could not be put into the Sent folder ({words}): "
    note += "it is not tried again." if is_over else "it is tried again."
    OutgoingMail.objects.filter(pk=mail.pk, copy=Copy.WANTED).update(
        copy=Copy.FAILED if is_over else Copy.WANTED, folder_note=note
    )


def give_up(sender_id: int, why: str, now: datetime) -> int:
    """End what has waited too long for its copy; how many there were."""
    old = OutgoingMail.objects.filter(
        sender=sender_id, state=State.SENT, copy=Copy.WANTED, sent_at__lt=now - GIVEN_UP
    )
    return old.update(
        copy=Copy.FAILED, folder_note=f"The copy could not be put into the Sent folder in time: {why}"
    )


def found(mail: OutgoingMail, note: str, alias: str = "") -> bool:
    """Settle an uncertain mail that lies in the Sent folder; False when it was settled meanwhile."""
    with transaction.atomic():
        if not returned.had_left(mail, FOUND):
            return False
        wanted = OutgoingMail.objects.filter(pk=mail.pk)
        wanted.filter(copy=Copy.WANTED).update(copy=Copy.DONE)
        wanted.update(folder_note=note, **({"alias": alias[:500]} if alias else {}))
    return True


def not_found(mail: OutgoingMail, folder: str) -> None:
    """Say on the mail that it was looked for in vain, and when it is looked for again."""
    tries = "once" if mail.folder_tries == 1 else f"{mail.folder_tries} times"
    note = f"The Sent folder “{folder}” was looked through {tries}, and the mail is not in it"
    if mail.folder_next_at:
        note += f"; it is looked for again at {written(mail.folder_next_at)}."
    else:
        note += "; it is not looked for any more. That proves nothing: ask the recipient."
    OutgoingMail.objects.filter(pk=mail.pk, state=State.UNCERTAIN).update(folder_note=note)


def _timely(now: datetime) -> Q:
    return Q(folder_next_at=None) | Q(folder_next_at__lte=now)
