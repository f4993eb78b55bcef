"""Raw mails come back byte for byte, also those that an earlier version has stored."""

import random
import zlib
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailstore.models import RawMail


@pytest.mark.django_db
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=3000))
def test_bytes_come_back(raw: bytes) -> None:
    stored = RawMail.objects.get(pk=RawMail.objects.keep(raw).pk)
    assert (stored.as_bytes(), stored.size) == (raw, len(raw))


@pytest.mark.django_db
def test_a_mail_of_an_earlier_version_is_compressed_anew() -> None:
    raw = b"Subject: old\r\n\r\n" + b"A line.\r\n" * 1000
    old = RawMail.objects.create(sha256="0" * 64, size=len(raw), data=zlib.compress(raw))
    new = RawMail.objects.keep(raw)
    migration = import_module("mailstore.migrations.0002_zstandard")
    for _ in range(2):  # it may be interrupted and begun again
        with connection.schema_editor() as editor:
            migration.recompress(apps, editor)
    assert RawMail.objects.get(pk=old.pk).as_bytes() == raw
    assert RawMail.objects.get(pk=new.pk).as_bytes() == raw


@pytest.mark.django_db
def test_a_mail_stored_by_a_process_of_the_earlier_version_is_read() -> None:
    raw = b"Subject: late\r\n\r\nStored while the new version was already here.\r\n"
    late = RawMail.objects.create(sha256="0" * 64, size=len(raw), data=zlib.compress(raw))
    assert RawMail.objects.get(pk=late.pk).as_bytes() == raw


@pytest.mark.django_db
def test_no_statement_of_the_migration_holds_more_than_one_mail() -> None:
    raws = [random.Random(number).randbytes(20_000) for number in range(5)]
    for raw in raws:
        RawMail.objects.create(sha256="0" * 64, size=len(raw), data=zlib.compress(raw))
    migration = import_module("mailstore.migrations.0002_zstandard")
    with CaptureQueriesContext(connection) as asked, connection.schema_editor() as editor:
        migration.recompress(apps, editor)
    assert max(len(each["sql"]) for each in asked) < 2 * 20_000 + 1000  # hexadecimal
    assert [row.as_bytes() for row in RawMail.objects.order_by("pk")] == raws
    assert {bytes(row.data[:4]) for row in RawMail.objects.all()} == {b"\x28\xb5\x2f\xfd"}
