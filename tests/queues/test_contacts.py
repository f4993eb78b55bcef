"""Who sees which contact, what a standing does to its mail, and merging contacts while mail comes in."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.http import Http404
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.models import Agent
from crm import addresses, contacts, notes, organisations, tracking
from crm.models import Communication, Contact, ContactAddress, ContactMerge
from crm.refusals import ContactRefused
from mailcore.parse import parse
from mailsenders.models import OutgoingMail
from mailstore.batch import batch
from mailstore.models import RawMail
from queues import actions, contact_merging, intake
from queues import contacts as seen
from queues.contacts import Asked
from queues.letters import Reply
from queues.models import Conversation, EmailQueue, Message
from tests.make import (
    make_administrator,
    make_agent,
    make_contact,
    make_mail,
    make_queue,
    make_supervisor,
    receive,
)
from tests.queues.test_races import at_once

DORA = "Dora Stone <dora@customer.example>"


@pytest.fixture
def orders() -> EmailQueue:
    return make_queue([make_agent("alice"), make_supervisor("bob")], name="Orders")


@pytest.fixture
def elsewhere() -> EmailQueue:
    return make_queue([make_agent("charlie")], name="Elsewhere")


def user(name: str) -> Agent:
    return Agent.objects.get(user__username=name)


def whose(email: str) -> Contact:
    return ContactAddress.objects.get(email=email).contact


@pytest.mark.django_db
class TestWhoSees:
    def test_who_works_in_a_queue_that_it_has_written_to(
        self, orders: EmailQueue, elsewhere: EmailQueue
    ) -> None:
        row = receive(orders).conversation.contact
        imported = make_contact("new@customer.example", "Nell New")
        assert list(seen.contacts_for(user("alice").user)) == [row]
        assert set(seen.contacts_for(user("bob").user)) == {row, imported}
        assert list(seen.contacts_for(user("charlie").user)) == []
        assert set(seen.contacts_for(make_administrator())) == {row, imported}
        with pytest.raises(Http404):
            seen.contact(user("charlie").user, row.pk)

    def test_who_takes_part_in_anothers_conversation_is_seen_by_who_sees_that(
        self, orders: EmailQueue
    ) -> None:
        first = receive(orders, make_mail(Cc=DORA))
        receive(orders, make_mail(From=DORA, References=f"<{first.message_id}>"))
        assert whose("dora@customer.example") in seen.contacts_for(user("alice").user)

    def test_mail_in_other_queues_is_only_counted(self, orders: EmailQueue, elsewhere: EmailQueue) -> None:
        row = receive(orders, make_mail(Subject="Seen")).conversation.contact
        for number in range(3):
            receive(elsewhere, make_mail(Subject=f"Hidden {number}"))
        found = seen.trail(user("alice").user, row, Asked())
        assert ([each.subject for each in found.rows], found.hidden) == (["Seen"], 3)
        everything = seen.trail(make_administrator(), row, Asked())
        assert (len(everything.rows), everything.hidden) == (4, 0)

    def test_the_trail_is_filtered_searched_and_goes_back_page_by_page(self, orders: EmailQueue) -> None:
        alice = user("alice").user
        billing = make_queue([user("alice")], name="Billing")
        now = timezone.now()
        for number in range(5):
            receive(orders, make_mail(Subject=f"Parcel {number}"), now - timedelta(minutes=number // 2))
        last = receive(billing, make_mail(Subject="Invoice")).conversation
        actions.reply(alice, last, Reply(text="Here.", token="t"))
        row = last.contact
        assert len(seen.trail(alice, row, Asked(direction="out")).rows) == 1
        assert [
            each.subject for each in seen.trail(alice, row, Asked(queue=billing.pk, direction="in")).rows
        ] == ["Invoice"]
        assert len(seen.trail(alice, row, Asked(text="parcel 3")).rows) == 1
        pks: list[int] = []
        before = None
        while True:
            page = seen.trail(alice, row, Asked(limit=2, before=before))
            pks += [each.pk for each in page.rows]
            if not page.has_more:
                break
            before = (page.rows[-1].at, page.rows[-1].pk)
        assert len(pks) == len(set(pks)) == 7
        records = Communication.objects.filter(contact=row)
        ids = set(Message.objects.values_list("direction", "message_id"))
        assert set(records.values_list("direction", "message_id")) == ids
        assert len(ids) == 7
        assert all(each.endswith(("customer.example", "example.com")) for _, each in ids)

    def test_found_by_words_of_the_name_addresses_and_organisations(self, orders: EmailQueue) -> None:
        root = make_administrator()
        row = make_contact("z.r@customer.example", "Žofie Řehořová")
        firm = organisations.make(None, "Stone & Sons")
        contacts.change(None, row.pk, {"organisation": firm.pk})
        make_contact("other@customer.example", "Somebody")
        for text in ("rehor", "ŽOFIE řeh", "z.r@", "stone zofie"):
            assert [each.pk for each in seen.found(root, text)[0]] == [row.pk], text
        for text in ("ofie", "zofie dora", "'); drop", "<-> !", "%"):
            assert seen.found(root, text)[0] == [], text

    def test_no_more_queries_for_more_contacts_and_mails(self, orders: EmailQueue) -> None:
        alice = user("alice").user

        def count() -> tuple[int, int]:
            with CaptureQueriesContext(
                connection,
            ) as listing:
                rows, _ = seen.found(alice, "stone")
            with CaptureQueriesContext(connection) as trail:
                seen.trail(alice, rows[0], Asked())
            return len(listing), len(trail)

        receive(orders)
        few = count()
        for number in range(6):
            receive(orders, make_mail(From=f"N{number} Stone <n{number}@customer.example>"))
            receive(orders)
        assert count() == few


@pytest.mark.django_db
class TestStanding:
    def test_new_conversations_of_who_is_blocked_are_held(self, orders: EmailQueue) -> None:
        first = receive(orders)
        contacts.change(None, first.conversation.contact_id, {"standing": "blocked"})
        held = receive(orders).conversation
        assert held.state == Conversation.State.HELD
        assert "blocked" in held.events.get(kind="held").sentence
        answer = receive(orders, make_mail(References=f"<{first.message_id}>"))
        assert answer.conversation_id == first.conversation_id

    def test_who_is_not_a_person_is_never_acknowledged(self) -> None:
        queue = make_queue(acknowledgement="We have it.")
        contacts.change(None, make_contact().pk, {"standing": "machine"})
        assert receive(queue).conversation.state == Conversation.State.WAITING
        assert not OutgoingMail.objects.exists()
        receive(queue, make_mail(From=DORA))
        assert OutgoingMail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestMerging:
    @pytest.fixture(autouse=True)
    def redis(self, clean_redis: None) -> None:
        """Announcements of these tests are nobody's business."""

    def test_languages_are_told_by_name(self, client: Client, orders: EmailQueue) -> None:
        gone = receive(orders, make_mail(From=DORA)).conversation.contact_id
        stays = receive(orders).conversation.contact_id
        for pk, language in ((gone, "de"), (stays, "cs")):
            Contact.objects.filter(pk=pk).update(language=language)
        client.force_login(user("bob").user)
        page = client.get(f"/contacts/{gone}/merge", {"into": stays}).content.decode()
        assert "<b>Czech</b>, <s>German</s>" in page

    def test_everything_goes_along_and_new_mail_of_either_comes_to_the_one(self, orders: EmailQueue) -> None:
        bob = user("bob").user
        gone = receive(orders, make_mail(From=DORA)).conversation
        stays = receive(orders).conversation
        contacts.change(bob, gone.contact_id, {"external_id": "A-1", "phones": "+1 22", "name": "Dora S."})
        notes.add(bob, gone.contact_id, "Likes tea")
        foreseen = contact_merging.foresee(bob, gone.contact, stays.contact)
        assert (foreseen.addresses, foreseen.mails, foreseen.conversations) == (
            ["dora@customer.example"],
            1,
            1,
        )
        done = contact_merging.merge(bob, gone.contact, stays.contact)
        assert contact_merging.merge(bob, gone.contact, stays.contact).pk == done.pk
        one = Contact.objects.get(pk=stays.contact_id)
        assert (one.name, one.external_id, one.phones) == ("Charlie Stone", "A-1", ["+1 22"])
        assert one.notes.count() == 1
        assert Conversation.objects.filter(contact=one).count() == one.communications.count() == 2
        assert receive(orders, make_mail(From=DORA)).conversation.contact == one
        assert receive(orders).conversation.contact == one
        assert seen.contact(bob, gone.contact_id) == one
        assert list(seen.contacts_for(bob)) == [one]
        assert one.changes.filter(kind="merged", user=bob).exists()

    def test_undone_with_what_came_since_from_its_addresses(self, orders: EmailQueue) -> None:
        bob = user("bob").user
        gone = receive(orders, make_mail(From=DORA)).conversation
        stays = receive(orders).conversation
        contacts.change(bob, gone.contact_id, {"external_id": "A-1", "time_zone": "Europe/Prague"})
        addresses.add(bob, gone.contact_id, "d@home.example")
        done = contact_merging.merge(bob, gone.contact, stays.contact)
        since = receive(orders, make_mail(From=DORA)).conversation
        ours = receive(orders).conversation
        contacts.change(bob, stays.contact_id, {"time_zone": "Europe/Berlin"})
        contact_merging.undo(bob, done)
        for row in (gone, stays, since, ours):
            row.refresh_from_db()
        assert gone.contact == since.contact == whose("dora@customer.example") == whose("d@home.example")
        assert stays.contact == ours.contact == whose("charlie@customer.example")
        assert gone.contact != stays.contact
        assert gone.contact.external_id == "A-1"
        assert (stays.contact.external_id, stays.contact.time_zone) == ("", "Europe/Berlin")
        assert gone.contact.communications.count() == stays.contact.communications.count() == 2
        assert gone.contact.addresses.filter(is_primary=True).count() == 1
        with pytest.raises(ContactRefused, match="undone already"):
            contact_merging.undo(bob, done)
        again = contact_merging.merge(bob, gone.contact, stays.contact)
        assert again.pk != done.pk

    def test_chains_come_apart_from_their_end(self, orders: EmailQueue) -> None:
        bob = user("bob").user
        a, b, c = (make_contact(f"{name}@customer.example", name.title()) for name in ("ann", "ben", "cid"))
        first = contact_merging.merge(bob, a, b)
        second = contact_merging.merge(bob, b, c)
        assert receive(orders, make_mail(From="ann@customer.example")).conversation.contact == c
        assert seen.contact(bob, a.pk) == c
        with pytest.raises(ContactRefused, match="undo that first"):
            contact_merging.undo(bob, first)
        contact_merging.undo(bob, second)
        contact_merging.undo(bob, first)
        assert {whose(f"{name}@customer.example") for name in ("ann", "ben", "cid")} == {a, b, c}

    def test_refused(self, orders: EmailQueue) -> None:
        bob, alice = user("bob").user, user("alice").user
        one, other = make_contact(), make_contact("dora@customer.example", "Dora")
        unknown = receive(orders, make_mail(From="")).conversation.contact
        for actor, gone, stays in (
            (alice, one, other),
            (bob, one, one),
            (bob, unknown, one),
            (bob, one, unknown),
        ):
            with pytest.raises(ContactRefused):
                contact_merging.merge(actor, gone, stays)
        done = contact_merging.merge(bob, one, other)
        third = make_contact("eve@customer.example", "Eve")
        with pytest.raises(ContactRefused, match="merged into another contact already"):
            contact_merging.merge(bob, one, third)
        with pytest.raises(ContactRefused, match="was merged"):
            contacts.change(bob, one.pk, {"name": "Karl"})
        ContactMerge.objects.update(at=timezone.now() - timedelta(days=31))
        done.refresh_from_db()
        with pytest.raises(ContactRefused, match="30 days"):
            contact_merging.undo(bob, done)

    def test_mail_that_knew_the_contact_before_the_merge_is_brought_along(self, orders: EmailQueue) -> None:
        bob = user("bob").user
        gone, stays = make_contact("dora@customer.example", "Dora"), make_contact()
        raw = make_mail(From=DORA)
        mail = parse(raw)
        with transaction.atomic(), batch():
            intake.foresee([mail])
            at_once([lambda: contact_merging.merge(bob, gone, stays)])
            message = intake.deliver(orders, mail, RawMail.objects.keep(raw), timezone.now())
        late = Conversation.objects.get(pk=message.conversation_id)
        assert late.contact_id == gone.pk
        assert contact_merging.settle() == 1
        late.refresh_from_db()
        assert late.contact_id == stays.pk
        assert not gone.communications.exists()
        contact_merging.undo(bob, ContactMerge.objects.get())
        late.refresh_from_db()
        assert late.contact_id == gone.pk

    def test_intake_answers_and_merges_at_once_lose_nothing_and_make_nobody_twice(
        self, orders: EmailQueue
    ) -> None:
        bob, alice = user("bob").user, user("alice").user
        EmailQueue.objects.filter(pk=orders.pk).update(acknowledgement="We have it.")
        orders.refresh_from_db()
        firsts = [receive(orders, make_mail(From=DORA)), receive(orders)]
        gone, stays = (first.conversation.contact for first in firsts)
        jobs: list[Callable[[], object]] = []
        for first, sender in zip(firsts, (DORA, "charlie@customer.example"), strict=True):
            for number in range(4):
                raw = make_mail(f"New {number}", From=sender)
                jobs.append(lambda raw=raw: receive(orders, raw))  # type: ignore[misc]
                more = make_mail(f"More {number}", From=sender, References=f"<{first.message_id}>")
                jobs.append(lambda raw=more: receive(orders, raw))  # type: ignore[misc]
        for first in firsts:
            jobs.append(lambda row=first.conversation: actions.reply(alice, row, Reply(text="Hi.")))  # type: ignore[misc]
        jobs += [lambda: contact_merging.merge(bob, gone, stays)] * 2
        done: list[object] = list(at_once(jobs))
        assert not [each for each in done if isinstance(each, Exception)]
        contact_merging.settle()
        assert Message.objects.filter(direction="in").count() == 18
        assert Communication.objects.exclude(contact=stays).count() == 0
        assert Conversation.objects.exclude(contact=stays).count() == 0
        assert Contact.objects.count() == 2
        assert ContactMerge.objects.count() == 1
        assert stays.addresses.count() == 2

    def test_two_merges_in_a_circle_are_one(self, orders: EmailQueue) -> None:
        bob = user("bob").user
        one, other = make_contact(), make_contact("dora@customer.example", "Dora")
        done = at_once(
            [
                lambda: _tried(lambda: contact_merging.merge(bob, one, other)),
                lambda: _tried(lambda: contact_merging.merge(bob, other, one)),
            ]
        )
        assert [each is None for each in done].count(True) == 1
        assert Contact.objects.filter(merged_into=None).count() == 1
        assert tracking.contact_for(parse(make_mail(From=DORA)).from_).merged_into_id is None


def _tried(act: Callable[[], ContactMerge]) -> ContactMerge | None:
    try:
        return act()
    except ContactRefused:
        return None
