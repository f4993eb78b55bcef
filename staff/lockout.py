"""What is said after too many wrong passwords: for how long, and the same whether the user exists or not.

A password is asked for at the door, and inside before the sign-in is changed: both count, so that a browser
that somebody found open is no place to guess at.
"""

from collections.abc import Iterable
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from axes.helpers import get_cool_off
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from audit.acts import Act
from audit.log import record

TOO_MANY = 429
ONE_HOUSEHOLD = 64  # bits: whoever has one address of IPv6 has 2⁶⁴ of them (RFC 6177)


def locked(request: HttpRequest, response: Any, credentials: dict[str, Any] | None) -> HttpResponse:
    """The answer of django-axes to a sign-in that is locked; a part of a page gets the sentence alone."""
    username = str((credentials or {}).get("username") or request.POST.get("username", ""))
    context = {"username": username, "minutes": minutes_left(username, place(request))}
    if request.headers.get("HX-Request"):
        # With another status, htmx would leave the form as it was.
        return render(request, "registration/locked_form.html", context)
    return render(request, "registration/locked.html", context, status=TOO_MANY)


def minutes_left(username: str, ip: str | None) -> int:
    """How long this user can't sign in from there, rounded up; 1 at least."""
    tried = AccessAttempt.objects.filter(username=username, ip_address=ip).aggregate(at=Max("attempt_time"))
    until = (tried["at"] or timezone.now()) + (get_cool_off() or timedelta())
    return max(1, -(-int((until - timezone.now()).total_seconds()) // 60))


def locks(usernames: Iterable[str]) -> dict[str, list[AccessAttempt]]:
    """Which of these can't sign in, each with the places where they are locked out."""
    since = timezone.now() - (get_cool_off() or timedelta())
    rows = AccessAttempt.objects.filter(
        username__in=usernames,
        failures_since_start__gte=settings.AXES_FAILURE_LIMIT,
        attempt_time__gt=since,
    )
    found: dict[str, list[AccessAttempt]] = {}
    for row in rows.order_by("-attempt_time"):
        found.setdefault(row.username, []).append(row)
    return found


def lift(username: str) -> bool:
    """Let somebody try again at once, from everywhere; False if nothing was locked."""
    was_locked = bool(locks([username]))
    AccessAttempt.objects.filter(username=username).delete()
    return was_locked


def place(request: HttpRequest) -> str | None:
    """Where wrong passwords are counted: an address, or the network that a household has of IPv6."""
    try:
        ip = ip_address(str(request.META.get("REMOTE_ADDR", "")))
    except ValueError:  # a socket has none
        return None
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    if ip.version == 4:
        return str(ip)
    return str(ip_network((int(ip), ONE_HOUSEHOLD), strict=False).network_address)


def is_password(request: HttpRequest, user: User, password: str) -> bool:
    """Whether this is the user's password; a wrong one counts like those at the door."""
    found = authenticate(request, username=user.get_username(), password=password)
    is_right = found is not None and found.pk == user.pk
    if not is_right:
        record(user, Act.SIGN_IN_FAILED, user, note="Wrong password before a change of the sign-in.")
    return is_right
