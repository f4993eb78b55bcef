"""`manage.py ingest`: one bad file doesn't keep the others out, and what became of each is said."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from mailsources.models import EmailSource, FetchedMail
from tests.make import make_mail, make_source

pytestmark = pytest.mark.django_db


def feed(source: EmailSource, *files: Path) -> tuple[int, str, str]:
    """Exit code, what it said, what it complained about."""
    out, err = StringIO(), StringIO()
    try:
        call_command("ingest", *map(str, files), source=source.name, stdout=out, stderr=err)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_bad_files_are_named_and_the_others_are_taken(tmp_path: Path) -> None:
    source = make_source()
    good, empty, missing = tmp_path / "good.eml", tmp_path / "empty.eml", tmp_path / "missing.eml"
    good.write_bytes(make_mail("Hello"))
    empty.write_bytes(b"\r\n")
    code, out, err = feed(source, empty, missing, tmp_path, good)
    assert code == 1
    assert out == f"{source.name}: 1 delivered\n"
    assert f"{empty}: it is empty" in err
    assert f"{missing}: the file can't be read: No such file" in err
    assert f"{tmp_path}: the file can't be read: Is a directory" in err
    assert FetchedMail.objects.count() == 1


def test_a_mail_that_is_there_is_not_called_delivered_again(tmp_path: Path) -> None:
    source = make_source()
    mail = tmp_path / "one.eml"
    mail.write_bytes(make_mail("Hello"))
    assert feed(source, mail)[:2] == (0, f"{source.name}: 1 delivered\n")
    assert feed(source, mail)[:2] == (0, f"{source.name}: 1 there already\n")
    assert FetchedMail.objects.count() == 1
