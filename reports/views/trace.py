"""The mail trace: one search over what came and what left, then each step of one mail."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from agents.rights import is_administrator
from mailcore.clean import clean_line
from mailsenders.models import OutgoingMail
from mailsources import trace_in, trace_out
from mailsources.models import FetchedMail
from mailsources.trace_steps import Step
from mailsources.tracing import MOST, Asker, at, find
from queues.finding import TooBroad
from queues.sayings import told
from queues.views.gate import DeskRequest
from reports.views.gate import frame, supervisors

LONGEST_QUESTION = 1000
STATES = {
    FetchedMail.State.DELIVERED: "calm-green",
    FetchedMail.State.FAILED: "red",
    FetchedMail.State.SKIPPED: "",
    FetchedMail.State.WAITING: "amber",
    OutgoingMail.State.SENT: "calm-green",
    OutgoingMail.State.UNCERTAIN: "red",
    OutgoingMail.State.RETRY: "amber",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A mail that was found."""

    url: str
    at: datetime
    is_out: bool
    who: str
    subject: str
    place: str
    state: str
    tone: str


@require_GET
@supervisors
def trace(request: DeskRequest) -> HttpResponse:
    """The search; a single mail is shown at once."""
    text = clean_line(request.GET.get("q", ""))[:LONGEST_QUESTION]
    wrong, lines = "", []
    if text:
        try:
            lines = [_line(mail) for mail in find(Asker.of(request.user), text)]
        except TooBroad as error:
            wrong = told(str(error))
    if len(lines) == 1:
        return redirect(lines[0].url)
    context = {"q": text, "lines": lines, "wrong": wrong, "is_cut": len(lines) >= MOST, "most": MOST}
    return render(request, "reports/trace.html", frame(request, "trace") | context)


@require_GET
@supervisors
def incoming(request: DeskRequest, pk: int) -> HttpResponse:
    """Each step of a mail that came."""
    mail = Asker.of(request.user).one_incoming(pk)
    return _steps(request, _line(mail), trace_in.trace(mail, request.user))


@require_GET
@supervisors
def outgoing(request: DeskRequest, pk: int) -> HttpResponse:
    """Each step of a mail of ours."""
    mail = Asker.of(request.user).one_outgoing(pk)
    return _steps(request, _line(mail), trace_out.trace(mail, is_open=is_administrator(request.user)))


def _steps(request: DeskRequest, line: Line, steps: list[Step]) -> HttpResponse:
    shown = [(step, length(step.after) if step.after is not None else "") for step in steps]
    timed = [step.at for step in steps if step.at]
    whole = length((timed[-1] - timed[0]).total_seconds()) if len(timed) > 1 else ""
    context = {"line": line, "steps": shown, "whole": whole, "q": ""}
    return render(request, "reports/trace_steps.html", frame(request, "trace") | context)


def length(seconds: float) -> str:
    """A span as exact as it is short: “0.2 s”, “3 min 5 s”, “2 h 10 min”, “3 days”."""
    if seconds < 60:
        return _("%(seconds)s s") % {"seconds": f"{seconds:.1f}" if seconds < 10 else round(seconds)}
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": rest}
    return ngettext("%(count)s day", "%(count)s days", hours // 24) % {"count": hours // 24}


def _line(mail: FetchedMail | OutgoingMail) -> Line:
    return _outgoing_line(mail) if isinstance(mail, OutgoingMail) else _incoming_line(mail)


def _incoming_line(mail: FetchedMail) -> Line:
    states = {
        FetchedMail.State.WAITING: pgettext("mail", "Waiting"),
        FetchedMail.State.DELIVERED: pgettext("mail", "Delivered"),
        FetchedMail.State.SKIPPED: pgettext("mail", "Not imported"),
        FetchedMail.State.FAILED: pgettext("mail", "Parked"),
    }
    state = FetchedMail.State(mail.state)
    return Line(
        url=reverse("trace-in", args=[mail.pk]),
        at=at(mail),
        is_out=False,
        who=mail.sender or gettext("Unknown sender"),
        subject=mail.subject,
        place=mail.source.name,
        state=states[state],
        tone=STATES[state],
    )


def _outgoing_line(mail: OutgoingMail) -> Line:
    states = {
        OutgoingMail.State.HELD: pgettext("mail", "Held for undo"),
        OutgoingMail.State.QUEUED: pgettext("mail", "About to be sent"),
        OutgoingMail.State.SENDING: pgettext("mail", "Being sent"),
        OutgoingMail.State.RETRY: pgettext("mail", "Tried again"),
        OutgoingMail.State.SENT: pgettext("mail", "Sent"),
        OutgoingMail.State.FAILED: pgettext("mail", "Not delivered"),
        OutgoingMail.State.UNCERTAIN: pgettext("mail", "Uncertain"),
        OutgoingMail.State.CANCELLED: pgettext("mail", "Taken back"),
    }
    state = OutgoingMail.State(mail.state)
    message = getattr(mail, "message", None)
    return Line(
        url=reverse("trace-out", args=[mail.pk]),
        at=mail.created_at,
        is_out=True,
        who=", ".join(row.email for row in sorted(mail.recipients.all(), key=lambda each: each.pk)[:3]),
        subject=message.subject if message else "",
        place=mail.sender.name,
        state=states[state],
        tone="red" if state == OutgoingMail.State.FAILED else STATES.get(state, ""),
    )
