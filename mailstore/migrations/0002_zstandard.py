"""Raw mails are compressed by Zstandard, and PostgreSQL need not try to compress them once more."""

import zlib

import zstandard
from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

PORTION = 100
ZLIB = 0x78  # the first byte of a zlib stream (RFC 1950); Zstandard begins with 0x28 (RFC 8878)


def recompress(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    RawMail = apps.get_model("mailstore", "RawMail")
    last = 0
    while rows := list(RawMail.objects.filter(pk__gt=last).order_by("pk")[:PORTION]):
        for row in rows:
            if bytes(row.data)[:1] == bytes([ZLIB]):
                row.data = zstandard.ZstdCompressor(level=1).compress(zlib.decompress(bytes(row.data)))
        RawMail.objects.bulk_update(rows, ["data"])
        last = rows[-1].pk


class Migration(migrations.Migration):
    atomic = False  # each portion by itself, so that a big store doesn't fill the log with one transaction

    dependencies = [("mailstore", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE mailstore_rawmail ALTER COLUMN data SET STORAGE EXTERNAL",
            "ALTER TABLE mailstore_rawmail ALTER COLUMN data SET STORAGE EXTENDED",
        ),
        migrations.RunPython(recompress, migrations.RunPython.noop),
    ]
