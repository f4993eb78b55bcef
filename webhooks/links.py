"""Signed links to the files of a mail: good for minutes, for whoever has them, as its receiver is no user."""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from queues import scanning
from queues.models import Attachment

SALT = "webhooks.links"
GOOD_FOR = timedelta(minutes=15)


class LinkEnded(Exception):
    """The link was good once; its text says how to get a new one."""


class LinkWrong(Exception):
    """It was never one of ours."""


def link(webhook_id: int, attachment_id: int) -> str:
    """The address of a file for the receiver of this webhook."""
    token = signing.dumps([webhook_id, attachment_id], salt=SALT)
    return f"{settings.BASE_URL}{reverse('webhooks:file', args=[token])}"


def read(token: str) -> tuple[int, int]:
    """The webhook and the attachment that a link names.

    :raises LinkEnded: it is too old.
    :raises LinkWrong: it isn't ours.
    """
    try:
        webhook_id, attachment_id = signing.loads(token, salt=SALT, max_age=GOOD_FOR)
    except signing.SignatureExpired as error:
        minutes = int(GOOD_FOR.total_seconds() // 60)
        raise LinkEnded(
            f"This link was good for {minutes} minutes: have the delivery sent again for a new one."
        ) from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkWrong from error
    return int(webhook_id), int(attachment_id)


def withheld(row: Attachment) -> str:
    """Why a file isn't given to a program outside; "" when it is."""
    if row.message.has_cards:
        return "The mail held the number of a payment card: its files stay here."
    found = scanning.access(row, row.message.direction, is_supervisor=False)
    return "" if found.door is scanning.Door.OPEN else found.sentence
