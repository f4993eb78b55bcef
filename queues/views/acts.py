"""The buttons of a conversation: each calls one action and shows the conversation as it is then."""

import secrets
from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _
from django.views.decorators.http import require_GET, require_POST

from queues import actions, bulk, inbox, macros
from queues.bulk import Chosen
from queues.models import BulkAct, Conversation
from queues.ownership import check_whole
from queues.refusals import ActionRefused
from queues.thread import letter
from queues.views.conversations import retold
from queues.views.editor import editor
from queues.views.gate import DeskRequest, refused, signed_in, with_event
from queues.views.lists import place


def _button(act: Callable[[User, Conversation], object]) -> Callable[[HttpRequest, int], HttpResponse]:
    """A view that does one thing without any further word."""

    @require_POST
    @signed_in
    def view(request: DeskRequest, pk: int) -> HttpResponse:
        act(request.user, inbox.conversation(request.user, pk))
        return retold(request, pk)

    return view


take = _button(actions.take)
release = _button(actions.release)
close = _button(actions.close)
reopen = _button(actions.reopen)


def _undoable(verb: BulkAct.Verb, done: str) -> Callable[[HttpRequest, int], HttpResponse]:
    """The same with a way back: it is kept how the conversation was, as of many at once."""

    @require_POST
    @signed_in
    def view(request: DeskRequest, pk: int) -> HttpResponse:
        row = inbox.conversation(request.user, pk)
        check_whole(row)
        act = bulk.begin(request.user, verb, {}, Chosen((row.pk,)), secrets.token_hex(16))
        _check_done(act)
        back = reverse("put-back", args=[act.pk]) + place(request).query
        return retold(request, pk, toast={"text": gettext(done), "undo": back, "seconds": 12})

    return view


def _check_done(act: BulkAct) -> None:
    for sentence, _times in bulk.progress(act).sentences:
        raise ActionRefused(sentence)


await_customer = _undoable(BulkAct.Verb.PENDING, _("It is the customer’s turn now."))
spam = _undoable(BulkAct.Verb.SPAM, _("Marked as spam."))
not_spam = _undoable(BulkAct.Verb.NOT_SPAM, _("It is not spam: it waits in its queue."))


@require_POST
@signed_in
def put_back(request: DeskRequest, pk: int) -> HttpResponse:
    """Undo what was done with one conversation, and show it."""
    act = bulk.of_user(request.user, pk)
    if act is None:
        raise Http404("There is nothing here that you may see.")
    _check_done(bulk.undo(request.user, act))
    item = act.items.first()
    pk = item.conversation_id if item else 0
    response = retold(request, pk)
    response["HX-Push-Url"] = f"/conversations/{pk}/{place(request).query}"
    return response


@require_POST
@signed_in
def take_next(request: DeskRequest) -> HttpResponse:
    """Take what is due first, in this queue or in all of mine, and open it."""
    where = place(request)
    row = actions.take_next(request.user, where.queue)
    if row is None:
        elsewhere = f" in {where.queue}" if where.queue else ""
        return refused(request, f"Nothing that you can handle is waiting{elsewhere}.")
    response = retold(request, row.pk)
    response["HX-Push-Url"] = f"/conversations/{row.pk}/{where.query}"
    return response


@require_POST
@signed_in
def snooze(request: DeskRequest, pk: int) -> HttpResponse:
    """Out of sight until a time that the form gives with its zone."""
    row = inbox.conversation(request.user, pk)
    actions.snooze(request.user, row, _time(request.POST.get("until", "")))
    return retold(request, pk)


def _time(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise ActionRefused("Choose a day and a time.")
    return at if at.tzinfo else timezone.make_aware(at)


@require_POST
@signed_in
def undo(request: DeskRequest, pk: int) -> HttpResponse:
    """Take an answer back while it is held; its text is in the editor again."""
    message = inbox.message(request.user, pk)
    if not macros.undo(request.user, message):
        raise ActionRefused("It is too late: the mail has left.")
    row = inbox.conversation(request.user, message.conversation_id)
    draft = actions.draft_of(request.user, row, is_outside=True) if message.is_outside else None
    about = draft.about_id if draft else None
    extra = {"composer": "desk/reply.html", "composer_reset": True, "editor": editor(request, row, about)}
    response = retold(request, row.pk, **extra)
    response["HX-Push-Url"] = f"/conversations/{row.pk}/{place(request).query}"
    return with_event(response, "desk:undone", {"message": pk})


@require_POST
@signed_in
def resend(request: DeskRequest, pk: int) -> HttpResponse:
    """Send a mail again whose fate is unknown, or that failed."""
    message = inbox.message(request.user, pk)
    actions.resend(request.user, message)
    return retold(request, message.conversation_id)


@require_POST
@signed_in
def mark_sent(request: DeskRequest, pk: int) -> HttpResponse:
    """A mail whose fate is unknown was sent, as a person knows."""
    message = inbox.message(request.user, pk)
    actions.mark_sent(request.user, message)
    return retold(request, message.conversation_id)


@require_GET
@signed_in
def delivery(request: DeskRequest, pk: int) -> HttpResponse:
    """What has become of a mail of ours by now."""
    message = inbox.message(request.user, pk)
    told = letter(message, timezone.now()).delivery
    if told is None:
        raise Http404("This mail came from outside.")
    return render(request, "desk/delivery.html", {"delivery": told, "pk": pk})
