"""One conversation: its head with what can be done, its mails and notes, its contact."""

import json
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from agents.rights import agent_of, is_supervisor
from crm import fields
from crm.links import links
from crm.models import Communication, Contact
from mailcore.freemail import FREE_MAIL
from queues import (
    following,
    handing,
    inbox,
    later,
    mentioned,
    notices,
    offers,
    pictures,
    timeline,
)
from queues.finding_asked import read
from queues.inbox import Listing
from queues.models import Conversation, Draft, Message, Picture
from queues.presentation import NO_SUBJECT, age, clock, contact_name, due, language_name, person
from queues.recipients import own_addresses
from queues.sayings import told as told_again
from queues.thread import KEPT, Shared, Story, items, why
from queues.views.editor import begun_notes, composer
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import Place, place, show
from queues.views.related import address, related
from queues.views.side import side
from queues.views.tags import tags_of
from queues.views.tools import not_mine, toolbar

TRAIL = 12
OTHERS = 6
NOTES = 3
DEPTH_OF_SEARCH = 500  # what was searched for may lie far back
STATE_ICONS = {"waiting": "waiting", "assigned": "mine"}


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


def told(request: DeskRequest, row: Conversation, where: Place) -> dict[str, Any]:
    """Everything that the page says about a conversation; who was given it has opened it by that."""
    now = timezone.now()
    agent = agent_of(request.user)
    if agent is not None:
        offers.accept(row, agent)
        mentioned.see(agent, row)
        notices.see(agent, row)  # tells the agent's pages, which count mentions too
    depth = _depth(request, where)
    # In this order: what comes between two of these is at most shown, and neither told of nor taken as seen.
    waiting = timed(request.user, row)
    length = timeline.length(request.user, row)
    entries = timeline.timeline(request.user, row, None if depth is None else depth + 1)
    subject = row.subject or str(NO_SUBJECT)
    may_change = not not_mine(request, row)
    others = related(request, row, where, entries, may_merge=may_change)
    return (
        {
            "conversation": row,
            "subject": subject,
            "items": items(
                Story(
                    entries=entries,
                    subject=subject,
                    links=others.links,
                    shared=_shared(request, entries),
                    length=max(length.told, len(entries)),
                    depth=depth,
                ),
                now,
            ),
            "timed": waiting,
            "newest": length.newest,
            "left_behind": [_left(each, now) for each in handing.left_behind(row, agent)],
            "is_following": following.is_following(agent, row),
            "may_follow": agent is not None,
            "may_whisper": is_supervisor(request.user),
            "begun_notes": begun_notes(request.user, row),
            "siblings": others.siblings,
            "may_split": may_change,
            "why": why(timeline.last_assignment(row), agent) if row.agent else "",
            "is_mine": agent is not None and row.agent_id == agent.pk,
            "waits_for": inbox.why_waiting(row),
            "due": due(row, now),
            "language_name": language_name(row.language),
            "language_title": _("recognised with %(percent)s %% confidence")
            % {"percent": round(100 * row.language_confidence)}
            if row.language_confidence
            else _("assumed"),
            "snoozed_iso": row.snoozed_until.isoformat() if row.snoozed_until else "",
            "snoozed_at": clock(row.snoozed_until) if row.snoozed_until else "",
            "contact": _contact(request, row, now),
            "side": side(row, now),
            "query": where.query,
            "title": where.title,
        }
        | tags_of(row)
        | _found(request.user, row, where, now)
        | toolbar(request, row, where, now)
    )


def _depth(request: DeskRequest, where: Place) -> int | None:
    """How much of a long conversation is shown, None for all; the page says so with each request."""
    wanted = request.GET.get("older") or request.POST.get("older") or ""
    if wanted == "all":
        return None
    least = DEPTH_OF_SEARCH if where.text else KEPT
    return max(least, int(wanted)) if wanted.isascii() and wanted.isdigit() and len(wanted) < 7 else least


