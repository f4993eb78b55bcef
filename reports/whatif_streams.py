"""Streams of acts, each in the order of the conversation, put together without keeping them. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from reports.whatif_turns import Act


def merged(*streams: Iterator[tuple[int, Act]]) -> Iterator[tuple[int, Act]]:
    """Both streams are in the order of the conversation; so is what comes out."""
    heads = [(next(stream, None), stream) for stream in streams]
    while True:
        there = [(head, stream) for head, stream in heads if head is not None]
        if not there:
            return
        least = min(head[0] for head, _ in there)
        following = []
        for head, stream in there:
            current: tuple[int, Act] | None = head
            while current is not None and current[0] == least:
                yield current
                current = next(stream, None)
            following.append((current, stream))
        heads = following


def grouped(acts: Iterable[tuple[int, Act]]) -> Iterator[tuple[int, list[Act]]]:
    for pk, group in groupby(acts, key=itemgetter(0)):
        yield pk, sorted((act for _, act in group), key=lambda act: act.at)
