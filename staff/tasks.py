"""What signing in leaves behind goes after a while."""

from datetime import timedelta

from axes.helpers import get_cool_off
from axes.models import AccessAttempt, AccessLog
from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

SIGN_INS_KEPT = timedelta(days=90)


@shared_task
def tidy() -> None:
    """Delete sessions that are over, wrong passwords that no longer count, and old records of sign-ins."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    AccessAttempt.objects.filter(attempt_time__lt=now - (get_cool_off() or timedelta())).delete()
    AccessLog.objects.filter(attempt_time__lt=now - SIGN_INS_KEPT).delete()
