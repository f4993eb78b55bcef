"""The raw bytes of each mail, in and out: written once, never changed, read when someone looks."""

import hashlib
import zlib

import zstandard
from django.db import models

LEVEL = 1
"""Fifteen times as quick as zlib's quickest and smaller; higher levels gain a thousandth on mails."""

ZLIB = b"\x78"
"""A zlib stream begins with it (RFC 1950), and Zstandard never does (RFC 8878 section 3.1.1)."""


class RawMailQuerySet(models.QuerySet["RawMail"]):
    """Storing goes through `keep`, so that bytes, hash and size never disagree."""

    def prepare(self, raw: bytes) -> "RawMail":
        """The row for `raw`, compressed but not stored yet, for who stores many at once."""
        data = zstandard.ZstdCompressor(level=LEVEL).compress(raw)
        return self.model(sha256=hashlib.sha256(raw).hexdigest(), size=len(raw), data=data)

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

    class Meta:
        verbose_name = "raw mail"
        verbose_name_plural = "raw mail"

    def __str__(self) -> str:
        return f"raw mail {self.pk} ({self.size} octets)"

    def forget_who_names_it(self) -> None:
        """Let go of rows in memory that hold this one: in a circle the bytes stay until it is collected."""
        self._state.fields_cache.clear()

    def as_bytes(self) -> bytes:
        """The mail exactly as it was received or as it was frozen for sending."""
        # A process of the earlier version may have stored it while, or after, the migration ran.
        if bytes(self.data[:1]) == ZLIB:
            return zlib.decompress(bytes(self.data))
        return zstandard.ZstdDecompressor().decompress(bytes(self.data), max_output_size=self.size)
