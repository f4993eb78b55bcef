"""What a key may be used for: a scope for each operation, told by its path and method alone.

A scope takes rights away and never gives any: whose key it is decides first.
"""

from collections.abc import Iterable

READ, WRITE = "read", "write"
TOKENS = "tokens:read"
EVERYTHING = "*"
"""Whatever the user may: that of keys made before there were scopes."""

SCOPES = {
    "conversations:read": "See conversations, their messages, files and saved views.",
    "conversations:write": "Answer, start, assign, close, tag; keep views.",
    "contacts:read": "See contacts and organisations, and the mails with them.",
    "contacts:write": "Make, change and merge them.",
    "planning:read": "See presence, shifts and absences.",
    "planning:write": "Write them.",
    "settings:read": "See queues, sources, senders, providers, agents and what belongs to them.",
    "settings:write": "Change them.",
    "status:read": "See how everything is doing.",
    "events:read": "Read the feed of what happens.",
    TOKENS: "Fetch access tokens of SSO providers; never held unless it is named.",
}
AREAS = {
    "conversations": "conversations",
    "messages": "conversations",
    "attachments": "conversations",
    "views": "conversations",
    "bulk": "conversations",
    "contacts": "contacts",
    "contact-merges": "contacts",
    "contact-fields": "contacts",
    "organisations": "contacts",
    "presence": "planning",
    "status": "status",
    "events": "events",
}
"""The first word of a path; what stands not here is a setting, which needs most."""

PLANNED = ("shifts", "absences")
ONLY_READ = ("status", "events")


class UnknownScope(ValueError):
    """A word that is no scope; the text names it and those there are."""


class ScopeMissing(Exception):
    """A key was used for something that it is not for."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This key has not the scope “{scope}”: make one that has it, or ask for one.")
        self.scope = scope


def scope_of(method: str, path: str) -> str:
    """The scope that an operation needs; `path` is that below /api/v1.0/, with or without its places."""
    words = path.strip("/").split("/")
    area = "planning" if words[-1] in PLANNED or words[-2:-1] == ["absences"] else AREAS.get(words[0])
    area = area or "settings"
    return f"{area}:{READ if method in ('GET', 'HEAD') or area in ONLY_READ else WRITE}"


def allows(scope: str, wanted: str) -> bool:
    """Whether the scopes of a key, apart by blanks, hold the one that is wanted; writing holds reading."""
    held = scope.split()
    area, _, way = wanted.partition(":")
    if wanted == TOKENS:  # keys from before there were scopes never opened it
        return TOKENS in held
    return EVERYTHING in held or wanted in held or (way == READ and f"{area}:{WRITE}" in held)


def written(words: Iterable[str]) -> str:
    """Scopes as they are stored: each once, in our order.

    Raises:
        UnknownScope: one of them is none, or there is none at all.
    """
    wanted = set(words)
    if not wanted:
        raise UnknownScope("Give one scope at least: without any, a key opens nothing.")
    for word in sorted(wanted - SCOPES.keys() - {EVERYTHING}):
        raise UnknownScope(f"“{word[:60]}” is no scope: choose among {', '.join(SCOPES)}.")
    if EVERYTHING in wanted:
        return f"{EVERYTHING} {TOKENS}" if TOKENS in wanted else EVERYTHING
    return " ".join(word for word in SCOPES if word in wanted)


def narrowed(scope: str, words: Iterable[str]) -> str:
    """The scopes that somebody asks for, of those that they have; all of these, when none is asked for.

    Raises:
        UnknownScope: one of them is none, or not theirs.
    """
    wanted = list(words)
    if not wanted:
        return scope
    found = written(wanted)
    for word in found.split():
        if word != scope and not allows(scope, word):
            raise UnknownScope(f"This client has not the scope “{word}”.")
    return found
