"""The look at mails in files: how many there are, of when, whose; nothing but rows of this are written."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import F

from mailcore.headers import read_headers
from movein.facts import LOOK, Facts, Ours, facts, known
from movein.job import Job
from movein.models import MoveItem
from movein.pieces import Piece, pieces

TOGETHER = 200
OCTETS = 8 * 1024 * 1024


def scan(job: Job) -> Iterator[None]:
    """Scan from where it was left; control comes back after each portion.

    :raises PlaceRefused: the place can't be read.
    """
    cursor, ours = job.move.cursor, Ours(job.move)
    group: list[Piece] = []
    octets = 0
    for piece in pieces(job.move, job.hold, cursor.get("file", ""), cursor.get("position", 0)):
        group.append(piece)
        octets += len(piece.raw)
        if len(group) >= TOGETHER or octets >= OCTETS:
            _write(job, group, ours)
            yield
            group, octets = [], 0
    if group:
        _write(job, group, ours)
        yield


def _write(job: Job, group: Sequence[Piece], ours: Ours) -> None:
    read = [(piece, facts(piece.raw, piece.posted)) for piece in group]
    mails = [one for one in read if not one[0].why]
    here = known(job.move, [each for _, each in mails])
    sent = sum(1 for piece, each in mails if _is_sent(piece, each, ours))
    times = [each.at for _, each in mails]
    known_already = sum(
        1 for _, each in mails if each.digest in here.digests or each.message_id in here.by_id
    )
    with job.portion():
        MoveItem.objects.bulk_create(_row(job, piece, each) for piece, each in read)
        job.note(
            found=F("found") + len(group),
            skipped=F("skipped") + len(group) - len(mails),
            octets=F("octets") + sum(piece.size for piece in group),
            ours=F("ours") + sent,
            foreseen_known=F("foreseen_known") + known_already,
            cursor={"file": group[-1].file, "position": group[-1].following},
            **_span(job, times),
        )


def _row(job: Job, piece: Piece, each: Facts) -> MoveItem:
    return MoveItem(
        move=job.move,
        file=piece.file,
        offset=piece.offset,
        size=piece.size,
        at=each.at,
        state=MoveItem.State.SKIPPED if piece.why else MoveItem.State.WAITING,
        why=piece.why,
    )


def _is_sent(piece: Piece, each: Facts, ours: Ours) -> bool:
    if not ours.has(each.sender):
        return False
    block = read_headers(piece.raw, 0, min(len(piece.raw), LOOK))
    people = [one.email for name in ("to", "cc") for one in block.addresses(name)[0]]
    return ours.wrote(each.sender, people, is_local=each.is_local)


def _span(job: Job, times: Sequence[datetime]) -> dict[str, datetime | None]:
    """The first and the last date, with those of earlier portions."""
    move = job.move
    every = [each for each in (move.first_at, move.last_at, *times) if each is not None]
    if every:
        move.first_at, move.last_at = min(every), max(every)
    return {"first_at": move.first_at, "last_at": move.last_at}
