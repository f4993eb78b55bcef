"""What one conversation demands beyond its queue."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User

from agents.models import TOP_LEVEL, Skill
from agents.skills import SkillError, assignable, fitting
from agents.skillwords import demand_words, spread
from queues import nudges, states
from queues.history import Kind, note_event
from queues.models import Conversation, ConversationSkill
from queues.ownership import check_free, check_open, lock_for, profile
from queues.refusals import ActionRefused
from queues.transactions import whole


def demanded(conversation: Conversation) -> dict[str, int]:
    """The skills that this conversation demands beyond its queue, with their levels."""
    rows = ConversationSkill.objects.filter(conversation=conversation.pk)
    return dict(rows.order_by("skill__name").values_list("skill__name", "level"))


@whole
def demand(actor: User, conversation: Conversation, given: Mapping[str, Any]) -> Conversation:
    """Demand exactly these skills of who handles it, beyond those of its queue; none for {}.

    :param given: the name of a skill → a level, 1 to 5; true for a yes/no skill, or the word of a choice.

    Raises:
        ActionRefused: there is no such skill or level, or the conversation is closed or a colleague's.
    """
    row = lock_for(actor, conversation)
    check_open(row)
    check_free(actor, row)
    skills, wanted = _skills(spread(given))
    before = demanded(row)
    if before == wanted:
        return row
    ConversationSkill.objects.filter(conversation=row).delete()
    ConversationSkill.objects.bulk_create(
        ConversationSkill(conversation=row, skill=skills[name], level=level) for name, level in wanted.items()
    )
    row.kind = None
    states.save(row, ["kind"])
    who = profile(actor)
    words = ", ".join(demand_words(name, level) for name, level in sorted(wanted.items()))
    said = (
        f"{who} demands {words} for it." if wanted else f"{who} demands no skill of its own for it any more."
    )
    note_event(row, Kind.DEMANDED, said, actor, {"skills": wanted, "before": before})
    if row.state == Conversation.State.WAITING:
        nudges.suits_others(row)
    return row


def _skills(given: Mapping[str, Any]) -> tuple[dict[str, Skill], dict[str, int]]:
    """The skills by name, and their levels as they are stored."""
    rows = assignable().filter(name__in=list(given))
    found, levels = {skill.name: skill for skill in rows}, {}
    for name, level in given.items():
        if name not in found:
            raise ActionRefused(f"There is no skill “{name}”: choose one of those that agents have.")
        try:
            levels[name] = fitting(found[name], level)
        except SkillError:
            raise ActionRefused(f"{level} is no level of {name}: choose 1 to {TOP_LEVEL}.") from None
    return found, levels
