"""The life of a source: switched on after a good test or anyway, moved, retired, and back."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from alarms.move_troubles import move_troubles
from audit.models import AuditRow
from mailsenders.models import OutgoingMail
from mailsources import check, claims, deliver, following, guarding, lease, lifecycle, moving, tasks
from mailsources import tasks as tasks_module
from mailsources.accepting import Refused, check_recipient
from mailsources.fetch import ingest
from mailsources.ledger import take_in
from mailsources.lifecycle import By, LifeCycleRefused
from mailsources.models import EmailSource, FetchedMail, MailboxDay
from mailsources.moved_models import OngoingMove
from mailstore.feed_models import FeedEvent
from queues.history import Kind, note_event
from queues.letters import own_addresses
from queues.models import Conversation, EmailQueue, Event, Message
from sso import lasttests
from sso.steps import Step
from tests.make import (
    make_administrator,
    make_agent,
    make_mail,
    make_outgoing,
    make_queue,
    make_sender,
    make_source,
    make_supervisor,
)
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

LIST = reverse("admin:mailsources_emailsource_changelist")
SOMEBODY = By(name="a program")
GOOD, BAD = Step("Folder", True, "INBOX", 0.1), Step("Login", False, "It says no.", 0.1)


def at(view: str, source: EmailSource) -> str:
    return reverse(f"admin:mailsources_emailsource_{view}", args=[source.pk])


def make_draft(**overrides: Any) -> EmailSource:
    return make_source(**({"stage": "draft", "is_active": False} | overrides))


def bring(source: EmailSource, raw: bytes = b"") -> Message:
    """Let a mail come in by a source."""
    message = deliver.deliver(ingest(source, raw or make_mail()).pk)
    assert message is not None
    return message


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_administrator("bob"))
    return client


@pytest.fixture(autouse=True)
def unannounced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks_module, "announce", lambda task, **kwargs: None)
    monkeypatch.setattr(following, "announce", lambda task, **kwargs: None)


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What connection tests come to now."""
    found = [GOOD]
    monkeypatch.setattr(check, "test_connection", lambda source: found)
    return found


def last_act() -> AuditRow:
    found = AuditRow.objects.order_by("-pk").first()
    assert found is not None
    return found


