"""A conversation without its people: what is left is that it was, when, and how it went.

messages, notes, history: rows stay, words go        files, drafts, pictures, raw mail: gone
ledger of mailboxes, outgoing mail: rows stay, so that nothing is fetched or counted anew
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from crm.models import Communication, Contact
from mailsenders.models import OutgoingMail, OutgoingRecipient
from mailsources.models import FetchedMail, ForwardingConfirmation
from mailstore.models import CONTENT, RawMail
from privacy.words import MARK, Words, mail_without, without_words
from queues.finding_filed import file_anew
from queues.models import (
    Attachment,
    BulkItem,
    Conversation,
    Draft,
    Event,
    Message,
    Note,
    NoteDraft,
    Notice,
    Picture,
)
from queues.posting import crm_reference

NOBODY = "(erased)"
"""The id in the outside CRM of the one contact to whom conversations without people belong."""

TOLD_OUTSIDE = timedelta(days=31)
"""What servers outside answered when they were told of a conversation is kept no longer than that."""

EMPTY_MESSAGE: dict[str, Any] = {
    **dict.fromkeys(("from_name", "from_email", "subject", "text", "html", "protection"), ""),
    **dict.fromkeys(("message_id", "in_reply_to"), ""),
    **{name: [] for name in ("reply_to", "to", "cc", "invitations", "references", "defects")},
    "forwarded": {},
    "authentication": {},
    "search": None,
    "quote_at": 0,
    "signature_at": None,
}
EMPTY_FETCHED: dict[str, Any] = {
    **dict.fromkeys(("header_id", "sender", "subject", "envelope_from", "envelope_to"), ""),
    "search": None,
}


class StillNeeded(Exception):
    """A conversation that must not be emptied now; the text says what to do."""


def nobody() -> Contact:
    """The contact of conversations whose people are erased."""
    row, _ = Contact.objects.get_or_create(
        external_id=NOBODY, defaults={"name": "Erased", "standing": Contact.Standing.MACHINE}
    )
    return row


def strip(conversation_id: int, words: Words | None = None) -> None:
    """Take everybody out of a conversation, in a transaction of its own; again changes nothing.

    :raises StillNeeded: it is open, or on legal hold, since the erasing of a person was begun.

    :param words: the person who is erased: mails of other people stay, without these words and without what
        they quote. None: everybody's go.
    """
    with transaction.atomic():
        rows = Conversation.objects.select_for_update(of=("self",), no_key=True)
        row = rows.filter(pk=conversation_id).first()
        if row is None:
            return
        if words is not None and (row.legal_hold or row.state != Conversation.State.CLOSED):
            why = "is on legal hold now: lift that" if row.legal_hold else "is open by now: close it"
            raise StillNeeded(f"Conversation #{row.number} {why}, then choose “Go on”.")
        messages = list(row.messages.select_related("raw", "outgoing__raw").order_by("pk"))
        own = [each for each in messages if words is None or is_own(each, words)]
        shared = [each for each in messages if each not in own]
        forget_messages(own)
        for each in shared:
            assert words is not None
            keep_without(each, words, has_subject=False)
        _forget_around(row)
        has_files = any(each.attachments.exists() for each in shared)
        # What others wrote has its own time. A date in the future, as the clock was wrong then, must not hide
        # the mail that comes later.
        now = Value(timezone.now())
        is_empty = {} if shared else {"stripped_at": Greatest(now, F("closed_at"))}
        Conversation.objects.filter(pk=row.pk).update(
            contact=nobody(),
            subject="",
            preview="",
            last_message_at=Least(F("last_message_at"), now),
            has_attachments=has_files,
            has_cards=False,
            **is_empty,
        )


def is_own(message: Message, words: Words) -> bool:
    """Whether a mail in the person's conversation is theirs, or only to them, or about them to others."""
    if message.is_outside:
        return True
    if message.direction == Message.Direction.IN:
        return not message.from_email or message.from_email.lower() in words.emails
    others = [one for one in [*message.to, *message.cc] if one.get("email", "").lower() not in words.emails]
    return not others


