"""HubSpot, as developers.hubspot.com documents it: CRM emails, contacts, search and properties, version 3.

An email is an object of its own, associated with the contact. Our id stands in a property of ours, which is
made when HubSpot doesn't know it yet: by that a record is found again whose answer was lost.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from webhooks.connectors.contract import NotTaken, Record, Said, talk
from webhooks.models import Webhook
from webhooks.post import Outcome, Verdict

EMAIL_TO_CONTACT = 198  # the association type, defined by HubSpot
OUR_ID = "ucs_email_id"
GROUP = "ucs_email"
NOBODY = "nobody@example.com"
EXISTING = re.compile(r"Existing ID: (\d+)")


class HubSpot:
    """One account of HubSpot, by the token of a private app."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook

    def push(self, record: Record) -> str:
        """Make an email object for the contact, unless it is there."""
        there = self._search("emails", OUR_ID, record.id, [OUR_ID])
        if there is not None:
            return str(there["id"])
        contact = self._contact(record)
        if contact is None:
            return ""
        association = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": EMAIL_TO_CONTACT}
        body = {
            "properties": _properties(record),
            "associations": [{"to": {"id": contact}, "types": [association]}],
        }
        said = talk(self.webhook, "/crm/v3/objects/emails", body)
        return str(said.data["id"])

    def look_up(self, email: str) -> Mapping[str, Any]:
        """The properties of the contact that are asked for."""
        wanted = [str(name) for name in self.webhook.look_up_fields.values()]
        found = self._search("contacts", "email", email, wanted)
        return found["properties"] if found else {}

    def check(self) -> None:
        """Ask for a contact that isn't there: the token is needed for it."""
        self._search("contacts", "email", NOBODY, ["email"])

    def _search(self, kind: str, name: str, value: str, wanted: list[str]) -> dict[str, Any] | None:
        """The one object whose property has this value."""
        filters = [{"propertyName": name, "operator": "EQ", "value": value}]
        body = {"filterGroups": [{"filters": filters}], "properties": wanted, "limit": 1}
        path = f"/crm/v3/objects/{kind}/search"
        ours = name == OUR_ID
        said = talk(self.webhook, path, body, fine=(400,) if ours else ())
        if said.status == 400:  # a property that it doesn't know yet
            self._make_property()
            said = talk(self.webhook, path, body)
        rows = said.data.get("results") or []
        return rows[0] if rows else None

    def _make_property(self) -> None:
        group = {"name": GROUP, "label": "UCS Email"}
        talk(self.webhook, "/crm/v3/properties/emails/groups", group, fine=(409,))
        one = {"groupName": GROUP, "name": OUR_ID, "label": "UCS Email id"}
        one |= {"type": "string", "fieldType": "text"}
        talk(self.webhook, "/crm/v3/properties/emails", one, fine=(409,))

    def _contact(self, record: Record) -> str | None:
        """The contact of the mail, made now if it is new and may be made."""
        if not record.contact_email:  # a search for nothing is refused
            return None
        found = self._search("contacts", "email", record.contact_email, ["email"])
        if found is not None:
            return str(found["id"])
        if not self.webhook.makes_contacts:
            return None
        first, _, last = record.contact_name.partition(" ")
        properties = {"email": record.contact_email, "firstname": first, "lastname": last}
        said = talk(self.webhook, "/crm/v3/objects/contacts", {"properties": properties}, fine=(409,))
        return _id_of(said) or self._by_email(record.contact_email)

    def _by_email(self, email: str) -> str:
        """The contact that is said to be there; if the search is behind, the mail is not left out for it."""
        found = self._search("contacts", "email", email, ["email"])
        if found is None:
            sentence = f"{self.webhook.name} says that the contact is there, and doesn't find it yet."
            raise NotTaken(Outcome(Verdict.AGAIN, sentence, 409))
        return str(found["id"])


def _id_of(said: Said) -> str | None:
    """Of a contact that was made; or of the one that was there, as another mail came at the same moment.

    None when it is there, and the answer doesn't say which it is.
    """
    if said.status != 409:
        return str(said.data["id"])
    found = EXISTING.search(str(said.data.get("message", "")))
    return found[1] if found else None


def _properties(record: Record) -> dict[str, str]:
    headers = {
        "from": {"email": record.from_email, "firstName": record.from_name},
        "to": [{"email": each} for each in record.to],
        "cc": [{"email": each} for each in record.cc],
        "bcc": [],
    }
    return {
        "hs_timestamp": record.at,
        "hs_email_direction": "INCOMING_EMAIL" if record.direction == "in" else "EMAIL",
        "hs_email_status": "SENT",
        "hs_email_subject": record.subject,
        "hs_email_text": record.text,
        "hs_email_headers": json.dumps(headers, ensure_ascii=False),
        OUR_ID: record.id,
    }
