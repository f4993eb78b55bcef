"""How everything is doing: one report for the API, `manage.py status` and the metrics."""

from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from alarms.troubles import troubles
from mailsenders.models import EmailSender, OutgoingMail, SenderState
from mailsources import standing
from mailsources.models import EmailSource, FetchedMail
from mailstore.workers import INTAKE, QUEUES, worker_states
from queues import brakes
from queues.models import Conversation, EmailQueue
from sso.health import Health
from sso.models import SSOProvider
from webhooks.models import Delivery, Webhook


def report() -> dict[str, Any]:
    """The state of everything that runs; `ok` is false if a person should look."""
    parts = {
        "sources": sources(),
        "senders": senders(),
        "providers": providers(),
        "queues": queues(),
        "workers": workers(),
        "webhooks": webhooks(),
    }
    wrong = [str(each) for each in troubles() if not each.key.startswith("ending:")]
    return {"ok": not wrong} | parts | {"troubles": wrong}


def _health(row: Health, active: bool = True) -> dict[str, Any]:
    state = "off" if not active else "failing" if row.is_failing else "ok" if row.last_success_at else "new"
    return {
        "state": state,
        "last_success": row.last_success_at,
        "last_error": row.last_error,
        "next_attempt": row.next_attempt_at,
    }


def _counts(found: "QuerySet[Any]", owner: str, **states: Q) -> dict[int, dict[str, int]]:
    """Rows per owner and state, in one query."""
    named = {name: Count("id", filter=condition) for name, condition in states.items()}
    rows: Any = found.order_by().values(owner).annotate(**named)
    return {row[owner]: {name: row[name] for name in states} for row in rows}


def sources() -> list[dict[str, Any]]:
    """Each e-mail source: its mailbox against our ledger."""
    state = FetchedMail.State
    held = _counts(
        FetchedMail.objects.filter(state__in=[state.WAITING, state.FAILED]),
        "source",
        waiting=Q(state=state.WAITING),
        quarantined=Q(state=state.FAILED),
    )
    nothing = {"waiting": 0, "quarantined": 0}
    oldest = standing.oldest_of_each()
    return [
        _source(source, oldest.get(source.pk)) | held.get(source.pk, nothing)
        for source in EmailSource.objects.select_related("state").defer("password")
    ]


def _source(source: EmailSource, oldest: datetime | None) -> dict[str, Any]:
    now = timezone.now()
    lag = standing.lag(source, oldest, now)
    state, progress = source.state, standing.progress(source, now)
    alarms = standing.alarms(source, now)
    row = {"name": source.name, **_health(state, source.is_active)}
    if source.is_forwarding and row["state"] in ("new", "ok") and state.last_mail_at is None:
        row["state"] = "waiting for first mail"
    if source.stage != EmailSource.Stage.ACTIVE:
        row["state"] = source.stage
    if alarms and row["state"] == "ok":
        row["state"] = "alarm"
    return row | {
        "on_server": state.on_server,
        "in_ledger": state.in_ledger,
        "proof": standing.in_words(state),
        "proved_at": state.proved_at,
        "last_mail_at": state.last_mail_at,
        "importing": str(progress) if progress else "",
        "lag": lag.words,
        "lag_why": lag.why,
        "oldest_waiting_at": oldest,
        "alarms": alarms,
    }


def senders() -> list[dict[str, Any]]:
    """Each e-mail sender and its outbox."""
    state = OutgoingMail.State
    held = _counts(
        OutgoingMail.objects.all(),
        "sender",
        queued=Q(state__in=[state.HELD, state.QUEUED, state.SENDING]),
        retrying=Q(state=state.RETRY),
        uncertain=Q(state=state.UNCERTAIN),
        failed=Q(state=state.FAILED),
    )
    nothing = {"queued": 0, "retrying": 0, "uncertain": 0, "failed": 0}
    return [
        {"name": sender.name, **_health(sender.state, sender.is_active), **_held(sender.state)}
        | held.get(sender.pk, nothing)
        for sender in EmailSender.objects.select_related("state")
    ]


def _held(state: SenderState) -> dict[str, Any]:
    """Until when the budget holds mail back; None for what leaves."""
    now = timezone.now()
    times = {"held_until": state.held_until, "automatic_held_until": state.automatic_held_until}
    held = {name: at if at and at > now else None for name, at in times.items()}
    return held | {"held_for": state.held_why if any(held.values()) else ""}


def providers() -> list[dict[str, Any]]:
    """Each SSO provider: whose sign-in it holds and for how long."""
    found = []
    for provider in SSOProvider.objects.select_related("token"):
        token = provider.token
        state = (
            "needs sign-in" if token.needs_sign_in
            else "for people" if provider.for_people and not token.account
            else "not signed in" if not token.account
            else "failing" if token.is_failing
            else "ok"
        )  # fmt: skip
        found.append(
            {
                "id": provider.pk,
                "name": provider.name,
                "type": provider.type,
                "state": state,
                "account": token.account,
                "expires_at": token.expires_at,
                "last_error": token.last_error,
            }
        )
    return found


def queues() -> list[dict[str, Any]]:
    """Each e-mail queue: what waits in it, and for how long."""
    now = timezone.now()
    waiting = Q(conversations__state=Conversation.State.WAITING)
    rows: Any = brakes.counted(EmailQueue.objects.all(), now).annotate(
        waiting=Count("conversations", filter=waiting),
        assigned=Count("conversations", filter=Q(conversations__state=Conversation.State.ASSIGNED)),
        oldest=Min("conversations__waiting_since", filter=waiting),
    )
    return [
        {
            "name": row.name,
            "waiting": row.waiting,
            "assigned": row.assigned,
            "held": row.held_count,
            "alarms": brakes.alarms_of(row),
            "oldest_waiting_seconds": int((now - row.oldest).total_seconds()) if row.oldest else 0,
        }
        for row in rows
    ]


def webhooks() -> list[dict[str, Any]]:
    """Each webhook: whether it is taken, and what waits."""
    waiting = Q(deliveries__state__in=[Delivery.State.WAITING, Delivery.State.SENDING])
    rows = Webhook.objects.defer("secret").annotate(waiting=Count("deliveries", filter=waiting))
    return [
        {
            "name": row.name,
            **_health(row, row.is_active),
            **({"state": "paused"} if row.is_active and row.paused_at else {}),
            "waiting": row.waiting,
        }
        for row in rows
    ]


def workers() -> list[dict[str, Any]]:
    """Each worker queue: did a worker answer lately, and how much lies in it; the intake where needed."""
    handed_over = EmailSource.objects.handed_over()
    wanted = (*QUEUES, INTAKE) if handed_over.exists() else QUEUES
    return [
        {"queue": row.queue, "alive": row.alive, "backlog": row.backlog, "last_seen": row.last_seen}
        for row in worker_states(wanted)
    ]
