"""What waits and nobody on duty can do, by name: "Nobody on duty has cs ≥ 3: 4 wait, oldest 25 min"."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.models import Agent
from queues.gaps import Uncovered, uncovered
from queues.models import Kind
from queues.presentation import age


def gaps_of(queue_ids: Sequence[int], now: datetime) -> dict[int, list[str]]:
    """The gaps of these queues in sentences, in three queries however much waits."""
    rows = Agent.objects.exclude(presence=Agent.Presence.OFFLINE).filter(user__is_active=True)
    staffed = set(rows.values_list("queues", flat=True))
    found: dict[int, list[str]] = defaultdict(list)
    alone: dict[int, list[Uncovered]] = defaultdict(list)
    for each in uncovered(queue_ids):
        if each.kind.able and each.kind.queue_id not in staffed:  # one line for all of these
            alone[each.kind.queue_id].append(each)
        else:
            found[each.kind.queue_id].append(_told(_who(each.kind), each.waiting, each.oldest, now))
    for queue_id, lines in alone.items():
        oldest = min((each.oldest for each in lines if each.oldest), default=None)
        found[queue_id].append(
            _told(_("Nobody is on duty"), sum(each.waiting for each in lines), oldest, now)
        )
    return found


def _who(kind: Kind) -> str:
    wanted = ", ".join(kind.wanted)
    if wanted:
        told = _("Nobody on duty has %(wanted)s") if kind.able else _("No member has %(wanted)s")
        return told % {"wanted": wanted}
    return _("Nobody is on duty") if kind.able else _("There is no member")


def _told(who: str, count: int, oldest: datetime | None, now: datetime) -> str:
    waits = ngettext("%(count)s waits", "%(count)s wait", count) % {"count": count}
    if oldest is None:
        return f"{who}: {waits}."
    return _("%(who)s: %(waits)s, oldest %(age)s.") % {"who": who, "waits": waits, "age": age(oldest, now)}
