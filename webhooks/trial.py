"""The test of a webhook: one signed request, and what came of it in words."""

import secrets

from django.utils import timezone

from webhooks import recording
from webhooks.models import Webhook
from webhooks.payload import envelope
from webhooks.post import Outcome, post

TYPE = "webhook.test"
SAYS = "This is a test. Verify the signature, then answer with any status from 200 to 299."


def send_test(webhook: Webhook) -> Outcome:
    """Send a test to the address as it is saved; it stands in no feed and no log."""
    if webhook.is_crm:
        return recording.check(webhook)
    public_id = f"test_{secrets.token_hex(8)}"
    return post(webhook, public_id, envelope(public_id, TYPE, timezone.now().isoformat(), {"message": SAYS}))
