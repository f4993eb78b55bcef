"""What waits while nobody on duty can do it, in queues that are open now."""

from collections.abc import Iterator

from alarms.trouble import Trouble
from queues import gaps

WHAT_HELPS = "somebody able must come on duty, or levels, members or what the queue demands must change."


def gap_troubles() -> Iterator[Trouble]:
    """One for each kind of mail; the numbers change, the trouble stays the same one."""
    for gap in gaps.current():
        if gap.is_open:
            key, title = f"queue:{gap.queue_id}:gap:{gap.kind_id}", f"queue {gap.queue}"
            yield Trouble(key, title, f"{gap.sentence}: {WHAT_HELPS}", "/board/", is_urgent=False)
