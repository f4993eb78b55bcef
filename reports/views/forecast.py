"""The forecast: what comes in the next days, and what nobody planned can answer."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from queues.views.gate import DeskRequest
from reports.forecast import Forecast, Line, name_of
from reports.forecast_pictures import days
from reports.rights import supervised
from reports.views.gate import frame, supervisors


@require_GET
@supervisors
def forecast(request: DeskRequest) -> HttpResponse:
    """The gaps of all queues, and the days of one of them."""
    found = Forecast(supervised(request.user), timezone.now())
    line = _line(found, request.GET.get("line", ""))
    is_possible = line is not None and found.is_possible(line.queue)
    shown = days(found, line) if line and is_possible else []
    context = frame(request, "forecast") | {
        "lines": [(_key(each), _name(each)) for each in found.lines.values()],
        "chosen": _key(line) if line else "",
        "line": line,
        "name": _name(line) if line else "",
        "weeks": line.series.weeks if line else 0,
        "is_possible": is_possible,
        "missing": found.missing(),
        "days": shown,
        "has_gaps": any(day.gaps for day in shown),
    }
    return render(request, "reports/forecast.html", context)


def _line(found: Forecast, asked: str) -> Line | None:
    """The one that was asked for, else the first."""
    by_key = {_key(line): line for line in found.lines.values()}
    return by_key.get(asked) or next(iter(by_key.values()), None)


def _key(line: Line) -> str:
    return f"{line.queue.pk}-{line.language}"


def _name(line: Line) -> str:
    return f"{line.queue.name}, {name_of(line.language)}" if line.language else line.queue.name
