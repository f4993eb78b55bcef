"""The alarms' tick."""

from celery import shared_task

from alarms import mailing, watch


@shared_task(ignore_result=True)
def look() -> None:
    """Notice what is wrong, then tell who should know."""
    watch.look()
    mailing.mail_due()
