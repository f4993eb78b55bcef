"""Who looks at a mail as it came: all of its headers and bytes, also what a desk doesn't show."""

from audit.acts import Act
from audit.log import Subject, record
from queues.models import Message


def note_opened(message: Message) -> None:
    """The source of a mail was shown or saved."""
    subject = Subject(Message._meta.label_lower, f"mail {message.pk}", message.pk)
    record(
        None, Act.OPENED, subject, note=f"Source of a mail of conversation #{message.conversation.number}."
    )
