"""The way back: a sign-in that was replaced is kept for seven days, encrypted, and can be put in place again.

Kept are the secret and the settings that say where it belongs, so that going back never sends a password to
another server than its own. It is shown nowhere, and deleted when its time is over.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone

from sso import secrets
from sso.connection_models import FormerSecret
from sso.fields import SecretUnreadable

KEPT_FOR = timedelta(days=7)
MOST = 5
CREDENTIAL = "password"


def keep(row: Model, former: Any, identity: Sequence[str], user_id: int | None) -> None:
    """Remember the sign-in that a row had, if its secret has changed and there was one.

    :param former: the row as it was stored before.
    :param identity: the fields that say where the secret belongs.
    """
    secret = getattr(former, CREDENTIAL)
    if not secret or secret == getattr(row, CREDENTIAL):
        return
    _forget_same(row, getattr(row, CREDENTIAL))
    now = timezone.now()
    FormerSecret.objects.create(
        content_type=_kind(row),
        object_id=row.pk,
        secret=secret,
        values={name: getattr(former, name) for name in identity},
        replaced_at=now,
        replaced_by_id=user_id,
        ends_at=now + KEPT_FOR,
    )
    for one in _of(row)[MOST:]:
        one.delete()


def ways_back(row: Model) -> list[FormerSecret]:
    """What one can go back to, the latest first; without the secrets."""
    if not row.pk:
        return []
    return list(_of(row).filter(ends_at__gt=timezone.now()).defer("secret").select_related("replaced_by"))


def find(row: Model, pk: int) -> FormerSecret | None:
    """One of them, with its secret."""
    found: FormerSecret | None = _of(row).filter(pk=pk, ends_at__gt=timezone.now()).first()
    return found


def put_back(row: Any, way: FormerSecret) -> None:
    """Set the former sign-in on a row, unsaved, so that it can be tested."""
    for name, value in way.values.items():
        setattr(row, name, value)
    setattr(row, CREDENTIAL, way.secret)


def describe(way: FormerSecret) -> str:
    """The former sign-in in words that tell nothing: where, who, and whether it was a password or a token."""
    values = way.values
    where = f"{values.get('server_address', '')}:{values.get('service_port', '')}"
    who = values.get("username") or "nobody"
    try:
        secret = FormerSecret.objects.get(pk=way.pk).secret
    except SecretUnreadable as error:
        return str(error)
    kind = secrets.describe(secret) if secrets.is_web_address(secret) else "a password"
    return f"{who} at {where}, with {kind}"


def forget_old(now: datetime) -> int:
    """Delete those whose time is over; returns how many."""
    return FormerSecret.objects.filter(ends_at__lte=now).delete()[0]


def forget(row: Model) -> None:
    """The connection is deleted."""
    _of(row).delete()


def _forget_same(row: Model, secret: str) -> None:
    """What is in use again need not be gone back to."""
    for one in _of(row):
        if one.secret == secret:
            one.delete()


def _of(row: Model) -> Any:
    return FormerSecret.objects.filter(content_type=_kind(row), object_id=row.pk).order_by("-replaced_at")


def _kind(row: Model) -> ContentType:
    return ContentType.objects.get_for_model(row)
