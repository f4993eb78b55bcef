"""Webhooks: who outside is told of which events, and each telling with its outcome.

    feed ──`choosing`──▶ waiting ──claim──▶ sending ──2xx──▶ delivered
                           ▲ ▲                │ │ └──410, or refused for days──▶ failed
                           │ └──not taken─────┘ └──what it is about was erased──▶ dropped
                           │                       (or moved away, or switched off meanwhile)
                           └──"send again", "replay"── delivered, failed, dropped

`choosing` and `sending` are the only writers of deliveries. Of one webhook, those about the same conversation
leave in the order of the feed: one that isn't taken holds back the later ones of its conversation alone.
"""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from mailsources.models import EmailSource
from mailstore.feed_models import FeedEvent
from queues.models import EmailQueue
from sso import guard
from sso.fields import SecretField
from sso.health import Health
from webhooks import signature
from webhooks.crm_models import CrmSettings

OF_MAIL_IN = frozenset({FeedEvent.Type.MAIL_RECEIVED, FeedEvent.Type.CREATED})


class Webhook(CrmSettings, Health):
    """One address outside that events are pushed to."""

    name = models.CharField(max_length=200, unique=True)
    url = models.URLField("URL", max_length=2000, help_text="https://; it must answer each POST with 2xx.")
    secret = SecretField(
        blank=True,
        help_text="Signs what we send. Left empty, a good one is made and shown once.",
    )
    events = models.JSONField(default=list, blank=True, help_text="The types of events that it is told of.")
    queue = models.ForeignKey(
        EmailQueue,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Only what happens in this queue; all queues if empty.",
    )
    source = models.ForeignKey(
        EmailSource,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="email source",
        help_text="Only mail that came over this source; all if empty.",
    )
    is_active = models.BooleanField("active", default=True)
    cursor = models.BigIntegerField(
        default=0, editable=False, help_text="The feed is chosen from up to here."
    )
    failing_since = models.DateTimeField(null=True, editable=False)
    paused_at = models.DateTimeField(
        null=True, editable=False, help_text="It failed for days: nothing is sent until a person resumes it."
    )
    gone_at = models.DateTimeField(
        null=True, editable=False, help_text="When its receiver wanted nothing more (410)."
    )
    missed_from = models.BigIntegerField(
        null=True, editable=False, help_text="The feed from here on was not told, as it was switched off."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what could never be honoured."""
        super().clean()
        if self.is_crm:
            self.events = self.events_of_crm()
        known = set(FeedEvent.Type.values)
        wrong = [each for each in self.events if each not in known] if isinstance(self.events, list) else [""]
        if wrong or not self.events:
            told = (
                f"“{wrong[0]}” is no type of event"
                if wrong and wrong[0]
                else "choose one type of event at least"
            )
            raise ValidationError(
                {"events": f"{told[0].upper()}{told[1:]}: see docs/webhooks.md for the list."}
            )
        if self.source_id is not None and not OF_MAIL_IN.issuperset(self.events):
            fitting = " and ".join(sorted(OF_MAIL_IN))
            raise ValidationError(
                {"source": f"Only {fitting} come over a source: choose no other events, or no source."}
            )
        try:
            guard.check_url(self.url, what="The URL")
        except guard.GuardError as error:
            raise ValidationError({"url": str(error)}) from error
        if self.is_crm:
            self._check_crm()
            return
        try:
            signature.key_of(self.secret) if self.secret else None
        except signature.BadSecret as error:
            raise ValidationError({"secret": str(error)}) from error

    def _check_crm(self) -> None:
        wrong = self.wrong_crm()
        if not self.secret:
            wrong["secret"] = "Give the token that lets us in there."  # noqa: S105 - a sentence
        if wrong:
            raise ValidationError(wrong)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new one, or one that is switched on again, begins with what happens from now on.

        Of one that is there only settings are written: the rest is the worker's, which may be at it.
        """
        if self._state.adding:
            if not self.is_crm:
                self.secret = self.secret or signature.new_secret()
            self.cursor = self.cursor or last_number()
            super().save(*args, **kwargs)
            return
        given = kwargs.pop("update_fields", None)
        fields = self._settings() if given is None else set(given)
        with transaction.atomic():
            if "is_active" in fields:
                fields |= self._switched()
            super().save(*args, update_fields=fields, **kwargs)

    def _settings(self) -> set[str]:
        """What people set; the rest of the row is not editable."""
        every = {each.name for each in self._meta.concrete_fields if each.editable and not each.primary_key}
        return every - self.get_deferred_fields()

    def _switched(self) -> set[str]:
        """Which fields change besides, as it is switched on or off, or stays as it is."""
        self.gone_at = None
        rows = Webhook.objects.select_for_update(no_key=True).filter(pk=self.pk)
        was = rows.values("is_active", "cursor", "missed_from").first()
        if was is None or was["is_active"] or not self.is_active:
            return {"gone_at"}
        self.cursor, self.missed_from = was["cursor"], was["missed_from"]
        self._begin_anew()
        return {"gone_at", "missed_from", "cursor"}

    def _begin_anew(self) -> None:
        """Nobody wants the events of weeks at once; a person may replay them, from `missed_from` on."""
        waiting = self.deliveries.filter(state=Delivery.State.WAITING)
        first = waiting.aggregate(first=models.Min("number"))["first"]
        newest = last_number()
        missed = first or (self.cursor + 1 if newest > self.cursor else None)
        self.missed_from = min((each for each in (self.missed_from, missed) if each), default=None)
        self.cursor = newest
        waiting.update(
            state=Delivery.State.DROPPED,
            settled_at=timezone.now(),
            error="It was switched off meanwhile: replay it, if it is to be told.",
        )

    def events_of_crm(self) -> list[str]:
        """What a CRM is told of: each mail, and who began a conversation if anything depends on it."""
        found = [FeedEvent.Type.CREATED.value] if self.look_up_fields else []
        sent = [] if self.source_id is not None else [FeedEvent.Type.MAIL_SENT.value]
        return [*found, FeedEvent.Type.MAIL_RECEIVED.value, *sent]

    @property
    def runs(self) -> bool:
        """Whether anything is sent to it."""
        return self.is_active and self.paused_at is None


def last_number() -> int:
    """The newest number of the feed; 0 while it is empty."""
    return FeedEvent.objects.aggregate(newest=models.Max("number"))["newest"] or 0


class Delivery(models.Model):
    """One event for one webhook. What is sent is made anew at each attempt, and never kept."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Sending"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        DROPPED = "dropped", "Dropped"

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(FeedEvent, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    number = models.BigIntegerField(help_text="The event's place in the feed.")
    order_key = models.BigIntegerField(help_text="The conversation, or the contact as a number below zero.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True, help_text="Of the last answer (HTTP).")
    latency_ms = models.PositiveIntegerField(null=True)
    answer = models.TextField(blank=True, help_text="The beginning of the last answer.")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["webhook", "event"], name="delivered_once")]
        indexes = [
            models.Index(fields=["webhook", "number"], name="delivery_waiting", condition=Q(state="waiting")),
            models.Index(
                fields=["webhook", "order_key", "number"],
                name="delivery_in_order",
                condition=Q(state__in=["waiting", "sending"]),
            ),
            models.Index(fields=["lease_until"], name="delivery_leased", condition=Q(state="sending")),
            models.Index(fields=["webhook", "-id"], name="delivery_log"),
            models.Index(
                fields=["webhook", "state", "settled_at"],
                name="delivery_settled",
                condition=Q(settled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class CrmConnectionManager(models.Manager["CrmConnection"]):
    """Those whose system is a CRM."""

    def get_queryset(self) -> models.QuerySet["CrmConnection"]:
        return super().get_queryset().exclude(kind=Webhook.Kind.WEBHOOK)


class CrmConnection(Webhook):
    """A webhook that makes records in a CRM: the same order, tries and log."""

    objects: ClassVar[CrmConnectionManager] = CrmConnectionManager()

    class Meta:
        proxy = True
        verbose_name = "CRM connection"


class PushedRecord(models.Model):
    """A mail that stands in a CRM, by its id there: it is recorded once."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="records")
    message_id = models.BigIntegerField()
    outside_id = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["webhook", "message_id"], name="recorded_once")]

    def __str__(self) -> str:
        return self.outside_id
