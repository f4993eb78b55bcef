"""What if: a question about the last days, and its answer as figures and pictures."""

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mailstore.announce import announce
from queues.models import Conversation
from queues.views.gate import DeskRequest
from reports import whatif
from reports.models import WhatIf
from reports.rights import people_of, supervised
from reports.sayings import told
from reports.tasks import play
from reports.views.gate import frame, supervisors
from reports.whatif_forms import WhatIfForm
from reports.whatif_pictures import picture
from simulation.changes import Change

SHOWN = 12


@require_http_methods(["GET", "POST"])
@supervisors
def what_if(request: DeskRequest) -> HttpResponse:
    """The question; asked, it leads to where its answer will stand."""
    whatif.stop_lost()
    queues = supervised(request.user).order_by("name")
    form = WhatIfForm(request.POST or None, queues=queues, initial={"queues": list(queues)})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        question = whatif.Question(list(data["queues"]), data["days"], form.change(), data["peers"])
        return _asked(whatif.ask(request.user, question))
    context = frame(request, "what-if") | {
        "form": form,
        "all_queues": queues,
        "people": sorted(people_of(request.user).values_list("user__username", flat=True)),
        "former": list(whatif.visible(request.user).filter(user=request.user)[:SHOWN]),
    }
    return render(request, "reports/whatif.html", context, status=400 if form.errors else 200)


@require_POST
@supervisors
def example(request: DeskRequest) -> HttpResponse:
    """The reference team, for who has too little history."""
    change = Change(without=("alice",))
    return _asked(whatif.ask(request.user, whatif.Question([], 10, change, is_example=True)))


@require_GET
@supervisors
def answer(request: DeskRequest, pk: int) -> HttpResponse:
    """The answer, or how far it is."""
    whatif.stop_lost()  # the sweeper may be as dead as the worker that played it
    row = _row(request, pk)
    context = frame(request, "what-if") | {"row": row, "queues": row.queues.all(), "error": told(row.error)}
    if row.state == WhatIf.State.DONE:
        context |= {"picture": picture(row, _names(request, row))}
    template = "reports/whatif_state.html" if request.htmx else "reports/whatif_answer.html"
    return render(request, template, context)


@require_POST
@supervisors
def cancel(request: DeskRequest, pk: int) -> HttpResponse:
    """Not needed any longer."""
    row = _row(request, pk)
    whatif.cancel(row)
    return redirect("what-if-answer", pk=row.pk)


@require_POST
@supervisors
def again(request: DeskRequest, pk: int) -> HttpResponse:
    """The same question about the same days."""
    return _asked(whatif.ask_again(request.user, _row(request, pk)))


def _row(request: DeskRequest, pk: int) -> WhatIf:
    return get_object_or_404(whatif.visible(request.user), pk=pk)


def _asked(row: WhatIf) -> HttpResponseRedirect:
    announce(play, what_if_id=row.pk)
    return redirect("what-if-answer", pk=row.pk)


def _names(request: DeskRequest, row: WhatIf) -> dict[int, int]:
    """By number of the conversation, its key, for links; of the example there are none."""
    if row.is_example or not row.result:
        return {}
    numbers = [sample["number"] for sample in row.result["samples"]]
    rows = Conversation.objects.filter(number__in=numbers, queue__in=supervised(request.user))
    return dict(rows.values_list("number", "pk"))
