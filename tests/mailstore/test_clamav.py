"""The protocol of ClamAV's daemon."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from mailstore import clamav
from mailstore.clamav import ScannerAway, Verdict
from tests.servers.clamd import EICAR, LARGEST, Clamd


@pytest.fixture
def clamd(settings: Settings) -> Iterator[Clamd]:
    with Clamd() as server:
        settings.CLAMAV = server.address
        yield server


def test_verdicts(clamd: Clamd) -> None:
    assert clamav.scan(b"words") == Verdict()
    assert clamav.scan(b"") == Verdict()
    found = clamav.scan(EICAR)
    assert found.virus.startswith("Eicar-Test")


def test_large_files_are_sent_in_pieces_and_larger_ones_told_of(clamd: Clamd) -> None:
    assert clamav.scan(bytes(LARGEST - 100)) == Verdict()
    assert clamav.scan(bytes(20 * LARGEST)) == Verdict(is_too_large=True)


def test_a_scanner_that_talks_nonsense_gives_no_verdict(clamd: Clamd) -> None:
    if clamd.address.endswith(str(clamd.server_address[1])):
        clamd.answer = b"stream: lstat() failed. ERROR\0"
        with pytest.raises(ScannerAway, match="lstat"):
            clamav.scan(b"words")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "unix:///nowhere/clamd.ctl"])
def test_no_scanner_is_told_with_the_remedy(settings: Settings, address: str) -> None:
    settings.CLAMAV = address
    with pytest.raises(ScannerAway, match="UCS_CLAMAV"):
        clamav.scan(b"words")
