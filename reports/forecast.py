"""What will come, by queue, language and hour, and whether somebody planned can answer it.

Counted is mail of customers in the last twelve weeks. The number of queries depends on nothing but how many
calendars there are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour
from django.utils.formats import date_format
from django.utils.translation import get_language_info, ngettext
from django.utils.translation import gettext as _

from agents import shifts
from agents.skillwords import demand_words
from queues import hours
from queues.abilities import Candidate, Team, able, teams
from queues.models import EmailQueue, Message
from reports.forecast_gaps import LEAST_MAILS, Gap, Span, gaps, hours_of, merged
from reports.forecast_law import ENOUGH, LEAST_WEEKS, WEEKS, Band, Series, thinned

AHEAD = 7
"""Days."""
SOON = timedelta(hours=16)
"""So long before it begins a gap is an alarm: the evening before an early shift."""


@dataclass(frozen=True)
class Line:
    """The mail of a queue in one language, or in all ("" with `series` of the queue).

    :param share: of the queue's mail; what a language has that borrows its pattern.
    """

    queue: EmailQueue
    language: str
    series: Series
    share: float = 1.0

    @property
    def borrows(self) -> bool:
        """Too little came in the language: the hours are the queue's, the amount is its share."""
        return self.share < 1.0

    def band(self, day: date, hour: int) -> Band:
        """What is expected at that hour, or on the whole day."""
        found = self.series.band(day, hour)
        return thinned(found, self.share) if self.borrows else found

    def expected(self, start: datetime, end: datetime) -> float:
        """Mails between two moments of the product's time zone."""
        return sum(
            self.share * part * self.series.mean(hour.date(), hour.hour)
            for hour, part in hours_of(start, end)
        )


@dataclass(frozen=True, slots=True)
class Missing:
    """A gap with what is missing in it."""

    queue: EmailQueue
    language: str
    wanted: str
    gap: Gap
    is_hopeless: bool

    @property
    def sentence(self) -> str:
        """For people: what is missing from when on, how much comes, and who has it first."""
        start, end, amount = self.gap.start, self.gap.end, round(self.gap.expected) or 1
        values = {
            "wanted": self.wanted,
            "came": ngettext("%(count)s mail", "%(count)s mails", amount) % {"count": amount},
            "start": f"{start:%H:%M}",
            "end": f"{end:%H:%M}" if end.date() == start.date() else date_format(end, "l H:i"),
            "day": date_format(start, "WEEKDAY"),
            "last": date_format(end, "WEEKDAY"),
            "ahead": AHEAD,
        }
        if self.is_hopeless:
            return _("%(wanted)s: %(came)s expected until %(last)s; no member has it.") % values
        text = _("%(wanted)s from %(start)s to %(end)s on %(day)s: %(came)s expected") % values
        if self.gap.next_at is None:
            return _("%(text)s; no shift of the next %(ahead)s days has it.") % (values | {"text": text})
        following = self.gap.next_at
        is_same = following.date() == start.date()
        then = f"{following:%H:%M}" if is_same else date_format(following, "l H:i")
        return _("%(text)s; the first shift that has it begins at %(then)s.") % {"text": text, "then": then}


