"""A CRM of any make that takes JSON: which of its fields is which of ours, an administrator says.

POST <url><record_path>   the record, with Idempotency-Key; 409 says that it is there already
GET  <url><look_up_path>  a person by {email}; 404 says that nobody is known by it
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from webhooks.connectors.contract import NotTaken, Record, talk, value_at
from webhooks.models import Webhook
from webhooks.post import Outcome, Verdict

NOBODY = "nobody@example.com"
THERE_ALREADY = 409


class Rest:
    """One connection by REST."""

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook

    def push(self, record: Record) -> str:
        """Make the record; the key lets a server that knows it leave out a second one."""
        ours = record.plain()
        body: dict[str, Any] = {}
        for theirs, name in self.webhook.record_fields.items():
            _put(body, theirs, name[1:] if name.startswith("=") else ours[name])
        key = {"Idempotency-Key": record.id}
        said = talk(self.webhook, self.webhook.record_path, body, key, (THERE_ALREADY,))
        found = value_at(said.data, self.webhook.record_id) if self.webhook.record_id else None
        return str(found) if found not in (None, "") else record.id

    def look_up(self, email: str) -> Mapping[str, Any]:
        """The fields that are asked for, by their dotted paths."""
        path = self.webhook.look_up_path.replace("{email}", quote(email, safe=""))
        said = talk(self.webhook, path, fine=(404,))
        if said.status == 404:
            return {}
        return {path: value_at(said.data, path) for path in self.webhook.look_up_fields.values()}

    def check(self) -> None:
        """Ask for somebody who isn't there; without a look-up, for the place of the records."""
        if self.webhook.look_up_path:
            self.look_up(NOBODY)
            return
        try:
            talk(self.webhook, self.webhook.record_path, fine=(400, 405, 422))
        except NotTaken as error:
            if error.outcome.status == 200:  # a page, which is no JSON: it is there
                return
            raise


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        inner = body.setdefault(name, {})
        if not isinstance(inner, dict):
            raise NotTaken(
                Outcome(Verdict.AGAIN, f"The field {path} lies inside of one that has a value itself.")
            )
        body = inner
    body[last] = value
