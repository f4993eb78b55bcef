"""Compare what is wrong with what is known to be wrong: new alarms begin, old ones end."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from alarms.models import Alarm
from alarms.troubles import Trouble, troubles

SAME_WITHIN = timedelta(hours=1)
"""What comes back so soon is no news: it is told again only the next day."""


def look() -> None:
    """Bring the alarms up to date. May run twice at once: the key is unique, and rows are locked in order."""
    now = timezone.now()
    found = {each.key: each for each in troubles()}
    with transaction.atomic():
        rows = Alarm.objects.filter(Q(ended_at=None) | Q(key__in=found))
        known = {row.key: row for row in rows.select_for_update().order_by("key")}
        new = sorted(found.keys() - known.keys())  # in order as well: two may insert at once
        Alarm.objects.bulk_create(
            [Alarm(began_at=now, **_values(found[key])) for key in new], ignore_conflicts=True
        )
        for key, row in known.items():
            each = found.get(key)
            if each is not None:
                _go_on(row, each)
            elif row.ended_at is None:
                row.ended_at = now
                row.save(update_fields=["ended_at"])


def _go_on(row: Alarm, trouble: Trouble) -> None:
    """It lasts, or it is back."""
    values = _values(trouble)
    if row.ended_at is not None:
        now = timezone.now()
        values |= {"began_at": now, "ended_at": None}
        if row.ended_at < now - SAME_WITHIN:
            values |= {"mailed_at": None, "next_mail_at": None}
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.save(update_fields=list(changed))


def _values(trouble: Trouble) -> dict[str, object]:
    return {
        "key": trouble.key,
        "title": trouble.title[:300],
        "sentence": trouble.sentence,
        "link": trouble.link,
        "owner": trouble.owner,
        "is_urgent": trouble.is_urgent,
    }
