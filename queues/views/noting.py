"""Notes and whispers, and what is being written of them."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from agents.rights import is_supervisor
from queues import inbox, note_drafts
from queues.forms import NoteDraftForm, NoteForm
from queues.models import Note
from queues.refusals import DraftConflict, NoteAdded, SentOtherwise
from queues.views.conversations import retold
from queues.views.editor import note_editor
from queues.views.gate import DeskRequest, signed_in
from queues.views.writing import disputed, show_bar, to_be_settled, window_of

Audience = Note.Audience


@require_http_methods(["GET", "POST"])
@signed_in
def note(request: DeskRequest, pk: int) -> HttpResponse:
    """The editor of an internal note; adds it."""
    row = inbox.conversation(request.user, pk)
    if request.method == "GET":
        audience = Audience.HOLDER if "whisper" in request.GET else Audience.ALL
        draft = note_drafts.note_draft_of(request.user, row, audience)
        context = {
            "conversation": row,
            "may_whisper": is_supervisor(request.user),
            "note": note_editor(draft, audience),
        }
        return render(request, "desk/note.html", context)
    form = NoteForm(request.POST)
    form.check()
    data = form.cleaned_data
    audience = data["audience"] or Audience.ALL
    try:
        note_drafts.add_note(request.user, row, data["text"], audience, data["token"], window_of(data))
    except SentOtherwise as other:
        return to_be_settled(request, other.sentence)
    except DraftConflict as conflict:
        return to_be_settled(request, conflict.sentence)
    return retold(request, pk, composer="desk/bar.html", composer_reset=True)


@require_http_methods(["POST", "DELETE"])
@signed_in
def draft(request: DeskRequest, pk: int) -> HttpResponse:
    """Save what is being written, or throw it away."""
    row = inbox.conversation(request.user, pk)
    form = NoteDraftForm(request.GET if request.method == "DELETE" else request.POST)
    form.check()
    data = form.cleaned_data
    audience, window = data["audience"] or Audience.ALL, window_of(data)
    if request.method == "DELETE":
        note_drafts.discard_note_draft(request.user, row, audience, data["token"], window)
        return show_bar(request, row)
    try:
        saved = note_drafts.save_note_draft(request.user, row, data["text"], audience, data["token"], window)
    except DraftConflict as conflict:
        return disputed(conflict)
    except NoteAdded as added:
        return JsonResponse({"sentence": added.sentence, "sent": True, "all": added.has_all}, status=409)
    return JsonResponse({"saved_at": saved.saved_at, "version": saved.version})
