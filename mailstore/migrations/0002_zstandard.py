"""Raw mails are compressed by Zstandard, and PostgreSQL need not try to compress them once more."""

import zlib
from typing import Any

import zstandard
from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import BinaryField, Func

PORTION = 1000
ZLIB = b"\x78"  # a zlib stream begins with it (RFC 1950), Zstandard with 0x28 (RFC 8878)


def recompress(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """One mail at a time: a statement with a portion of big mails would be larger than PostgreSQL takes.

    A process of the earlier version may store mails meanwhile; they are read as they are.
    """
    RawMail = apps.get_model("mailstore", "RawMail")
    last = 0
    while found := list(_beginnings(RawMail, last)):
        for pk, beginning in found:
            if bytes(beginning) == ZLIB:
                data = RawMail.objects.values_list("data", flat=True).get(pk=pk)
                packed = zstandard.ZstdCompressor(level=1).compress(zlib.decompress(bytes(data)))
                RawMail.objects.filter(pk=pk).update(data=packed)
        last = found[-1][0]


def _beginnings(model: Any, after: int) -> Any:
    rows = model.objects.filter(pk__gt=after).order_by("pk")
    beginning = Func("data", 1, 1, function="SUBSTRING", output_field=BinaryField())
    return rows.values_list("pk", beginning)[:PORTION]


class Migration(migrations.Migration):
    atomic = False  # each mail by itself, so that a big store doesn't wait for one transaction

    dependencies = [("mailstore", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE mailstore_rawmail ALTER COLUMN data SET STORAGE EXTERNAL",
            "ALTER TABLE mailstore_rawmail ALTER COLUMN data SET STORAGE EXTENDED",
        ),
        migrations.RunPython(recompress, migrations.RunPython.noop),
    ]
