"""Answering, noting, and what is being written."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from agents.rights import is_supervisor
from mailcore import authored
from mailcore.clean import clean_file_name
from mailcore.compose import OutFile
from queues import actions, inbox, macros, outside
from queues.actions import NewFile, Reply, SomethingNew
from queues.capacity import MOST_BYTES
from queues.forms import DraftForm, ReplyForm
from queues.models import Conversation, Draft, Message
from queues.presentation import contact_name, person
from queues.refusals import ActionRefused, AnswerSent, DraftConflict, DraftGone, SentOtherwise
from queues.thread import letter, remark
from queues.typed_in import otherwise
from queues.views.conversations import retold
from queues.views.editor import Shown, begun_notes, editor, file_row
from queues.views.gate import DeskRequest, refused, signed_in, with_event
from queues.views.lists import place
from queues.windows import Window

LONGEST_ID = 19  # digits
OCTETS = "application/octet-stream"


@require_http_methods(["GET", "POST"])
@signed_in
def reply(request: DeskRequest, pk: int) -> HttpResponse:
    """The editor of an answer; sends it."""
    row = inbox.conversation(request.user, pk)
    if request.method == "GET":
        about = number_of(request.GET.get("about", ""))
        check_not_timed(request, row, is_outside=about is not None)
        on_page = Shown(number_of(request.GET.get("shown", "")), number_of(request.GET.get("shown_note", "")))
        context = {"conversation": row, "editor": editor(request, row, about, on_page)}
        return render(request, "desk/reply.html", context)
    form = ReplyForm(request.POST)
    form.check()
    answer = _reply(request, row, form.cleaned_data)
    macro = form.cleaned_data["macro"]
    if answer.send_at is not None and macro:
        raise ActionRefused("A macro runs when the answer is sent: send it now, or take the macro off it.")
    try:
        if answer.send_at is not None:
            return _scheduled(request, actions.schedule(request.user, row, answer))
        if macro and not answer.is_outside:
            message = macros.answer(request.user, row, macro, answer)
        else:
            message = actions.reply(request.user, row, answer)
    except SomethingNew as news:
        return _news(request, news, form.cleaned_data)
    except SentOtherwise:
        return to_be_settled(request, _("This answer was sent already."))
    except DraftConflict as conflict:
        return to_be_settled(request, conflict.sentence)
    return sent(request, message)


def _scheduled(request: DeskRequest, draft: Draft) -> HttpResponse:
    toast = {"text": _("The answer waits for its time."), "seconds": 6}
    return retold(request, draft.conversation_id, composer="desk/bar.html", composer_reset=True, toast=toast)


def to_be_settled(request: DeskRequest, sentence: str) -> HttpResponse:
    """Other words than these have left, or are saved: the editor saves its own, and so hears what to ask.

    :param sentence: for who has gone on to another page, where no editor hears it.
    """
    return with_event(refused(request, sentence), "desk:unsettled", {})


def check_not_timed(request: DeskRequest, row: Conversation, *, is_outside: bool) -> None:
    """Refuse to open what is to be sent by itself: it would be sent half changed."""
    draft = actions.draft_of(request.user, row, is_outside=is_outside)
    if draft is not None and (draft.send_at or draft.held_why):
        raise ActionRefused("An answer of yours waits here already: choose “Edit” there, or cancel it first.")


def number_of(text: str) -> int | None:
    """An id that came with a request; None if it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < LONGEST_ID else None


def _reply(request: DeskRequest, row: Conversation, data: dict[str, Any]) -> Reply:
    draft = actions.draft_of(request.user, row, is_outside=data["outside"])
    files = _files(row, draft, str(data["token"]), set(map(number_of, request.POST.getlist("listed"))))
    if data["outside"]:
        chosen = filter(None, map(number_of, request.POST.getlist("enclosed")))
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
        seen_note_id=data["seen_note"],
        is_outside=data["outside"],
        about_id=data["about"],
        send_at=data["send_at"],
        window=window_of(data),
    )


def _files(
    row: Conversation, draft: Draft | None, token: str, listed: set[int | None]
) -> tuple[OutFile, ...]:
    """The files of the answer with this token: none leaves, and none is left out, unseen by who sends.

    :param listed: those on the screen; another window may have put one to it, or taken one out.
    """
    own = draft if draft is not None and str(draft.token) == token else None
    if draft is not None and own is None and draft.files.exists():
        raise ActionRefused(
            "Another window of yours has saved a draft with files here: copy this text, load the page again "
            "and send it from there."
        )
    kept = {file.pk for file in own.files.all()} if own else set()
    is_as_shown = kept == listed
    if own is not None and own.send_at is not None:  # they are stored anew when it is timed
        is_as_shown = len(kept) == len(listed)
    if not is_as_shown and (own or not row.messages.filter(compose_token=token).exists()):
        raise ActionRefused(
            _(
                "The files of this answer were changed in another window of yours: load the page again, look "
                "at them, and send it then."
            )
        )
    return actions.out_files(own) if own else ()


