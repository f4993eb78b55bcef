"""What a conversation with a mail server that hands mail over leaves in the communication log."""

from sso import communication
from sso.communication import Entry, Kind
from sso.hearing import Hearing

MOST_WAITING = 2000
"""While the database is away; later ones are not noted."""


class Heard:
    """The conversations of one process that are over, until they are written together."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def over(self, hearing: Hearing, stored: list[int], refused: list[str]) -> None:
        """A conversation has ended.

        :param stored: the mails that were taken.
        :param refused: answers that were a no; a conversation with neither is only counted.
        """
        if not stored and not refused:
            communication.nothing_happened(Kind.INTAKE, None, hearing.peer, hearing.began_at)
            return
        told = f"{len(stored)} mails were taken." if len(stored) != 1 else "1 mail was taken."
        if refused:
            told += f" Refused: {refused[-1]}"
        if len(self._entries) < MOST_WAITING:
            self._entries.append(
                Entry(Kind.INTAKE, hearing, sentence=told, is_good=not refused, mails=stored)
            )

    def write(self) -> None:
        """Write them; blocking work with the database."""
        found, self._entries = self._entries, []
        communication.write(found)
        communication.write_quiet()
