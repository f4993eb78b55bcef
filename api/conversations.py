"""Conversations, messages and what can be done with them."""

import base64
from dataclasses import replace
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from ninja import Header, Query, Router
from ninja.errors import HttpError

from agents.models import Agent
from agents.rights import agent_of
from api import present
from api.auth import caller
from api.paging import found_page, page
from api.shapes import (
    AnswerIn,
    AssignIn,
    ConversationDetail,
    ConversationFilter,
    ConversationIn,
    ConversationOut,
    ConversationPage,
    DemandIn,
    FileIn,
    FollowIn,
    MessageOut,
    NoteIn,
    NoteOut,
    ReleaseIn,
    ReplyIn,
    SnoozeIn,
    TakeIn,
    TimedOut,
    TransferIn,
)
from crm.models import ContactAddress
from mailcore.compose import OutFile
from mailcore.parse import PartNotFound, part_bytes
from queues import actions, audiences, following, inbox, later, mentioned, offers, scanning
from queues.finding import TooBroad
from queues.losses import losses
from queues.models import Attachment, Conversation, EmailQueue, Message
from queues.named import named_in, others, tellable
from queues.opened import note_opened
from queues.refusals import ActionRefused
from queues.siblings import siblings

router = Router(tags=["conversations"])


def rows(user: Any) -> QuerySet[Conversation]:
    """The conversations that the caller may see, with what their shape needs."""
    return (
        inbox.conversations_for(user)
        .select_related("queue", "contact", "agent__user")
        .prefetch_related(
            "tags",
            "queue__skill_demands__skill",
            "skill_demands__skill",
            Prefetch("contact__addresses", ContactAddress.objects.order_by("id")),
        )
    )


def show(row: Conversation) -> dict[str, Any]:
    """One conversation in the shape of lists."""
    addresses = row.contact.addresses.all()
    return present.conversation(row, addresses[0].email if addresses else "")


def shown(user: Any, conversation_id: int) -> dict[str, Any]:
    """The conversation as it is now."""
    return show(rows(user).get(pk=conversation_id))


def messages_of(conversation: Conversation) -> list[dict[str, Any]]:
    """All messages of a conversation, oldest first."""
    found = (
        conversation.messages.select_related("agent__user", "outgoing")
        .prefetch_related("attachments", "outgoing__recipients")
        .order_by("id")
    )
    return [present.message(row) for row in found]


@router.get("conversations", response=ConversationPage, by_alias=True)
def list_conversations(request: HttpRequest, wanted: Query[ConversationFilter]) -> dict[str, Any]:
    """The conversations that the key may see, newest first, without those that were merged into others."""
    found = rows(caller(request)).filter(merged_into=None)
    if wanted.queue:
        found = found.filter(queue__name=wanted.queue)
    if wanted.state:
        if wanted.state not in Conversation.State.values:
            raise HttpError(400, f"state is {wanted.state!r}: choose {', '.join(Conversation.State.values)}.")
        found = found.filter(state=wanted.state)
    if wanted.agent:
        found = found.filter(agent__user__username=wanted.agent)
    if wanted.contact.isascii() and wanted.contact.isdigit() and len(wanted.contact) < 19:
        found = found.filter(contact_id=int(wanted.contact))
    elif wanted.contact:
        found = found.filter(contact__addresses__email=wanted.contact.lower())
    if wanted.tag:
        found = found.filter(tags__name__iexact=wanted.tag)
    if wanted.mentioned:
        agent = agent_of(caller(request))
        found = found.filter(mentioned.of(agent)) if agent else found.none()
    if wanted.text:
        return searched(request, found, wanted.text)
    return page(request, found, "last_message_at", lambda page_rows: [show(row) for row in page_rows])


def searched(request: HttpRequest, found: QuerySet[Conversation], text: str) -> dict[str, Any]:
    """Those that match a search, as the desk finds them: the newest match first."""
    try:
        return found_page(
            request, lambda limit, after: inbox.found(caller(request), found, text, limit, after), show
        )
    except inbox.BadCursor as error:
        raise HttpError(400, "cursor is not one of this list: follow “next” as it is.") from error
    except TooBroad as error:
        raise HttpError(400, str(error)) from error


@router.post("conversations", response={201: ConversationDetail}, by_alias=True)
def start_conversation(
    request: HttpRequest, payload: ConversationIn, idempotency_key: Header[str] = ""
) -> tuple[int, dict[str, Any]]:
    """Write to a customer first."""
    user = caller(request)
    queue = inbox.queues_for(user).filter(name=payload.queue).first()
    if queue is None:
        raise HttpError(409, f"There is no queue “{payload.queue}” among those that you may use.")
    message = actions.start(user, queue, payload.subject, reply_of(payload, idempotency_key))
    return 201, detail(user, message.conversation_id)


