"""What is said after too many wrong passwords: for how long, and the same whether the user exists or not."""

from datetime import timedelta
from typing import Any

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

TOO_MANY = 429


def locked(request: HttpRequest, response: Any, credentials: dict[str, Any] | None) -> HttpResponse:
    """The answer of django-axes to a sign-in that is locked; a part of a page gets the sentence alone."""
    username = str((credentials or {}).get("username") or request.POST.get("username", ""))
    context = {"username": username, "minutes": minutes_left(username, str(request.META.get("REMOTE_ADDR")))}
    if request.headers.get("HX-Request"):
        # With another status, htmx would leave the form as it was.
        return render(request, "registration/locked_form.html", context)
    return render(request, "registration/locked.html", context, status=TOO_MANY)


def minutes_left(username: str, ip: str) -> int:
    """How long this user can't sign in from there, rounded up; 1 at least."""
    tried = AccessAttempt.objects.filter(username=username, ip_address=ip).aggregate(at=Max("attempt_time"))
    until = (tried["at"] or timezone.now()) + (get_cool_off() or timedelta())
    return max(1, -(-int((until - timezone.now()).total_seconds()) // 60))
