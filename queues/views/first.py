"""Writing to a customer first."""

from typing import Any

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_http_methods

from agents.rights import working_agent
from crm.models import ContactAddress
from mailcore import authored
from mailcore.clean import clean_line, clean_text
from mailcore.parsed import Address
from queues import actions, capacity, inbox
from queues.actions import Reply
from queues.forms import ComposeForm, FirstDraftForm
from queues.later import shown
from queues.models import FirstDraft
from queues.ownership import profile
from queues.refusals import ActionRefused
from queues.views.editor import fresh_token, is_rich
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import place
from queues.views.writing import read_files, sent

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
        context = {
            "queues": queues,
            "chosen": (draft.queue if draft else None) or where.queue,
            "editor": _typed(draft) | {"is_rich": is_rich(agent, draft)},
            "token": draft.token if draft else fresh_token(),
            "query": where.query,
            "title": where.title,
            "room": min((capacity.room(queue.sender) for queue in queues), default=capacity.MOST_BYTES),
        }
        return render(request, "desk/compose.html", context)
    form = ComposeForm(request.POST, request.FILES)
    form.check()
    data = form.cleaned_data
    answer = Reply(
        text=data["text"],
        html=authored.only_pictures(data["html"], ()),
        to=(data["to"],),
        cc=(data["cc"],) if data["cc"] else (),
        files=read_files(request.FILES.getlist("files")),
        token=str(data["token"]),
    )
    queue = get_object_or_404(queues, pk=data["queue"])
    message = actions.start(request.user, queue, data["subject"], answer)
    FirstDraft.objects.filter(agent__user=request.user, token=data["token"]).delete()
    response = sent(request, message)
    response["HX-Push-Url"] = f"/conversations/{message.conversation_id}/{where.query}"
    return response


def _typed(draft: FirstDraft | None) -> dict[str, Any]:
    names = ("to", "cc", "subject", "text", "html")
    return {name: getattr(draft, name) if draft else "" for name in names}


@require_http_methods(["POST", "DELETE"])
@signed_in
def first_draft(request: DeskRequest) -> HttpResponse:
    """Save what is being written, or throw it away."""
    if request.method == "DELETE":
        FirstDraft.objects.filter(agent__user=request.user).delete()
        return HttpResponse(status=204)
    form = FirstDraftForm(request.POST)
    form.check()
    data = form.cleaned_data
    if actions.is_started(request.user, str(data["token"])):  # a late save must not bring back what was sent
        raise ActionRefused("This mail was sent already.")
    saved, _ = FirstDraft.objects.update_or_create(
        agent=profile(request.user),
        defaults={
            "queue": inbox.queues_for(request.user).filter(pk=data["queue"]).first(),
            "token": data["token"],
            **{name: clean_text(data[name]) for name in ("to", "cc", "subject", "text", "html")},
        },
    )
    return JsonResponse({"saved_at": saved.saved_at})


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
