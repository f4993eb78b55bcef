"""Which of the waiting mails of a sender may leave now, when its budget has not room for all.

A mail to many people may be larger than what is left of the day. It does not hold the others up: smaller ones
of other conversations pass, but only into the room that there was when it was *overtaken* first. What the
windows set free since then is kept for it, so it leaves before anything else as soon as that is enough; at
the latest when all that had counted, and then all that had passed, is out of the longest window.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Min

from mailsenders import limits
from mailsenders.budget import Room, Weight
from mailsenders.due import WAITING
from mailsenders.models import EmailSender, OutgoingMail

MOST_OVERTAKEN = 20  # at once; whoever is behind more of them waits
SMALLEST = (Weight(internal=0, external=1), Weight(internal=1, external=0))


@dataclass(slots=True)
class Candidate:
    """A mail that wants to leave, to whom, and what that counts."""

    mail: OutgoingMail
    to_do: tuple[str, ...]
    weight: Weight


@dataclass(slots=True)
class Admission:
    """Decides for one mail after the other, those overtaken before first.

    :param room: what is left for all.
    """

    sender: EmailSender
    now: datetime
    room: Room
    admitted: list[Candidate] = field(default_factory=list)
    overtaken: list[OutgoingMail] = field(default_factory=list)
    _kept_since: datetime | None = None
    _narrow: Room | None = None  # what smaller ones may still use

    def consider(self, candidate: Candidate) -> bool:
        """Admit it if there is room; else smaller ones may pass it. False when nothing may leave."""
        mail, weight = candidate.mail, candidate.weight
        if self._fits(weight, is_automatic=mail.is_automatic):
            self.room.take(weight)
            if self._narrow is not None:
                self._narrow.take(weight)
            self.admitted.append(candidate)
            return True
        if not any(self._fits(each, is_automatic=mail.is_automatic) for each in SMALLEST):
            return False
        if mail.overtaken_since is None and len(self.overtaken) >= MOST_OVERTAKEN:
            return False
        self.overtaken.append(mail)
        self._keep_since(mail.overtaken_since or self.now)
        return True

    def _fits(self, weight: Weight, *, is_automatic: bool) -> bool:
        return self.room.fits(weight, is_automatic=is_automatic) and (
            self._narrow is None or self._narrow.fits(weight, is_automatic=is_automatic)
        )

    def _keep_since(self, since: datetime) -> None:
        if self._kept_since is not None and self._kept_since <= since:
            return
        self._kept_since = since
        self._narrow = limits.room(self.sender, self.now, since=since)
        for each in self.admitted:
            self._narrow.take(each.weight)


def room_beside(sender: EmailSender, now: datetime, *, is_automatic: bool) -> Room:
    """What is left for mail that was not overtaken; a read without locks, for forecasts."""
    rows = OutgoingMail.objects.filter(sender=sender, state__in=WAITING, overtaken_since__isnull=False)
    if not is_automatic:
        rows = rows.filter(is_automatic=False)
    return limits.room(sender, now, since=rows.aggregate(since=Min("overtaken_since"))["since"])


def run(
    admission: Admission, most: int, look: Callable[[bool, bool, int], list[Candidate]]
) -> list[Candidate]:
    """Fill up to `most` places: replies of people before automatic mail, of each those overtaken first.

    :param look: the next candidates, given whether automatic ones, whether overtaken ones, and how many; what
        was overtaken is none of the others any more.
    """
    for is_automatic in (False, True):
        if not all(map(admission.consider, look(is_automatic, True, MOST_OVERTAKEN))):
            continue
        while len(admission.admitted) < most:
            before = len(admission.overtaken)
            wanted = look(is_automatic, False, most - len(admission.admitted))
            goes_on = all(map(admission.consider, wanted))
            if not goes_on or len(admission.overtaken) == before:
                break
    return admission.admitted
