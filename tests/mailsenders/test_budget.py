"""The budget of a sender: what counts, who yields, until when it holds, and that it is exact."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailsenders import budget, budget_view, holds, limits, outbox, sending
from mailsenders.budget import DAY, HOUR, MINUTE, ONE, Room, Rule, Use, Weight
from mailsenders.claims import claim_many
from mailsenders.models import EmailSender, OutgoingMail, OutgoingRecipient, SenderState, SenderUse
from mailsenders.outbox import Claim, Outcome
from mailsenders.provider_budgets import budget_of, provider_budgets
from tests.mailsenders.conftest import sender_for
from tests.make import make_outgoing, make_provider, make_sender
from tests.servers.smtp import SmtpServer

State = OutgoingMail.State
Recipient = OutgoingRecipient.State
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PER_DAY = Rule("limit_per_day", "messages per day", "messages", DAY, 10)


def rule(limit: int, window: timedelta = DAY, measure: str = "messages") -> Rule:
    return Rule("limit_per_day", f"{measure} per day", measure, window, limit)


def take(claim: Claim, answer: str = "250 ok") -> None:
    accepted = dict.fromkeys(claim.recipients, (Recipient.ACCEPTED, answer))
    outbox.start_data(claim)
    outbox.finish(claim, Outcome(accepted, answer))


def sent_before(sender: EmailSender, ago: timedelta, number: int = 1, **counts: int) -> None:
    for _ in range(number):
        mail = make_outgoing(sender)
        OutgoingMail.objects.filter(pk=mail.pk).update(
            state=State.SENT, sent_at=timezone.now() - ago, **counts
        )


# The calculation.


def test_automatic_mail_may_use_four_fifths_of_a_day() -> None:
    room = Room((PER_DAY,), [8])
    assert room.fits(ONE)
    assert not room.fits(ONE, is_automatic=True)
    assert rule(1).automatic == 1
    assert rule(10, MINUTE).automatic == 10


def test_what_is_larger_than_the_limit_leaves_alone() -> None:
    recipients = rule(10, measure="recipients")
    assert Room((recipients,), [0]).fits(Weight(0, 20))
    assert not Room((recipients,), [1]).fits(Weight(0, 20))
    assert not Room((rule(0),), [0]).fits(ONE)


def test_the_release_is_when_enough_has_left_the_window() -> None:
    uses = [Use(NOON - timedelta(minutes=minutes), ONE) for minutes in (50, 40, 30)]
    assert budget.release([rule(4, HOUR)], uses, NOON) == NOON
    assert budget.release([rule(3, HOUR)], uses, NOON) == NOON + timedelta(minutes=10)
    assert budget.release([rule(2, HOUR)], uses, NOON) == NOON + timedelta(minutes=20)
    third = budget.release([rule(3, HOUR)], uses, NOON, [ONE] * 3)
    assert third == NOON + timedelta(minutes=30)
    assert budget.release([rule(3, HOUR)], uses, NOON, [ONE] * 4) == NOON + timedelta(minutes=70)
    assert budget.release([rule(0, HOUR)], uses, NOON) is None


weights = st.builds(Weight, st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, 3600), weights), max_size=12),
    st.lists(weights, min_size=1, max_size=8),
    st.integers(1, 8),
    st.sampled_from(["messages", "recipients", "internal", "external"]),
)
def test_released_mail_keeps_every_window(
    before: list[tuple[int, Weight]], waiting: list[Weight], limit: int, measure: str
) -> None:
    uses = sorted(
        (Use(NOON - timedelta(seconds=seconds), weight) for seconds, weight in before),
        key=lambda use: use.at,
    )
    hourly, at = rule(limit, HOUR, measure), NOON
    for number, weight in enumerate(waiting):
        released = budget.release([hourly], uses, NOON, waiting[: number + 1])
        assert released is not None
        assert released >= at
        at = released
        counted = [use.weight.counted(measure) for use in _left(uses, waiting[:number], hourly, at)]
        assert (
            sum(counted) + weight.counted(measure) <= limit or not sum(counted) or not weight.counted(measure)
        )


def _left(uses: list[Use], ahead: list[Weight], hourly: Rule, at: datetime) -> list[Use]:
    everything = list(uses)
    for number, weight in enumerate(ahead):
        released = budget.release([hourly], uses, NOON, ahead[: number + 1])
        assert released is not None
        everything.append(Use(released, weight))
    return [use for use in everything if use.at + HOUR > at]


def test_the_wall_is_where_the_pace_of_an_hour_leads() -> None:
    uses = [Use(NOON - timedelta(minutes=minutes), ONE) for minutes in range(59, 0, -10)]  # 6 in the hour
    found = budget.wall([PER_DAY], uses, NOON)
    assert found == (PER_DAY, NOON + timedelta(minutes=40))
    assert budget.wall([rule(1000)], uses, NOON) is None
    assert budget.wall([rule(10, HOUR)], uses, NOON) is None  # an hour passes by itself
    assert budget.wall([PER_DAY], [], NOON) is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("smtp.gmail.com", "Google Workspace"),
        ("SMTP.Office365.com.", "Exchange Online"),
        ("smtp-relay.gmail.com", "Google Workspace SMTP relay"),
        ("mysmtp.gmail.com.example", None),
        ("mail.example.com", None),
    ],
)
def test_providers_are_known_by_their_hosts(host: str, name: str | None) -> None:
    found = budget_of(host)
    assert (found.name if found else None) == name


def test_the_figures_are_those_of_the_providers() -> None:
    google, exchange = provider_budgets()[0], provider_budgets()[2]
    assert google.figures == {
        "limit_per_day": 2000, "recipients_per_message": 100, "recipients_per_day": 10000,
        "external_per_day": 3000,
    }  # fmt: skip
    assert exchange.figures == {
        "limit_per_minute": 30, "recipients_per_day": 10000, "recipients_per_message": 500, "connections": 3,
    }  # fmt: skip


# The outbox.

database = pytest.mark.django_db


@database
def test_an_hour_is_a_window_of_its_own() -> None:
    sender = make_sender(limit_per_hour=2)
    sent_before(sender, timedelta(minutes=59))
    sent_before(sender, timedelta(minutes=61))
    make_outgoing(sender), make_outgoing(sender)
    assert len(claim_many(sender.pk, timezone.now(), 5)) == 1


@database
def test_recipients_inside_and_outside_count_apart() -> None:
    make_provider(mailbox="box@elsewhere.example")
    sender = make_sender(external_per_day=2, internal_per_day=3)
    inside = ("a@example.com", "b@elsewhere.example")
    outside = make_outgoing(sender, recipients=("c@customer.example", "d@customer.example", *inside))
    more = [make_outgoing(sender), make_outgoing(sender)]
    colleague = make_outgoing(sender, recipients=("e@example.com",))
    assert (outside.internal, outside.external) == (2, 2)
    claims = claim_many(sender.pk, timezone.now(), 9)
    assert {claim.mail_id for claim in claims} == {outside.pk, colleague.pk}
    for claim in claims:
        take(claim)
    EmailSender.objects.update(external_per_day=3)
    assert [claim.mail_id for claim in claim_many(sender.pk, timezone.now(), 9)] == [more[0].pk]


def crowd(number: int) -> tuple[str, ...]:
    return tuple(f"p{each}@customer.example" for each in range(number))


def claimed(sender: EmailSender, at: datetime, most: int = 9) -> list[int]:
    return [claim.mail_id for claim in claim_many(sender.pk, at, most)]


def sent_at(mail_ids: list[int], at: datetime) -> None:
    OutgoingMail.objects.filter(pk__in=mail_ids).update(state=State.SENT, sent_at=at)


@database
def test_smaller_mails_pass_a_large_one_into_the_room_there_was() -> None:
    sender = make_sender(recipients_per_day=10)
    now = timezone.now() + timedelta(minutes=1)
    sent_before(sender, timedelta(hours=23), external=5)  # free again in an hour
    sent_before(sender, timedelta(hours=1), external=3)
    large = make_outgoing(sender, recipients=crowd(4), order_key=1)
    after = make_outgoing(sender, order_key=1)
    small = [make_outgoing(sender, order_key=number) for number in (2, 3, 4)]
    assert claimed(sender, now, 1) == [small[0].pk]
    assert holds.release_of(small[1], now) is None
    assert claimed(sender, now) == [small[1].pk]
    sent_at([small[0].pk, small[1].pk], now)
    assert claimed(sender, now + timedelta(minutes=1)) == []
    for mail in (large, small[2]):
        mail.refresh_from_db()
        held = holds.release_of(mail, now + timedelta(minutes=1))
        assert held is not None
        assert abs(held - now - timedelta(hours=1)) < timedelta(minutes=2)
    holds.note(sender.pk, now + timedelta(minutes=1))
    sender.state.refresh_from_db()
    assert sender.state.held_until == held
    # What becomes free is the large one's, however many wait before it.
    OutgoingMail.objects.filter(pk=small[2].pk).update(not_before=now - timedelta(hours=1))
    later = now + timedelta(minutes=61)
    assert claimed(sender, later, 1) == [large.pk]
    large.refresh_from_db()
    assert large.overtaken_since is None
    sent_at([large.pk], later)
    assert claimed(sender, later) == [small[2].pk]
    assert after.state == State.QUEUED


@database
def test_what_becomes_free_is_kept_until_it_is_enough() -> None:
    sender = make_sender(recipients_per_day=10)
    now = timezone.now()
    for hours in (23, 22, 21, 20):
        sent_before(sender, timedelta(hours=hours), external=2)
    large, left = make_outgoing(sender, recipients=crowd(8)), []
    for hour in range(50):
        for _ in range(3):
            make_outgoing(sender)
        at = now + timedelta(hours=hour, minutes=1)
        OutgoingMail.objects.filter(state=State.QUEUED).update(not_before=now)
        ids = claimed(sender, at)
        sent_at(ids, at)
        left += [hour] * (large.pk in ids)
        uses = limits.uses(sender.pk, at)
        assert sum(use.weight.external for use in uses) <= 10
    assert left == [4]


@database
def test_a_large_automatic_mail_holds_no_reply_up() -> None:
    sender = make_sender(recipients_per_day=10)
    sent_before(sender, timedelta(hours=1), external=6)
    make_outgoing(sender, recipients=crowd(4), is_automatic=True)
    assert claimed(sender, timezone.now()) == []  # its share has room for two
    small = make_outgoing(sender, is_automatic=True)
    replies = [make_outgoing(sender) for _ in range(3)]
    assert claimed(sender, timezone.now()) == [each.pk for each in replies]
    assert claimed(sender, timezone.now()) == []
    assert small.state == State.QUEUED


@database
@pytest.mark.parametrize(("sizes", "first"), [([9, 2, 8], 3), ([5, 5, 7, 1], 8), ([8], 1)])
def test_no_mail_starves(sizes: list[int], first: int) -> None:
    """Small mails come for ever; every larger one leaves within two windows of when it was overtaken."""
    sender = make_sender(recipients_per_day=8)
    now = timezone.now()
    sent_before(sender, timedelta(hours=12), external=first)
    mails = [make_outgoing(sender, recipients=crowd(size)) for size in sizes]
    OutgoingMail.objects.filter(sender=sender).update(not_before=now)
    waits = dict.fromkeys((mail.pk for mail in mails), now)
    for step in range(12 * (len(sizes) + 1)):
        at = now + timedelta(hours=4 * step)
        make_outgoing(sender)
        OutgoingMail.objects.filter(sender=sender, not_before__gt=at).update(not_before=at)
        ids = claimed(sender, at)
        sent_at(ids, at)
        used = [use.weight.external for use in limits.uses(sender.pk, at) if use.weight.external]
        assert sum(used) <= 8 or len(used) == 1
        for pk in ids:
            if waits.pop(pk, None):
                # Whoever was overtaken before it goes first, each within two days.
                waits = dict.fromkeys(waits, at)
        assert all(at - since <= 2 * DAY + HOUR for since in waits.values())
    assert not waits


@database
def test_automatic_mail_yields_first() -> None:
    sender = make_sender(limit_per_day=10)
    sent_before(sender, timedelta(hours=1), 8)
    automatic = make_outgoing(sender, is_automatic=True)
    assert claim_many(sender.pk, timezone.now(), 9) == []
    replies = [make_outgoing(sender) for _ in range(3)]
    assert [claim.mail_id for claim in claim_many(sender.pk, timezone.now(), 9)] == [
        replies[0].pk,
        replies[1].pk,
    ]
    holds.note(sender.pk, timezone.now())
    sender.state.refresh_from_db()
    assert sender.state.held_why == "10 messages per day"
    for until, hours in ((sender.state.held_until, 23), (sender.state.automatic_held_until, 23)):
        assert until is not None
        assert abs(until - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)
    automatic.refresh_from_db()
    assert automatic.state == State.QUEUED


@database
def test_a_mail_handed_over_twice_counts_twice() -> None:
    sender = make_sender(limit_per_day=3)
    mail = make_outgoing(sender, recipients=("a@customer.example", "b@customer.example"))
    (claim,) = claim_many(sender.pk, timezone.now(), 1)
    outbox.finish(
        claim,
        Outcome(
            {
                "a@customer.example": (Recipient.ACCEPTED, "250"),
                "b@customer.example": (Recipient.RETRY, "451"),
            }
        ),
    )
    OutgoingMail.objects.update(not_before=timezone.now())
    assert limits.room(sender, timezone.now()).used == [1]
    (claim,) = claim_many(sender.pk, timezone.now(), 1)
    assert limits.room(sender, timezone.now()).used == [2]
    take(claim)
    assert limits.room(sender, timezone.now()).used == [2]
    assert SenderUse.objects.get().mail_id == mail.pk


@database
def test_a_mail_in_doubt_that_is_sent_again_counts_twice() -> None:
    """The server may have taken it the first time: its own count goes on."""
    sender = make_sender(limit_per_day=3)
    mail = make_outgoing(sender)
    (claim,) = claim_many(sender.pk, timezone.now(), 1)
    assert outbox.start_data(claim)
    outbox.finish_uncertain(claim, Outcome({}))
    assert limits.room(sender, timezone.now()).used == [1]
    assert outbox.resend(mail)
    assert limits.room(sender, timezone.now()).used == [1]
    take(claim_many(sender.pk, timezone.now(), 1)[0])
    assert limits.room(sender, timezone.now()).used == [2]


@database
def test_what_came_back_had_been_sent_all_the_same() -> None:
    sender = make_sender(limit_per_day=1)
    mail = make_outgoing(sender)
    take(claim_many(sender.pk, timezone.now(), 1)[0])
    OutgoingMail.objects.filter(pk=mail.pk).update(state=State.FAILED)
    make_outgoing(sender)
    assert claim_many(sender.pk, timezone.now(), 1) == []


@database
def test_more_recipients_than_a_message_may_have(server: SmtpServer) -> None:
    sender = sender_for(server, recipients_per_message=2)
    everybody = tuple(f"p{number}@customer.example" for number in range(5))
    mail = make_outgoing(sender, recipients=everybody)
    for _ in range(3):
        sending.send_due_mail(sender.pk)
        OutgoingMail.objects.filter(state=State.RETRY).update(not_before=timezone.now())
    mail.refresh_from_db()
    assert mail.state == State.SENT
    assert [taken.recipients for taken in server.mails] == [everybody[:2], everybody[2:4], everybody[4:]]


@database
def test_doubt_about_a_part_leaves_the_rest_to_be_sent(server: SmtpServer) -> None:
    sender = sender_for(server, recipients_per_message=1)
    mail = make_outgoing(sender, recipients=("a@customer.example", "b@customer.example"))
    server.fault("dot", drop=True, stored=True)
    sending.send_due_mail(sender.pk)
    mail.refresh_from_db()
    assert mail.state == State.UNCERTAIN
    assert outbox.mark_sent(mail)
    states = dict(mail.recipients.values_list("email", "state"))
    assert states == {"a@customer.example": Recipient.ACCEPTED, "b@customer.example": Recipient.RETRY}


@database
def test_a_limit_changed_in_the_midst_of_a_run_holds_from_the_next_mail(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = sender_for(server, connections=1, limit_per_day=100)
    for _ in range(20):
        make_outgoing(sender)
    claimed: list[int] = []

    def claim(sender_id: int, now: datetime, most: int) -> list[Claim]:
        if len(claimed) == 1:
            EmailSender.objects.update(limit_per_day=7)
        found = claim_many(sender_id, now, most)
        claimed.append(len(found))
        return found

    monkeypatch.setattr("mailsenders.claims.claim_many", claim)
    sending.send_due_mail(sender.pk)
    assert len(server.mails) == 7


@database
@pytest.mark.parametrize(
    ("limit", "to"),
    [
        ("limit_per_hour", "charlie@customer.example"),
        ("recipients_per_day", "charlie@customer.example"),
        ("external_per_day", "charlie@customer.example"),
        ("internal_per_day", "bob@example.com"),
    ],
)
def test_each_limit_holds_at_once_when_it_is_changed(limit: str, to: str) -> None:
    sender = make_sender(**{limit: 10})
    for _ in range(6):
        make_outgoing(sender, recipients=(to,))
    sent_at(claimed(sender, timezone.now(), 3), timezone.now())
    for most, left in ((3, 0), (4, 1), (5, 1), (4, 0), (None, 1)):
        EmailSender.objects.update(**{limit: most})
        ids = claimed(sender, timezone.now())
        assert len(ids) == left
        sent_at(ids, timezone.now())


# What people see.


@database
def test_a_mail_tells_when_the_budget_lets_it_leave() -> None:
    sender = make_sender(limit_per_minute=2)
    sent_before(sender, timedelta(seconds=20))
    sent_before(sender, timedelta(seconds=10))
    waiting = [make_outgoing(sender) for _ in range(3)]
    now = timezone.now()
    times = [holds.wait_of(mail, now) for mail in waiting]
    seconds = [round((each.at - now).total_seconds()) for each in times if each and each.at]
    assert seconds == pytest.approx([40, 50, 100], abs=5)
    assert times[0]
    assert "the budget of" in times[0].why


@database
def test_a_mail_tells_what_else_it_waits_for() -> None:
    sender = make_sender()
    doubt, mail = make_outgoing(sender, order_key=5), make_outgoing(sender, order_key=5)
    assert holds.wait_of(mail, timezone.now()) is None
    OutgoingMail.objects.filter(pk=doubt.pk).update(state=State.UNCERTAIN)
    wait = holds.wait_of(mail, timezone.now())
    assert wait
    assert wait.at is None
    assert "earlier mail of this conversation" in wait.why
    later = timezone.now() + timedelta(hours=1)
    OutgoingMail.objects.filter(pk=doubt.pk).update(state=State.RETRY, not_before=later)
    wait = holds.wait_of(mail, timezone.now())
    assert wait
    assert wait.at == later
    assert "earlier mail of this conversation" in wait.why
    sender.is_active = False
    sender.save()
    mail = OutgoingMail.objects.get(pk=mail.pk)
    wait = holds.wait_of(mail, timezone.now())
    assert wait
    assert "switched off" in wait.why


@database
def test_a_raised_limit_ends_what_was_held() -> None:
    sender = make_sender(limit_per_day=1)
    sent_before(sender, timedelta(hours=1))
    make_outgoing(sender)
    sending.send_due_mail(sender.pk)
    sender.state.refresh_from_db()
    assert sender.state.held_until is not None
    sender.limit_per_day = 5
    sender.save()
    state = SenderState.objects.get(sender=sender)
    assert (state.held_until, state.automatic_held_until, state.held_why) == (None, None, "")


@database
def test_the_page_of_a_sender_shows_its_budget(admin_client: Client) -> None:
    sender = make_sender(limit_per_day=10)
    sent_before(sender, timedelta(minutes=10), 5)
    url = reverse("admin:mailsenders_emailsender_change", args=[sender.pk])
    html = admin_client.get(url).content.decode()
    assert "5 of 10" in html
    assert "At the pace of the last hour, the budget of 10 messages per day is used up at" in html
    sent_before(sender, timedelta(minutes=10), 5)
    make_outgoing(sender)
    holds.note(sender.pk, timezone.now())
    html = admin_client.get(url).content.decode()
    assert "replies wait until" in html
    assert "data-budgets" in html


@database
def test_a_sender_without_limits_has_no_standing() -> None:
    assert budget_view.standing(make_sender(), timezone.now()) is None
