"""What goes along when a conversation goes from one hand to another: the draft, and word of it.

    Alice is writing ──Bob takes it over──▶ her draft is Bob's, marked as hers; her window is refused then

A draft goes along by itself only where it meets no other one: two texts are joined on a person's word.
"""

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from agents.models import Agent
from mailcore import authored
from queues import notices
from queues.models import Conversation, Draft, Notice
from queues.ownership import holder, lock_for, profile
from queues.refusals import ActionRefused
from queues.transactions import whole


def writing(conversation: Conversation) -> QuerySet[Draft]:
    """The drafts that somebody is still writing: they hold something, and wait for no time."""
    is_empty = Q(text="", html="", files=None)
    rows = conversation.drafts.filter(send_at=None, held_why="").exclude(is_empty)
    return rows.select_related("agent__user", "handed_by__user").order_by("pk").distinct()


def left_behind(conversation: Conversation, reader: Agent | None) -> list[Draft]:
    """Drafts of colleagues that the reader may go on with, as the conversation is theirs now."""
    if reader is None or holder(conversation) != reader:
        return []
    return list(writing(conversation).exclude(agent=reader))


def hand_drafts(conversation: Conversation, before: Agent, after: Agent) -> bool:
    """Let drafts go from one agent to another, where that one has none; whether any did."""
    own = {each.is_outside: each for each in conversation.drafts.filter(agent=after)}
    found = False
    for draft in writing(conversation).filter(agent=before):
        there = own.get(draft.is_outside)
        if there is not None and (
            there.text.strip() or there.send_at or there.held_why or there.files.exists()
        ):
            continue
        if there is not None:
            there.delete()
        _give(draft, after)
        found = True
    return found


def _give(draft: Draft, after: Agent) -> None:
    _move(draft, after.pk, draft.agent_id)


def _move(draft: Draft, agent_id: int, handed_by_id: int | None) -> None:
    draft.agent_id, draft.handed_by_id = agent_id, handed_by_id
    draft.version, draft.window = draft.version + 1, ""
    draft.save(update_fields=["handed_by", "agent", "version", "window"])


Hands = dict[str, list[int | None]]
"""Of each draft, by its id: whose it is, and whose it was before that."""


def hands(conversation: Conversation) -> Hands:
    """Whose the drafts are now, as plain values, for `put_back`."""
    rows = conversation.drafts.order_by("pk").values_list("pk", "agent", "handed_by")
    return {str(pk): [agent, before] for pk, agent, before in rows}


def put_back(conversation: Conversation, before: Hands, after: Hands) -> None:
    """Let drafts that went along go back, with what was added; who began another meanwhile keeps that."""
    for draft in writing(conversation):
        was, is_now = before.get(str(draft.pk)), [draft.agent_id, draft.handed_by_id]
        if was is None or was[0] is None or was == is_now or after.get(str(draft.pk)) != is_now:
            continue
        own = conversation.drafts.filter(agent=was[0], is_outside=draft.is_outside)
        if (
            writing(conversation).filter(pk__in=own).exists()
            or own.exclude(send_at=None, held_why="").exists()
        ):
            continue
        own.delete()
        _move(draft, was[0], was[1])


@whole
def adopt(actor: User, conversation: Conversation, draft_id: int) -> Draft:
    """Go on with a colleague's draft; below what the actor has written, if there is something.

    Raises:
        ActionRefused: it is gone, or in the hands of who has the conversation.
    """
    row = lock_for(actor, conversation)
    agent = profile(actor)
    if holder(row) != agent:
        raise ActionRefused(_("Take the conversation first: then its drafts are yours to go on with."))
    draft = writing(row).filter(pk=draft_id).first()
    if draft is None or draft.agent_id == agent.pk:
        raise ActionRefused(_("This draft was sent, thrown away or taken over meanwhile."))
    own = row.drafts.filter(agent=agent, is_outside=draft.is_outside).first()
    if own is None:
        _give(draft, agent)
        return draft
    if own.send_at or own.held_why:
        raise ActionRefused(
            _("An answer of yours waits here already: choose “Edit” there, or cancel it first.")
        )
    own.html = markup(own) + markup(draft) if own.html or draft.html else ""
    own.text = "\n\n".join(text for text in (own.text, draft.text) if text.strip())
    own.handed_by, own.version, own.window = draft.agent, own.version + 1, ""
    own.save()
    draft.files.update(draft=own)
    draft.delete()
    return own


def markup(draft: Draft) -> str:
    """What was written, with formatting, however it was written."""
    return draft.html or (authored.from_text(draft.text) if draft.text.strip() else "")


def tell_owner(conversation: Conversation, owner: Agent | None, by: Agent) -> None:
    """Tell who had it in hand that they no longer have."""
    after = conversation.agent
    if owner is None or owner.pk == by.pk or owner == after:
        return
    what = "back" if after is None else "given" if after.pk != by.pk else ""
    notices.tell([owner], Notice.Kind.TAKEN, conversation, {"what": what, "to": str(after or "")}, by=by)


def tell_holder(conversation: Conversation, by: Agent) -> None:
    """Tell an agent that somebody gave them a conversation."""
    after = conversation.agent
    if after is not None and after.pk != by.pk:
        notices.tell([after], Notice.Kind.TAKEN, conversation, {"what": "yours"}, by=by)
