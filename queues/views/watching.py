"""Who else has the conversation open, as its page shows it."""

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from queues import inbox
from queues.presentation import person
from queues.views.gate import DeskRequest, signed_in
from queues.watching import Doing, Watcher, watch

NAMES = {each.name.lower(): each for each in Doing}


@require_POST
@signed_in
def watching(request: DeskRequest, pk: int) -> HttpResponse:
    """Note what this window does, and tell who else is there: `people` with name, disc, words and seconds."""
    row = inbox.conversation(request.user, pk)
    doing = NAMES.get(request.POST.get("doing", ""), Doing.VIEWING)
    others = watch(request.user, row, request.POST.get("window", ""), doing)
    known = User.objects.filter(is_active=True).in_bulk([each.user_id for each in others])
    return JsonResponse(
        {"people": [_told(each, known[each.user_id]) for each in others if each.user_id in known]}
    )


def _told(each: Watcher, user: User) -> dict[str, Any]:
    who = person(user.get_full_name() or user.get_username())
    words = {
        Doing.WRITING: _("%(name)s is writing an answer…"),
        Doing.NOTING: _("%(name)s is writing a note…"),
    }.get(each.doing, _("%(name)s is reading this"))
    return {
        "id": each.user_id,
        "name": who.name,
        "initials": who.initials,
        "hue": who.hue,
        "doing": each.doing.name.lower(),
        "warning": _("%(name)s is writing an answer here too: agree who sends it.") % {"name": who.name},
        "words": words % {"name": who.name},
        "left": each.left,
    }
