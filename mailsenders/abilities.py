"""What a sender's server has said that it takes, noted with each new connection, for who writes mail."""

from mailsenders.models import SenderState
from mailsenders.smtp import Line


def note(sender_id: int, line: Line) -> None:
    """Note the largest mail and whether addresses may be in any script; writes only what has changed."""
    said = {"largest_mail": line.largest_mail(), "takes_utf8": line.takes_utf8()}
    SenderState.objects.filter(sender=sender_id).exclude(**said).update(**said)
