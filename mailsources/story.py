"""What happened to one mail, in order and in words."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.template.defaultfilters import filesizeformat

from mailsources.models import MAX_ATTEMPTS, EmailSource, FetchedMail

State = FetchedMail.State
LEAVE = EmailSource.AfterImport.LEAVE


class Step(NamedTuple):
    """Something that happened; without a time when it is still to come, or nobody noted it."""

    at: datetime | None
    sentence: str


def story(fetched: FetchedMail) -> list[Step]:
    """The steps, as far as they came: those with a time by it, and then what is to be known besides."""
    steps = [*_arrival(fetched), *_outcome(fetched), *_mailbox(fetched)]
    timed = [step for step in steps if step.at]
    return [*sorted(timed, key=lambda step: step.at or fetched.fetched_at), *(s for s in steps if not s.at)]


def _arrival(fetched: FetchedMail) -> Iterator[Step]:
    source = fetched.source
    if fetched.envelope_to:
        by = fetched.envelope_from or "an unknown sender"
        yield Step(fetched.received_at, f"{by} handed it over for {fetched.envelope_to}.")
    elif fetched.received_at:
        where = f" in the folder {fetched.folder}" if fetched.folder else ""
        yield Step(
            fetched.received_at, f"{source.server_address or 'The server'} got it{where}{_name(fetched)}."
        )
    yield Step(fetched.fetched_at, _storing(fetched))
    if fetched.is_history and fetched.raw_id:
        yield Step(None, "It was in the mailbox before this source looked into it, so nobody is written to.")


def _name(fetched: FetchedMail) -> str:
    if fetched.uid is not None:
        return f" as UID {fetched.uid}"
    return f" as UIDL {fetched.uidl}" if fetched.uidl else ""


def _storing(fetched: FetchedMail) -> str:
    if fetched.is_stub:
        return f"It was too big ({filesizeformat(fetched.size)}): its headers were stored with a notice."
    if fetched.raw_id:
        return f"Its {filesizeformat(fetched.size)} were stored here."
    return "It was noted here, without its text."


def _outcome(fetched: FetchedMail) -> Iterator[Step]:
    match fetched.state:
        case State.DELIVERED:
            became = f"It became a message in the queue {fetched.source.queue}"
            if fetched.message_id is None:
                became = "It became a message, which was deleted since"
            tries = f", at attempt {fetched.attempts}" if fetched.attempts > 1 else ""
            yield Step(fetched.delivered_at, f"{became}{tries}.")
        case State.SKIPPED:
            yield Step(None, f"It was not imported. {fetched.reason}")
        case State.FAILED:
            tried = "It could not be delivered" if fetched.raw_id else "It could not be read"
            yield Step(None, f"{tried} ({fetched.attempts} of {MAX_ATTEMPTS} attempts). {fetched.reason}")
        case _:
            tried = f" It was tried {fetched.attempts} times. {fetched.reason}" if fetched.attempts else ""
            yield Step(None, f"It waits to be delivered.{tried}")


def _mailbox(fetched: FetchedMail) -> Iterator[Step]:
    source = fetched.source
    choice = EmailSource.AfterImport(source.after_import)
    if choice == LEAVE or not fetched.raw_id or (fetched.uid is None and fetched.uidl is None):
        return
    if fetched.is_stub:
        yield Step(None, "It stays in the mailbox, as only its headers are here.")
    elif fetched.settled_at:
        yield Step(fetched.settled_at, f"The mailbox was told: {choice.label.lower()}.")
    else:
        yield Step(None, f"The mailbox is still to be told: {choice.label.lower()}.")
