"""A mailbox that somebody waits on is polled seldom, and at its interval as soon as nobody does."""

from datetime import timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone
from pytest_django import Settings

from mailsources import lease, watched
from mailsources.faults import MailboxError
from mailsources.lease import Fetched
from mailsources.models import EmailSource, SourceState
from mailsources.source_page import standing_of
from tests.make import make_source

pytestmark = pytest.mark.django_db


def state_of(source: EmailSource) -> SourceState:
    return SourceState.objects.get(source=source)


def next_look(source: EmailSource, **outcome: object) -> float:
    """Seconds until the next look, after one that went well unless `failure` is given."""
    (held,) = lease.claim([source.pk], early=True)
    lease.finish([(held, Fetched(source, on_server=0, **outcome))])  # type: ignore[arg-type]
    due = state_of(source).next_attempt_at
    assert due is not None
    return (due - timezone.now()).total_seconds()


def test_a_watched_mailbox_is_polled_seldom_but_every_five_minutes() -> None:
    source, other = make_source(), make_source()
    watched.note([source.pk])
    assert 240 <= next_look(source) <= 300
    assert next_look(other) <= 66


def test_a_longer_interval_stays() -> None:
    source = make_source(poll_interval=3600)
    watched.note([source.pk])
    assert next_look(source) > 3000


def test_a_server_that_says_nothing_of_new_mail_is_polled_as_usual() -> None:
    source = make_source()
    watched.note([source.pk])
    assert next_look(source, count=1) > 200, "somebody has asked for this look"
    assert next_look(source, count=1) <= 66
    assert next_look(source, count=0) > 200, "until it is quiet"
    lease.make_due([source.pk])
    assert next_look(source, count=1) > 200


def test_a_mailbox_with_more_to_fetch_is_due_at_once() -> None:
    source = make_source()
    watched.note([source.pk])
    assert next_look(source, more=True) <= 0


def test_who_is_let_go_is_polled_within_its_interval(settings: Settings) -> None:
    default, own = make_source(), make_source(poll_interval=20)
    watched.note([default.pk, own.pk])
    for source in (default, own):
        next_look(source)
    watched.let_go([default.pk, own.pk])
    assert watched.back_to_polls() == 2
    for source, interval in ((default, settings.POLL_INTERVAL), (own, 20)):
        due = state_of(source).next_attempt_at
        assert due is not None
        assert due <= timezone.now() + timedelta(seconds=interval)
    assert watched.back_to_polls() == 0
    assert next_look(default) <= 66


def test_a_watch_that_dies_is_noticed_by_its_silence() -> None:
    source = make_source()
    watched.note([source.pk])
    next_look(source)
    assert watched.back_to_polls() == 0
    SourceState.objects.update(watched_until=timezone.now() - timedelta(seconds=1))
    assert watched.back_to_polls() == 1
    assert watched.HOLD_SECONDS > 2 * watched.BEAT_SECONDS


def test_a_failing_mailbox_waits_as_long_as_its_server_asked() -> None:
    source = make_source()
    watched.note([source.pk])
    assert next_look(source, failure=MailboxError("Busy.", code="throttled", wait=900)) > 890
    watched.let_go([source.pk])
    assert watched.back_to_polls() == 1
    due = state_of(source).next_attempt_at
    assert due is not None
    assert due > timezone.now() + timedelta(seconds=890)


def test_who_is_due_now_stays_due() -> None:
    source = make_source()
    watched.note([source.pk])
    watched.let_go([source.pk])
    watched.back_to_polls()
    assert state_of(source).next_attempt_at is None
    assert lease.due(10) == [source.pk]


def test_who_is_looked_at_just_now_is_left_alone() -> None:
    source = make_source()
    watched.note([source.pk])
    (held,) = lease.claim([source.pk])
    watched.let_go([source.pk])
    assert watched.back_to_polls() == 0
    lease.finish([(held, Fetched(source, on_server=0))])
    due = state_of(source).next_attempt_at
    assert due is not None
    assert due <= timezone.now() + timedelta(seconds=66), "the look itself has noticed"


def test_the_page_says_that_news_are_waited_for() -> None:
    source = make_source()
    next_look(source)
    watched.note([source.pk])
    waits = "as soon as the server tells of new mail"

    def page() -> str:
        fresh = EmailSource.objects.select_related("state").get(pk=source.pk)
        return render_to_string(
            "mailsources/standing.html",
            {"standing": standing_of(fresh), "opts": EmailSource._meta, "original": fresh},
        )

    assert waits in page()
    watched.let_go([source.pk])
    assert waits not in page()
