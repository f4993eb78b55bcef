"""One event loop in a thread of its own, for the connections of this process.

Workers are threads or forked processes that do one thing after the other; connections must live on between
two mails, and notice when the other side hangs up. So they live here, and `run` waits for one step.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class Background:
    """The loop of one process, started when it is first needed."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="smtp", daemon=True)
        self.thread.start()


_lock = threading.Lock()
_backgrounds: dict[int, Background] = {}  # by process, as a thread doesn't survive a fork


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Do a step on the loop and wait for its result; the step has time-outs of its own."""
    with _lock:
        background = _backgrounds.get(os.getpid()) or _backgrounds.setdefault(os.getpid(), Background())
    future = asyncio.run_coroutine_threadsafe(work, background.loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()  # the caller was interrupted: nobody waits for the step any more
        raise


os.register_at_fork(after_in_child=_backgrounds.clear)
