"""Write every stored secret again, so that the first key of UCS_ENCRYPTION_KEYS encrypts it.

Made to run beside everything else: one row at a time under its lock, only what another key has written, and
begun again as often as one likes. What can't be decrypted is never written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Cast

from sso.fields import PREFIX, SecretField, SecretUnreadable, key_id, opened

AT_ONCE = 200
MOST_PASSES = 3
NAMED = 10


@dataclass
class Rotation:
    """What a rotation did.

    :param written: rows that were encrypted anew.
    :param unreadable: rows that no key opens, in words; they are as they were.
    :param left: rows that another key has written while this ran.
    """

    written: int = 0
    unreadable: list[str] = field(default_factory=list)
    left: int = 0

    @property
    def is_complete(self) -> bool:
        """No other key than the first is needed any more."""
        return not self.unreadable and not self.left


def secret_columns() -> Iterator[tuple[type[models.Model], list[str]]]:
    """Each model that holds secrets, with the names of its secret fields."""
    for model in apps.get_models():
        names = [field.name for field in model._meta.fields if isinstance(field, SecretField)]
        if names:
            yield model, names


def rotate() -> Rotation:
    """Encrypt anew whatever the first key has not written."""
    done = Rotation()
    for _ in range(MOST_PASSES):  # what was written meanwhile, by a process with older settings
        done.unreadable = []
        for model, names in secret_columns():
            _rotate(model, names, done)
        done.left = sum(stale(model, names).count() for model, names in secret_columns())
        done.left -= len(done.unreadable)
        if not done.left:
            break
    return done


def check_keys() -> list[str]:
    """What no key of UCS_ENCRYPTION_KEYS opens, a sentence for each table; empty when all is well."""
    found = []
    for model, names in secret_columns():
        rows = (_unreadable(model, names, pk) for pk in _foreign(model, names).values_list("pk", flat=True))
        lost = [sentence for sentence in rows if sentence]
        if lost:
            more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
            found.append(lost[0] + more)
    return found


def stale(model: type[models.Model], names: list[str]) -> "QuerySet[models.Model]":
    """The rows in which a secret is not encrypted with the first key."""
    return _written_otherwise(model, names, [key_id(settings.ENCRYPTION_KEYS[0])])


def as_stored(names: list[str]) -> dict[str, Cast]:
    """Annotations `raw_NAME` with the cipher texts of secret columns."""
    return {f"raw_{name}": Cast(name, models.TextField()) for name in names}


def _foreign(model: type[models.Model], names: list[str]) -> "QuerySet[models.Model]":
    """The rows in which a secret names none of our keys; one of old names none at all."""
    return _written_otherwise(model, names, [key_id(key) for key in settings.ENCRYPTION_KEYS])


def _written_otherwise(
    model: type[models.Model], names: list[str], keys: list[str]
) -> "QuerySet[models.Model]":
    raw = as_stored(names)
    wanted = Q()
    for name in raw:
        ours = Q(**{name: ""}) | Q(**{f"{name}__isnull": True})
        for key in keys:
            ours |= Q(**{f"{name}__startswith": f"{PREFIX}{key}:"})
        wanted |= ~ours
    rows: QuerySet[models.Model] = model._default_manager.annotate(**raw).filter(wanted).order_by("pk")
    return rows


def _rotate(model: type[models.Model], names: list[str], done: Rotation) -> None:
    last: object = None
    while True:
        rows = stale(model, names) if last is None else stale(model, names).filter(pk__gt=last)
        pks = list(rows.values_list("pk", flat=True)[:AT_ONCE])
        if not pks:
            return
        for pk in pks:
            _rotate_row(model, names, pk, done)
        last = pks[-1]


def _rotate_row(model: type[models.Model], names: list[str], pk: object, done: Rotation) -> None:
    with transaction.atomic():
        stored = _stored(model, names, pk, lock=True)
        try:
            values = {name: opened(value, _place(model, name, pk)) for name, value in stored.items()}
        except SecretUnreadable as error:
            done.unreadable.append(str(error))
            return
        # Not save(): a model's own save may do more than write these columns.
        if values:
            done.written += model._default_manager.filter(pk=pk).update(**values)


def _unreadable(model: type[models.Model], names: list[str], pk: object) -> str:
    try:
        for name, value in _stored(model, names, pk).items():
            opened(value, _place(model, name, pk))
    except SecretUnreadable as error:
        return str(error)
    return ""


def _stored(model: type[models.Model], names: list[str], pk: object, *, lock: bool = False) -> dict[str, str]:
    """The cipher texts of a row, without the empty ones; nothing if it is gone."""
    rows = model._default_manager.filter(pk=pk)
    rows = rows.select_for_update(of=("self",)) if lock else rows
    raw = as_stored(names)
    row = rows.annotate(**raw).values(*raw).first() or {}
    return {name: row[f"raw_{name}"] for name in names if row.get(f"raw_{name}")}


def _place(model: type[models.Model], name: str, pk: object) -> str:
    return f"{model.__name__}.{name} of row {pk}"
