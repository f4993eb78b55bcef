"""The tags of a conversation, beside its contact."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from queues import inbox
from queues.models import Conversation, Tag
from queues.tagging import tag
from queues.views.gate import DeskRequest, signed_in


@require_POST
@signed_in
def tags(request: DeskRequest, pk: int) -> HttpResponse:
    """Put the tag `add` on, take the tag `remove` off."""
    row = inbox.conversation(request.user, pk)
    asked = {
        name: [value for value in [request.POST.get(name, "").strip()] if value] for name in ("add", "remove")
    }
    row = tag(request.user, row, asked["add"], asked["remove"])
    return render(request, "desk/tags.html", {"conversation": row, **tags_of(row)})


def tags_of(row: Conversation) -> dict[str, Any]:
    """What the panel shows: the tags, and the names of all others."""
    own = list(row.tags.all())
    names = Tag.objects.exclude(pk__in=[each.pk for each in own]).values_list("name", flat=True)
    return {"tags": own, "tag_names": list(names), "may_tag": row.merged_into_id is None}
