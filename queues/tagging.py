"""Tags put on conversations and taken off."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from agents.rights import is_supervisor
from audit.acts import Act
from audit.log import record
from mailcore.clean import clean_line
from queues import live
from queues.history import Kind, note_event
from queues.models import Conversation, Tag
from queues.ownership import lock_for, profile
from queues.refusals import ActionRefused
from queues.transactions import whole

MOST_TAGS = 30  # of one conversation


@whole
def tag(
    actor: User, conversation: Conversation, add: Iterable[str] = (), remove: Iterable[str] = ()
) -> Conversation:
    """Put tags on a conversation and take tags off; what is there or gone already stays so.

    Supervisors make a tag that there isn't by putting it on.

    Raises:
        ActionRefused: an agent asks for a tag that there isn't, or it has too many.
    """
    row = lock_for(actor, conversation)
    there = {each.name.casefold(): each for each in row.tags.all()}
    wanted = {each.pk: each for each in (_tag(actor, name) for name in add)}
    added = [each for each in wanted.values() if each.name.casefold() not in there]
    gone = [there[name] for name in map(_key, remove) if name in there]
    if len(there) + len(added) - len(gone) > MOST_TAGS:
        raise ActionRefused(f"A conversation has at most {MOST_TAGS} tags.")
    row.tags.add(*added)
    row.tags.remove(*gone)
    who = profile(actor)
    for verb, tags in (("put on", added), ("took off", gone)):
        if tags:
            said = ", ".join(f"“{each.name}”" for each in tags)
            note_event(
                row, Kind.TAGGED, f"{who} {verb} {said}.", actor, {"tags": [each.name for each in tags]}
            )
    if added or gone:
        live.changed(row.pk, row.queue_id, row.agent_id)
    return row


def check_tag(actor: User, name: str, *, may_make: bool) -> int:
    """The id of the tag of this name; a supervisor may make it.

    Raises:
        ActionRefused: there is none.
    """
    if not clean_line(name).strip():
        raise ActionRefused("Choose a tag.")
    found = _there(name)
    if found is None and not may_make:
        raise ActionRefused(f"There is no tag “{clean_line(name)}”.")
    return (found or _tag(actor, name)).pk


def _key(name: str) -> str:
    return clean_line(name).strip().casefold()


def _tag(actor: User, name: str) -> Tag:
    found = _there(name)
    if found is not None:
        return found
    if not is_supervisor(actor):
        raise ActionRefused(f"There is no tag “{clean_line(name)}”: a supervisor makes new ones.")
    new = Tag(name=clean_line(name).strip())
    try:
        new.full_clean()
        with transaction.atomic():
            new.save()
            record(actor, Act.INSERTED, new)
    except (ValidationError, IntegrityError) as error:
        found = _there(name)  # somebody has made it at this moment
        if found is not None:
            return found
        if isinstance(error, IntegrityError):
            raise
        raise ActionRefused(" ".join(error.messages)) from error
    return new


def _there(name: str) -> Tag | None:
    # As the database compares them: it folds fewer letters than we do (ß, İ).
    return Tag.objects.filter(name__iexact=clean_line(name).strip()).first()