def _shared(request: DeskRequest, entries: list[timeline.Entry]) -> Shared:
    """What the mails are shown with; of pictures only where there are some."""
    mails = [each.item for each in entries if isinstance(each.item, Message)]
    with_pictures = [each for each in mails if "data-remote-src=" in each.html]
    found: dict[int, list[Picture]] = {}
    if with_pictures:
        for row in Picture.objects.filter(message__in=with_pictures).defer("data"):
            found.setdefault(row.message_id, []).append(row)
    return Shared(
        is_supervisor=is_supervisor(request.user),
        houses=_houses(),
        pictures=found,
        trusted=pictures.trusted(request.user, [each.from_email for each in with_pictures])
        if with_pictures
        else frozenset(),
    )


def _houses() -> frozenset[str]:
    """The domains whose addresses are all ours."""
    return frozenset(each.rpartition("@")[2] for each in own_addresses()) - FREE_MAIL


def _found(user: User, row: Conversation, where: Place, now: datetime) -> dict[str, str]:
    """The words that the list was searched for, and what of the conversation they were found in."""
    if not where.text:
        return {}
    asked = read(where.text, timezone.localtime(now))
    kinds = {"m": "letter", "n": "note"}
    found = [f"{kinds[hit.place.kind]}-{hit.place.pk}" for hit in inbox.hits_in(user, row, asked)]
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
            "why": told_again(draft.held_why or later.why_held(draft, row)),
            "is_mine": draft.agent.user_id == user.pk,
            "may_act": draft.agent.user_id == user.pk or is_supervisor(user),
            "may_stop": row.agent is not None and row.agent.user_id == user.pk,
        }
        for draft in later.timed(row)
    ]


def _left(draft: Draft, now: datetime) -> dict[str, Any]:
    """A colleague's draft that the reader may go on with."""
    return {
        "pk": draft.pk,
        "who": person(str(draft.agent)),
        "text": draft.text,
        "is_outside": draft.is_outside,
        "age": age(draft.saved_at, now),
        "iso": draft.saved_at.isoformat(timespec="seconds"),
    }


def _contact(request: DeskRequest, row: Conversation, now: datetime) -> dict[str, Any]:
    contact = row.contact
    others = inbox.page(request.user, Listing(view=inbox.View.ALL, contact=contact.pk, limit=OTHERS + 1)).rows
    trail = inbox.communications(request.user, contact, TRAIL)
    emails = [each.email for each in contact.addresses.all() if each.email]
    return {
        "who": person(contact_name(contact)),
        "url": reverse("contact", args=[contact.pk]),
        "organisation": contact.organisation.name if contact.organisation else "",
        "organisation_url": reverse("organisation", args=[contact.organisation_id or 0]),
        "emails": emails,
        "phones": contact.phones,
        "standing": contact.get_standing_display() if contact.standing != Contact.Standing.PERSON else "",
        "links": links(contact, emails),
        "notes": list(contact.notes.select_related("user")[:NOTES]),
        "language": language_name(contact.language),
        "remark": contact.remark,
        "external_id": contact.external_id,
        "own": fields.told(contact.fields, fields.definitions()),
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
        "state_label": told_again(row.get_state_display()),
        "queue": row.queue.name,
        "at": clock(row.last_message_at),
        "iso": row.last_message_at.isoformat(timespec="seconds"),
        "age": age(row.last_message_at, now),
    }


def _trail(each: Communication, row: Conversation, now: datetime) -> dict[str, Any]:
    told_ = _("%(who)s in %(queue)s")
    who = each.user.get_full_name() or each.user.get_username() if each.user else _("We")
    return {
        "url": f"/conversations/{each.conversation_id}/" if each.conversation_id != row.pk else "",
        "icon": "reply" if each.direction == "out" else "queue",
        "subject": each.preview or each.subject or NO_SUBJECT,
        "says": told_ % {"who": who, "queue": each.queue_name}
        if each.direction == "out"
        else each.queue_name,
        "at": clock(each.at),
        "iso": each.at.isoformat(timespec="seconds"),
        "age": age(each.at, now),
    }
