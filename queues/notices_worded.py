"""The words of a notice, in the reader's language and as things stand now. Pure.

A kind of notice has its words here, by what `data` says happened; whoever adds one adds a line.
"""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from queues.models import Notice
from queues.presentation import span

Kind = Notice.Kind
SOMEBODY = gettext_lazy("Somebody")
WORDS = {
    (Kind.MENTION, ""): gettext_lazy("%(by)s mentioned you in #%(number)s"),
    (Kind.TAKEN, ""): gettext_lazy("%(by)s has taken over #%(number)s"),
    (Kind.TAKEN, "given"): gettext_lazy("%(by)s gave #%(number)s to %(to)s"),
    (Kind.TAKEN, "back"): gettext_lazy("%(by)s gave #%(number)s back to %(queue)s"),
    (Kind.TAKEN, "yours"): gettext_lazy("%(by)s gave you #%(number)s"),
    (Kind.FOLLOW, "mail"): gettext_lazy("The customer has written in #%(number)s"),
    (Kind.FOLLOW, "outside"): gettext_lazy("Who was asked about #%(number)s has answered"),
    (Kind.FOLLOW, "closed"): gettext_lazy("#%(number)s is closed"),
    (Kind.FOLLOW, "moved"): gettext_lazy("#%(number)s is in %(queue)s now"),
    (Kind.FOLLOW, "assigned"): gettext_lazy("#%(number)s is with %(to)s now"),
    (Kind.FOLLOW, ""): gettext_lazy("Something happened in #%(number)s"),
}


def worded(notice: Notice, now: datetime) -> str:
    """A sentence without the full stop, such as "#12 in Orders: its answer is 5 min late"."""
    if notice.sentence:
        return notice.sentence.rstrip(".")
    if notice.kind == Kind.STEP:
        return _step(notice, now)
    kind, what = Kind(notice.kind), str(notice.data.get("what", ""))
    row = notice.conversation
    values = {
        "by": notice.by or SOMEBODY,
        "number": row.number,
        "queue": row.queue,
        "to": notice.data.get("to") or SOMEBODY,
    }
    return str(WORDS.get((kind, what)) or WORDS[kind, ""]) % values


def _step(notice: Notice, now: datetime) -> str:
    row = notice.conversation
    values = {"number": row.number, "queue": row.queue}
    if row.due_at is None:
        return _("#%(number)s in %(queue)s needed care") % values
    left = (row.due_at - now).total_seconds()
    values["span"] = span(abs(left))
    if left > 0:
        return _("#%(number)s in %(queue)s: its answer is due in %(span)s") % values
    return _("#%(number)s in %(queue)s: its answer is %(span)s late") % values
