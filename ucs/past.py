"""What happened before a demo began: steps from a file, done by the same actions as those of people.

Only for an installation in which nothing has happened yet, and no other process runs. Each step is done with
the clock set to its time, so that histories, due times and reports tell what they would if it had been so.
Nothing leaves: a mail of the past is noted as taken by its server then.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from crm import contacts, organisations
from crm.models import Contact
from mailcore.parse import parse
from mailsenders import outbox
from mailsenders.models import OutgoingRecipient
from mailsources.models import EmailSource
from mailstore.models import RawMail
from queues import actions, intake, tagging
from queues.letters import Reply
from queues.models import Conversation, EmailQueue, Message

OURS = b"<ours@past.example>"
TAKEN = "250 2.0.0 Ok"
Step = Mapping[str, Any]


@contextmanager
def clock_at(at: datetime) -> Iterator[None]:
    """Let it be this time for whatever asks Django for the time, in this process; not for the database."""
    names, real = vars(timezone), timezone.now
    names["now"] = lambda: at
    try:
        yield
    finally:
        names["now"] = real


def play(file: Path) -> int:
    """Do all steps, or none; return how many. Where something has happened already, nothing is done.

    :raises OSError, ValueError, KeyError: the file can't be read, or isn't one of steps.
    """
    told = json.loads(file.read_text(encoding="utf-8"))
    with transaction.atomic():
        if Conversation.objects.exists():
            return 0
        past = _Past()
        for step in told["steps"]:
            past.do(step)
        for each in told["organisations"]:
            _join(each["name"], each["people"])
    return len(told["steps"])


def _join(name: str, emails: list[str]) -> None:
    organisation = organisations.make(None, name)
    for contact in Contact.objects.filter(addresses__email__in=emails).distinct():
        contacts.change(None, contact.pk, {"organisation": organisation.pk})


@dataclass
class _Past:
    """What the steps so far have made, by the numbers of the file."""

    queues: dict[str, EmailQueue] = field(
        default_factory=lambda: {
            each.username: each.queue for each in EmailSource.objects.select_related("queue__sender")
        }
    )
    users: dict[str, User] = field(
        default_factory=lambda: {each.username: each for each in User.objects.all()}
    )
    conversations: dict[int, Conversation] = field(default_factory=dict)
    answers: dict[int, Message] = field(default_factory=dict)

    def do(self, step: Step) -> None:
        """One step, at its time."""
        at = datetime.fromisoformat(step["at"])
        with clock_at(at):
            if step["do"] == "mail":
                self._mail(step, at)
                return
            row, user = self.conversations[step["conversation"]], self.users[step["by"]]
            match step["do"]:
                case "take":
                    actions.take(user, row)
                case "tag":
                    tagging.tag(user, row, [step["tag"]])
                case "answer":
                    self._answer(step, user, row)
                case "close":
                    actions.close(user, row)
                case other:
                    raise ValueError(f"There is no step “{other}”.")

    def _mail(self, step: Step, at: datetime) -> None:
        raw = base64.b64decode(step["raw"])
        answer = self.answers.get(step["conversation"])
        if answer is not None:
            raw = raw.replace(OURS, f"<{answer.message_id}>".encode())
        queue = self.queues[step["to"]]
        message = intake.deliver(queue, parse(raw), RawMail.objects.keep(raw), at)
        self.conversations[step["conversation"]] = message.conversation

    def _answer(self, step: Step, user: User, row: Conversation) -> None:
        message = actions.reply(user, row, Reply(text=step["text"], close=step["closes"], undo_seconds=0))
        _leave(message)
        self.answers[step["conversation"]] = message


def _leave(message: Message) -> None:
    """Note that the answer was sent, as the worker does after the server's word."""
    assert message.outgoing is not None
    claim = outbox.claim(message.outgoing.sender_id, timezone.now())
    assert claim is not None
    outbox.start_data(claim)
    accepted = OutgoingRecipient.State.ACCEPTED
    outbox.finish(claim, outbox.Outcome(dict.fromkeys(claim.recipients, (accepted, TAKEN)), TAKEN))