def returned(conversation: Conversation) -> list[dict[str, Any]]:
    """What is known of the people who would get an answer, if a mail to them was lost."""
    people = actions.recipients(conversation)
    emails = [person.email for person in (*people.to, *people.cc)]
    found = losses(emails, timezone.now(), conversation).values()
    return [
        {"email": loss.email, "at": loss.at, "reason": loss.reason, "sentence": loss.sentence}
        for loss in found
    ]


def detail(user: Any, conversation_id: int) -> dict[str, Any]:
    """A conversation with its messages, notes and history; one that was merged is the one it is in now."""
    conversation = inbox.followed(user, conversation_id)
    conversation_id = conversation.pk
    notes = conversation.notes.filter(audiences.readable(user)).select_related("user")
    notes = notes.prefetch_related("mentions__agent__user")
    events = list(conversation.events.select_related("user"))
    seen = others(user, events)
    return shown(user, conversation_id) | {
        "messages": messages_of(conversation),
        "notes": [note_shape(note) for note in notes],
        "returned": returned(conversation),
        "events": [
            {
                "kind": e.kind,
                "user": present.name_of(e.user),
                "sentence": tellable(e, seen),
                "at": e.at,
                "conversation": pk if (pk := named_in(e)) in seen else None,
            }
            for e in events
        ],
        "siblings": [present.sibling(each) for each in siblings(user, conversation)],
        "timed": [present.timed(each, conversation) for each in later.timed(conversation)],
        "following": following.is_following(agent_of(user), conversation),
    }


def note_shape(note: Any) -> dict[str, Any]:
    """One note."""
    return {
        "id": note.pk,
        "user": present.name_of(note.user),
        "text": note.text,
        "audience": note.audience,
        "mentions": [each.agent.user.get_username() for each in note.mentions.all()],
        "created_at": note.created_at,
    }


@router.get("conversations/{int:conversation_id}", response=ConversationDetail, by_alias=True)
def one_conversation(request: HttpRequest, conversation_id: int) -> dict[str, Any]:
    """One conversation with all its messages; the id of a merged one gives the one it is in now."""
    user = caller(request)
    found = detail(user, conversation_id)
    agent = agent_of(user)
    row = Conversation.objects.filter(pk=found["id"]).first()
    if agent is not None and row is not None:
        offers.accept(row, agent)
    return found


def reply_of(payload: ReplyIn, key: str) -> actions.Reply:
    """The request as the reply that the desk makes too."""
    return actions.Reply(
        text=payload.text,
        html=payload.html,
        to=tuple(payload.to),
        cc=tuple(payload.cc),
        files=tuple(map(file_of, payload.attachments)),
        close=payload.close,
        undo_seconds=payload.undo if payload.undo is not None else 0,
        token=key,
        mode=actions.Mode(payload.mode),
    )


def file_of(item: FileIn) -> OutFile:
    """A file of a request, in clear bytes."""
    try:
        data = base64.b64decode(item.content, validate=True)
    except ValueError as error:  # no base64, or no ASCII at all
        raise HttpError(422, f"attachments: the content of {item.name!r} is not base64.") from error
    return OutFile(name=item.name, type=item.type, data=data, content_id=item.content_id)


@router.post(
    "conversations/{int:conversation_id}/replies", response={201: MessageOut, 202: TimedOut}, by_alias=True
)
def reply(
    request: HttpRequest,
    conversation_id: int,
    payload: AnswerIn,
    idempotency_key: Header[str] = "",
) -> tuple[int, dict[str, Any]]:
    """Answer the customer. The same Idempotency-Key gives the same message again, and one mail.

    With `send_at` the answer waits (202), and there is no message before it leaves.
    """
    user = caller(request)
    conversation = inbox.conversation(user, conversation_id)
    if payload.send_at is not None:
        answer = replace(reply_of(payload, idempotency_key), send_at=payload.send_at)
        return 202, present.timed(actions.schedule(user, conversation, answer), conversation)
    sent = actions.reply(user, conversation, reply_of(payload, idempotency_key))
    return 201, present.message(sent)


@router.post("conversations/{int:conversation_id}/notes", response={201: NoteOut})
def add_note(request: HttpRequest, conversation_id: int, payload: NoteIn) -> tuple[int, dict[str, Any]]:
    """Leave a note for colleagues; it is never sent."""
    user = caller(request)
    row = inbox.conversation(user, conversation_id)
    return 201, note_shape(actions.note(user, row, payload.text, payload.audience))


@router.post("conversations/{int:conversation_id}/take", response=ConversationOut)
def take(request: HttpRequest, conversation_id: int, payload: TakeIn | None = None) -> dict[str, Any]:
    """Make it yours; with `take_over` also a colleague's, who is told."""
    user = caller(request)
    take_over = payload is not None and payload.take_over
    actions.take(user, inbox.conversation(user, conversation_id), take_over=take_over)
    return shown(user, conversation_id)


