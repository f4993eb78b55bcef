"""What every CRM is to us: a place to make a record of a mail once, and to ask about a person."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from sso import guard
from sso.fields import SecretUnreadable
from webhooks.models import Webhook
from webhooks.post import Outcome, Verdict, judged, since, started

SECONDS = 10.0  # for one question
MOST_CALLS = 8
"""Questions for one delivery; `sending.LEASE` is longer than all of them together."""

LARGEST = 200_000  # octets of an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One mail as it is recorded outside; `id` is ours, and the same at each attempt."""

    id: str
    direction: str
    at: str
    subject: str
    text: str
    from_name: str
    from_email: str
    to: list[str]
    cc: list[str]
    message_id: str
    conversation_id: int
    number: int
    url: str
    queue: str
    agent: str
    contact_name: str
    contact_email: str
    external_id: str
    attachments: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """The fields by their names, for a mapping."""
        return asdict(self)


class NotTaken(Exception):
    """The server refused or was not reached; `outcome` says it in words."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.sentence)


class Connector(Protocol):
    """One kind of CRM. Each method may raise `NotTaken`."""

    def push(self, record: Record) -> str:
        """Make the record unless it is there already, and return its id outside; "" for none to be made."""
        ...

    def look_up(self, email: str) -> Mapping[str, Any]:
        """What is known of a person there, by the names of its fields; empty for a stranger."""
        ...

    def check(self) -> None:
        """Ask for something that changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: its status, and what it holds as JSON."""

    status: int
    data: Any


def talk(
    webhook: Webhook,
    path: str,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    fine: tuple[int, ...] = (),
) -> Said:
    """Ask the server of a connection, with its token; a body makes it a POST.

    :param fine: statuses beside 2xx that the caller understands.
    :raises NotTaken: any other answer, or none.
    """
    began = started()
    try:
        question = guard.Question(
            url=webhook.url.rstrip("/") + path,
            what=f"The URL of {webhook.name}",
            body=None if body is None else json.dumps(body, ensure_ascii=False).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {webhook.secret}",
                **(headers or {}),
            },
            largest=LARGEST,
            seconds=SECONDS,
        )
        answer = guard.ask(question)
    except guard.Unreachable as error:
        raise NotTaken(
            Outcome(Verdict.AGAIN, f"{webhook.name}: {error}.", latency_ms=since(began))
        ) from error
    except (guard.GuardError, SecretUnreadable) as error:
        raise NotTaken(Outcome(Verdict.AGAIN, str(error))) from error
    if not (200 <= answer.status < 300 or answer.status in fine):
        raise NotTaken(judged(webhook, answer, since(began)))
    try:
        return Said(answer.status, json.loads(answer.body) if answer.body.strip() else {})
    except ValueError as error:
        sentence = f"{webhook.name} answered {answer.status}, but no JSON: correct the URL."
        raise NotTaken(Outcome(Verdict.AGAIN, sentence, answer.status, since(began))) from error


def value_at(data: Any, path: str) -> Any:
    """A value inside of an answer by its dotted path, such as account.team; None where there is none."""
    for name in path.split("."):
        if isinstance(data, list) and name.isdigit() and int(name) < len(data):
            data = data[int(name)]
        elif isinstance(data, dict):
            data = data.get(name)
        else:
            return None
    return data
