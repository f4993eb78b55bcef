"""The banner on every page of the administration."""

from typing import Any

from django import template
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from alarms.mailing import GRACE
from alarms.models import Alarm

register = template.Library()


@register.inclusion_tag("alarms/banner.html", takes_context=True)
def alarms_banner(context: dict[str, Any]) -> dict[str, Any]:
    """Open alarms that last, for administrators; one query, nothing for others."""
    request = context.get("request")
    user = getattr(request, "user", None)
    link = reverse("admin:alarms_alarm_changelist")
    if request is None or request.path == link or not isinstance(user, User) or not user.is_superuser:
        return {"alarms": []}
    found = Alarm.objects.filter(ended_at=None, is_urgent=True, began_at__lte=timezone.now() - GRACE)
    alarms = list(found[:20])
    return {"alarms": alarms[:1], "more": len(alarms) - 1, "link": link}