def test_a_draft_takes_no_mail_and_may_have_the_mailbox_of_another() -> None:
    first = make_source(username="box", public_address="info@example.com")
    twin = make_draft(server_address=first.server_address, username="BOX", public_address="info@example.com")
    twin.full_clean()
    assert lease.due(9) == [first.pk]
    assert lease.claim([twin.pk], early=True) == []
    with pytest.raises(LifeCycleRefused, match=f"already fetched by the email source “{first.name}”"):
        lifecycle.activate(twin.pk, SOMEBODY, anyway=True)
    other = make_draft(username="other", public_address="Info@example.com")
    with pytest.raises(LifeCycleRefused, match="is the address of the active email source"):
        lifecycle.activate(other.pk, SOMEBODY, anyway=True)
    with pytest.raises(IntegrityError), transaction.atomic():  # whatever is looked at before
        EmailSource.objects.filter(pk=other.pk).update(stage="active", is_active=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        EmailSource.objects.filter(pk=other.pk).update(is_active=True)


def test_an_alias_of_another_is_no_address() -> None:
    make_source(name="first", aliases="sales@example.com\nshop@example.com")
    other = make_source(public_address="shop@example.com")
    with pytest.raises(ValidationError, match="address of the active email source “first”"):
        other.full_clean()
    assert {"sales@example.com", "shop@example.com"} < own_addresses()


def test_own_aliases_are_compared_too() -> None:
    make_source(name="first", public_address="info@example.com", aliases="sales@example.com")
    for taken in ("info@example.com", "sales@example.com"):
        other = make_source(
            public_address=f"new-{taken}", aliases=f"fine@example.com {taken}", username=taken
        )
        with pytest.raises(ValidationError) as refused:
            other.full_clean()
        assert f"{taken} is the address of the active email source “first”" in str(refused.value)
        assert "aliases" in refused.value.message_dict
        other.delete()
    plain = make_source(public_address="", aliases="sales@example.com", username="third")
    with pytest.raises(ValidationError, match="active email source “first”"):
        plain.full_clean()


def test_switching_on_needs_a_good_test_of_the_stored_settings(client: Client, step: list[Step]) -> None:
    sender = make_sender(name="support-out")
    queue = make_queue([make_agent()], {"billing": 3}, name="Support", sender=sender)
    source = make_draft(queue=queue, name="support-in", poll_interval=45)
    with pytest.raises(LifeCycleRefused, match="was not tested with good result"):
        lifecycle.activate(source.pk, SOMEBODY)
    shown = client.get(at("activate", source)).content.decode()
    for words in (
        "Support",
        "billing 3",
        "first response in 4 h",
        "support-out",
        "Alice",
        "Switch on anyway",
    ):
        assert words in shown, words
    step[:] = [BAD]
    failed = client.post(at("activate", source)).content.decode()
    assert "It stops at “Login”" in failed
    assert not EmailSource.objects.get().is_active
    step[:] = [GOOD]
    done = client.post(at("activate", source), follow=True).content.decode()
    source.refresh_from_db()
    assert (source.stage, source.is_active, source.activated_by) == ("active", True, "bob")
    assert not source.activated_anyway
    assert "first fetch within 45 s" in done
    assert f'<a href="{reverse("admin:queues_emailqueue_change", args=[queue.pk])}">Support</a>' in done
    assert "active in queue Support" in done
    assert (last_act().act, last_act().actor_name) == ("activated", "bob")
    again = client.post(at("activate", source), {"anyway": "1"}, follow=True).content.decode()
    assert "is active already: it was switched on" in again
    assert "by bob" in again


def test_switching_on_anyway_is_told(client: Client, step: list[Step]) -> None:
    step[:] = [BAD]
    source = make_draft()
    client.post(at("activate", source), {"anyway": "1"})
    source.refresh_from_db()
    assert (source.is_active, source.activated_anyway) == (True, True)
    assert "without a good test" in last_act().note
    assert "without a good test" in client.get(at("change", source)).content.decode()


def form_of(source: EmailSource, **changed: Any) -> dict[str, Any]:
    return {
        "server_type": "IMAP", "server_address": source.server_address, "service_port": source.service_port,
        "use_ssl": "on", "username": source.username, "password": "", "queue": source.queue_id,
        "name": source.name, "folder": "INBOX", "after_import": "leave",
    } | changed  # fmt: skip


def test_another_password_makes_the_test_stale_and_a_failing_one_stays_a_draft(
    client: Client, step: list[Step]
) -> None:
    source = make_draft(password="old")
    lasttests.note(source, GOOD)
    assert lifecycle.good_test(source) is not None
    client.post(at("change", source), form_of(source, password="new"))
    assert lifecycle.good_test(source) is None
    step[:] = [BAD]
    said = client.post(at("change", source), form_of(source, is_active="on"), follow=True).content.decode()
    source.refresh_from_db()
    assert (source.stage, source.is_active) == ("draft", False)
    assert "takes no mail yet: its test stops at “Login”. It says no." in said
    step[:] = [GOOD]
    client.post(at("change", source), form_of(source, is_active="on"))
    source.refresh_from_db()
    assert (source.stage, source.is_active) == ("active", True)
    client.post(at("change", source), form_of(source))
    source.refresh_from_db()
    assert (source.stage, source.is_active, lifecycle.stage_in_words(source)) == ("active", False, "paused")


def test_retiring_names_what_is_left_and_can_be_undone(client: Client, step: list[Step]) -> None:
    source = make_source(queue=make_queue(name="Support"))
    conversation = bring(source).conversation
    mail = make_outgoing(source.queue.sender)
    Message.objects.create(
        conversation=conversation,
        direction="out",
        outgoing=mail,
        sent_at=timezone.now(),
        created_at=timezone.now(),
    )
    shown = client.get(at("retire", source)).content.decode()
    assert f'1 open conversation: <a class="ucs-link" href="/conversations/{conversation.pk}/">' in shown
    assert "1 unsent reply" in shown
    refused = client.post(at("retire", source)).content.decode()
    assert "can’t be retired" in refused
    assert f"1 open conversation (#{conversation.number}), 1 unsent reply (#{conversation.number})" in refused
    Conversation.objects.update(state="closed")
    with pytest.raises(LifeCycleRefused, match="1 unsent reply"):
        lifecycle.retire(source.pk, SOMEBODY)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT)
    (held,) = lease.claim([source.pk])
    client.post(at("retire", source))
    source.refresh_from_db()
    assert (source.stage, source.is_active, source.retired_by) == ("retired", False, "bob")
    with pytest.raises(lease.LeaseLost), transaction.atomic():
        lease.hold(held)
    assert lease.due(9) == []
    assert (last_act().act, FetchedMail.objects.count()) == ("retired", 1)
    delete = client.post(at("delete", source), {"post": "yes"}).content.decode()
    assert "retire it instead of deleting it" in delete
    chosen = {"action": "delete_selected", "_selected_action": [source.pk], "post": "yes"}
    client.post(LIST, chosen)
    assert EmailSource.objects.get() == source
    client.post(at("activate", source))
    source.refresh_from_db()
    assert (source.stage, source.is_active, source.retired_at) == ("active", True, None)
    assert last_act().act == "restored"


