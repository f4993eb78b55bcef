"""The raw bytes of each mail, in and out: written once, read when someone looks.

They are never changed but for the numbers of payment cards, which must not be kept (see `mailcore.masking`).
"""

import hashlib
import zlib

import zstandard
from django.db import models
from django.db.models.functions import Substr
from django.utils import timezone

from mailstore.feed_models import FeedEvent

__all__ = ["CONTENT", "FeedEvent", "RawMail"]

CONTENT = ("sha256", "size", "data")
"""The columns that `exchange` changes."""

LEVEL = 1
"""Fifteen times as quick as zlib's quickest and smaller; higher levels gain a thousandth on mails."""

MARGIN = 1024
"""What Zstandard adds at most to octets that can't be made smaller."""

ZLIB = b"\x78"
"""A zlib stream begins with it (RFC 1950), and Zstandard never does (RFC 8878 section 3.1.1)."""


class RawMailQuerySet(models.QuerySet["RawMail"]):
    """Storing goes through `keep`, so that bytes, hash and size never disagree."""

    def prepare(self, raw: bytes) -> "RawMail":
        """The row for `raw`, compressed but not stored yet, for who stores many at once."""
        data = zstandard.ZstdCompressor(level=LEVEL).compress(raw)
        return self.model(sha256=hashlib.sha256(raw).hexdigest(), size=len(raw), data=data)

    def beginning(self, pk: int, octets: int) -> bytes:
        """The first octets of a mail, without reading or unpacking all of it; b"" of one that is gone."""
        rows = self.filter(pk=pk).annotate(
            cut=Substr("data", 1, octets + MARGIN, output_field=models.BinaryField())
        )
        found: memoryview | bytes | None = rows.values_list("cut", flat=True).first()
        cut = bytes(found or b"")
        if cut[:1] == ZLIB:
            return zlib.decompressobj().decompress(cut, octets)
        # What is cut off is the end of the frame, which nobody reads.
        return zstandard.ZstdDecompressor().stream_reader(cut).read(octets)

    def keep(self, raw: bytes) -> "RawMail":
        """Store `raw` and return its row; call it inside the transaction that acknowledges the mail."""
        row = self.prepare(raw)
        row.save(force_insert=True)
        return row


class RawMail(models.Model):
    """One mail as it came over the wire; attachments are read out of it, not copied beside it."""

    sha256 = models.CharField(max_length=64, db_index=True)
    size = models.PositiveBigIntegerField(help_text="Octets before compression.")
    data = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RawMailQuerySet.as_manager()
    is_exchanged = False  # of the row in memory: its bytes are to be saved

    class Meta:
        verbose_name = "raw mail"
        verbose_name_plural = "raw mail"

    def __str__(self) -> str:
        return f"raw mail {self.pk} ({self.size} octets)"

    def forget_who_names_it(self) -> None:
        """Let go of rows in memory that hold this one: in a circle the bytes stay until it is collected."""
        self._state.fields_cache.clear()

    def exchange(self, raw: bytes) -> None:
        """Hold other bytes from now on, as what came must not be kept; the caller saves `CONTENT`."""
        other = type(self).objects.prepare(raw)
        self.is_exchanged = True
        self.sha256, self.size, self.data = other.sha256, other.size, other.data

    def as_bytes(self) -> bytes:
        """The mail exactly as it was received or as it was frozen for sending."""
        # A process of the earlier version may have stored it while, or after, the migration ran.
        if bytes(self.data[:1]) == ZLIB:
            return zlib.decompress(bytes(self.data))
        return zstandard.ZstdDecompressor().decompress(bytes(self.data), max_output_size=self.size)


class MailTry(models.Model):
    """A try that came to nothing, or a person's decision; `mailstore/tries.py` is the only writer."""

    class What(models.TextChoices):
        READING = "reading", "Reading it failed"
        DELIVERY = "delivery", "Putting it into its queue failed"
        AGAIN = "again", "Tried again"
        SENDING = "sending", "Sending failed"
        DOUBT = "doubt", "Nobody knows whether it arrived"
        PUT_BACK = "put_back", "Put back"
        DECIDED = "decided", "A person decided"

    raw = models.ForeignKey(RawMail, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField(default=timezone.now)
    what = models.CharField(max_length=20, choices=What)
    words = models.TextField(blank=True)
    answer = models.TextField(blank=True, help_text="What the server said.")

    class Meta:
        ordering = ["id"]
        verbose_name = "try"
        verbose_name_plural = "tries"

    def __str__(self) -> str:
        return f"{self.what} {self.at:%Y-%m-%d %H:%M:%S}"
