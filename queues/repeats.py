"""What somebody asked to be sent, in few characters: is a second request with the same token the same one?

A token is for one mail. Who sends it again (a double click, a program after a lost answer) gets the first
one's message. Who sends something else with it must hear so, or it would vanish unseen.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from mailcore.compose import OutFile
from queues.letters import Reply, typed_text
from queues.recipients import typed_addresses

Asked = dict[str, Any]

WORDS = {
    "text": "another text",
    "html": "another text",
    "recipients": "other recipients",
    "subject": "another subject",
    "end": "another end of the conversation",
    "about": "another mail below it",
}


def asked(reply: Reply, subject: str = "") -> Asked:
    """What is asked for, to be kept with the event that notes it; `subject` of a first mail."""
    return {
        "text": _digest(typed_text(reply)),
        "html": _digest(reply.html),
        "recipients": _digest(*_recipients(reply)),
        "subject": _digest(" ".join(subject.split())),
        "end": reply.close,
        "about": [reply.is_outside, reply.about_id],
        "files": [_of_file(file) for file in reply.files],
    }


def difference(before: Asked, now: Asked) -> str:
    """What is asked for now and was not then, in words; "" when it is the same.

    The files of an answer lie with its draft, which is gone once it has left: a second click names none of
    them. So it is enough that all files that are named now went along.
    """
    for key, words in WORDS.items():
        if before.get(key) != now[key]:
            return words
    return "" if set(now["files"]) <= set(before.get("files", [])) else "other files"


def _recipients(reply: Reply) -> Iterable[str]:
    for name, typed in (("to", reply.to), ("cc", reply.cc)):
        yield name
        yield from sorted({address.email.lower() for address in typed_addresses(typed)})
    if not reply.to:
        yield f"as computed for {reply.mode}"


def _of_file(file: OutFile) -> str:
    return _digest(file.name, file.type, file.content_id, hashlib.sha256(file.data).hexdigest())


def _digest(*parts: str) -> str:
    """128 bits; "" for nothing at all."""
    if not any(parts):
        return ""
    joined = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:32]
