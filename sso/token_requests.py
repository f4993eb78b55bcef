"""What requests for tokens leave in the communication log: that they were made, and the answer's words."""

from collections.abc import Iterator
from contextlib import contextmanager

from sso import communication
from sso.communication import Entry, Kind, Whose
from sso.hearing import Hearing, listening
from sso.models import SSOProvider


def note(provider: SSOProvider, heard: Hearing, *, is_good: bool) -> None:
    """Keep what was said to a provider; nothing when nothing was, as its settings don't allow it."""
    if not heard.is_empty:
        told = heard.told()[-1][2]
        communication.write([Entry(Kind.TOKEN, heard, Whose(SSOProvider, provider.pk), told, is_good)])


@contextmanager
def logged(provider: SSOProvider) -> Iterator[None]:
    """Keep what is said to the provider in this block; it fails when the block does."""
    is_good = False
    with listening(Hearing("HTTPS")) as heard:
        try:
            yield
            is_good = True
        finally:
            note(provider, heard, is_good=is_good)
