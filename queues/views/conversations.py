"""One conversation: its head with what can be done, its mails and notes, its contact."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language_info
from django.views.decorators.http import require_GET

from agents.rights import agent_of, is_supervisor
from crm.models import Communication
from queues import actions, holding, inbox, later, notices, offers
from queues.finding_asked import read
from queues.holding import Held
from queues.inbox import Listing
from queues.models import Conversation, Message
from queues.presentation import NO_SUBJECT, age, clock, contact_name, due, person
from queues.thread import items, why
from queues.views.editor import editor
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import Place, place, show
from queues.views.related import address, related
from queues.views.side import side
from queues.views.tags import tags_of

TRAIL = 12
OTHERS = 6
SNOOZE_CHOICES = (  # when that is, static/desk/snooze.js says: by the reader's own clock
    ("hour", "In an hour"),
    ("evening", "This evening"),
    ("tomorrow", "Tomorrow"),
    ("monday", "On Monday"),
)
STATE_ICONS = {"waiting": "waiting", "assigned": "mine"}
State = Conversation.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A button: what it does, and why not, when it can't."""

    name: str
    label: str
    icon: str
    key: str = ""
    url: str = ""
    menu: str = ""
    reason: str = ""
    primary: bool = False
    dialog: bool = False


@require_GET
@signed_in
def conversation(request: DeskRequest, pk: int) -> HttpResponse:
    """The desk with this conversation open; only its pane when that is what is asked for."""
    where, row = place(request), inbox.followed(request.user, pk)
    if row.pk != pk and not request.htmx:
        return redirect(address(row, where))
    context = told(request, row, where) | composer(request, row)
    if request.htmx.target == "conversation":
        response = render(request, "desk/conversation.html", context)
    else:
        response = show(request, where, context)
    return _readdressed(response, row, pk, where)


def _readdressed(response: HttpResponse, row: Conversation, pk: int, where: Place) -> HttpResponse:
    """What was merged is shown as the conversation it is in now, under that address."""
    if row.pk != pk:
        response["HX-Replace-Url"] = address(row, where)
    return response


@require_GET
@signed_in
def parts(request: DeskRequest, pk: int) -> HttpResponse:
    """The open conversation brought up to date; what is being written stays."""
    return retold(request, pk)


def retold(request: DeskRequest, pk: int, **extra: Any) -> HttpResponse:
    """The conversation as it is now, to be patched into the page; an open editor stays open.

    :param extra: `composer` and `composer_reset` replace the editor; `toast` says something.
    """
    row, where = inbox.followed(request.user, pk), place(request)
    editing = {"composer": "desk/bar.html"} if row.pk == pk else composer(request, row)
    context = told(request, row, where) | editing | extra
    return _readdressed(render(request, "desk/retold.html", context), row, pk, where)


def composer(request: DeskRequest, row: Conversation) -> dict[str, Any]:
    """What stands below the mails: the user's draft, if there is one."""
    for is_outside in (False, True):
        draft = actions.draft_of(request.user, row, is_outside=is_outside)
        if draft is not None and not (draft.send_at or draft.held_why or (is_outside and not draft.about_id)):
            about = draft.about_id if is_outside else None
            return {"composer": "desk/reply.html", "editor": editor(request, row, about)}
    return {"composer": "desk/bar.html"}


