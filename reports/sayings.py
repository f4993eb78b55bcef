"""What pages for supervisors say besides what conversations do, for `agents.retelling`."""

from django.utils.translation import gettext_noop as _

from agents.retelling import Sayings
from queues.sayings import SAYINGS as OF_QUEUES

WHAT_IF = (
    _("%(number)s more with %(levels)s"),
    _("without %(name)s"),
    _("%(name)s answers in %(first)s / %(later)s min"),
    _("%(name)s waits by the rule “%(rule)s”"),
    _("speed ↔ skill %(value)s"),
    _("own share %(value)s"),
    _("late halving %(value)s"),
    _("capacity %(value)s"),
    _("%(value)s %% of the mail"),
    _("as it is"),
    _("“%(text)s” gives no levels: write it like billing=4, cs=3; levels are 0 to 5."),
    _("“%(text)s” says not how many come: write it like 2 billing=4, cs=3."),
    _("“%(text)s” names nobody: write it like alice: billing=4, cs=3."),
    _("“%(text)s” is no target: write minutes like 120, or 120/240 for first and further."),
    _("“%(text)s” says not after how many minutes: write it like 60 billing=1, language=2."),
    _(
        "In the last %(days)s days %(mails)s mails came to %(names)s; with fewer than %(least)s chance says "
        "more than the rule. Choose more days or queues, or look at the example."
    ),
    _("It took longer than %(seconds)s seconds: choose fewer days or queues, or leave the other rules out."),
    _("It broke off; the log of the worker says why."),
    _("This is the reference team."),
)
"""Questions, and why one wasn't answered."""

SHIFTS = (
    _("Holiday"),
    _("Sick"),
    _("Training"),
    _("Other hours"),
    _("Waits for a worker"),
    _("Playing"),
    _("Done"),
    _("Failed"),
    _("Cancelled"),
    _("Stopped: worker went away"),
)
"""Absences, states of a question."""

SAYINGS = Sayings(*OF_QUEUES.sayings, *WHAT_IF, *SHIFTS)
told = SAYINGS.told
