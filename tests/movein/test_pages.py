"""☰ Messaging → Moving in: from the form to the table of what was not taken."""

import mailbox
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditRow
from movein.admin import MoveAdmin
from movein.models import Move, MoveItem
from queues.models import EmailQueue, Message
from tests.make import make_administrator, make_mail, make_queue, make_supervisor
from tests.movein.conftest import finished

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "admin:movein_move_add"


def page(client: Client, name: str, move: Move) -> str:
    return client.get(reverse(f"admin:movein_move_{name}", args=[move.pk])).content.decode()


def test_from_the_form_to_the_table(imports: Path, client: Client) -> None:
    queue = make_queue(name="Support")
    box = mailbox.mbox(imports / "box")
    box.add(make_mail("one"))
    box.close()
    (imports / "=cmd.txt").write_text("no mbox")
    client.force_login(make_administrator())
    said = client.get(reverse(ADD)).content.decode()
    assert str(imports) in said
    empty = {"kind": "mbox", "place": "", "queue": queue.pk, "own_addresses": "", "open_days": "", "name": ""}
    assert "Say where the mail lies" in client.post(reverse(ADD), empty).content.decode()
    wrong = client.post(reverse(ADD), empty | {"place": "../etc"}).content.decode()
    assert "leads out of" in wrong
    assert not Move.objects.exists()
    answer = client.post(reverse(ADD), empty | {"place": "/"})
    move = Move.objects.get()
    assert answer.headers["Location"] == reverse("admin:movein_move_change", args=[move.pk])
    assert (move.state, move.user and move.user.username) == ("scanning", "root")
    assert "every 2s" in page(client, "card", move)
    finished(move)
    found = page(client, "change", move)
    assert "2 mails found" in found
    assert "Nothing is moved in yet." in found
    assert "It is no mbox" in found
    assert 'name="place"' not in found  # it is fixed
    act = reverse("admin:movein_move_act", args=[move.pk])
    assert "is being moved in" in client.post(act, {"act": "start"}, follow=True).content.decode()
    assert "that can&#x27;t be done now" in client.post(act, {"act": "start"}, follow=True).content.decode()
    finished(move)
    assert "1 mails moved in" in page(client, "change", move)
    assert "2 of 2 (100 %)" in client.get(reverse("admin:movein_move_changelist")).content.decode()
    table = b"".join(client.get(reverse("admin:movein_move_trouble", args=[move.pk])))
    assert "'=cmd.txt" in table.decode()  # no formula for a spreadsheet
    notes = list(AuditRow.objects.filter(kind="movein.move").order_by("pk").values_list("act", flat=True))
    assert notes == ["did", "inserted", "did", "exported"]


def test_a_small_file_is_sent_in(imports: Path, client: Client) -> None:
    client.force_login(make_administrator())
    values = {
        "kind": "eml",
        "queue": make_queue().pk,
        "upload": SimpleUploadedFile("a.eml", make_mail("one")),
    }
    client.post(reverse(ADD), values)
    move = finished(Move.objects.get())
    assert (move.name, move.is_uploaded, move.found) == ("Folder or zip of .eml files a.eml", True, 1)
    client.post(reverse("admin:movein_move_act", args=[move.pk]), {"act": "start"})
    finished(move)
    assert Message.objects.count() == 1


def test_a_saved_form_leaves_the_rest_to_the_worker(
    imports: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = Move.objects.create(kind="mbox", place="box", queue=make_queue())
    client.force_login(make_administrator())
    save_form = MoveAdmin.save_form

    def meanwhile(console: MoveAdmin, request: Any, form: Any, change: bool) -> Any:
        Move.objects.filter(pk=move.pk).update(state="running", taken=40, fence=3)
        return save_form(console, request, form, change)

    monkeypatch.setattr(MoveAdmin, "save_form", meanwhile)
    values = {"own_addresses": "@example.com", "open_days": "30", "name": "Old mail"}
    client.post(reverse("admin:movein_move_change", args=[move.pk]), values)
    move.refresh_from_db()
    assert (move.own_addresses, move.open_days, move.name) == ("@example.com", 30, "Old mail")
    assert (move.state, move.taken, move.fence) == ("running", 40, 3)


def test_a_queue_that_a_move_names_says_so_when_it_is_to_be_deleted(client: Client) -> None:
    queue = make_queue(name="Support")
    Move.objects.create(kind="mbox", place="box", name="Old box", queue=queue)
    client.force_login(make_administrator())
    address = reverse("admin:queues_emailqueue_delete", args=[queue.pk])
    assert "Move “Old box” names “Support”: delete it" in client.get(address).content.decode()
    client.post(address, {"post": "yes"})
    assert EmailQueue.objects.filter(pk=queue.pk).exists()


def test_deleting_one_lists_no_rows(client: Client) -> None:
    move = Move.objects.create(kind="mbox", place="box", queue=make_queue(), state="done")
    MoveItem.objects.create(move=move, file="odd.txt", at=timezone.now(), state="failed", why="It is odd.")
    client.force_login(make_administrator())
    address = reverse("admin:movein_move_delete", args=[move.pk])
    said = client.get(address).content.decode()
    assert "odd.txt" not in said
    assert "rows below" in said.lower()
    client.post(address, {"post": "yes"})
    assert not Move.objects.exists()


def test_others_than_administrators_see_nothing_of_it(imports: Path, client: Client) -> None:
    bob = make_supervisor("bob")
    bob.user.is_staff = True
    bob.user.save()
    move = Move.objects.create(kind="mbox", place="box", queue=make_queue())
    client.force_login(bob.user)
    for name in ("card", "trouble", "change"):
        assert client.get(reverse(f"admin:movein_move_{name}", args=[move.pk])).status_code in (302, 403), (
            name
        )
    act = reverse("admin:movein_move_act", args=[move.pk])
    assert client.post(act, {"act": "cancel"}).status_code == 403
    assert client.get(reverse(ADD)).status_code == 403
    move.refresh_from_db()
    assert move.state == "draft"