class Forecast:
    """The next days of some queues."""

    def __init__(self, queues: QuerySet[EmailQueue], now: datetime, days: int = AHEAD) -> None:
        self.zone = ZoneInfo(settings.TIME_ZONE)
        self.now = now.astimezone(self.zone)
        self.days = [self.now.date() + timedelta(days=number) for number in range(days)]
        self.queues = list(queues.select_related("calendar").order_by("name"))
        self.until = datetime.combine(self.days[-1] + timedelta(days=1), datetime.min.time(), self.zone)

    @cached_property
    def lines(self) -> dict[tuple[int, str], Line]:
        """By queue and language; "" is all of a queue, whose languages come after it."""
        found = {}
        for queue in self.queues:
            counts = self._counts.get(queue.pk, {})
            whole = self._series(queue, counts.values())
            found[queue.pk, ""] = Line(queue, "", whole)
            for language, own in sorted(counts.items()):
                series = self._series(queue, [own])
                if not language:
                    continue
                if series.total >= ENOUGH:
                    found[queue.pk, language] = Line(queue, language, series)
                else:
                    share = series.total / max(whole.total, 1)
                    found[queue.pk, language] = Line(queue, language, whole, min(share, 0.999))
        return found

    def is_possible(self, queue: EmailQueue) -> bool:
        """Whether enough whole weeks were watched."""
        return self.lines[queue.pk, ""].series.weeks >= LEAST_WEEKS

    def missing(self) -> list[Missing]:
        """What nobody planned can answer, soonest first."""
        found = [gap for queue in self.queues if self.is_possible(queue) for gap in self._missing(queue)]
        return sorted(found, key=lambda each: (each.gap.start, each.queue.name, each.language))

    def planned(self, queue: EmailQueue, language: str, start: datetime, end: datetime) -> int | None:
        """How many able people have a shift then; None: of some nothing is planned."""
        members = self._able(self._teams[queue.pk], language)
        if any(member.agent_id not in self._shifts for member in members):
            return None
        return sum(
            any(begins < end and ends > start for begins, ends in self._shifts[member.agent_id])
            for member in members
        )

    @cached_property
    def _teams(self) -> dict[int, Team]:
        return teams([queue.pk for queue in self.queues])

    @cached_property
    def _shifts(self) -> dict[int, list[Span]]:
        ids = {member.agent_id for team in self._teams.values() for member in team.members}
        found = shifts.spans_between(ids, self.now, self.until)
        return {pk: [self._local(span) for span in spans] for pk, spans in found.items()}

    @cached_property
    def _counts(self) -> dict[int, dict[str, Counter[tuple[date, int]]]]:
        first = datetime.combine(self._first, datetime.min.time(), self.zone)
        mails = Message.objects.filter(
            conversation__queue__in=self.queues, direction=Message.Direction.IN, automatic="no",
            is_outside=False, created_at__gte=first, created_at__lt=self._today,
        )  # fmt: skip
        rows = mails.order_by().annotate(hour=TruncHour("created_at", tzinfo=self.zone))
        grouped = rows.values_list("conversation__queue", "conversation__language", "hour")
        found: dict[int, dict[str, Counter[tuple[date, int]]]] = {}
        for queue, language, hour, count in grouped.annotate(count=Count("pk")).iterator(5_000):
            counts = found.setdefault(queue, {}).setdefault(language, Counter())
            counts[hour.date(), hour.hour] += count
        return found

    @property
    def _first(self) -> date:
        return self.now.date() - timedelta(days=7 * WEEKS)

    @property
    def _today(self) -> datetime:
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    def _series(self, queue: EmailQueue, counted: Iterable[Counter[tuple[date, int]]]) -> Series:
        counts: Counter[tuple[date, int]] = Counter()
        for each in counted:
            counts.update(each)
        began = min((day for each in self._counts.get(queue.pk, {}).values() for day, _ in each),
                    default=self.now.date())  # fmt: skip
        exceptions = hours.of(queue).exceptions
        span = range(-7 * WEEKS, len(self.days))
        odd = {
            day
            for day in (self.now.date() + timedelta(days=n) for n in span)
            if exceptions.of(day) is not None
        }
        return Series(counts, max(began, self._first), self.now.date() - timedelta(days=1), odd)

    def _missing(self, queue: EmailQueue) -> Iterator[Missing]:
        team = self._teams[queue.pk]
        open_spans = [
            self._local((max(start, self.now), min(end, self.until)))
            for start, end in hours.of(queue).between(self.now, self.until)
        ]
        for (pk, language), line in self.lines.items():
            if pk != queue.pk or (not language and len(self._counts.get(pk, {})) > 1):
                continue
            members = self._able(team, language)
            if not members:
                mails = sum(line.expected(start, end) for start, end in merged(open_spans))
                if mails >= LEAST_MAILS:
                    gap = Gap(self.now, self.until, mails, None)
                    yield Missing(queue, language, _wanted(team, language), gap, is_hopeless=True)
                continue
            if any(member.agent_id not in self._shifts for member in members):
                continue  # they come when they come: nothing is known ahead
            planned = [span for member in members for span in self._shifts[member.agent_id]]
            for gap in gaps(open_spans, planned, line.expected):
                yield Missing(queue, language, _wanted(team, language), gap, is_hopeless=False)

    def _able(self, team: Team, language: str) -> Sequence[Candidate]:
        demand = team.demand(language)
        return [member for member in team.members if able(member, demand)]

    def _local(self, span: Span) -> Span:
        return span[0].astimezone(self.zone), span[1].astimezone(self.zone)


def coming(now: datetime) -> list[Missing]:
    """Gaps that begin soon, in all queues: what people should hear of before the shift."""
    found = Forecast(EmailQueue.objects.all(), now, 2).missing()
    return [each for each in found if each.gap.start <= now + SOON]


def name_of(language: str) -> str:
    """The language's name, or its tag."""
    try:
        return str(get_language_info(language)["name_translated"])
    except KeyError:
        return language


def _wanted(team: Team, language: str) -> str:
    demand = team.demand(language)
    parts = [demand_words(skill, level) for skill, level in demand.skills]
    if language:
        parts.append(f"{name_of(language)} ≥ {demand.language_level}")
    return _("No %(what)s") % {"what": _(" with ").join(parts)} if parts else _("Nobody")
