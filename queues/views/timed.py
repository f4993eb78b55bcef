"""Answers that wait for their time: sent now, changed, or stopped."""

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from queues import actions, inbox
from queues.refusals import NewMailArrived
from queues.sayings import told
from queues.views.conversations import retold
from queues.views.editor import editor
from queues.views.gate import DeskRequest, signed_in
from queues.views.writing import sent


@require_POST
@signed_in
def send_now(request: DeskRequest, pk: int, draft: int) -> HttpResponse:
    """Send it now; `seen` is the newest mail that the page shows."""
    row = inbox.conversation(request.user, pk)
    seen = request.POST.get("seen", "")
    number = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 19 else None
    try:
        message = actions.send_now(request.user, row, draft, number)
    except NewMailArrived as news:
        toast = {"text": told(news.sentence), "error": True, "seconds": 9}
        return retold(request, pk, toast=toast)
    return sent(request, message)


@require_POST
@signed_in
def edit(request: DeskRequest, pk: int, draft: int) -> HttpResponse:
    """Stop it, and open it in the editor."""
    row = inbox.conversation(request.user, pk)
    stopped = actions.cancel(request.user, row, draft)
    if stopped.agent.user_id != request.user.pk:
        return retold(request, pk)
    about = stopped.about_id if stopped.is_outside else None
    extra = {"composer": "desk/reply.html", "composer_reset": True, "editor": editor(request, row, about)}
    return retold(request, pk, **extra)


@require_POST
@signed_in
def stop(request: DeskRequest, pk: int, draft: int) -> HttpResponse:
    """It doesn't leave by itself: it is a draft again."""
    actions.cancel(request.user, inbox.conversation(request.user, pk), draft)
    return retold(request, pk)
