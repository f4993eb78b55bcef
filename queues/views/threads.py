"""Merging, splitting and moving: a dialog in which one sees beforehand what will happen.

Each is one address: GET opens the dialog, GET with a choice tells what that choice would do, POST does it. A
refusal is told in the dialog; when it is done, the dialog shuts and the conversation is shown as it is then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from queues import actions, inbox
from queues.finding import TooBroad
from queues.foresight import Foreseen, foresee_merge, foresee_move
from queues.inbox import Listing, View
from queues.models import Conversation, Message
from queues.presentation import Columns, row
from queues.refusals import ActionRefused
from queues.sayings import told
from queues.siblings import siblings
from queues.summary import kept
from queues.thread import letter
from queues.views.conversations import retold
from queues.views.editor import composer
from queues.views.gate import DeskRequest, signed_in, with_event
from queues.views.lists import place

MOST_CHOICES = 8
DONE = "desk:acted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """What one of the dialogs says, and where it asks."""

    url: str
    title: str
    explained: str
    button: str
    row: Conversation
    foresee: Callable[[Conversation], Foreseen]


@require_http_methods(["GET", "POST"])
@signed_in
def merge(request: DeskRequest, pk: int) -> HttpResponse:
    """Choose the conversation that is to have everything of this one."""
    row_ = inbox.conversation(request.user, pk)
    if request.method == "POST":
        return _done(request, lambda: actions.merge(request.user, row_, _target(request)))
    dialog = Dialog(
        url=reverse("merge", args=[pk]),
        title=_("Merge #%(number)s into another conversation") % {"number": row_.number},
        explained=_("All its mails and notes go there, and so does what customers answer to them."),
        button=_("Merge"),
        row=row_,
        foresee=lambda into: foresee_merge(request.user, row_, into),
    )
    return _shown(request, dialog)


@require_http_methods(["GET", "POST"])
@signed_in
def move(request: DeskRequest, pk: int) -> HttpResponse:
    """Choose the conversation that is to have this mail."""
    message = inbox.message(request.user, pk)
    if request.method == "POST":
        return _done(request, lambda: actions.move_message(request.user, message, _target(request)))
    writer = message.from_name or message.from_email or _("an unknown sender")
    dialog = Dialog(
        url=reverse("move", args=[pk]),
        title=_("Move the mail of %(writer)s") % {"writer": writer},
        explained=_("It goes to the conversation that you choose, and so does what customers answer to it."),
        button=_("Move"),
        row=message.conversation,
        foresee=lambda into: foresee_move(request.user, message, into),
    )
    return _shown(request, dialog)


def _shown(request: DeskRequest, dialog: Dialog) -> HttpResponse:
    """The whole dialog; only the choices, or what a choice would do, when that is what is asked for."""
    chosen = _chosen(request)
    context: dict[str, Any] = {"dialog": dialog, "query": place(request).query}
    if request.htmx.target == "act-foreseen":
        return render(request, "desk/foreseen.html", context | {"foreseen": _foreseen(dialog, chosen)})
    choices = _choices(request, dialog.row, chosen)
    context |= {"choices": choices, "chosen": chosen.pk if chosen else 0}
    if request.htmx.target == "act-choices":
        return render(request, "desk/choices.html", context)
    return render(request, "desk/choose.html", context | {"foreseen": _foreseen(dialog, chosen)})


def _foreseen(dialog: Dialog, chosen: Conversation | None) -> Foreseen | None:
    return dialog.foresee(chosen) if chosen else None


def _chosen(request: DeskRequest) -> Conversation | None:
    asked = request.GET.get("into", "")
    pk = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    return inbox.conversations_for(request.user).select_related("queue", "contact").filter(pk=pk).first()


def _target(request: DeskRequest) -> Conversation:
    asked = request.POST.get("into", "")
    pk = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    found = inbox.conversations_for(request.user).filter(pk=pk).first()
    if found is None:
        raise ActionRefused("Choose a conversation first.")
    return found


def _choices(request: DeskRequest, row_: Conversation, chosen: Conversation | None) -> list[dict[str, Any]]:
    """What is searched; before that, what is likely: hinted at, a sibling, of the same contact."""
    text = request.GET.get("find", "").strip()[:200]
    if text:
        found = _searched(request, text)
    else:
        found = [*([chosen] if chosen else []), *_likely(request, row_)]
    unique = {each.pk: each for each in found if each.pk != row_.pk}
    now = timezone.now()
    return [
        {"row": row(each, now, Columns()), "number": each.number}
        for each in list(unique.values())[:MOST_CHOICES]
    ]


def _searched(request: DeskRequest, text: str) -> list[Conversation]:
    listing = Listing(view=View.ALL, text=text, limit=MOST_CHOICES + 1)
    try:
        return inbox.page(request.user, listing).rows
    except TooBroad as error:
        raise ActionRefused(str(error)) from error


def _likely(request: DeskRequest, row_: Conversation) -> list[Conversation]:
    hints = row_.events.filter(kind="hint").values_list("data__conversation", flat=True)
    hinted = inbox.listed_for(request.user).filter(pk__in=[pk for pk in hints if isinstance(pk, int)])
    loaded = inbox.loaded(hinted)
    same = [each.conversation for each in siblings(request.user, row_) if each.conversation]
    own = inbox.page(request.user, Listing(view=View.ALL, contact=row_.contact_id, limit=MOST_CHOICES)).rows
    return [*loaded, *same, *own]


@require_http_methods(["GET", "POST"])
@signed_in
def split(request: DeskRequest, pk: int) -> HttpResponse:
    """Choose the mails that are to be a conversation of their own."""
    row_ = inbox.conversation(request.user, pk)
    if request.method == "POST":
        chosen = [
            int(each)
            for each in request.POST.getlist("mail")
            if each.isascii() and each.isdigit() and len(each) < 19
        ]
        subject = request.POST.get("subject", "")
        return _done(request, lambda: actions.split(request.user, row_, chosen, subject))
    asked = request.GET.get("mail", "")
    now = timezone.now()
    mails = [_mail(each, asked, now) for each in _in_order(row_)]
    context = {
        "conversation": row_,
        "url": reverse("split", args=[pk]),
        "mails": mails,
        "subject": next((each["subject"] for each in mails if each["chosen"]), ""),
        "query": place(request).query,
    }
    return render(request, "desk/split.html", context)


def _in_order(row_: Conversation) -> QuerySet[Message]:
    return kept(row_).defer("search").select_related("agent__user").order_by("created_at", "pk")


def _mail(message: Message, asked: str, now: datetime) -> dict[str, Any]:
    told = letter(message, now)
    return {"letter": told, "chosen": str(message.pk) == asked, "subject": message.subject}


def _done(request: DeskRequest, act: Callable[[], Conversation]) -> HttpResponse:
    """Do it and show where one is then; a refusal is told in the dialog."""
    try:
        shown = act()
    except ActionRefused as refusal:
        response = render(request, "desk/refusal.html", {"sentence": told(refusal.sentence)}, status=409)
        response["HX-Retarget"], response["HX-Reswap"] = "#act-refusal", "innerHTML"
        return response
    response = retold(request, shown.pk, **composer(request, shown))
    response["HX-Push-Url"] = f"/conversations/{shown.pk}/{place(request).query}"
    return with_event(response, DONE, {"conversation": shown.pk})
