"""Reports about our own mails: which mail of ours one is about, and what it changes.

    came to a signed return path → that mail, whatever the report says
    signed id of ours in it → that mail, or, if a provider renamed it, our last one to that recipient
    no id, but a recipient of late → a hint for people, as anybody could write such a mail

A failure is written to the recipients of our mail and puts the conversation back to work, as the customer got
nothing. A delay is written there too, and moves nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mailcore.automatic import is_daemon
from mailcore.autoreplies import answers_by_itself
from mailcore.compose import read_message_id
from mailcore.headers import read_headers
from mailcore.parsed import Automatic, Bounce, Failure, ParsedMail, Reason
from mailcore.reasons import reason_of
from mailsenders import returned, returnpath
from mailsenders.models import OutgoingRecipient
from mailstore.models import RawMail
from queues.models import Conversation, EmailQueue, Message
from queues.naming import ids_inside, ids_of, renamed, signed, together
from queues.posting import ANCHOR, message_id_key

CHALLENGED = "it asks whether a person wrote, and holds the mail until then: open its mail and follow it"
LONGEST_HEAD = 256_000  # octets
LATELY = timedelta(days=6)  # servers try for five days (RFC 5321 4.5.4.1)


@dataclass(frozen=True, slots=True)
class About:
    """The conversation that a machine's mail is about, and the message of ours if one is meant."""

    conversation_id: int
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """A mail of ours that did not arrive, for the history of its conversation."""

    message: Message
    recipients: list[str]
    sentence: str


def came_to(mail: ParsedMail) -> tuple[str, ...]:
    """The addresses that a mail was for, as far as it or its envelope says."""
    return (*mail.delivered_to, *(person.email for person in (*mail.to, *mail.cc)))


def recognised(mail: ParsedMail, raw: RawMail | None) -> ParsedMail:
    """The mail, known for a report when it is none that can be read but came to a return path from a server.

    Answering machines write there as well (RFC 3834 4); what they and people write there stays theirs.
    """
    if mail.bounce is not None or mail.automatic not in (Automatic.NO, Automatic.AUTO_REPLY):
        return mail
    named = returnpath.first_named(came_to(mail))
    if named is None or named.is_test or not _is_servers(mail, raw, named.number):
        return mail
    return replace(mail, automatic=Automatic.BOUNCE, bounce=Bounce((Failure("", answer=mail.subject[:200]),)))


def _is_servers(mail: ParsedMail, raw: RawMail | None, number: int) -> bool:
    """Whether a mail server wrote it: by its name, or for nobody and not as who answers by himself does."""
    sender = mail.from_.email.lower()
    if is_daemon(mail.from_) or not sender:
        return True
    data = raw.as_bytes() if raw else b""
    headers = read_headers(data, 0, min(len(data), LONGEST_HEAD))
    if mail.automatic == Automatic.NO or answers_by_itself(headers, mail.subject, mail.text):
        return False
    if headers.text("auto-submitted").strip().lower().startswith("auto-replied"):
        return False
    return not OutgoingRecipient.objects.filter(mail=number, email__iexact=sender).exists()


def implied(mail: ParsedMail) -> Bounce | None:
    """What a machine's mail tells of a mail of ours that did not arrive, in a report or in words of its own.

    A filter that wants to know whether a person wrote holds our mail until then; some mailboxes answer
    themselves that they are full.
    """
    if mail.bounce is not None or mail.automatic not in (Automatic.CHALLENGE, Automatic.AUTO_REPLY):
        return mail.bounce
    if mail.automatic == Automatic.CHALLENGE:
        return Bounce((Failure(mail.from_.email, answer=CHALLENGED),))
    if reason_of(mail.subject) != Reason.MAILBOX_FULL:
        return None
    return Bounce((Failure(mail.from_.email, reason=Reason.MAILBOX_FULL, answer=mail.subject[:200]),))


