"""What a subject says about where a mail belongs: little, and only to people. Pure functions."""

import re

from mailcore.headers import thread_subject

MOST_TAGS = 20  # of a subject that is nothing but tags

# RFC 5256 2.1: a "blob" before the subject, "(fwd)" after it, "[Fwd: …]" around it. Filters shout, too.
_TAG = re.compile(r"\s*(?:\[[^\[\]]{0,100}\]|\*{2,5}[^*]{1,40}\*{2,5})\s*")
_TRAILER = re.compile(r"(?:\s*\(fwd\))+\s*\Z", re.IGNORECASE)
_AROUND = re.compile(r"\s*\[(?:fwd?|wg|tr|rv|i):(.*)\]\s*\Z", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\[\]#]{0,40}#(\d{1,18})\]")
_BARE = re.compile(r"(?<![\w#&/])#(\d{1,18})\b")


def base_subject(subject: str) -> str:
    """What a subject is about: without answer and forward marks, [tags], case and spare white space.

    Two mails of one thread have the same (RFC 5256 2.1, with the marks of other languages). "" says nothing.
    """
    rest = " ".join(subject.split())
    for _ in range(MOST_TAGS):
        before = rest
        rest = _TRAILER.sub("", thread_subject(rest))
        around = _AROUND.match(rest)
        if around:
            rest = around[1].strip()
        tag = _TAG.match(rest)
        if tag and tag.end() < len(rest):  # a subject that is only a tag is about that
            rest = rest[tag.end() :]
        if rest == before:
            break
    return rest.casefold()


def is_changed(subject: str, known: frozenset[str]) -> bool:
    """Whether a mail is about something else than the mails with these base subjects.

    A subject that is missing, or that somebody's gateway has cut, has not changed.
    """
    base = base_subject(subject)
    if not base or not known - {""}:
        return False
    return not any(base == each or (len(base) >= 40 and each.startswith(base)) for each in known)


def number_in(subject: str) -> tuple[int | None, bool]:
    """The number of a conversation that a subject names, and whether it stands in brackets, as systems write.

    A bare "#1234" may as well be the customer's order.
    """
    bracketed = _BRACKETED.search(subject)
    if bracketed:
        return int(bracketed[1]), True
    bare = _BARE.search(subject)
    return (int(bare[1]), False) if bare else (None, False)
