"""What “Test connection” found last about a saved connection, for its list; the only writer of `LastTest`.

A test of what is typed in is remembered in the session: if the very same is saved then, it was a test of the
row. What the row does by itself, its polls and mails, is another thing (`sso/health.py`).
"""

from collections.abc import MutableMapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from sso.badges import badge, moment
from sso.connection_models import LastTest, Retest
from sso.health import Health
from sso.steps import Step

SESSION_KEY = "tested_connection"


def note(row: Model, step: Step, at: datetime | None = None) -> None:
    """A saved row was tested.

    :param step: the last rung that was reached.
    """
    values = {
        "tested_at": at or timezone.now(),
        "is_good": step.ok,
        "rung": step.name,
        "sentence": "" if step.ok else step.detail,
    }
    kind = ContentType.objects.get_for_model(row)
    LastTest.objects.update_or_create(content_type=kind, object_id=row.pk, defaults=values)


def forget(row: Any) -> None:
    """It has other settings now than those that were tested."""
    row.last_tests.all().delete()


def remember(session: MutableMapping[str, Any], row: Model, names: Sequence[str], step: Step) -> None:
    """What is typed in was tested, and may be saved."""
    session[SESSION_KEY] = {
        "mark": _mark(row, names),
        "at": timezone.now().isoformat(),
        "step": [step.name, step.ok, step.detail],
    }


def saved(session: MutableMapping[str, Any], row: Model, names: Sequence[str], *, is_changed: bool) -> None:
    """A row was saved: what is known about its test goes on to hold, or is void.

    :param is_changed: something that a test looks at.
    """
    found = session.pop(SESSION_KEY, None)
    if found and found["mark"] == _mark(row, names):
        name, ok, detail = found["step"]
        note(row, Step(name, ok, detail, 0), parse_datetime(found["at"]))
    elif is_changed:
        forget(row)


def tested_badge(row: Any, state: Health | None) -> SafeString:
    """The last test, as long as it is newer than what the connection did by itself; else nothing.

    Of one that repeats itself, that the provider needs time.
    """
    if waiting := waiting_badge(row):
        return waiting
    found = next(iter(row.last_tests.all()), None)
    ran_at = max(filter(None, (state.last_success_at, state.last_error_at)), default=None) if state else None
    if found is None or (ran_at and ran_at > found.tested_at):
        return SafeString("")
    when = f"tested {moment(found.tested_at)}"
    if found.is_good:
        return badge("good", "test worked", when)
    return badge("bad", "test failed", f"{when}, it stops at “{found.rung}”: {found.sentence}")


def waiting_badge(row: Any) -> SafeString:
    """“the provider needs time”, while a test of the row repeats itself or 🔑 is to be clicked again."""
    found = next((one for one in row.retests.all() if one.state == Retest.State.WAITING), None)
    if found is None:
        return SafeString("")
    what = "click 🔑 again" if found.by_person else "tested again"
    sentence = f"{what} {moment(found.next_test_at)}: {found.tries[-1]['sentence']}"
    return badge("warn", "the provider needs time", sentence[0].upper() + sentence[1:])


def _mark(row: Model, names: Sequence[str]) -> str:
    """The tested settings, as a mark that tells nothing about them."""
    values = "\0".join(f"{name}={getattr(row, name)}" for name in names)
    return salted_hmac(f"{SESSION_KEY} {row._meta.label}", values, algorithm="sha256").hexdigest()
