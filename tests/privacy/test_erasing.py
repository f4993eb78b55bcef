"""A person is erased: unique words of theirs are nowhere afterwards, and others keep what is theirs."""

import base64
import gzip
import hashlib
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import pytest
import zstandard
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.utils import timezone

from agents.models import Agent
from audit.models import AuditRow
from crm import notes
from crm.models import Contact, ContactChange, ContactImport
from mailsources.deliver import deliver
from mailsources.models import EmailSource, FetchedMail
from mailsources.rule_models import RuleAction
from mailstore.feed_models import FeedEvent
from mailstore.models import RawMail
from privacy import erasing, retention, tasks
from privacy.models import Erasure
from privacy.person import Person, person_of, written_by
from privacy.words import Words
from queues.models import Conversation, Draft, Message, Note, NoteDraft
from sso.communication_models import ConnectionLog
from tests.make import make_agent, make_conversation, make_queue, make_rule, make_source, make_webhook
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db
PAGE = "/admin/privacy/erasure/person/{}/"

FROM_HER = """\
From: Zyxwina Quopple <zyxwina@quopple.example>
To: support@example.com
Cc: Dora Other <dora@other.example>
Subject: canarysubject about my order
Message-ID: <canaryid1@quopple.example>
Date: Sun, 01 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

canarybody, my phone is canaryphone.
--b
Content-Type: application/octet-stream; name="canaryfile.bin"
Content-Disposition: attachment; filename="canaryfile.bin"
Content-Transfer-Encoding: base64

Y2FuYXJ5YXR0YWNoZWQ=
--b--
"""
FROM_DORA = """\
From: Dora Other <dora@other.example>
To: support@example.com
Cc: Zyxwina Quopple <zyxwina@quopple.example>
Subject: Re: canarysubject about my order
In-Reply-To: <canaryid1@quopple.example>
Message-ID: <dora1@other.example>
Date: Sun, 01 Nov 2026 11:00:00 +0000
Content-Type: text/plain; charset=utf-8

dorakeeps what she wrote to Zyxwina Quopple.

On Sun, Nov 1, 2026 at 10:00 Zyxwina Quopple <zyxwina@quopple.example> wrote:
> canarybody, my phone is canaryphone.
"""
DORAS_OWN = """\
From: Dora Other <dora@other.example>
To: support@example.com
Subject: dorasubject
Message-ID: <dora2@other.example>
Date: Sun, 01 Nov 2026 12:00:00 +0000
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

{}
"""
CANARIES = (
    *("zyxwina", "quopple", "canarysubject", "canarybody", "canaryphone", "canaryfile", "canaryattached"),
    *("canarynote", "canaryremark", "canarydraft", "canaryfield", "canaryimport", "canaryid1", "canaryaside"),
    *("canarybegun", "Y2FuYXJ5YXR0YWNoZWQ"),
)


@pytest.fixture
def alice() -> Agent:
    return make_agent("alice")


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root", password="x")
    client.force_login(user)
    return user


def came(source: EmailSource, mail: str) -> FetchedMail:
    raw = mail.replace("\n", "\r\n").encode()
    row = FetchedMail.objects.create(
        source=source,
        raw=RawMail.objects.keep(raw),
        content_hash=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
    )
    deliver(row.pk)
    row.refresh_from_db()
    return row