def forget_messages(messages: Iterable[Message]) -> None:
    """Empty these mails, and whatever else holds their words."""
    found = list(messages)
    pks = [each.pk for each in found]
    Attachment.objects.filter(message__in=pks).delete()
    Picture.objects.filter(message__in=pks).delete()
    raws = [each.raw_id for each in found if each.raw_id is not None]
    Communication.objects.filter(message_ref__in=_refs(found)).delete()
    Message.objects.filter(pk__in=pks).update(raw=None, has_cards=False, **EMPTY_MESSAGE)
    forget_fetched(
        FetchedMail.objects.filter(Q(message__in=pks) | Q(raw__in=raws)).values_list("pk", flat=True)
    )
    forget_outgoing([each.outgoing_id for each in found if each.outgoing_id is not None])
    _throw_away(raws)


def forget_fetched(pks: Iterable[int]) -> None:
    """Of mails that a mailbox showed, keep that they were shown."""
    rows = FetchedMail.objects.filter(pk__in=list(pks))
    raws = [pk for pk in rows.values_list("raw", flat=True) if pk is not None]
    ForwardingConfirmation.objects.filter(fetched__in=rows).delete()
    rows.update(raw=None, **EMPTY_FETCHED)
    _throw_away(raws)


def forget_outgoing(pks: Iterable[int]) -> None:
    """Of mails that left, keep that they left: the budget of the sender counts them."""
    wanted = list(pks)
    for raw in RawMail.objects.filter(outgoing__in=wanted):
        raw.exchange(b"")
        raw.save(update_fields=CONTENT)
    for one in OutgoingRecipient.objects.filter(mail__in=wanted):
        OutgoingRecipient.objects.filter(pk=one.pk).update(email=f"erased-{one.pk}", answer="", delay="")
    rows = OutgoingMail.objects.filter(pk__in=wanted)
    rows.update(last_answer="", last_error="", folder_note="", mail_from="")
    rows.filter(copy=OutgoingMail.Copy.WANTED).update(copy="")  # an empty mail is nothing to file


def keep_without(message: Message, words: Words, *, has_subject: bool = True) -> None:
    """Keep somebody else's mail, without the person and without what it quotes of anybody."""
    kept = message.text[: message.quote_at] if message.quote_at else message.text
    text, is_cut = words.out_of(kept), bool(message.quote_at)
    fields = {
        name: words.out_of(getattr(message, name))
        for name in ("from_name", "from_email", "reply_to", "to", "cc", "forwarded", "invitations")
    }
    Message.objects.filter(pk=message.pk).update(
        **fields,
        text=text,
        html="" if is_cut else words.out_of(message.html),
        subject=words.out_of(message.subject) if has_subject else "",
        quote_at=0,
        signature_at=None,
        defects=words.out_of(message.defects),
        references=[],
        in_reply_to="",
        message_id=words.out_of(message.message_id),
        authentication=words.out_of(message.authentication),
    )
    raw = message.raw
    if raw is not None and raw.size:
        raw.exchange(
            mail_without(
                raw.as_bytes(), words, text if is_cut or not has_subject else None, has_subject=has_subject
            )
        )
        raw.save(update_fields=CONTENT)
    for file in message.attachments.all():
        Attachment.objects.filter(pk=file.pk).update(name=words.out_of(file.name))
    FetchedMail.objects.filter(message=message).update(**EMPTY_FETCHED)
    Picture.objects.filter(message=message).delete()
    file_anew(Message.objects.filter(pk=message.pk))


def _forget_around(row: Conversation) -> None:
    """Notes, drafts, the history and what was told of it."""
    Draft.objects.filter(conversation=row).delete()
    NoteDraft.objects.filter(conversation=row).delete()
    Note.objects.filter(conversation=row).update(text=MARK, search=None)
    for event in Event.objects.filter(conversation=row):
        Event.objects.filter(pk=event.pk).update(sentence="", data=without_words(event.data))
    for notice in Notice.objects.filter(conversation=row):
        Notice.objects.filter(pk=notice.pk).update(sentence="", data=without_words(notice.data))
    BulkItem.objects.filter(conversation=row).update(sentence="")
    Communication.objects.filter(conversation_id=row.pk).delete()
    if row.closed_at is None or row.closed_at > timezone.now() - TOLD_OUTSIDE:
        deliveries = apps.get_model("webhooks", "Delivery")._base_manager
        deliveries.filter(order_key=row.pk).exclude(answer="").update(answer="")


def _refs(messages: Iterable[Message]) -> list[str]:
    return [crm_reference(each) for each in messages]


def _throw_away(pks: Iterable[int]) -> None:
    """Raw mail that nothing points at any more."""
    rows = RawMail.objects.filter(pk__in=list(pks), messages=None, fetched=None, outgoing=None)
    RawMail.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).delete()
