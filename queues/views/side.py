"""What the side panel offers beside the contact: what may be corrected, and what lies ahead."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from agents.models import TOP_LEVEL, Language
from agents.skills import assignable
from agents.skillwords import demand_words
from crm.models import Contact
from queues import ladder
from queues.demands import demanded
from queues.ladder import Ahead
from queues.models import Conversation
from queues.presentation import clock, language_name
from queues.sayings import told

MOST_AHEAD = 6


def side(row: Conversation, now: datetime) -> dict[str, Any]:
    """Everything that the forms of the side panel show."""
    ahead = [each for each in ladder.ahead(row) if each.at > now][:MOST_AHEAD]
    return {
        "languages": [(tag, language_name(tag)) for tag in Language.objects.values_list("tag", flat=True)],
        "priorities": [(value, told(str(label))) for value, label in Contact.Priority.choices],
        "skills": list(assignable()),
        "demanded": [(name, demand_words(name, level)) for name, level in sorted(demanded(row).items())],
        "levels": range(1, TOP_LEVEL + 1),
        "ahead": [
            {"at": clock(each.at), "iso": each.at.isoformat(timespec="seconds"), "words": _words(each)}
            for each in ahead
        ],
    }


def _words(each: Ahead) -> str:
    if each.step is not None:
        return each.step.doing
    return _("it is late") if each.key == ladder.LATE else _("it should be settled")
