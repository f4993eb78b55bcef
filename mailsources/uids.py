"""Which UIDs are new, without ever asking for more than a server's answer may hold."""

from collections.abc import Callable, Iterator

ALL_AT_ONCE = 50_000
"""An answer line of imaplib ends at a million octets, and a UID may have eleven of them."""

FIRST_RANGE = 10_000
WIDEST_RANGE = 80_000

Search = Callable[[str], list[int]]


def new_uids(search: Search, after: int, total: int) -> Iterator[list[int]]:
    """UIDs above `after` that exist, ascending, in one or more portions.

    :param search: asks the server for a UID set such as "5:*".
    :param total: how many mails the folder holds.

    The set `n:*` always holds the last mail, also when its UID is below n (RFC 9051 9, seq-range).
    """
    if total <= ALL_AT_ONCE:
        yield _above(after, search(f"{after + 1}:*"))
        return
    top = max(search("*"), default=0)
    low, width = after + 1, FIRST_RANGE
    while low <= top:
        high = min(low + width - 1, top)
        found = _above(after, search(f"{low}:{high}"))
        yield found
        # Where most mails were deleted the numbers are far apart.
        width = min(width * 2, WIDEST_RANGE) if len(found) < width // 4 else FIRST_RANGE
        low = high + 1


def _above(after: int, found: list[int]) -> list[int]:
    return sorted(uid for uid in set(found) if uid > after)
