"""The places in the texts of a queue, such as {{ agent.name }}: which there are, and what stands there.

They are names, no code: Django's templates would let who writes a signature read anything.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from agents.models import PLACES, Agent
from mailcore.clean import clean_line
from mailcore.placeholders import PlaceholderError, check, fill

if TYPE_CHECKING:
    from queues.models import Conversation

OF_MATTER = ("conversation.number", "conversation.subject", "contact.name", "queue.name", "queue.address")
OF_AGENT = (*PLACES, "agent.signature")


def places(names: Iterable[str]) -> str:
    """The places as they are written, for people."""
    return ", ".join(f"{{{{ {name} }}}}" for name in names)


def check_signature(text: str) -> None:
    """Refuse a signature with a place that nothing is known for: a field validator."""
    _check(text, (*OF_MATTER, *OF_AGENT))


def check_acknowledgement(text: str) -> None:
    """The same of an acknowledgement, which no agent writes."""
    _check(text, OF_MATTER)


def _check(text: str, names: tuple[str, ...]) -> None:
    try:
        check(text, names)
    except PlaceholderError as error:
        raise ValidationError(str(error)) from error


def signature(conversation: "Conversation", agent: Agent | None) -> str:
    """What stands below a mail: the queue's text with the agent's own lines, where it has a place for them.

    A queue without a text leaves it to the agent. Automatic mail has no agent.
    """
    values = _values(conversation, agent)
    own = fill(agent.signature, values) if agent else ""
    text = conversation.queue.signature
    return fill(text, values | {"agent.signature": own}).strip() if text.strip() else own.strip()


def filled(text: str, conversation: "Conversation") -> str:
    """A text of the queue with what is known of the conversation."""
    return fill(text, _values(conversation, None)).strip()


def values(conversation: "Conversation | None", agent: Agent) -> dict[str, str]:
    """What is known while an agent writes; of a first mail only the agent."""
    known = _values(conversation, agent) if conversation is not None else _of_agent(agent)
    return known | {"agent.signature": fill(agent.signature, known).strip()}


def _values(conversation: "Conversation", agent: Agent | None) -> dict[str, str]:
    queue = conversation.queue
    values = {
        "conversation.number": str(conversation.number),
        "conversation.subject": clean_line(conversation.subject),
        "contact.name": clean_line(conversation.contact.name),
        "queue.name": clean_line(queue.name),
        "queue.address": queue.sender.email_address if queue.sender else "",
    }
    return values | _of_agent(agent) if agent is not None else values


def _of_agent(agent: Agent) -> dict[str, str]:
    user = agent.user
    return {
        "agent.name": clean_line(str(agent)),
        "agent.first_name": clean_line(user.first_name or str(agent)),
        "agent.email": clean_line(user.email),
    }
