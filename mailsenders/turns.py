"""One task at a time sends for a sender in a process; who comes meanwhile wakes the one who does."""

import threading
from queue import SimpleQueue
from typing import Any

WAKE = "somebody has come"
Inbox = SimpleQueue[Any]

_lock = threading.Lock()
_busy: dict[int, Inbox] = {}


def enter(sender_id: int) -> Inbox | None:
    """Begin to send for a sender, with an inbox for what happens meanwhile.

    None when another one is at it: it has been told to look again, so what became due before is seen.
    """
    with _lock:
        inbox = _busy.get(sender_id)
        if inbox is not None:
            inbox.put(WAKE)
            return None
        inbox = _busy[sender_id] = Inbox()
        return inbox


def leave(sender_id: int) -> bool:
    """Stop sending; False when somebody has come since the last look, then one has to look again."""
    with _lock:
        inbox = _busy[sender_id]
        if not inbox.empty():
            while not inbox.empty():
                inbox.get_nowait()
            return False
        del _busy[sender_id]
        return True


def abandon(sender_id: int) -> None:
    """Stop sending, whatever is in the inbox: something went wrong, the next tick begins anew."""
    with _lock:
        _busy.pop(sender_id, None)
