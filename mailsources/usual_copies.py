"""What a new sender does about copies when nobody chooses."""

from django.db.models import Q

from mailsenders.models import EmailSender
from mailsenders.sent_copies import saver_of
from mailsources.models import EmailSource


def usual_copy(server_address: str, address: str, chosen: EmailSource | None = None) -> EmailSender.SentCopy:
    """Agents' replies, if there is a mailbox to put them into and the provider doesn't by itself."""
    imap = EmailSource.objects.filter(server_type=EmailSource.ServerType.IMAP)
    own = Q(mailbox__iexact=address) | Q(mailbox="", username__iexact=address)
    has_mailbox = chosen is not None or imap.filter(own).exists()
    if saver_of(server_address) is not None or not has_mailbox:
        return EmailSender.SentCopy.NONE
    return EmailSender.SentCopy.REPLIES
