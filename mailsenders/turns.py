"""One task at a time sends for a sender in a process; who comes meanwhile is not lost but looked after."""

import threading
from collections.abc import Callable

_lock = threading.Lock()
_busy: dict[int, bool] = {}  # sender → somebody else has come meanwhile


def take_turns(sender_id: int, work: Callable[[], None]) -> bool:
    """Do the work unless it is being done, then the one who does it does it once more.

    So what became due before the call is seen by a run that began after it. False: another one does it.
    """
    with _lock:
        if sender_id in _busy:
            _busy[sender_id] = True
            return False
        _busy[sender_id] = False
    while True:
        try:
            work()
        except BaseException:
            with _lock:
                del _busy[sender_id]
            raise
        with _lock:
            if not _busy[sender_id]:
                del _busy[sender_id]
                return True
            _busy[sender_id] = False