@router.post("conversations/{int:conversation_id}/release", response=ConversationOut)
def release(request: HttpRequest, conversation_id: int, payload: ReleaseIn | None = None) -> dict[str, Any]:
    """Give it back to the queue, with a note or without."""
    user = caller(request)
    note = payload.note if payload is not None else ""
    actions.release(user, inbox.conversation(user, conversation_id), note)
    return shown(user, conversation_id)


@router.post("conversations/{int:conversation_id}/follow", response=ConversationDetail, by_alias=True)
def follow(request: HttpRequest, conversation_id: int, payload: FollowIn) -> dict[str, Any]:
    """Be told of what happens to it, or no longer."""
    user = caller(request)
    actions.follow(user, inbox.conversation(user, conversation_id), follows=payload.follows)
    return detail(user, conversation_id)


@router.post("conversations/{int:conversation_id}/assign", response=ConversationOut)
def assign(request: HttpRequest, conversation_id: int, payload: AssignIn) -> dict[str, Any]:
    """Give it to an agent by username."""
    user = caller(request)
    agent = Agent.objects.filter(user__username=payload.agent, user__is_active=True).first()
    if agent is None:
        raise HttpError(409, f"There is no agent “{payload.agent}”.")
    actions.assign(user, inbox.conversation(user, conversation_id), agent, payload.note)
    return shown(user, conversation_id)


@router.post("conversations/{int:conversation_id}/transfer", response=ConversationOut)
def transfer(request: HttpRequest, conversation_id: int, payload: TransferIn) -> dict[str, Any]:
    """Move it to another queue; the answer shows it as it is there."""
    user = caller(request)
    queue = EmailQueue.objects.filter(name=payload.queue).first()
    if queue is None:
        raise HttpError(409, f"There is no queue “{payload.queue}”.")
    conversation = inbox.conversation(user, conversation_id)
    actions.transfer(user, conversation, queue, payload.note)
    # The caller may have no rights in the new queue, so it is not read through the gate again.
    return show(
        Conversation.objects.select_related("queue", "contact", "agent__user").get(pk=conversation_id)
    )


@router.post("conversations/{int:conversation_id}/demand", response=ConversationOut)
def demand(request: HttpRequest, conversation_id: int, payload: DemandIn) -> dict[str, Any]:
    """Demand exactly these skills beyond those of the queue."""
    user = caller(request)
    actions.demand(user, inbox.conversation(user, conversation_id), payload.skills)
    return shown(user, conversation_id)


@router.post("conversations/{int:conversation_id}/snooze", response=ConversationOut)
def snooze(request: HttpRequest, conversation_id: int, payload: SnoozeIn) -> dict[str, Any]:
    """Let it sleep until a time, or until the customer writes."""
    user = caller(request)
    actions.snooze(user, inbox.conversation(user, conversation_id), payload.until)
    return shown(user, conversation_id)


@router.post("conversations/{int:conversation_id}/close", response=ConversationOut)
def close(request: HttpRequest, conversation_id: int) -> dict[str, Any]:
    """Nothing more is to be done."""
    user = caller(request)
    actions.close(user, inbox.conversation(user, conversation_id))
    return shown(user, conversation_id)


@router.post("conversations/{int:conversation_id}/reopen", response=ConversationOut)
def reopen(request: HttpRequest, conversation_id: int) -> dict[str, Any]:
    """It is our turn again."""
    user = caller(request)
    actions.reopen(user, inbox.conversation(user, conversation_id))
    return shown(user, conversation_id)


@router.get("messages/{int:message_id}/raw")
def raw(request: HttpRequest, message_id: int) -> HttpResponse:
    """The mail as it came, or as it was sent."""
    row = inbox.message(caller(request), message_id)
    _check_open(row, *row.attachments.all())
    note_opened(row)
    response = HttpResponse(_raw_bytes(row), content_type="message/rfc822")
    response["Content-Disposition"] = f'attachment; filename="message-{row.pk}.eml"'
    return response


def _check_open(row: Message, *files: Attachment) -> None:
    """Files are given out when the virus scanner, if there is one, has let them pass."""
    try:
        for each in files:
            scanning.check_open(each, row.direction)
    except ActionRefused as refused:
        raise HttpError(409, refused.sentence) from refused


def _raw_bytes(row: Message) -> bytes:
    if row.raw is None:
        raise HttpError(404, "The raw mail of this message is no longer kept.")
    return row.raw.as_bytes()


@router.get("attachments/{int:attachment_id}")
def attachment(request: HttpRequest, attachment_id: int) -> HttpResponse:
    """The bytes of one file, always as a download."""
    row = inbox.attachment(caller(request), attachment_id)
    _check_open(row.message, row)
    try:
        data = part_bytes(_raw_bytes(row.message), row.part)
    except PartNotFound as error:
        raise HttpError(404, f"The raw mail has no part {row.part}.") from error
    response = HttpResponse(data, content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    disposition = content_disposition_header(as_attachment=True, filename=row.name)
    response["Content-Disposition"] = disposition or "attachment"
    return response
