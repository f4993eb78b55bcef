"""{% sender_budget sender %}: the card of a sender's budget."""

from typing import Any

from django import template
from django.utils import timezone

from mailsenders.budget_view import standing
from mailsenders.models import EmailSender
from mailsenders.provider_budgets import budget_of

register = template.Library()


@register.inclusion_tag("mailsenders/sender_budget.html")
def sender_budget(sender: EmailSender) -> dict[str, Any]:
    """What is used, held and to be expected."""
    return {"budget": standing(sender, timezone.now()), "provider": budget_of(sender.server_address)}