def told(request: DeskRequest, row: Conversation, where: Place) -> dict[str, Any]:
    """Everything that the page says about a conversation; who was given it has opened it by that."""
    now = timezone.now()
    agent = agent_of(request.user)
    if agent is not None:
        offers.accept(row, agent)
        notices.see(agent, row)
    entries = inbox.timeline(request.user, row)
    subject = row.subject or NO_SUBJECT
    may_change = not _not_mine(request, row)
    others = related(request, row, where, entries, may_merge=may_change)
    return (
        {
            "conversation": row,
            "subject": subject,
            "items": items(entries, subject, now, others.links),
            "timed": timed(request.user, row),
            "newest": max((entry.item.pk for entry in entries if isinstance(entry.item, Message)), default=0),
            "siblings": others.siblings,
            "may_split": may_change,
            "why": why(entries) if row.agent else "",
            "waits_for": inbox.why_waiting(row),
            "due": due(row, now),
            "language_name": language_name(row.language),
            "language_title": f"recognised with {row.language_confidence:.0%} confidence"
            if row.language_confidence
            else "assumed",
            "snoozed_iso": row.snoozed_until.isoformat() if row.snoozed_until else "",
            "snoozed_at": clock(row.snoozed_until) if row.snoozed_until else "",
            "contact": _contact(request, row, now),
            "side": side(row, now),
            "query": where.query,
            "title": where.title,
        }
        | tags_of(row)
        | _found(row, where, now)
        | _toolbar(request, row, where, now)
    )


def _found(row: Conversation, where: Place, now: datetime) -> dict[str, str]:
    """The words that the list was searched for, and what of the conversation they were found in."""
    if not where.text:
        return {}
    asked = read(where.text, timezone.localtime(now))
    kinds = {"m": "letter", "n": "note"}
    found = [f"{kinds[hit.place.kind]}-{hit.place.pk}" for hit in inbox.hits_in(row, asked)]
    return {"find": json.dumps(asked.marked), "found": " ".join(found)}


def timed(user: User, row: Conversation) -> list[dict[str, Any]]:
    """The answers that wait for their time, or for a word of who wrote them."""
    return [
        {
            "pk": draft.pk,
            "who": person(str(draft.agent)),
            "to": ", ".join(draft.to),
            "text": draft.text,
            "files": len(draft.files.all()),
            "is_outside": draft.is_outside,
            "iso": draft.send_at.isoformat(timespec="seconds") if draft.send_at else "",
            "at": clock(draft.send_at) if draft.send_at else "",
            "why": draft.held_why or later.why_held(draft, row),
            "is_mine": draft.agent.user_id == user.pk,
            "may_act": draft.agent.user_id == user.pk or is_supervisor(user),
        }
        for draft in later.timed(row)
    ]


def language_name(tag: str) -> str:
    """The English name of "cs" is "Czech"; a tag that Django doesn't know stays as it is."""
    try:
        return str(get_language_info(tag)["name"]) if tag else ""
    except KeyError:
        return tag


def _toolbar(request: DeskRequest, row: Conversation, where: Place, now: datetime) -> dict[str, Any]:
    elsewhere = [queue for queue in inbox.queues_for(request.user) if queue.pk != row.queue_id]
    members = row.queue.members.select_related("user").filter(user__is_active=True)
    if row.state == State.ASSIGNED and row.agent is not None:
        members = members.exclude(pk=row.agent.pk)
    blocked = _not_mine(request, row)
    return {
        "tools": _tools(request, row, where, can_move=bool(elsewhere)),
        "other_queues": elsewhere,
        "members": list(members),
        "snooze_choices": SNOOZE_CHOICES,
        "reply_reason": "It is held: let it go first." if row.state == State.HELD else blocked,
        "held_count": len(holding.held(request.user, Held(contact=row.contact)))
        if row.state == State.HELD
        else 0,
        "may_close_held": is_supervisor(request.user),
    }


def _not_mine(request: DeskRequest, row: Conversation) -> str:
    """Why the user must not touch it: it is a colleague's."""
    if row.merged_into_id is not None:
        return "It was merged into another conversation, where everything of it is now."
    if row.agent is None or row.state in (State.WAITING, State.CLOSED):
        return ""
    if row.agent.user_id == request.user.pk or is_supervisor(request.user):
        return ""
    return f"It is with {row.agent}: ask {row.agent} to give it back, or a supervisor to assign it."


