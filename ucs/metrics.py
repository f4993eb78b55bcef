"""What Prometheus gets: counted at the moment of asking, out of the rows that everything else uses."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.registry import REGISTRY, Collector

from mailsenders.models import OutgoingMail, SenderState
from mailsources import standing
from mailsources.models import EmailSource, FetchedMail, SourceState
from mailstore.models import FeedEvent
from mailstore.workers import worker_states
from queues import brakes
from queues.models import Conversation, EmailQueue
from sso.models import ProviderToken
from webhooks.models import Delivery, Webhook

# No label holds an address, a subject or anything else of a customer.
__all__ = ["REGISTRY"]


class ProductCollector(Collector):
    """The gauges of the product; without the database only that fact and the workers."""

    def collect(self) -> Iterator[Gauge]:
        """All gauges, by a handful of indexed queries."""
        try:
            gauges = list(rows())
        except DatabaseError:
            gauges = []
        yield Gauge("ucs_database_up", "1 when the database answers.", value=float(bool(gauges)))
        yield from gauges
        yield from workers()

    def describe(self) -> list[Gauge]:
        """Nothing: registering must not ask the database."""
        return []


def rows() -> Iterator[Gauge]:
    """Everything that stands in the database."""
    outbox, ledger = OutgoingMail.State, FetchedMail.State
    yield counts(
        Gauge("ucs_conversations", "Conversations that are not closed.", labels=["queue", "state"]),
        Conversation.objects.exclude(state=Conversation.State.CLOSED).values_list("queue__name", "state"),
    )
    yield counts(
        Gauge("ucs_outgoing_mail", "Outgoing mail that is not settled.", labels=["sender", "state"]),
        OutgoingMail.objects.exclude(state__in=[outbox.SENT, outbox.CANCELLED]).values_list(
            "sender__name", "state"
        ),
    )
    yield counts(
        Gauge("ucs_fetched_mail", "Fetched mail that is not delivered.", labels=["source", "state"]),
        FetchedMail.objects.filter(state__in=[ledger.WAITING, ledger.FAILED]).values_list(
            "source__name", "state"
        ),
    )
    yield ages(
        Gauge("ucs_conversation_waiting_seconds", "Age of the one that waits longest.", labels=["queue"]),
        Conversation.objects.filter(state=Conversation.State.WAITING)
        .order_by()
        .values_list("queue__name")
        .annotate(since=Min("waiting_since")),
    )
    yield from connections(
        "source", SourceState.objects.values_list("source__name", "last_success_at", "failures")
    )
    yield from connections(
        "sender", SenderState.objects.values_list("sender__name", "last_success_at", "failures")
    )
    yield from webhooks()
    yield token_lifetimes()
    yield from ledgers()
    yield queue_alarms()


def counts(gauge: Gauge, owners_and_states: "QuerySet[Any, tuple[str, str]]") -> Gauge:
    """How many rows of each owner are in each state."""
    for owner, state, number in owners_and_states.order_by().annotate(number=Count("id")):
        gauge.add_metric([owner, state], number)
    return gauge


def ages(gauge: Gauge, moments: Iterable[tuple[str, datetime | None]]) -> Gauge:
    """Seconds since something; what never happened has no sample."""
    now = timezone.now()
    for name, moment in moments:
        if moment is not None:
            gauge.add_metric([name], (now - moment).total_seconds())
    return gauge


def connections(kind: str, states: Iterable[tuple[str, datetime | None, int]]) -> Iterator[Gauge]:
    """The health of sources or senders."""
    known = list(states)
    failures = Gauge(f"ucs_{kind}_failures", "Failures in a row.", labels=[kind])
    for name, _, number in known:
        failures.add_metric([name], number)
    yield failures
    silence = Gauge(f"ucs_{kind}_silence_seconds", "Time since the last success.", labels=[kind])
    yield ages(silence, [(name, moment) for name, moment, _ in known])


def ledgers() -> Iterator[Gauge]:
    """Each mailbox beside our ledger, as far as we know at this moment."""
    now = timezone.now()
    on_server = Gauge("ucs_source_on_server", "Mails that the mailbox holds.", labels=["source"])
    in_ledger = Gauge("ucs_source_in_ledger", "Of those, mails that the ledger has.", labels=["source"])
    missing = Gauge(
        "ucs_source_missing", "Mails that the last comparison could not fetch.", labels=["source"]
    )
    proved = Gauge("ucs_source_proof_seconds", "Time since the last comparison.", labels=["source"])
    mail = Gauge("ucs_source_last_mail_seconds", "Time since the last new mail.", labels=["source"])
    alarms = Gauge("ucs_source_alarms", "Things that a person should look at.", labels=["source"])
    for source in EmailSource.objects.filter(is_active=True).select_related("state").defer("password"):
        state, label = source.state, [source.name]
        on_server.add_metric(label, state.on_server or 0)
        in_ledger.add_metric(label, state.in_ledger)
        missing.add_metric(label, state.proof.get("missing", 0))
        alarms.add_metric(label, len(standing.alarms(source, now)))
        for gauge, moment in ((proved, state.proved_at), (mail, state.last_mail_at)):
            if moment is not None:
                gauge.add_metric(label, (now - moment).total_seconds())
    yield from (on_server, in_ledger, missing, proved, mail, alarms)


def webhooks() -> Iterator[Gauge]:
    """What waits for each webhook, its failures in a row, and events without a number yet."""
    states = Delivery.State
    yield counts(
        Gauge("ucs_webhook_deliveries", "Deliveries that are not settled.", labels=["webhook", "state"]),
        Delivery.objects.filter(state__in=[states.WAITING, states.SENDING]).values_list(
            "webhook__name", "state"
        ),
    )
    failures = Gauge("ucs_webhook_failures", "Failures in a row.", labels=["webhook"])
    paused = Gauge("ucs_webhook_paused", "1 when nothing is sent after days of failure.", labels=["webhook"])
    for name, number, paused_at in Webhook.objects.values_list("name", "failures", "paused_at"):
        failures.add_metric([name], number)
        paused.add_metric([name], float(paused_at is not None))
    yield failures
    yield paused
    unnumbered = FeedEvent.objects.filter(number=None).count()
    yield Gauge("ucs_feed_unnumbered", "Events that nobody has numbered yet.", value=unnumbered)


def queue_alarms() -> Gauge:
    """What a person should look at in each e-mail queue: a storm of acknowledgements, held conversations."""
    gauge = Gauge("ucs_queue_alarms", "Things that a person should look at.", labels=["queue"])
    for row in brakes.counted(EmailQueue.objects.all(), timezone.now()):
        gauge.add_metric([row.name], len(brakes.alarms_of(row)))
    return gauge


def token_lifetimes() -> Gauge:
    """How long each sign-in is still good for; below zero when nobody refreshes it."""
    gauge = Gauge("ucs_token_seconds_left", "Time until the access token expires.", labels=["provider"])
    now = timezone.now()
    tokens = ProviderToken.objects.filter(expires_at__isnull=False)
    for name, expires_at in tokens.values_list("provider__name", "expires_at"):
        if expires_at is not None:
            gauge.add_metric([name], (expires_at - now).total_seconds())
    return gauge


def workers() -> Iterator[Gauge]:
    """Which task queues are served, and what lies in them."""
    alive = Gauge("ucs_worker_alive", "1 when a worker of the queue gave a sign of life.", labels=["queue"])
    backlog = Gauge("ucs_worker_backlog", "Tasks that wait.", labels=["queue"])
    for state in worker_states():
        alive.add_metric([state.queue], float(state.alive))
        if state.backlog is not None:
            backlog.add_metric([state.queue], state.backlog)
    yield alive
    yield backlog


REGISTRY.register(ProductCollector())
