"""One thing that is wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """One object's trouble. `is_urgent`: mail isn't coming or going."""

    key: str
    title: str
    sentence: str
    link: str = ""
    owner: str = ""
    is_urgent: bool = True

    def __str__(self) -> str:
        return f"{self.title}: {self.sentence}"
