"""Webhooks that aren't taken."""

from collections.abc import Iterator

from alarms.trouble import Trouble
from webhooks import standing


def webhook_troubles() -> Iterator[Trouble]:
    """One for each webhook that fails for long, is paused, or was switched off by its receiver."""
    for webhook, sentence, is_urgent in standing.alarms():
        kind = "paused" if webhook.paused_at else "failing" if webhook.is_active else "gone"
        yield Trouble(
            f"webhook:{webhook.pk}:{kind}",
            f"{'CRM' if webhook.is_crm else 'webhook'} {webhook.name}",
            sentence,
            standing.page_of(webhook),
            is_urgent=is_urgent,
        )
