"""Write the audit log: in the same transaction as the act, so that there is both or neither."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import models
from django.utils import timezone

from audit import actors
from audit.actors import Actor, User
from audit.acts import Act
from audit.models import AuditRow
from audit.pictures import Change, short

LONGEST_NAME = 250
LONGEST_NOTE = 4000


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act was done to, when it is no row or its row is gone already.

    :param kind: the model, such as queues.emailqueue, or a word of its own, such as settings.
    """

    kind: str
    name: str = ""
    pk: int | str | None = None


def record(
    actor: User | Actor | None,
    act: Act,
    subject: models.Model | Subject | None,
    *,
    changes: Iterable[Change | Sequence[str]] = (),
    note: str = "",
    reason: str = "",
) -> AuditRow:
    """Write one row; call it inside the transaction that does what it tells.

    :param actor: None means who acts here (`actors.acting`), else whose request this is, else the product.
    :param changes: field, old, new, each in words; `pictures.differences` makes them. No secrets.
    :param note: a sentence about what was done.
    :param reason: what somebody typed who had to say why.
    """
    row = _made(actors.who(actor), act, _subject(subject))
    row.changes = [[short(part) for part in change] for change in changes]
    row.note, row.reason = note[:LONGEST_NOTE], reason[:LONGEST_NOTE]
    row.digest = row.computed_digest()
    row.save(force_insert=True)
    return row


def subject_of(row: models.Model) -> Subject:
    """How a row is named in the log; a person outside by number alone."""
    if getattr(row, "is_person", False):
        return Subject(row._meta.label_lower, f"{row._meta.verbose_name} {row.pk}", row.pk)
    return Subject(row._meta.label_lower, str(row), row.pk)


def _subject(given: models.Model | Subject | None) -> Subject:
    if given is None:
        return Subject("")
    return given if isinstance(given, Subject) else subject_of(given)


def _made(actor: Actor, act: Act, subject: Subject) -> AuditRow:
    here = actors.place()
    return AuditRow(
        at=timezone.now(),
        actor_kind=actor.kind,
        actor_id=actor.pk,
        actor_name=actor.name[:LONGEST_NAME],
        ip=here.ip if here else None,
        browser=here.browser if here else "",
        act=act,
        kind=subject.kind,
        object_id="" if subject.pk is None else str(subject.pk),
        object_name=subject.name[:LONGEST_NAME],
    )
