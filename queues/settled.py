"""What became known of a mail of ours without anybody's doing, for the history of its conversation."""

from django.db import transaction

from mailsenders.models import OutgoingMail
from queues import live
from queues.history import Kind, note_event
from queues.models import Message


@transaction.atomic
def note_found(mail: OutgoingMail, folder: str) -> None:
    """An uncertain mail lies in the Sent folder, so it had left; nothing for mails of no conversation."""
    message = Message.objects.select_related("conversation").filter(outgoing=mail).first()
    if message is None:
        return
    row = message.conversation
    sentence = f"The mail was found in the Sent folder “{folder}”: it had been sent."
    note_event(row, Kind.FOUND_SENT, sentence, data={"message": message.pk})
    live.changed(row.pk, row.queue_id, row.agent_id)


def note_looked_for(mail: OutgoingMail) -> None:
    """Let who reads the conversation see that the mail was looked for in vain."""
    row = Message.objects.filter(outgoing=mail).values_list(
        "conversation", "conversation__queue", "conversation__agent"
    )
    for pk, queue, agent in row[:1]:
        live.changed(pk, queue, agent)