def about(bounce: Bounce | None, mail: ParsedMail, raw: RawMail) -> About | None:
    """What a machine's mail is about, as a signed address or id of ours proves; None when it names none."""
    named = returnpath.first_named(came_to(mail))
    if named is not None and not named.is_test:
        sent = Message.objects.filter(outgoing=named.number).first()
        if sent is not None:
            return About(sent.conversation_id, sent.pk)
    ids = ids_of(mail)
    returned_id = bounce.message_id if bounce else ""
    exact = renamed(returned_id)
    if exact is not None:
        return About(exact.conversation_id, exact.pk)
    inside = ids_inside(raw)
    ours = signed([returned_id, *ids, *inside])
    if ours is not None:
        # A provider that gave the mail an id of its own leaves only those of earlier mails in it.
        is_exact = not returned_id or read_message_id(returned_id, message_id_key()) is not None
        last = None if is_exact or bounce is None else _last_to(ours.conversation_id, bounce)
        return About(ours.conversation_id, last or ours.pk)
    home = _anchored([returned_id, *ids, *inside])
    return About(home, _last_to(home, bounce) if bounce else None) if home else None


def _anchored(ids: Iterable[str]) -> int | None:
    """The conversation that the first of our ids which stand for a whole conversation names."""
    for each in ids:
        pair = read_message_id(each, message_id_key())
        if pair is not None and pair[1] == ANCHOR:
            rows = together([pair[0]])
            if rows:
                return rows[0].pk
    return None


def _last_to(conversation_id: int, bounce: Bounce) -> int | None:
    emails = {email.lower() for each in bounce.failures for email in (each.email, each.original) if email}
    sent = Message.objects.filter(conversation=conversation_id, direction=Message.Direction.OUT).order_by(
        "-pk"
    )
    for pk, to, cc in sent.values_list("pk", "to", "cc")[:20]:
        if emails & {str(person.get("email", "")).lower() for person in (*to, *cc)}:
            return pk
    return None


def maybe_about(queue: EmailQueue, bounce: Bounce, now: datetime) -> Conversation | None:
    """The one conversation that a report without our id may be about: we wrote to that address lately."""
    emails = {email.lower() for each in bounce.failures for email in (each.email, each.original) if email}
    if not emails:
        return None
    rows = Conversation.objects.filter(
        contact__addresses__email__in=emails,
        last_message_at__gt=now - LATELY,
        messages__outgoing__sender=queue.sender_id,
        messages__outgoing__recipients__state=OutgoingRecipient.State.ACCEPTED,
        messages__created_at__gt=now - LATELY,
    )
    found = list(rows.distinct()[:2])
    return found[0] if len(found) == 1 else None


def note(conversation: Conversation, bounce: Bounce, message_id: int, at: datetime) -> Loss | None:
    """Write a report to the recipients of our mail; the loss that puts the conversation back to work, if any.

    None for a delay, for an acknowledgement, for which nobody waits, and for what was known already.
    """
    sent = conversation.messages.select_related("outgoing").filter(pk=message_id).first()
    if sent is None:
        return None
    if bounce.is_delay:
        if sent.outgoing is not None:
            returned.delayed(sent.outgoing, bounce.failures)
        return None
    pairs = returned.bounced(sent.outgoing, bounce.failures, at) if sent.outgoing else []
    if sent.automatic != "no" or (not pairs and _is_known(sent)):
        return None
    return Loss(sent, [row.email for row, _ in pairs] or list(bounce.recipients), _sentence(bounce, pairs))


def _is_known(sent: Message) -> bool:
    """Whether it came back before: some servers tell twice."""
    if sent.outgoing is None:
        return False
    return sent.outgoing.recipients.filter(returned_at__isnull=False).exists()


def _sentence(bounce: Bounce, pairs: list[returned.Pair]) -> str:
    told = [f"{row.email}: {row.answer}" for row, _ in pairs]
    if not told:
        told = [f"{each.email or 'the recipient'}: {returned.sentence(each)}" for each in bounce.failures]
    who = "; ".join(told) or "the recipient: the mail system gave no reason"
    return f"The answer could not be delivered to {who}."
