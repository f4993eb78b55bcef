"""Compare what is wrong with what is known to be wrong: new alarms begin, old ones end."""

from django.db import transaction
from django.utils import timezone

from alarms.models import Alarm
from alarms.troubles import Trouble, troubles


def look() -> None:
    """Bring the alarms up to date. May run twice at once: the key is unique, and rows are locked in order."""
    now = timezone.now()
    found = {each.key: each for each in troubles()}
    with transaction.atomic():
        known = {row.key: row for row in Alarm.objects.select_for_update().order_by("key")}
        Alarm.objects.bulk_create(
            [Alarm(began_at=now, **_values(each)) for key, each in found.items() if key not in known],
            ignore_conflicts=True,
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
        values |= {"began_at": timezone.now(), "ended_at": None, "mailed_at": None}
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
