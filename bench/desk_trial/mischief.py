"""What happens to the servers meanwhile: killed, restarted, emptied."""

import os
import random
import signal
import threading
from contextlib import suppress

from bench.desk_trial.ledger import Ledger
from bench.desk_trial.office import Office


class Mischief(threading.Thread):
    """Now and then the web process or a worker is killed, or Redis loses all it knows."""

    def __init__(self, office: Office, ledger: Ledger, luck: random.Random, pace: float) -> None:
        super().__init__(name="mischief", daemon=True)
        self.office, self.ledger, self.luck, self.pace = office, ledger, luck, pace
        self.is_over = threading.Event()

    def run(self) -> None:
        """Until it is over."""
        while not self.is_over.wait(self.pace * self.luck.uniform(0.5, 1.5)):
            self.luck.choice([self.kill_web, self.kill_web, self.kill_worker, self.empty_redis])()

    def kill_web(self) -> None:
        """kill -9 of the process that answers the pages."""
        self._kill(b"uvicorn")

    def kill_worker(self) -> None:
        """kill -9 of what sends."""
        self._kill(b"worker")

    def empty_redis(self) -> None:
        """As by an administrator's mistake."""
        self.office.database.empty_redis()
        self.ledger.did("Redis emptied")

    def _kill(self, word: bytes) -> None:
        for pid in self.office.product.pids(word):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.ledger.did(f"{word.decode()} killed")
