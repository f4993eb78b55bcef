"""One event loop in a thread of its own, for the connections of this process.

Workers are threads or forked processes that do one thing after the other; connections must live on between
two mails, and notice when the other side hangs up. So they live here, and `run` waits for one step.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
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


def loop() -> asyncio.AbstractEventLoop:
    """The loop of this process."""
    with _lock:
        background = _backgrounds.get(os.getpid()) or _backgrounds.setdefault(os.getpid(), Background())
    return background.loop


def start(work: Coroutine[Any, Any, Result]) -> "Future[Result]":
    """Begin a piece of work on the loop, and let it go on by itself."""
    return asyncio.run_coroutine_threadsafe(work, loop())


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Do a step on the loop and wait for its result; the step has time-outs of its own."""
    future = start(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()  # the caller was interrupted: nobody waits for the step any more
        raise


class Answer:
    """What a coroutine waits for, and a thread gives with `answer`."""

    def __init__(self) -> None:
        self._future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def wait(self) -> bool:
        """The answer, once there is one."""
        return await self._future

    def give(self, value: bool) -> None:
        """Answer, on the loop."""
        if not self._future.done():  # who asked may have gone
            self._future.set_result(value)


def answer(answers: list[tuple[Answer, bool]]) -> None:
    """Answer several who wait, from a thread."""

    def give() -> None:
        for asked, value in answers:
            asked.give(value)

    loop().call_soon_threadsafe(give)


os.register_at_fork(after_in_child=_backgrounds.clear)
