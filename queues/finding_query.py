"""A question as PostgreSQL is asked it: a tsquery with "~" where the name of a span of days comes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from queues.finding_asked import DIRECTIONS, Asked, Field, Term, is_beginning, is_of_mail
from queues.finding_filed import A_NOTE, COPY, FILE, FROM, KIND, NOTE, QUEUE, SUBJECT, TO, WITH_FILES

MARKS = {
    Field.ANY: ("",), Field.FROM: (FROM,), Field.TO: (TO, COPY), Field.CC: (COPY,), Field.SUBJECT: (SUBJECT,),
    Field.FILE: (FILE,), Field.NOTE: (NOTE,),
}  # fmt: skip
HEADS = (SUBJECT, FROM, FILE)  # where a word says most
MAIL_ONLY = frozenset({Field.TO, Field.CC, Field.SUBJECT, Field.FILE})
EVERY = f"'~{KIND}'"


@dataclass(frozen=True, slots=True)
class Query:
    """What rows must match: `lexemes`, then `phrases`; `has_notes` when notes may match as well."""

    lexemes: str
    has_notes: bool = True
    phrases: tuple[Term, ...] = ()


def query(asked: Asked, queues: Iterable[int] | None) -> Query:
    """The question.

    :param queues: which the asker may see; None for all.
    """
    groups = [group for group in asked.groups if is_of_mail(group[0])]
    parts = [part for part in map(_alternatives, groups) if part]
    base = _queues(queues) if queues is not None else ""
    if not base and not any(_is_positive(group) for group in groups):
        base = EVERY
    phrases = tuple(term for group in groups for term in group if term.is_phrase)
    only_mails = any(_is_mail_only(group) for group in groups)
    return Query(" & ".join([*([base] if base else []), *parts]), not only_mails, phrases)


def best(asked: Asked, queues: Iterable[int] | None) -> Query:
    """The same, with every plain word in a subject, in the sender's name or in the name of a file."""
    groups = tuple(tuple(replace(term) for term in group) for group in asked.groups)
    heads = [
        " | ".join(_words(term, HEADS) for term in group)
        for group in groups
        if any(_is_plain(term) for term in group)
    ]
    whole = query(asked, queues)
    return replace(whole, lexemes=" & ".join([whole.lexemes, *(f"({head})" for head in heads)]))


def with_plain_words(asked: Asked) -> bool:
    """Whether some matches can be better than others."""
    return any(_is_plain(term) for term in asked.terms)


def _is_plain(term: Term) -> bool:
    return term.field == Field.ANY and not term.is_not


def _is_positive(group: tuple[Term, ...]) -> bool:
    return all(not term.is_not for term in group)


def _is_mail_only(group: tuple[Term, ...]) -> bool:
    return all(
        not term.is_not
        and (
            term.field in MAIL_ONLY or term.field == Field.IS or (term.field == Field.HAS and not _note(term))
        )
        for term in group
    )


def _queues(queues: Iterable[int]) -> str:
    marks = [f"'~{QUEUE}{pk}'" for pk in sorted(set(queues))] or [f"'~{QUEUE}0'"]
    return f"({' | '.join(marks)})"


def _alternatives(group: tuple[Term, ...]) -> str:
    parts = [_term(term) for term in group if not (term.is_not and term.is_phrase)]
    return f"({' | '.join(parts)})" if parts else ""


def _term(term: Term) -> str:
    match term.field:
        case Field.HAS:
            lexeme = f"'~{KIND}{A_NOTE if _note(term) else WITH_FILES}'"
        case Field.IS:
            lexeme = f"'~{KIND}{DIRECTIONS[term.value]}'"
        case _:
            lexeme = _words(term, MARKS[term.field])
    return f"!{lexeme}" if term.is_not else lexeme


def _note(term: Term) -> bool:
    return term.field == Field.HAS and term.value == "note"


def _words(term: Term, marks: Iterable[str]) -> str:
    """All words of a term, each in one of its spellings, all below one of the marks."""
    every = []
    for at, word in enumerate(term.words):
        end = ":*" if is_beginning(term, at) else ""
        ways = [f"'~{mark}{spelling}'{end}" for mark in marks for spelling in word]
        every.append(f"({' | '.join(ways)})" if len(ways) > 1 else ways[0])
    return f"({' & '.join(every)})" if len(every) > 1 else every[0]