def _tools(request: DeskRequest, row: Conversation, where: Place, *, can_move: bool) -> list[Tool]:
    """The buttons of the head, in this order; those that make no sense in a state are left out."""
    blocked = _not_mine(request, row)
    mine = row.agent is not None and row.agent.user_id == request.user.pk
    own = _Urls(row, where)
    if row.merged_into_id is not None:
        return []
    merge = own.tool("merge", "Merge", "merge", key="m", dialog=True, reason=blocked)
    if row.state == State.CLOSED:
        return [own.tool("reopen", "Reopen", "reopen", key="e", primary=True), merge]
    if row.state == State.HELD:
        return [
            own.tool("let_go", "Let it go", "next", key="t", primary=True),
            own.tool("close", "Close", "close", key="e"),
            own.tool("held", "All of this sender", "held", menu="desk/menu_held.html"),
            merge,
        ]
    found = []
    if row.state == State.SNOOZED and mine:
        found.append(own.tool("take", "Wake", "take", key="t", primary=True))
    elif not (mine and row.state in (State.ASSIGNED, State.PENDING)):
        found.append(own.tool("take", "Take", "take", key="t", primary=True, reason=blocked))
    if row.state in (State.ASSIGNED, State.SNOOZED) and (mine or not blocked):
        found.append(own.tool("release", "Release", "release"))
    found.append(own.tool("close", "Close", "close", key="e", reason=blocked))
    found.append(own.tool("snooze", "Snooze", "snoozed", menu="desk/menu_snooze.html", reason=blocked))
    nowhere = "" if can_move else "You work in no other queue."
    found.append(
        own.tool(
            "transfer", "Transfer", "transfer", menu="desk/menu_transfer.html", reason=blocked or nowhere
        )
    )
    if is_supervisor(request.user) or (mine and row.state == State.ASSIGNED):
        found.append(own.tool("assign", "Assign", "assign", menu="desk/menu_assign.html"))
    return [*found, merge]


@dataclass(frozen=True, slots=True)
class _Urls:
    """Makes the buttons of one conversation."""

    row: Conversation
    where: Place

    def tool(self, name: str, label: str, icon: str, **extra: Any) -> Tool:
        return Tool(
            name=name,
            label=label,
            icon=icon,
            url="" if "menu" in extra else reverse(name, args=[self.row.pk]) + self.where.query,
            **extra,
        )


def _contact(request: DeskRequest, row: Conversation, now: datetime) -> dict[str, Any]:
    contact = row.contact
    others = inbox.page(request.user, Listing(view=inbox.View.ALL, contact=contact.pk, limit=OTHERS + 1)).rows
    trail = inbox.communications(request.user, contact, TRAIL)
    return {
        "who": person(contact_name(contact)),
        "organisation": contact.organisation.name if contact.organisation else "",
        "emails": [each.email for each in contact.addresses.all() if each.email],
        "language": language_name(contact.language),
        "remark": contact.remark,
        "since": clock(contact.created_at),
        "since_iso": contact.created_at.isoformat(timespec="seconds"),
        "conversations": [_other(each, now) for each in others if each.pk != row.pk][:OTHERS],
        "trail": [_trail(each, row, now) for each in trail],
    }


def _other(row: Conversation, now: datetime) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "subject": row.subject or NO_SUBJECT,
        "icon": STATE_ICONS.get(row.state, row.state),
        "state_label": row.get_state_display(),
        "queue": row.queue.name,
        "age": age(row.last_message_at, now),
    }


def _trail(each: Communication, row: Conversation, now: datetime) -> dict[str, Any]:
    who = each.user.get_full_name() or each.user.get_username() if each.user else "We"
    return {
        "url": f"/conversations/{each.conversation_id}/" if each.conversation_id != row.pk else "",
        "icon": "reply" if each.direction == "out" else "queue",
        "subject": each.preview or each.subject or NO_SUBJECT,
        "says": f"{who} in {each.queue_name}" if each.direction == "out" else each.queue_name,
        "at": clock(each.at),
        "iso": each.at.isoformat(timespec="seconds"),
        "age": age(each.at, now),
    }
