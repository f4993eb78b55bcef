"""What the side panel offers beside the contact: what may be corrected, and what lies ahead."""

from datetime import datetime
from typing import Any

from agents.models import TOP_LEVEL, Language, Skill
from crm.models import Contact
from queues import ladder
from queues.demands import demanded
from queues.kinds import language_name
from queues.ladder import Ahead
from queues.models import Conversation
from queues.presentation import clock

MOST_AHEAD = 6


def side(row: Conversation, now: datetime) -> dict[str, Any]:
    """Everything that the forms of the side panel show."""
    ahead = [each for each in ladder.ahead(row) if each.at > now][:MOST_AHEAD]
    return {
        "languages": [(tag, language_name(tag)) for tag in Language.objects.values_list("tag", flat=True)],
        "priorities": Contact.Priority.choices,
        "skills": list(Skill.objects.values_list("name", flat=True)),
        "demanded": sorted(demanded(row).items()),
        "levels": range(1, TOP_LEVEL + 1),
        "ahead": [
            {"at": clock(each.at), "iso": each.at.isoformat(timespec="seconds"), "words": _words(each)}
            for each in ahead
        ],
    }


def _words(each: Ahead) -> str:
    if each.step is not None:
        return each.step.doing
    return "it is late" if each.key == ladder.LATE else "it should be settled"