def everything() -> Iterator[tuple[str, str]]:
    """Each column of each table with what it holds, raw mail and files unpacked."""
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [each[0] for each in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    yield f"{table}.{name}", _unpacked(value)


def _unpacked(value: object) -> str:
    if isinstance(value, memoryview | bytes):
        data = bytes(value)
        if data[:4] == b"\x28\xb5\x2f\xfd":
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=10_000_000)
        elif data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8", "replace")
    return (
        json.dumps(value, default=str, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    )


def found(words: tuple[str, ...]) -> list[str]:
    places = [
        f"{word} in {place}: {text[:200]}" for place, text in everything() for word in words
        if word.lower() in text.lower()
    ]  # fmt: skip
    data = Path(settings.DATA_DIR)
    for file in data.rglob("*") if data.is_dir() else ():
        if file.is_file() and "postgres" not in str(file) and file.stat().st_size < 10_000_000:
            text = file.read_bytes().decode("utf-8", "replace").lower()
            places += [f"{word} in {file}" for word in words if word.lower() in text]
    return places


def close_all() -> None:
    Conversation.objects.update(
        state="closed", closed_at=timezone.now(), due_at=None, due_tick=None, agent=None
    )


def run(row: Erasure) -> None:
    for _ in range(50):
        if not erasing.work(row.pk):
            break
    row.refresh_from_db()
    assert (row.state, row.error) == ("done", "")


def test_nothing_of_her_is_left_and_dora_keeps_hers(alice: Agent, client: Client, root: User) -> None:
    queue = make_queue([alice])
    source = make_source(queue=queue)
    came(source, FROM_HER)
    came(source, FROM_DORA)
    told = base64.b64encode(b"dorasays: ask zyxwina@quopple.example, that is Zyxwina Quopple.").decode()
    came(source, DORAS_OWN.format(told))
    came(source, FROM_HER.replace("canaryid1", "canaryid2").replace("<canaryid2", "<no") + "\n")
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    conversation = Conversation.objects.filter(contact=her).earliest("pk")
    assert conversation.messages.count() == 2
    Note.objects.create(conversation=conversation, user=alice.user, text="canarynote")
    token, to = uuid4(), [{"email": "x@y.example"}]
    Draft.objects.create(conversation=conversation, agent=alice, token=token, text="canarydraft", to=to)
    begun = {"conversation": conversation, "agent": alice, "audience": "all", "token": token}
    NoteDraft.objects.create(**begun, text="canarybegun")
    notes.add(alice.user, her.pk, "canaryaside")
    Contact.objects.filter(pk=her.pk).update(
        remark="canaryremark", fields={"a": "canaryfield"}, phones=["canaryphone"]
    )
    ContactChange.objects.create(contact=her, kind="changed", data={"name": ["", "Zyxwina"]})
    line = "RCPT TO:<zyxwina@quopple.example>"
    moment = {"began_at": timezone.now(), "ended_at": timezone.now()}
    event = FeedEvent.objects.filter(conversation_id=conversation.pk).earliest("pk")
    Delivery.objects.create(
        webhook=make_webhook(), event=event, number=1, order_key=conversation.pk,
        answer="created Zyxwina canaryphone", error="zyxwina@quopple.example is taken",
    )  # fmt: skip
    LogEntry.objects.create(
        user=root, content_type=ContentType.objects.get_for_model(Contact), object_id=str(her.pk),
        object_repr="Zyxwina Quopple", action_flag=2, change_message="canaryremark",
    )  # fmt: skip
    ConnectionLog.objects.create(
        kind="sending", outcome="good", lines=[[0.1, "us", line]], sealed=line, is_sealed=True, **moment
    )
    ContactImport.objects.create(
        name="table", content=b"email,name\nzyxwina@quopple.example,canaryimport\n",
        encoding="utf-8", delimiter=",", state="done",
    )  # fmt: skip
    assert {word for word in CANARIES if found((word,))} >= set(CANARIES) - {"canaryattached"}

    url = PAGE.format(her.pk)
    page = client.get(url).content.decode()
    link = f'<a class="ucs-link" href="/conversations/{conversation.pk}/">#{conversation.number}</a>'
    assert f"Conversation {link} is open: close it first." in page
    assert "Address</dt><dd>1" in page
    refused = client.post(url, {"typed": "zyxwina@quopple.example"})
    assert refused.status_code == 409
    assert f"Conversation #{conversation.number} is open" in refused.content.decode()
    close_all()
    page = client.get(url).content.decode()
    assert "Mails</dt><dd>3" in page
    assert client.post(url, {"typed": "somebody else"}).status_code == 409
    assert not Erasure.objects.exists()
    assert client.post(url, {"typed": " Zyxwina@quopple.example", "reason": "She asked."}).status_code == 302
    assert client.post(url, {"typed": "zyxwina@quopple.example"}).status_code == 409  # once at a time
    run(Erasure.objects.get())

    assert found(CANARIES) == []
    assert not ConnectionLog.objects.filter(is_sealed=True).exists()
    kept = Message.objects.get(from_email="dora@other.example", text__contains="dorakeeps")
    assert "wrote to [erased]" in kept.text
    assert kept.raw is not None
    assert b"dorakeeps" in base64.b64decode(kept.raw.as_bytes().split(b"\n\n", 1)[1])
    own = Message.objects.get(subject="dorasubject")
    assert own.text.startswith("dorasays: ask [erased]")
    assert Contact.objects.filter(addresses__email="dora@other.example").exists()
    assert Conversation.objects.filter(number=conversation.number, contact__external_id="(erased)").exists()
    assert FetchedMail.objects.count() == 4  # what mailboxes showed isn't fetched anew
    assert AuditRow.objects.filter(act="erased").count() == 2
    assert ", 1 address<" in client.get("/admin/privacy/erasure/").content.decode()
    assert client.get(f"/conversations/{conversation.pk}/").status_code == 200
    came(source, FROM_HER)  # she writes again: she is somebody new
    assert Contact.objects.filter(addresses__email="zyxwina@quopple.example").exclude(pk=her.pk).exists()


def test_it_goes_on_where_it_was(alice: Agent, root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_source(queue=make_queue([alice]))
    came(source, FROM_HER)
    close_all()
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    row = erasing.begin(root, her, "")
    monkeypatch.setattr(erasing, "SLICE", 0.0)
    rounds = 1
    while erasing.work(row.pk):
        rounds += 1
        assert erasing.left_alone() == [row.pk]
    assert rounds > len(erasing.STEPS)
    row.refresh_from_db()
    assert (row.state, row.person) == ("done", {})
    assert found(("zyxwina",)) == []


def test_a_worker_that_was_overtaken_stops(alice: Agent, root: User) -> None:
    row = erasing.begin(root, make_conversation(make_queue([alice]), state="closed").contact, "")
    Erasure.objects.filter(pk=row.pk).update(lease_until=timezone.now() + timedelta(minutes=5))
    assert not erasing.work(row.pk)
    erasing.broke_off(row.pk)
    erasing.again(Erasure.objects.get())
    run(Erasure.objects.get())


def test_legal_hold_and_strangers(alice: Agent, client: Client, root: User) -> None:
    row = make_conversation(make_queue([alice]), state="closed")
    client.post("/admin/privacy/erasure/hold/", {"number": f"#{row.number}", "do": "hold"})
    row.refresh_from_db()
    assert not row.legal_hold  # no reason
    client.post(
        "/admin/privacy/erasure/hold/", {"number": f"#{row.number}", "do": "hold", "reason": "Court."}
    )
    row.refresh_from_db()
    assert Conversation.objects.get(pk=row.pk).legal_hold
    assert "legal hold" in client.get(PAGE.format(row.contact_id)).content.decode()
    assert f"#{row.number}" in client.get("/admin/privacy/erasure/retention/").content.decode()
    client.force_login(alice.user)
    assert client.get(PAGE.format(row.contact_id)).status_code in (302, 403, 404)
    staff = User.objects.create_user("clerk", is_staff=True)
    client.force_login(staff)
    for path in (PAGE.format(row.contact_id), "/admin/privacy/erasure/retention/"):
        assert client.get(path).status_code == 403


def test_a_person_is_told_what_there_is(alice: Agent, client: Client, root: User) -> None:
    came(make_source(queue=make_queue([alice])), FROM_HER)
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    conversation = Conversation.objects.get(contact=her)
    Note.objects.create(conversation=conversation, user=alice.user, text="canarynote")
    for asked, has_notes in (({}, False), ({"notes": "on"}, True)):
        answer = client.post(f"{PAGE.format(her.pk)}export/", asked)
        archive = zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
        names = archive.namelist()
        assert {"contact.json", f"conversations/{conversation.number}.json"} < set(names)
        mail = archive.read(next(name for name in names if name.endswith(".eml")))
        assert b"canarybody" in mail
        told = b"".join(archive.read(name) for name in names if name.endswith(".json")).decode()
        assert "canarysubject" in told
        assert ("canarynote" in told) == has_notes
    assert AuditRow.objects.filter(act="exported", kind="crm.contact").count() == 2
    assert apps.get_app_config("privacy").label == "privacy"
    assert person_of(her).words.emails == ("zyxwina@quopple.example",)


def shown(source: EmailSource, mail: str) -> FetchedMail:
    """A mail in the ledger that nobody has delivered yet."""
    raw = mail.replace("\n", "\r\n").encode()
    return FetchedMail.objects.create(
        source=source, raw=RawMail.objects.keep(raw), content_hash=hashlib.sha256(raw).hexdigest(),
        size=len(raw), sender="zyxwina@quopple.example",
    )  # fmt: skip


def test_what_she_writes_meanwhile_is_not_erased(
    alice: Agent, root: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_source(queue=make_queue([alice]))
    came(source, FROM_HER)
    close_all()
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    waits = shown(source, FROM_HER.replace("canaryid1", "waiting").replace("canarybody", "still waiting"))
    row = erasing.begin(root, her, "")
    monkeypatch.setattr(erasing, "SLICE", 0.0)
    assert erasing.work(row.pk)  # the contact has gone
    new = came(source, FROM_HER.replace("canaryid1", "new").replace("canarybody", "brand new"))
    monkeypatch.setattr(erasing, "SLICE", 20.0)
    run(row)
    assert new.message is not None
    message = Message.objects.get(pk=new.message.pk)
    assert (message.from_email, "brand new" in message.text) == ("zyxwina@quopple.example", True)
    assert message.raw is not None
    assert b"brand new" in message.raw.as_bytes()
    assert message.conversation.contact.addresses.get().email == "zyxwina@quopple.example"
    delivered = deliver(waits.pk)
    assert delivered is not None
    assert "still waiting" in delivered.text
    assert found(("canarybody",)) == []


@pytest.mark.parametrize(
    ("change", "why"), [({"state": "pending"}, "is open by now"), ({"legal_hold": True}, "is on legal hold")]
)
def test_what_is_needed_again_is_not_emptied(
    alice: Agent, client: Client, root: User, change: dict[str, object], why: str
) -> None:
    came(make_source(queue=make_queue([alice])), FROM_HER)
    close_all()
    row = erasing.begin(root, Contact.objects.get(addresses__email="zyxwina@quopple.example"), "")
    Conversation.objects.update(**change)
    tasks.work(erasure_id=row.pk)
    row.refresh_from_db()
    assert (row.state, why in row.error) == ("failed", True)
    listed = client.get("/admin/privacy/erasure/").content.decode()
    assert f'action="/admin/privacy/erasure/{row.pk}/again/"' in listed
    assert 'href="/admin/privacy/erasure/retention/"' in listed
    assert "canarybody" in Message.objects.get(direction="in").text
    Conversation.objects.update(legal_hold=False)
    close_all()
    erasing.again(row)
    run(row)
    assert found(("canarybody",)) == []


def test_what_administrators_set_up_stays(alice: Agent, root: User) -> None:
    came(make_source(queue=make_queue([alice])), FROM_HER)
    close_all()
    make_rule((), {"forward": "zyxwina@quopple.example bob@partner.example"})
    row = erasing.begin(root, Contact.objects.get(addresses__email="zyxwina@quopple.example"), "")
    run(row)
    assert RuleAction.objects.get().addresses.split() == ["zyxwina@quopple.example", "bob@partner.example"]


def test_an_address_in_capitals_is_hers_too(alice: Agent, root: User) -> None:
    queue = make_queue([alice])
    came(make_source(queue=queue), FROM_HER.replace("<zyxwina@", "<Zyxwina@"))
    Message.objects.update(conversation=make_conversation(queue))  # moved into another customer's matter
    close_all()
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    assert person_of(her).mails.count() == 1
    run(erasing.begin(root, her, ""))
    assert found(("canarybody", "canaryphone")) == []


def test_what_others_wrote_into_hers_has_its_own_time(alice: Agent, root: User) -> None:
    queue = make_queue([alice], keep_days=30)
    source = make_source(queue=queue)
    came(source, FROM_HER)
    came(source, FROM_DORA)
    close_all()
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    run(erasing.begin(root, her, ""))
    assert found(("dorakeeps",))
    assert retention.run(timezone.localtime().replace(hour=2) + timedelta(days=40)) == 1
    assert found(("dorakeeps",)) == []


def test_the_same_person_again_is_refused_in_words(alice: Agent, client: Client, root: User) -> None:
    came(make_source(queue=make_queue([alice])), FROM_HER)
    close_all()
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    first = erasing.begin(root, her, "")
    erasing.broke_off(first.pk)
    second = erasing.begin(root, her, "")
    page = client.post(f"/admin/privacy/erasure/{first.pk}/again/", follow=True)
    assert (page.status_code, "is being erased already" in page.content.decode()) == (200, True)
    first.refresh_from_db()
    assert first.state == "failed"
    run(second)
    assert client.post(f"/admin/privacy/erasure/{first.pk}/again/").status_code == 302
    run(first)
    assert found(("canarybody",)) == []


def test_a_person_is_found_by_an_index() -> None:
    person = Person((1,), Words(("zyxwina@quopple.example",)))
    assert "UNION" in str(person.mails.query), "an OR over both halves could use no index"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert "message_from" in Message.objects.order_by().filter(written_by(person.words.emails)).explain()


def test_a_copy_leaves_out_what_others_wrote(alice: Agent, client: Client, root: User) -> None:
    source = make_source(queue=make_queue([alice]))
    came(source, FROM_HER)
    came(source, FROM_DORA)
    came(
        source,
        FROM_DORA.replace("Cc: Zyxwina Quopple <zyxwina@quopple.example>\n", "").replace("dora1", "dora2"),
    )
    her = Contact.objects.get(addresses__email="zyxwina@quopple.example")
    assert Conversation.objects.get(contact=her).messages.count() == 3
    answer = client.post(f"{PAGE.format(her.pk)}export/", {})
    archive = zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    mails = [name for name in archive.namelist() if name.endswith(".eml")]
    told = json.loads(archive.read(next(name for name in archive.namelist() if name.startswith("conv"))))
    assert len(mails) == 2
    assert ["left_out" in each for each in told["messages"]] == [False, False, True]
