"""Answering, noting, and what is being written."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from mailcore import authored
from mailcore.clean import clean_file_name
from mailcore.compose import OutFile
from queues import actions, inbox, macros, outside
from queues.actions import NewFile, NewMailArrived, Reply
from queues.capacity import MOST_BYTES
from queues.forms import DraftForm, NoteForm, ReplyForm
from queues.models import Conversation, Draft, Message
from queues.presentation import contact_name, person
from queues.refusals import ActionRefused
from queues.thread import letter
from queues.views.conversations import retold
from queues.views.editor import editor, file_row
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import place

LONGEST_ID = 19  # digits
OCTETS = "application/octet-stream"


@require_http_methods(["GET", "POST"])
@signed_in
def reply(request: DeskRequest, pk: int) -> HttpResponse:
    """The editor of an answer; sends it."""
    row = inbox.conversation(request.user, pk)
    if request.method == "GET":
        about = _number(request.GET.get("about", ""))
        check_not_timed(request, row, is_outside=about is not None)
        on_page = _number(request.GET.get("shown", ""))
        context = {"conversation": row, "editor": editor(request, row, about, on_page)}
        return render(request, "desk/reply.html", context)
    form = ReplyForm(request.POST)
    form.check()
    answer = _reply(request, row, form.cleaned_data)
    macro = form.cleaned_data["macro"]
    if answer.send_at is not None and macro:
        raise ActionRefused("A macro runs when the answer is sent: send it now, or take the macro off it.")
    if answer.send_at is not None:
        draft = actions.schedule(request.user, row, answer)
        toast = {"text": "The answer waits for its time.", "seconds": 6}
        return retold(
            request, draft.conversation_id, composer="desk/bar.html", composer_reset=True, toast=toast
        )
    try:
        if macro and not answer.is_outside:
            message = macros.answer(request.user, row, macro, answer)
        else:
            message = actions.reply(request.user, row, answer)
    except NewMailArrived as news:
        return _new_mail(request, news.message, is_closing=form.cleaned_data["close"])
    return sent(request, message)


def check_not_timed(request: DeskRequest, row: Conversation, *, is_outside: bool) -> None:
    """Refuse to open what is to be sent by itself: it would be sent half changed."""
    draft = actions.draft_of(request.user, row, is_outside=is_outside)
    if draft is not None and (draft.send_at or draft.held_why):
        raise ActionRefused("An answer of yours waits here already: choose “Edit” there, or cancel it first.")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_ID else None


def _reply(request: DeskRequest, row: Conversation, data: dict[str, Any]) -> Reply:
    files = _files(actions.draft_of(request.user, row, is_outside=data["outside"]), str(data["token"]))
    if data["outside"]:
        chosen = filter(None, map(_number, request.POST.getlist("enclosed")))
        files = (*files, *outside.files_of(row, list(chosen)))
    return Reply(
        text=data["text"],
        html=authored.only_pictures(data["html"], {file.content_id for file in files}),
        to=(data["to"],),
        cc=(data["cc"],) if data["cc"] else (),
        files=files,
        close=data["close"],
        token=str(data["token"]),
        seen_message_id=data["seen"],
        is_outside=data["outside"],
        about_id=data["about"],
        send_at=data["send_at"],
    )


def _files(draft: Draft | None, token: str) -> tuple[OutFile, ...]:
    """The files of the answer with this token: none are left out unseen when another window has them now."""
    if draft is None:
        return ()
    if str(draft.token) != token and draft.files.exists():
        raise ActionRefused(
            "Another window of yours has saved a draft with files here: copy this text, load the page again "
            "and send it from there."
        )
    return actions.out_files(draft) if str(draft.token) == token else ()


def _new_mail(request: DeskRequest, message: Message, *, is_closing: bool) -> HttpResponse:
    """Show what came, and let the agent decide."""
    context = {"mail": letter(message, timezone.now()), "close": is_closing}
    response = render(request, "desk/new_mail.html", context, status=409)
    response["HX-Retarget"], response["HX-Reswap"] = "#warning", "innerHTML"
    return response


def sent(request: DeskRequest, message: Message) -> HttpResponse:
    message = inbox.message(request.user, message.pk)
    told = letter(message, timezone.now())
    held = told.delivery.held_until if told.delivery else ""
    names = ", ".join(each["name"] or each["email"] for each in message.to)
    what = f"Your mail to {names} leaves in" if held else f"Your mail to {names} is on its way."
    toast: dict[str, Any] = {"text": what, "seconds": 6, "until": held}
    if held:
        toast |= {"undo": f"/messages/{message.pk}/undo{place(request).query}", "seconds": 0}
    extra = {"composer": "desk/bar.html", "composer_reset": True, "toast": toast}
    return retold(request, message.conversation_id, **extra)


@require_http_methods(["GET", "POST"])
@signed_in
def note(request: DeskRequest, pk: int) -> HttpResponse:
    """The editor of an internal note; keeps it."""
    row = inbox.conversation(request.user, pk)
    if request.method == "GET":
        return render(request, "desk/note.html", {"conversation": row})
    form = NoteForm(request.POST)
    form.check()
    actions.note(request.user, row, form.cleaned_data["text"])
    return retold(request, pk, composer="desk/bar.html", composer_reset=True)


@require_http_methods(["GET"])
@signed_in
def bar(request: DeskRequest, pk: int) -> HttpResponse:
    """The buttons that open the editors."""
    return _bar(request, inbox.conversation(request.user, pk))


def _bar(request: DeskRequest, row: Conversation) -> HttpResponse:
    return render(
        request, "desk/bar.html", {"conversation": row, "contact": {"who": person(contact_name(row.contact))}}
    )


@require_http_methods(["POST", "DELETE"])
@signed_in
def draft(request: DeskRequest, pk: int) -> HttpResponse:
    """Save what is being written, or throw it away."""
    row = inbox.conversation(request.user, pk)
    if request.method == "DELETE":
        actions.discard_draft(request.user, row, is_outside="outside" in request.GET)
        return _bar(request, row)
    form = DraftForm(request.POST)
    form.check()
    data = form.cleaned_data
    saved = actions.save_draft(
        request.user,
        row,
        data["text"],
        html=data["html"],
        to=[data["to"]] if data["to"] else [],
        cc=[data["cc"]] if data["cc"] else [],
        token=data["token"],
        seen_message_id=data["seen"],
        is_outside=data["outside"],
        about_id=data["about"],
        macro_id=data["macro"],
    )
    return JsonResponse({"saved_at": saved.saved_at})


@require_http_methods(["POST"])
@signed_in
def draft_files(request: DeskRequest, pk: int) -> HttpResponse:
    """Put a file to the draft."""
    row = inbox.conversation(request.user, pk)
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise ActionRefused("No file came with the request.")
    (out,) = read_files([file])
    kept = actions.add_draft_file(
        request.user,
        row,
        NewFile(name=out.name, type=out.type, data=out.data, is_picture="picture" in request.POST),
        token=request.POST.get("token", ""),
        is_outside="outside" in request.GET,
    )
    return render(request, "desk/draft_file.html", {"conversation": row, "file": file_row(kept)})


def read_files(files: "list[UploadedFile[Any]]") -> tuple[OutFile, ...]:
    """The files, unless they are so large that even reading them is a waste."""
    if sum(file.size or 0 for file in files) > MOST_BYTES:
        names = ", ".join(file.name or "file" for file in files)
        raise ActionRefused(f"“{names}” doesn't fit: at most {MOST_BYTES // 1_000_000} MB go into a mail.")
    return tuple(
        OutFile(clean_file_name(file.name or "") or "file", file.content_type or OCTETS, file.read())
        for file in files
    )


@require_http_methods(["DELETE"])
@signed_in
def draft_file(request: DeskRequest, pk: int, file: int) -> HttpResponse:
    """Take a file out of the draft."""
    inbox.conversation(request.user, pk)
    actions.remove_draft_file(request.user, file)
    return HttpResponse(status=204)
