"""Who ticked which step, and when: the only writer of `ChecklistTick`.

Steps at the provider's console are done once for a client, so all providers with that client share them;
with another client they have to be done anew. What was ticked before there was a provider goes with the first
one that is inserted.
"""

from dataclasses import dataclass
from hashlib import sha256

from django.db import transaction

from sso.checklists.lists import Step, of_kind
from sso.models import ChecklistTick, SSOProvider

BEGINNING = ""


@dataclass(frozen=True)
class Subject:
    """Whose checklist it is: names for its ticks, `row` for steps of its own, `client` for shared ones."""

    row: str = BEGINNING
    client: str = BEGINNING

    def of(self, step: Step) -> str:
        """Where the tick of a step is kept."""
        return self.client if step.per_client else self.row

    @property
    def all(self) -> tuple[str, ...]:
        return (self.row, self.client)


NOBODY = Subject()
"""Before there is a provider or a source."""


def of_provider(provider: SSOProvider) -> Subject:
    """The subject of a stored provider."""
    client = "\n".join([provider.type, provider.client_id, provider.tenant, provider.authority])
    return Subject(f"provider:{provider.pk}", f"client:{sha256(client.encode()).hexdigest()[:32]}")


def of_row(kind: str, pk: int) -> Subject:
    """The subject of any other row, such as a source that is forwarded to."""
    return Subject(f"{kind}:{pk}", f"{kind}:{pk}")


def ticks_of(*subjects: Subject) -> list[ChecklistTick]:
    """All their ticks, with who made them; one query."""
    names = {name for subject in subjects for name in subject.all}
    return list(ChecklistTick.objects.filter(subject__in=names).select_related("ticked_by"))


def tick(subject: Subject, step: Step, user_id: int | None) -> None:
    """Note that a step is done; who was first stays."""
    ChecklistTick.objects.get_or_create(
        subject=subject.of(step), step=step.id, defaults={"ticked_by_id": user_id}
    )


def untick(subject: Subject, step: Step) -> None:
    """Note that a step is not done after all."""
    ChecklistTick.objects.filter(subject=subject.of(step), step=step.id).delete()


def adopt(kind: str, subject: Subject) -> None:
    """Let a new row have what was ticked before it was there.

    :param kind: the type of provider, or "forwarding".
    """
    steps = {step.id: step for one in of_kind(kind) for step in one.steps}
    with transaction.atomic():
        begun = ChecklistTick.objects.select_for_update().filter(subject=BEGINNING, step__in=steps)
        for each in begun:
            values = {"ticked_by_id": each.ticked_by_id, "ticked_at": each.ticked_at}
            ChecklistTick.objects.get_or_create(
                subject=subject.of(steps[each.step]), step=each.step, defaults=values
            )
        begun.delete()


def forget(subject: Subject) -> None:
    """Drop the ticks of a row that is deleted; those of its client may belong to others."""
    ChecklistTick.objects.filter(subject=subject.row).delete()