def test_what_is_forwarded_to_a_retired_source_is_refused_for_good(settings: Settings) -> None:
    settings.INBOUND_DOMAIN = "inbound.example.test"
    values = {"server_type": "FORWARDING", "public_address": "info@example.com"}
    source = make_source(**values, username="", server_address="")
    check_recipient(source.address)
    lifecycle.pause(source.pk, SOMEBODY)
    with pytest.raises(Refused, match=r"^450"):
        check_recipient(source.address)
    lifecycle.retire(source.pk, SOMEBODY)
    with pytest.raises(Refused, match=r"^550 5\.2\.1 .* is retired"):
        check_recipient(source.address)


def test_the_queue_is_fixed_after_the_first_mail(client: Client, tmp_path: Path) -> None:
    source, other = make_source(name="in", password="x"), make_queue(name="Other")
    source.queue = other
    source.full_clean()
    source.save()
    bring(source)
    source.queue = make_queue(name="Third")
    with pytest.raises(ValidationError, match="stays bound to the queue “Other”"):
        source.full_clean()
    client.post(at("change", source), form_of(source, is_active="on"))
    assert EmailSource.objects.get().queue == other
    file = tmp_path / "settings.yml"
    file.write_text(export().replace("queue: Other", "queue: Third"))
    with pytest.raises(BadFile, match="stays bound to the queue"):
        apply_file(file)


def test_moving_shows_what_happens_and_does_it_at_once(client: Client) -> None:
    alice, both = make_agent(), make_agent("dora")
    old, new = make_queue([alice, both], name="Old"), make_queue([both], name="New", mode="pick")
    source = make_source(queue=old)
    found = [bring(source) for _ in range(5)]
    waiting, hers, shared, pending, closed = (one.conversation for one in found)
    Conversation.objects.filter(pk=hers.pk).update(state="assigned", agent=alice)
    Conversation.objects.filter(pk=shared.pk).update(state="assigned", agent=both)
    Conversation.objects.filter(pk=pending.pk).update(state="pending", agent=alice)
    Conversation.objects.filter(pk=closed.pk).update(state="closed")
    page = client.get(at("move", source), {"queue": new.pk}).content.decode()
    assert "1 waiting, 2 assigned, 1 customer’s turn" in page
    assert "1 in the hands of agents who don’t work in New" in page
    values = {"from": old.pk, "queue": new.pk, "conversations": "along"}
    said = client.post(at("move", source), values, follow=True).content.decode()
    assert "delivers to New now; 4 open conversations went along" in said
    rows = Conversation.objects.in_bulk()
    assert (rows[waiting.pk].queue, rows[waiting.pk].state) == (new, "waiting")
    assert (rows[hers.pk].state, rows[hers.pk].agent) == ("waiting", None)
    assert (rows[shared.pk].state, rows[shared.pk].agent) == ("assigned", both)
    assert (rows[pending.pk].queue, rows[pending.pk].state) == (new, "pending")
    assert rows[closed.pk].queue == old
    told = FeedEvent.objects.filter(type="conversation.moved", queue_id=new.pk)
    assert set(told.values_list("conversation_id", flat=True)) == {
        waiting.pk, hers.pk, shared.pk, pending.pk,
    }  # fmt: skip
    assert "moved from Old to New" in rows[hers.pk].events.latest("pk").sentence
    assert (last_act().act, last_act().changes) == ("moved", [["queue", "Old", "New"]])
    late = client.post(at("move", source), values | {"queue": make_queue().pk}, follow=True).content.decode()
    assert "was moved to “New” meanwhile" in late
    assert bring(source).conversation.queue == new


