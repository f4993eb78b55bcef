"""Writing to a customer first."""

from typing import Any

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.rights import working_agent
from crm.models import ContactAddress
from mailcore.clean import clean_line
from mailcore.parsed import Address
from queues import actions, capacity, first_drafts, inbox
from queues.actions import Reply
from queues.forms import ComposeForm, FirstDraftForm
from queues.later import shown
from queues.models import FirstDraft
from queues.refusals import AnswerSent, DraftConflict, SentOtherwise
from queues.views.editor import file_row, fresh_token, is_rich
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import place
from queues.views.writing import disputed, new_file, number_of, sent, to_be_settled, window_of
from queues.written_in import assumed_language

SHORTEST_ASKED = 2
MOST_FOUND = 8


@require_http_methods(["GET", "POST"])
@signed_in
def compose(request: DeskRequest) -> HttpResponse:
    """The form of a first mail; sends it."""
    where = place(request)
    queues = inbox.queues_for(request.user).filter(sender__isnull=False).select_related("sender__state")
    if request.method == "GET":
        agent = working_agent(request.user)
        draft = FirstDraft.objects.filter(agent=agent).first()
        written = {queue.pk: assumed_language(queue) for queue in queues}
        chosen = (draft.queue if draft else None) or where.queue or next(iter(queues), None)
        context = {
            "queues": [(queue, written[queue.pk]) for queue in queues],
            "chosen": chosen,
            "lang": written.get(chosen.pk, "") if chosen else "",
            "editor": _typed(draft) | {"is_rich": is_rich(agent, draft)},
            "files": [file_row(each) for each in draft.files.defer("data")] if draft else [],
            "token": draft.token if draft else fresh_token(),
            "query": where.query,
            "title": where.title,
            "room": min((capacity.room(queue.sender) for queue in queues), default=capacity.MOST_BYTES),
        }
        return render(request, "desk/compose.html", context)
    form = ComposeForm(request.POST)
    form.check()
    data = form.cleaned_data
    queue = get_object_or_404(queues, pk=data["queue"])
    shown = [number for each in request.POST.getlist("listed") if (number := number_of(each)) is not None]
    if request.FILES:  # a page from before an update has not stored them: nothing leaves without them
        shown.append(0)
    try:
        message = actions.send_first_draft(request.user, queue, data["subject"], _answer(data), shown)
    except SentOtherwise:
        return to_be_settled(request, _("This mail was sent already."))
    except DraftConflict as conflict:
        return to_be_settled(request, conflict.sentence)
    response = sent(request, message)
    response["HX-Push-Url"] = f"/conversations/{message.conversation_id}/{where.query}"
    return response


def _answer(data: dict[str, Any]) -> Reply:
    return Reply(
        text=data["text"],
        html=data["html"],
        to=(data["to"],) if data["to"] else (),
        cc=(data["cc"],) if data["cc"] else (),
        token=str(data["token"]),
        window=window_of(data),
    )


def _typed(draft: FirstDraft | None) -> dict[str, Any]:
    names = ("to", "cc", "subject", "text", "html", "version", "window")
    return {name: getattr(draft, name) if draft else "" for name in names}


@require_http_methods(["POST", "DELETE"])
@signed_in
def first_draft(request: DeskRequest) -> HttpResponse:
    """Save what is being written, or throw it away."""
    form = FirstDraftForm(request.GET if request.method == "DELETE" else request.POST)
    form.check()
    data = form.cleaned_data
    if request.method == "DELETE":
        first_drafts.discard_first_draft(request.user, data["token"], window_of(data))
        return HttpResponse(status=204)
    queue = inbox.queues_for(request.user).filter(pk=data["queue"]).first()
    try:
        saved = actions.save_first_draft(request.user, queue, data["subject"], _answer(data))
    except DraftConflict as conflict:
        return disputed(conflict)
    except AnswerSent as sent_already:
        said = _("This mail was sent already.")
        told = {"sentence": said, "sent": True, "all": sent_already.has_all}
        return JsonResponse(told, status=409)
    return JsonResponse({"saved_at": saved.saved_at, "version": saved.version})


@require_POST
@signed_in
def draft_files(request: DeskRequest) -> HttpResponse:
    """Put a file to it."""
    form = FirstDraftForm(request.POST)
    form.check()
    kept = first_drafts.add_first_draft_file(request.user, new_file(request), form.cleaned_data["token"])
    return render(request, "desk/draft_file.html", {"file": file_row(kept)})


@require_http_methods(["DELETE"])
@signed_in
def draft_file(request: DeskRequest, file: int) -> HttpResponse:
    """Take a file out of it."""
    first_drafts.remove_first_draft_file(request.user, file)
    return HttpResponse(status=204)


@require_GET
@signed_in
def people(request: DeskRequest) -> HttpResponse:
    """Contacts of the user's own queues whose name or address begins so."""
    asked = clean_line(request.GET.get("q", ""))[:100]
    found: list[str] = []
    if len(asked) >= SHORTEST_ASKED:
        contacts = inbox.conversations_for(request.user).values("contact")
        rows = ContactAddress.objects.select_related("contact").filter(contact__in=contacts)
        begins = Q(email__startswith=asked.lower()) | Q(contact__name__istartswith=asked)
        found = [_shown(row) for row in rows.filter(begins).exclude(email="").order_by("email")[:MOST_FOUND]]
    return JsonResponse({"people": found})


def _shown(row: ContactAddress) -> str:
    return shown(Address(row.contact.name, row.email))
