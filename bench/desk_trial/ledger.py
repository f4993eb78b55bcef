"""What the agents meant to do, written down beside the product, to be compared with it in the end.

An answer begins with its mark and goes on with numbered words: so one sees how much of it there is.

    typing ──▶ asked ──▶ sent ──▶ undone ──▶ typing …
       └──▶ left: a draft          asked, and no word came back: it may have been sent, or not
"""

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from bench.desk_trial.office import Customer

MARK = re.compile(r"answer-[0-9a-z]+-[0-9]+")
SECRET = "secret-"  # each note has one


class State(StrEnum):
    """How far an answer has come, as its agent knows."""

    TYPING = "typing"
    ASKED = "asked"
    SENT = "sent"
    UNDONE = "undone"
    LEFT = "left"


@dataclass
class Answer:
    """One intended answer; `kept` is how many of its words must be found again, -1 for none."""

    mark: str
    agent: str
    conversation: int
    customer: Customer
    words: int = 0
    kept: int = -1
    state: State = State.TYPING
    story: list[str] = field(default_factory=list)
    typed: list[tuple[float, int]] = field(default_factory=list)

    def text(self) -> str:
        """All that was typed so far."""
        return " ".join([self.mark, *(f"w{number}" for number in range(1, self.words + 1))])

    def more(self, count: int) -> str:
        """The next words, as they are typed behind what is there."""
        self.typed.append((time.monotonic(), self.words))
        first, self.words = self.words + 1, self.words + count
        return "".join(f" w{number}" for number in range(first, self.words + 1))

    def words_before(self, seconds: float) -> int:
        """How many there were so long ago."""
        since = time.monotonic() - seconds
        return min((words for at, words in self.typed if at > since), default=self.words)

    def became(self, state: State, words: str = "") -> None:
        """Note what happened."""
        self.state = state
        self.story.append(f"{state}{f' ({words})' if words else ''}")

    def goes_on(self, agent: str) -> None:
        """Somebody opened it again."""
        self.story.append(f"{agent} goes on at {self.words}")

    def __str__(self) -> str:
        return f"{self.mark} in conversation {self.conversation}: {', '.join(self.story) or 'typing'}"


def words_of(mark: str, text: str) -> int:
    """How many of an answer's words stand in a text in order; -1 when not even its mark is there."""
    found = re.search(rf"{re.escape(mark)}\b((?:\s+w\d+)*)", text)
    if found is None:
        return -1
    numbers = [int(word[1:]) for word in found.group(1).split()]
    right = list(range(1, len(numbers) + 1))
    return next(
        (at for at, (is_, was) in enumerate(zip(numbers, right, strict=True)) if is_ != was), len(right)
    )


class Ledger:
    """All of it; agents run in several threads."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.notes: list[str] = []
        self.deeds: Counter[str] = Counter()
        self.faults: list[str] = []
        self.writing: dict[int, str] = {}
        self._secrets = 0
        self._lock = threading.Lock()

    def begin(self, agent: str, conversation: int, customer: Customer) -> Answer:
        """A new answer of an agent."""
        with self._lock:
            answer = Answer(f"answer-{agent}-{len(self.answers)}", agent, conversation, customer)
            self.answers[answer.mark] = answer
            self.writing[conversation] = agent
        return answer

    def known(self, text: str) -> Answer | None:
        """The answer that stands in an editor already."""
        found = MARK.search(text)
        return self.answers.get(found.group()) if found else None

    def secret(self, agent: str) -> str:
        """The text of a note."""
        with self._lock:
            self._secrets += 1
            return f"{SECRET}{agent}-{self._secrets} this is for colleagues only"

    def noted(self, text: str) -> None:
        """A note was added, as its agent was told."""
        with self._lock:
            self.notes.append(text)

    def did(self, what: str) -> None:
        """Count a deed."""
        with self._lock:
            self.deeds[what] += 1

    def fault(self, what: str) -> None:
        """Something that must not be."""
        with self._lock:
            self.faults.append(what)
            print(f"  FAULT {what}", flush=True)

    def written_on(self) -> list[int]:
        """Where somebody writes, or wrote last."""
        with self._lock:
            return list(self.writing)

    def rests(self, conversation: int) -> None:
        """Nobody writes there any more."""
        with self._lock:
            self.writing.pop(conversation, None)
