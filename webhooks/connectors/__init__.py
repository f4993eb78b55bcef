"""The kinds of CRM, each as what `contract` says."""

from webhooks.connectors.contract import Connector
from webhooks.connectors.hubspot import HubSpot
from webhooks.connectors.rest import Rest
from webhooks.models import Webhook

CONNECTORS: dict[str, type[Rest] | type[HubSpot]] = {Webhook.Kind.REST: Rest, Webhook.Kind.HUBSPOT: HubSpot}


def connector_for(webhook: Webhook) -> Connector:
    """How to talk to the system of this connection."""
    return CONNECTORS[webhook.kind](webhook)
