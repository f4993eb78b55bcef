"""Events for a CRM: each mail becomes one record there, and who begins a conversation is looked up.

    mail.received, mail.sent ──not recorded yet──▶ connector.push ──▶ PushedRecord (its id outside)
    conversation.created ──something to set──▶ connector.look_up ──▶ priority, queue, language

A look-up happens beside routing, never before it: whoever is given the conversation first has it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from mailcore.cards import mask
from mailstore.feed_models import FeedEvent
from queues import looked_up
from queues.looked_up import Wanted
from queues.models import Conversation, EmailQueue, Message
from webhooks.connectors import connector_for
from webhooks.connectors.contract import NotTaken, Record
from webhooks.models import PushedRecord, Webhook
from webhooks.payload import Elsewhere, Erased, is_stripped
from webhooks.post import Outcome, Verdict

MOST_TEXT = 10_000  # characters of a record
RECORDED = (FeedEvent.Type.MAIL_RECEIVED, FeedEvent.Type.MAIL_SENT)


def tell(webhook: Webhook, event: FeedEvent) -> Outcome:
    """Record the mail of an event, or look up who began a conversation.

    :raises Erased: what it is about is no longer here.
    """
    try:
        if event.type in RECORDED:
            return _record(webhook, event)
        return _look_up(webhook, event)
    except NotTaken as error:
        return error.outcome


def check(webhook: Webhook) -> Outcome:
    """Whether the system answers us."""
    try:
        connector_for(webhook).check()
    except NotTaken as error:
        return error.outcome
    return Outcome(Verdict.TAKEN)


def _record(webhook: Webhook, event: FeedEvent) -> Outcome:
    rows = Message.objects.select_related("conversation__queue", "conversation__contact", "agent__user")
    message = rows.filter(pk=event.message_id or 0).first()
    if message is None or is_stripped(message):
        raise Erased("The mail was erased.")
    if webhook.queue_id not in (None, message.conversation.queue_id):
        raise Elsewhere(message.conversation)
    before = PushedRecord.objects.filter(webhook=webhook, message_id=message.pk).first()
    if before is not None:
        return Outcome(Verdict.TAKEN, answer=f"It is there as {before.outside_id} already.")
    record = record_of(message)
    outside_id = connector_for(webhook).push(record)
    if not outside_id:
        return Outcome(Verdict.TAKEN, answer="Nobody is known by that address, so nothing was recorded.")
    PushedRecord.objects.bulk_create(
        [PushedRecord(webhook=webhook, message_id=message.pk, outside_id=outside_id[:200])],
        ignore_conflicts=True,
    )
    return Outcome(Verdict.TAKEN, answer=f"Recorded as {outside_id}.")


def record_of(message: Message) -> Record:
    """A mail as it is told outside, without card numbers where anybody looks for them."""
    conversation = message.conversation
    is_guarded = message.has_cards or conversation.queue.pci != EmailQueue.PaymentCards.OFF
    words = mask if is_guarded else str
    to = [each["email"] for each in message.to[:100]]
    is_in = message.direction == Message.Direction.IN
    return Record(
        id=f"{urlsplit(settings.BASE_URL).hostname}-message-{message.pk}",
        direction=message.direction,
        at=message.created_at.isoformat(),
        subject=words(message.subject),
        text=words(message.text)[:MOST_TEXT],
        from_name=words(message.from_name),
        from_email=message.from_email,
        to=to,
        cc=[each["email"] for each in message.cc[:100]],
        message_id=message.message_id,
        conversation_id=conversation.pk,
        number=conversation.number,
        url=f"{settings.BASE_URL}/conversations/{conversation.pk}/",
        queue=conversation.queue.name,
        agent=message.agent.user.get_username() if message.agent else "",
        contact_name=words(message.from_name if is_in else message.to[0]["name"] if to else ""),
        contact_email=(message.from_email if is_in else to[0] if to else "").lower(),
        external_id=conversation.contact.external_id,
        attachments=[words(each) for each in message.attachments.values_list("name", flat=True)[:100]],
    )


def _look_up(webhook: Webhook, event: FeedEvent) -> Outcome:
    row = Conversation.objects.filter(pk=event.conversation_id or 0).first()
    if row is None:
        raise Erased("The conversation was erased.")
    if webhook.queue_id not in (None, row.queue_id):
        raise Elsewhere(row)
    first = row.messages.order_by("pk").first()
    if (
        not webhook.look_up_fields
        or first is None
        or first.direction != Message.Direction.IN
        or not first.from_email
    ):
        return Outcome(Verdict.TAKEN, answer="There is nothing to look up.")
    found = connector_for(webhook).look_up(first.from_email.lower())
    told = looked_up.apply(row.pk, wanted(webhook, found), webhook.name)
    return Outcome(Verdict.TAKEN, answer=told or "Nothing was to be changed.")


def wanted(webhook: Webhook, found: Mapping[str, Any]) -> Wanted:
    """What the answer says in our words; what it doesn't say is left as it is."""
    values = {}
    for ours, theirs in webhook.look_up_fields.items():
        value = found.get(theirs)
        text = "" if value is None else str(value).strip()
        values[ours] = str(webhook.look_up_values.get(text, text))
    return Wanted(**values)
