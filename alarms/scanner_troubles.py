"""Files that wait for a virus scanner that is away."""

from collections.abc import Iterator

from django.conf import settings

from alarms.trouble import Trouble
from queues import scanning


def scanner_troubles() -> Iterator[Trouble]:
    """One, however many files wait."""
    count = scanning.waits_too_long()
    if count:
        files = f"{count:,} files wait" if count > 1 else "1 file waits"
        yield Trouble(
            "scanner",
            "virus scanner",
            f"{files} for the virus scanner at {settings.CLAMAV}, which does not answer: start ClamAV's "
            "clamd there, or correct UCS_CLAMAV.",
        )
