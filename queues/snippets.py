"""Texts that agents insert while they write: named, in a language, for some queues or all, shared or own.

Their places, such as {{ contact.name }}, are filled in when they are inserted. What can't be filled in stays
as it is written, and so does {{ ?order number }}, which is for the agent to fill in; nothing leaves before.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from agents.models import Language
from mailcore import authored
from mailcore.clean import clean_line
from queues import texts
from queues.models import Conversation, Snippet, SnippetUse
from queues.ownership import profile
from queues.refusals import ActionRefused
from queues.snippet_models import check_places

MOST_LISTED = 1000
_PLACE = re.compile(r"\{\{\s*(\??[^{}\n]{0,100}?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Filled:
    """A text ready to be inserted, in both shapes."""

    html: str
    text: str


def filled(html: str, values: Mapping[str, str]) -> Filled:
    """Fill in what is known; a place without a value stays, to be seen.

    :param html: as `mailcore.authored` leaves it.
    """

    def value(place: re.Match[str]) -> str:
        known = values.get(place[1], "")
        return escape(known).replace("\n", "<br>") if known else place[0]  # it may stand in a link

    done = _PLACE.sub(value, html)
    return Filled(done, authored.plain(done))


def open_places(text: str) -> list[str]:
    """The places in a text that nobody has filled in, as they are written."""
    known = {*texts.OF_MATTER, *texts.OF_AGENT}
    found = (place for place in _PLACE.finditer(text) if place[1] in known or place[1].startswith("?"))
    return list(dict.fromkeys(place[0] for place in found))


def check_filled(text: str) -> None:
    """Refuse to send a text with places in it.

    Raises:
        ActionRefused: naming them.
    """
    missing = open_places(text)
    if missing:
        raise ActionRefused(f"Fill in {', '.join(missing[:3])} before it leaves.")


def available(actor: User, conversation: Conversation | None) -> QuerySet[Snippet]:
    """What the user can insert here: shared ones of the queue and of all queues, and the own."""
    agent = profile(actor)
    of_queue = Q(queues=None)
    if conversation is not None:
        of_queue |= Q(queues=conversation.queue_id)
    used = SnippetUse.objects.filter(snippet=OuterRef("pk"), agent=agent).values("used_at")
    rows = Snippet.objects.filter(Q(owner=agent) | Q(owner=None) & of_queue)
    rows = rows.annotate(used_at=Subquery(used)).order_by(F("used_at").desc(nulls_last=True), "name", "pk")
    return rows.distinct()


def listed(actor: User, conversation: Conversation | None) -> list[Snippet]:
    """The same, those in the conversation's language first, then those in none, then the others."""
    language = conversation.language if conversation else ""
    rows = list(available(actor, conversation)[:MOST_LISTED])
    rows.sort(key=lambda each: _rank(each, language))  # stable: the newest used stay first
    return rows


def _rank(snippet: Snippet, language: str) -> int:
    if snippet.language_id is None:
        return 1
    return 0 if not language or snippet.language_id == language else 2


def insert(actor: User, conversation: Conversation | None, pk: int) -> Filled:
    """The snippet with all that is known filled in; it is the newest used from now on.

    Raises:
        ActionRefused: it is gone, or for other queues.
    """
    snippet = available(actor, conversation).filter(pk=pk).first()
    if snippet is None:
        raise ActionRefused("This snippet is not here any more: choose another one.")
    agent = profile(actor)
    now = timezone.now()
    use, is_new = SnippetUse.objects.get_or_create(snippet=snippet, agent=agent, defaults={"used_at": now})
    if not is_new:
        SnippetUse.objects.filter(pk=use.pk).update(used_at=now, times=F("times") + 1)
    return filled(snippet.html, texts.values(conversation, agent))


def save_own(actor: User, name: str, html: str, language: str = "") -> Snippet:
    """Keep a text as a snippet of the user's own; one of the same name is replaced.

    Raises:
        ActionRefused: without a name or a text, or with a place that nothing is known for.
    """
    name, html = clean_line(name), authored.tidy(html)
    if not name or not html:
        raise ActionRefused("A snippet needs a name and a text.")
    if len(name) > Snippet.LONGEST_NAME:
        raise ActionRefused(f"The name is too long: at most {Snippet.LONGEST_NAME} characters.")
    try:
        check_places(html)
    except ValidationError as error:
        raise ActionRefused(" ".join(error.messages)) from error
    tag = Language.objects.filter(pk=language).first() if language else None
    try:
        with transaction.atomic():
            row, _ = Snippet.objects.update_or_create(
                owner=profile(actor), name=name, language=tag, defaults={"html": html}
            )
    except IntegrityError as error:
        raise ActionRefused(f"You have a snippet “{name}” already: choose another name.") from error
    return row


def delete_own(actor: User, pk: int) -> None:
    """Throw one of the user's own away; one that is gone already is no error."""
    Snippet.objects.filter(pk=pk, owner=profile(actor)).delete()