@pytest.mark.parametrize("broken", ["queues.rehousing.refile", "mailsources.moving.note"])
def test_of_a_move_that_breaks_nothing_stays(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in the midst of the conversations, once when all of them have gone along."""
    source, new = make_source(), make_queue()
    old = source.queue
    conversations = [bring(source).conversation.pk for _ in range(3)]
    Conversation.objects.filter(pk=conversations[1]).update(state="pending")
    (held,) = lease.claim([source.pk])
    rows = list(Conversation.objects.order_by("pk").values())
    told = FeedEvent.objects.count()

    def breaks(*args: Any) -> None:
        assert Conversation.objects.filter(queue=new).exists(), "it is halfway"
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(broken, breaks)
        with pytest.raises(RuntimeError):
            moving.move(source.pk, old.pk, new.pk, SOMEBODY, along=True)
    source.refresh_from_db()
    assert source.queue == old
    assert list(Conversation.objects.order_by("pk").values()) == rows
    assert not Event.objects.filter(kind=Kind.TRANSFERRED).exists()
    assert (FeedEvent.objects.count(), AuditRow.objects.filter(act="moved").exists()) == (told, False)
    with transaction.atomic():
        lease.hold(held)  # the look goes on
    assert moving.move(source.pk, old.pk, new.pk, SOMEBODY, along=True).went == 3


def test_many_conversations_follow_portion_by_portion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "AT_ONCE", 2)
    monkeypatch.setattr(following, "PORTION", 2)
    source, new, third = make_source(), make_queue(), make_queue()
    old = source.queue
    found = [bring(source).conversation for _ in range(6)]
    Conversation.objects.filter(pk=found[5].pk).update(state="closed")
    done = moving.move(source.pk, old.pk, new.pk, SOMEBODY, along=True)
    assert (done.went, done.stayed, done.following) == (0, 0, 5)
    source.refresh_from_db()
    assert (source.queue, old.conversations.count()) == (new, 6)
    with pytest.raises(LifeCycleRefused, match="still follow it to"):
        moving.move(source.pk, new.pk, third.pk, SOMEBODY, along=True)
    assert bring(source).conversation.queue == new
    assert following.unattended() == [], "whoever moved it has announced it"
    OngoingMove.objects.update(next_at=timezone.now())
    (ongoing,) = following.unattended()

    def breaks(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("the connection is lost")

    assert following._portion(ongoing, 2)
    assert following.unattended() == [], "somebody is at it"
    with monkeypatch.context() as patch:
        patch.setattr("queues.rehousing.note_event", breaks)
        tasks.follow_moves(move_id=ongoing)
    assert old.conversations.count() == 4, "of a portion that breaks off nothing stays"
    tasks.follow_moves(move_id=ongoing)
    assert list(old.conversations.all()) == [found[5]]
    assert following.ongoing(source) is None
    assert last_act().note == f"5 open conversations went along to {new}."
    assert Event.objects.filter(kind=Kind.TRANSFERRED).count() == 5
    monkeypatch.setattr(moving, "AT_ONCE", 200)
    assert moving.move(source.pk, new.pk, third.pk, SOMEBODY, along=True).went == 6


def test_one_that_cannot_follow_holds_up_no_other_and_is_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "AT_ONCE", 0)
    source, new = make_source(name="Box"), make_queue(name="New")
    old = source.queue
    found = [bring(source).conversation for _ in range(4)]
    stuck = found[1].pk

    def breaks(row: Conversation, *args: Any) -> None:
        if row.pk == stuck:
            raise ValueError("it is odd")
        note_event(row, *args)

    def go() -> None:
        """What the sweep does, and later once more."""
        OngoingMove.objects.update(next_at=timezone.now())
        for each in following.unattended():
            tasks.follow_moves(move_id=each)

    monkeypatch.setattr("queues.rehousing.note_event", breaks)
    moving.move(source.pk, old.pk, new.pk, SOMEBODY, along=True)
    go()
    assert [each.pk for each in old.conversations.all()] == [stuck]
    assert (list(move_troubles()), following.ongoing(source) is not None) == ([], True)
    for _ in range(following.ROUNDS - 1):
        go()
    assert following.ongoing(source) is None, "it blocks no other move"
    (told,) = move_troubles()
    assert "1 conversation could not follow it to New and stayed in" in told.sentence
    assert told.link == at("move", source)
    page = client.get(told.link).content.decode()
    assert f"#{found[1].number}" in page
    said = client.post(told.link, {"left": "again"}, follow=True).content.decode()
    assert "follows again" in said
    for _ in range(following.ROUNDS):
        go()
    assert len(list(move_troubles())) == 1
    monkeypatch.setattr("queues.rehousing.note_event", note_event)
    client.post(told.link, {"left": "again"})
    go()
    assert (old.conversations.count(), list(move_troubles())) == (0, [])
    said = client.post(told.link, {"left": "again"}, follow=True).content.decode()
    assert "Nothing of Box was left behind" in said
    OngoingMove.objects.update(left=[stuck], ended_at=timezone.now() - timedelta(days=31))
    Conversation.objects.filter(pk=stuck).update(queue=old)
    client.post(told.link, {"left": "stay"})
    assert list(move_troubles()) == []
    tasks.sweep()
    assert not OngoingMove.objects.exists()


def test_conversations_may_stay_and_their_answers_join_them() -> None:
    source, new = make_source(), make_queue()
    old = source.queue
    first = bring(source, make_mail(Subject="Parcel", Message_ID="<one@customer.example>"))
    done = moving.move(source.pk, old.pk, new.pk, SOMEBODY, along=False)
    assert (done.went, done.stayed) == (0, 1)
    answer = make_mail(Subject="Re: Parcel", In_Reply_To="<one@customer.example>")
    assert bring(source, answer).conversation == first.conversation
    first.conversation.refresh_from_db()
    assert first.conversation.queue == old


def test_a_look_and_a_delivery_that_run_meanwhile_do_not_reach_the_old_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, new = make_source(), make_queue()
    old = source.queue
    (held,) = lease.claim([source.pk])
    (fetched,) = take_in(source, [make_mail()])
    by_rule = guarding.by_rule

    def moved_meanwhile(row: FetchedMail, outcome: Any) -> Any:
        monkeypatch.setattr(guarding, "by_rule", by_rule)
        moving.move(source.pk, old.pk, new.pk, SOMEBODY, along=False)
        return by_rule(row, outcome)

    monkeypatch.setattr(guarding, "by_rule", moved_meanwhile)
    assert deliver.deliver(fetched.pk) is None
    with pytest.raises(lease.LeaseLost), transaction.atomic():
        lease.hold(held)
    fetched.refresh_from_db()
    assert (fetched.state, fetched.attempts) == ("waiting", 0)
    assert claims.fresh(source.pk, 9) == [fetched.pk]
    message = deliver.deliver(fetched.pk)
    assert message is not None
    assert message.conversation.queue == new


def test_failures_are_counted_by_day() -> None:
    source = make_source()
    for _ in range(2):
        lease._count_failure(source.pk, "It refuses connections.")
    day = MailboxDay.objects.get()
    assert (day.failures, day.last_error, day.day) == (2, "It refuses connections.", timezone.localdate())


def test_the_list_is_filtered_by_stage_health_queue_and_provider(client: Client) -> None:
    good, bad, off = make_source(name="good-in"), make_source(name="bad-in"), make_draft(name="off-in")
    type(good.state).objects.filter(source=good).update(last_success_at=timezone.now())
    bad.state.failed("It refuses.", timezone.now() + timedelta(hours=1), "port_refused")
    off.password = "http://127.0.0.1:8080/api/v1.0/auth/token/7"
    off.server_type = "POP3"
    off.save()
    offered = {spec.title for spec in client.get(LIST).context["cl"].filter_specs}
    assert offered == {"stage", "server type", "health", "queue", "SSO provider"}
    for query, wanted in {
        "stage=draft": "off-in", "stage=active": "good-in bad-in", "health=failing": "bad-in",
        "health=working": "good-in", f"queue__id__exact={bad.queue_id}": "bad-in", "provider=7": "off-in",
        "server_type__exact=IMAP": "good-in bad-in", "server_type__exact=POP3": "off-in",
        "server_type__exact=FORWARDING": "", "server_type__exact=IMAP&stage=retired": "",
    }.items():  # fmt: skip
        shown = client.get(f"{LIST}?{query}").context["cl"].result_list
        assert {row.name for row in shown} == set(wanted.split()), query


def test_the_settings_file_knows_the_stages(tmp_path: Path) -> None:
    source = make_draft(name="in", password="x", aliases="sales@example.com\nshop@example.com")
    text = export()
    assert "stage: draft" in text
    file = tmp_path / "settings.yml"
    file.write_text(text)
    assert apply_file(file).lines == []
    file.write_text(text.replace("stage: draft", "stage: active"))
    apply_file(file)
    source.refresh_from_db()
    assert (source.stage, source.is_active, source.activated_anyway) == ("active", True, True)
    assert source.activated_by == "a settings file"
    bring(source)
    file.write_text(text.replace("stage: draft", "stage: retired"))
    with pytest.raises(BadFile, match="can't be retired yet: 1 open conversation"):
        apply_file(file)
    Conversation.objects.update(state="closed")
    apply_file(file)
    source.refresh_from_db()
    assert (source.stage, source.is_active, source.retired_by) == ("retired", False, "a settings file")


def test_nobody_but_those_who_may_change_sources_gets_there(client: Client) -> None:
    source = make_source()
    client.force_login(make_supervisor("carol").user)
    for view in ("activate", "retire", "move", "pause"):
        assert client.post(at(view, source)).status_code in (302, 404)
    source.refresh_from_db()
    assert source.is_active
    assert EmailQueue.objects.get() == source.queue
