"""The buttons for what is held: let go, all of a sender, all of a list."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from crm.models import Contact
from queues import actions, inbox
from queues.holding import Done, Held
from queues.models import Conversation
from queues.views.conversations import retold
from queues.views.gate import DeskRequest, signed_in
from queues.views.lists import place


@require_POST
@signed_in
def let_go(request: DeskRequest, pk: int) -> HttpResponse:
    """Let it wait like any other."""
    actions.let_go(request.user, inbox.conversation(request.user, pk))
    return retold(request, pk)


@require_POST
@signed_in
def let_all_go(request: DeskRequest) -> HttpResponse:
    """All that are held, of one contact, or in one queue."""
    return _all(
        request,
        actions.let_all_go,
        lambda n: ngettext("%(count)s conversation let go.", "%(count)s conversations let go.", n),
    )


@require_POST
@signed_in
def close_all(request: DeskRequest) -> HttpResponse:
    """The same, closed unread."""
    return _all(
        request,
        actions.close_all,
        lambda n: ngettext("%(count)s conversation closed.", "%(count)s conversations closed.", n),
    )


def _all(request: DeskRequest, act: Callable[[User, Held], Done], what: Callable[[int], str]) -> HttpResponse:
    done = act(request.user, Held(contact=_contact(request), queue=place(request).queue))
    said = [what(done.count) % {"count": done.count}]
    if done.left:
        more = ngettext(
            "%(count)s is left: once more, please.", "%(count)s are left: once more, please.", done.left
        )
        said.append(more % {"count": done.left})
    toast = {"text": " ".join(said), "seconds": 7}
    return render(request, "desk/toast.html", {"toast": toast})


def _contact(request: DeskRequest) -> Contact | None:
    """One that the user may know of: of a held conversation in their queues."""
    asked = request.POST.get("contact", "")
    if not asked:
        return None
    rows = inbox.conversations_for(request.user).filter(state=Conversation.State.HELD).values("contact")
    pk = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else 0
    return get_object_or_404(Contact.objects.filter(pk__in=rows), pk=pk)
