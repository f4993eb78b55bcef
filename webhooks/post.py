"""One request to a webhook's address, and what its answer means."""

import json
import time
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone

from mailcore.cards import mask
from mailcore.clean import clean_line, clean_text
from sso import guard
from sso.fields import SecretUnreadable
from webhooks import signature
from webhooks.models import Webhook

SECONDS = 15.0  # for all of it
KEPT = 1024  # octets of an answer
LONGEST_WAIT = timedelta(hours=4)  # that a Retry-After may ask for

MEANINGS = {
    400: "it did not understand the body: look at its answer",
    401: "it does not believe us: compare the secret there and here",
    403: "it does not let us in: compare the secret there and here, or let our address in there",
    404: "nothing is at that address: correct the URL",
    405: "it takes no POST there: correct the URL",
    413: "the body is too large for it: raise its limit to 512 KB",
    415: "it wants no JSON there: correct the URL",
    429: "we are too fast for it: it is tried again when it said",
}
REDIRECT = "it sends us on to {there}, which we do not follow: give the final address as the URL"
ITS_FAULT = "a fault there: look into the log of that server"
OTHER = "only an answer from 200 to 299 says that it was taken"


class Verdict(StrEnum):
    """What becomes of the delivery."""

    TAKEN = "taken"
    AGAIN = "again"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a request. `sentence` is for the administrator, "" when it was taken."""

    verdict: Verdict
    sentence: str = ""
    status: int | None = None
    latency_ms: int | None = None
    answer: str = ""
    wait: timedelta | None = None


def post(webhook: Webhook, public_id: str, payload: dict[str, Any]) -> Outcome:
    """Send a body, signed, to the webhook; no redirect is followed. Never raises for what a server does."""
    body = json.dumps(payload, ensure_ascii=False, default=str).encode()
    began = started()
    try:
        signed = signature.headers(webhook.secret, public_id, timezone.now(), body)
        question = guard.Question(
            url=webhook.url,
            what=f"The URL of the webhook “{webhook.name}”",
            body=body,
            headers={"Content-Type": "application/json", **signed},
            largest=KEPT,
            seconds=SECONDS,
        )
        answer = guard.ask(question)
    except guard.Unreachable as error:
        return Outcome(Verdict.AGAIN, f"{webhook.name}: {error}.", latency_ms=since(began))
    except (guard.GuardError, signature.BadSecret, SecretUnreadable) as error:
        return Outcome(Verdict.AGAIN, str(error))
    return judged(webhook, answer, since(began))


def judged(webhook: Webhook, answer: guard.Answer, latency_ms: int) -> Outcome:
    """What an answer means."""
    status = answer.status
    shown = mask(clean_text(answer.body[:KEPT].decode(errors="replace")))
    if 200 <= status < 300:
        return Outcome(Verdict.TAKEN, "", status, latency_ms, shown)
    if status == 410:
        sentence = f"{webhook.name} answered 410: it wants nothing more, so it was switched off."
        return Outcome(Verdict.GONE, sentence, status, latency_ms, shown)
    sentence = f"{webhook.name} answered {status}: {_meaning(answer)}."
    return Outcome(Verdict.AGAIN, sentence, status, latency_ms, shown, _wait(answer))


def _meaning(answer: guard.Answer) -> str:
    if 300 <= answer.status < 400:
        there = clean_line(answer.header("Location")[:200]) or "another address"
        return REDIRECT.format(there=there)
    return MEANINGS.get(answer.status) or (ITS_FAULT if answer.status >= 500 else OTHER)


def _wait(answer: guard.Answer) -> timedelta | None:
    """How long the server asks us to wait (RFC 9110 section 10.2.3): seconds, or a date."""
    asked = answer.header("Retry-After").strip()
    if not asked:
        return None
    if asked.isascii() and asked.isdigit():
        return min(timedelta(seconds=min(int(asked[:9]), 10**6)), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(asked)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return max(timedelta(0), min(at - timezone.now(), LONGEST_WAIT))


def started() -> float:
    """The clock for `since`."""
    return time.monotonic()


def since(began: float) -> int:
    """Milliseconds since then."""
    return int((time.monotonic() - began) * 1000)
