"""kill -9 for a process that moves mail in: the next one goes on, and each mail is there once."""

import mailbox
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from movein import moving
from movein.models import Move, Moved
from queues.models import Message
from tests.make import make_mail, make_queue
from tests.product import eventually

pytestmark = pytest.mark.django_db(transaction=True)

MAILS = 300


def test_a_killed_move_goes_on(
    imports: Path, product_env: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    queue = make_queue()
    box = mailbox.mbox(imports / "box")
    for number in range(MAILS):
        box.add(make_mail(str(number)))
    box.close()
    command = ["move_in", "mbox", "box", "--queue", queue.name]
    process = subprocess.Popen(
        [sys.executable, "manage.py", *command],
        env=product_env | {"UCS_IMPORTS_DIR": str(imports)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(Message.objects.exists, "mails are being moved in", 120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = Message.objects.count()
    assert before < MAILS
    Move.objects.update(lease_until=timezone.now())  # the time of its lease has run out
    call_command(*command)
    assert f"Moved in {MAILS} mails, 0 were here already" in capsys.readouterr().out
    assert Message.objects.count() == Moved.objects.count() == MAILS
    assert Message.objects.values("message_id").distinct().count() == MAILS
    # The same words again: a new move, which finds all of it here.
    call_command(*command, "--dry-run")
    assert f"{MAILS} here already" in capsys.readouterr().out


def test_ctrl_c_pauses_and_the_same_words_go_on(
    imports: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = make_queue()
    (imports / "one.eml").write_bytes(make_mail("one"))
    command = ["move_in", "eml", "one.eml", "--queue", queue.name, "--ours", "@example.com"]
    work = moving.work

    def interrupted(pk: int, seconds: float) -> None:
        work(pk, seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(moving, "work", interrupted)
    with pytest.raises(SystemExit) as stopped:
        call_command(*command)
    assert stopped.value.code == 130
    monkeypatch.setattr(moving, "work", work)
    Move.objects.filter(state="scanned").update(state="paused", before_pause="scanning")
    with pytest.raises(CommandError, match="give 1 to 3650"):
        call_command(*command, "--open-days", "0")
    call_command(*command, "--open-days", "20")
    assert Move.objects.get().open_days == 20
    assert Move.objects.get().own_addresses == "@example.com"
    assert "Moved in 1 mails" in capsys.readouterr().out
    assert (Move.objects.get().state, Message.objects.count()) == ("done", 1)
    with pytest.raises(CommandError, match="There is no “gone”"):
        call_command("move_in", "mbox", "gone", "--queue", queue.name)
    with pytest.raises(CommandError, match="There is no email queue “None”"):
        call_command("move_in", "mbox", "gone", "--queue", "None")