def _news(request: DeskRequest, news: SomethingNew, sent: dict[str, Any]) -> HttpResponse:
    """Show what came, and let the agent decide."""
    now = timezone.now()
    context = {
        "mail": letter(news.message, now) if news.message else None,
        "note": remark(news.note, now) if news.note else None,
        "seen": news.message.pk if news.message else sent["seen"],
        "seen_note": news.note.pk if news.note else sent["seen_note"],
        "close": sent["close"],
    }
    response = render(request, "desk/new_mail.html", context, status=409)
    response["HX-Retarget"], response["HX-Reswap"] = "#warning", "innerHTML"
    return response


def sent(request: DeskRequest, message: Message) -> HttpResponse:
    message = inbox.message(request.user, message.pk)
    told = letter(message, timezone.now())
    held = told.delivery.held_until if told.delivery else ""
    names = ", ".join(each["name"] or each["email"] for each in message.to)
    what = _("Your mail to %(names)s leaves in") if held else _("Your mail to %(names)s is on its way.")
    toast: dict[str, Any] = {"text": what % {"names": names}, "seconds": 6, "until": held}
    if held:
        toast |= {"undo": f"/messages/{message.pk}/undo{place(request).query}", "seconds": 0}
        toast["about"] = message.conversation_id
    extra = {"composer": "desk/bar.html", "composer_reset": True, "toast": toast}
    return retold(request, message.conversation_id, **extra)


@require_http_methods(["GET"])
@signed_in
def bar(request: DeskRequest, pk: int) -> HttpResponse:
    """The buttons that open the editors."""
    return show_bar(request, inbox.conversation(request.user, pk))


def show_bar(request: DeskRequest, row: Conversation) -> HttpResponse:
    """Show them, the editor being done with."""
    return render(
        request,
        "desk/bar.html",
        {
            "conversation": row,
            "contact": {"who": person(contact_name(row.contact))},
            "may_whisper": is_supervisor(request.user),
            "begun_notes": begun_notes(request.user, row),
        },
    )


@require_http_methods(["POST", "DELETE"])
@signed_in
def draft(request: DeskRequest, pk: int) -> HttpResponse:
    """Save what is being written, or throw it away."""
    row = inbox.conversation(request.user, pk)
    form = DraftForm(request.GET if request.method == "DELETE" else request.POST)
    form.check()
    data = form.cleaned_data
    if request.method == "DELETE":
        actions.discard_draft(
            request.user, row, token=data["token"], is_outside=data["outside"], window=window_of(data)
        )
        return show_bar(request, row)
    try:
        saved = _saved(request, row, data, window_of(data))
    except DraftConflict as conflict:
        return disputed(conflict)
    except AnswerSent as sent:
        return JsonResponse({"sentence": sent.sentence, "sent": True, "all": sent.has_all}, status=409)
    except DraftGone as gone:
        return JsonResponse({"sentence": gone.sentence}, status=409)
    said = "" if saved.is_outside else otherwise(row, saved.text)
    return JsonResponse({"saved_at": saved.saved_at, "version": saved.version, "otherwise": said})


def window_of(data: dict[str, Any]) -> Window | None:
    """The editor that asks, if it says which."""
    if not data["window"] or data["version"] is None:
        return None
    saves, heir_saves = data["saves"] or 0, data["heir_saves"] or 0
    return Window(data["window"], data["version"], data["heir_of"], saves, heir_saves)


def disputed(conflict: DraftConflict) -> HttpResponse:
    """For the editor, which asks which of two texts stays."""
    told = {"sentence": conflict.sentence, "text": conflict.text, "version": conflict.version}
    return JsonResponse(told, status=409)


def _saved(request: DeskRequest, row: Conversation, data: dict[str, Any], window: Window | None) -> Draft:
    return actions.save_draft(
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
        seen_note_id=data["seen_note"],
        window=window,
    )


@require_http_methods(["POST"])
@signed_in
def draft_files(request: DeskRequest, pk: int) -> HttpResponse:
    """Put a file to the draft."""
    row = inbox.conversation(request.user, pk)
    kept = actions.add_draft_file(
        request.user,
        row,
        new_file(request),
        token=request.POST.get("token", ""),
        is_outside="outside" in request.GET,
    )
    return render(request, "desk/draft_file.html", {"conversation": row, "file": file_row(kept)})


def new_file(request: DeskRequest) -> NewFile:
    """The file that came, unless it is so large that even reading it is a waste."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        raise ActionRefused("No file came with the request.")
    name = clean_file_name(file.name or "") or "file"
    if (file.size or 0) > MOST_BYTES:
        raise ActionRefused(f"“{name}” doesn't fit: at most {MOST_BYTES // 1_000_000} MB go into a mail.")
    is_picture = "picture" in request.POST
    return NewFile(name=name, type=file.content_type or OCTETS, data=file.read(), is_picture=is_picture)


@require_http_methods(["DELETE"])
@signed_in
def draft_file(request: DeskRequest, pk: int, file: int) -> HttpResponse:
    """Take a file out of the draft."""
    inbox.conversation(request.user, pk)
    actions.remove_draft_file(request.user, file)
    return HttpResponse(status=204)
