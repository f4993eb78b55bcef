"""A checklist as it stands for one provider or source: what is done, by whom, and what comes next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Model
from django.utils.safestring import SafeString

from sso.checklists import checks, ticks
from sso.checklists.lists import Checklist, Part, Step, checklists, of_kind
from sso.checklists.ticks import Subject
from sso.checklists.values import Filling, Value, values_of
from sso.checklists.words import as_html
from sso.fields import SecretUnreadable
from sso.models import ChecklistTick, SSOProvider


@dataclass(frozen=True)
class Known:
    """All that is known about one subject.

    :param found: results of the checks, by their names; empty before there is a row.
    :param ticked: ticks by the IDs of their steps.
    :param rows: the sources and senders that sign in with its token.
    :param trouble: the last error, whose cure may be one of the steps.
    """

    subject: Subject = ticks.NOBODY
    filling: Filling = field(default_factory=Filling)
    found: Mapping[str, bool] = field(default_factory=dict)
    ticked: Mapping[str, ChecklistTick] = field(default_factory=dict)
    rows: tuple[Model, ...] = ()
    trouble: str = ""

    def is_done(self, step: Step) -> bool:
        """By what UCS sees, where it can; else by what a person says."""
        return self.found.get(step.check, False) if step.check else step.id in self.ticked


@dataclass(frozen=True)
class StepView:
    """A step for the template. `who` and `at` are of the tick; `is_checked`: UCS sees to it."""

    id: str
    do: SafeString
    trap: SafeString
    values: list[Value]
    is_done: bool
    is_checked: bool
    who: str = ""
    at: datetime | None = None
    go: str = ""
    is_cure: bool = False


@dataclass(frozen=True)
class PartView:
    """A part for the template; `first` is the number of its first step."""

    title: str
    link: str
    first: int
    steps: list[StepView]


@dataclass(frozen=True)
class Progress:
    """How far a list is."""

    checklist: Checklist
    done: int
    all: int

    @property
    def is_complete(self) -> bool:
        return self.done == self.all

    def __str__(self) -> str:
        return f"{self.done}/{self.all}"


def progress(checklist: Checklist, known: Known) -> Progress:
    """How many of a list's steps are done."""
    return Progress(checklist, sum(known.is_done(step) for step in checklist.steps), len(checklist.steps))


def parts(checklist: Checklist, known: Known) -> list[PartView]:
    """The list, ready to be shown."""
    cure = checklist.cure(known.trouble) if known.trouble else None
    found, first = [], 1
    for part in checklist.parts:
        found.append(_part(part, known, first, cure))
        first += len(part.steps)
    return found


def step_view(step: Step, known: Known, *, is_cure: bool = False) -> StepView:
    """One step, ready to be shown."""
    tick = None if step.check else known.ticked.get(step.id)
    who = tick.ticked_by if tick else None
    return StepView(
        id=step.id,
        do=as_html(step.do),
        trap=as_html(step.trap),
        values=values_of(step.values, known.filling),
        is_done=known.is_done(step),
        is_checked=bool(step.check),
        who=(who.get_full_name() or who.get_username()) if who else "",
        at=tick.ticked_at if tick else None,
        go=step.go,
        is_cure=is_cure,
    )


def begun(kind: str) -> Known:
    """Before there is a provider or source: the values that are known anyhow, and the ticks so far."""
    provider = SSOProvider(type=kind) if kind in SSOProvider.Type.values else SSOProvider()
    found = {each.step: each for each in ticks.ticks_of(ticks.NOBODY)}
    return Known(filling=Filling(provider), ticked=found)


def of_provider(provider: SSOProvider) -> Known:
    """What is known about one stored provider."""
    return of_providers([provider])[provider.pk]


def of_providers(providers: Iterable[SSOProvider]) -> dict[int, Known]:
    """The same for many, with a handful of queries."""
    rows = _with_secrets([each.pk for each in providers])
    subjects = {row.pk: ticks.of_provider(row) for row in rows}
    made = ticks.ticks_of(*subjects.values()) if rows else []
    users = checks.users_of_tokens() if rows else {}
    return {
        row.pk: Known(
            subject=subjects[row.pk],
            filling=Filling(row),
            found=checks.of_provider(row, users),
            ticked=_ticked(row.type, subjects[row.pk], made),
            rows=tuple(users.get(row.pk, ())),
            trouble=_trouble(row, users.get(row.pk, ())),
        )
        for row in rows
    }


def chosen(provider: SSOProvider, ticked: Iterable[str] = ()) -> Checklist:
    """The list for a provider: by its settings, and where those leave it open, the one with most ticks."""
    if provider.type == SSOProvider.Type.MICROSOFT:
        return checklists()["microsoft-app" if provider.app_only else "microsoft-delegated"]
    if provider.in_testing:
        return checklists()["google-external"]
    steps = set(ticked)
    return max(of_kind(provider.type), key=lambda one: len(steps & {step.id for step in one.steps}))


def cure(provider: SSOProvider) -> Step | None:
    """The step of the provider's list that mends its last error."""
    known = of_provider(provider)
    return chosen(provider, known.ticked).cure(known.trouble) if known.trouble else None


def _ticked(kind: str, subject: Subject, made: Iterable[ChecklistTick]) -> dict[str, ChecklistTick]:
    """The ticks of a provider: what is to be done for each mailbox was not done with another's."""
    own = {(subject.of(step), step.id) for one in of_kind(kind) for step in one.steps}
    return {each.step: each for each in made if (each.subject, each.step) in own}


def _part(part: Part, known: Known, first: int, cure: Step | None) -> PartView:
    views = [step_view(step, known, is_cure=step is cure) for step in part.steps]
    return PartView(part.title, part.link, first, views)


def _with_secrets(ids: list[int]) -> list[SSOProvider]:
    rows = SSOProvider.objects.filter(pk__in=ids).select_related("token")
    try:
        return list(rows)
    except SecretUnreadable:  # a key is lost: then each secret by itself, where it can be read
        return list(rows.defer("client_secret", "token__access_token", "token__refresh_token"))


def _trouble(provider: SSOProvider, users: Iterable[object]) -> str:
    """The last error of the provider, or of a mailbox that signs in with its token."""
    token = provider.token
    if token.needs_sign_in or token.is_failing:
        return token.last_error
    states = [getattr(row, "state", None) for row in users]
    return next((state.last_error for state in states if state and state.is_failing), "")
