"""☰ System → Webhooks, with the log of what was delivered."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin import action, display
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from sso.admin import ProductAdmin, badge, health_badge, when
from sso.adminbase import listed
from sso.badges import Tone, breakable, moment
from sso.paging import ShortPaginator
from sso.widgets import SecretsForm
from webhooks import repeats, standing, trial
from webhooks.forms import CrmForm, WebhookForm
from webhooks.models import CrmConnection, Delivery, Webhook
from webhooks.post import Verdict

State = Delivery.State
TONES: dict[str, Tone] = {State.DELIVERED: "good", State.FAILED: "bad", State.SENDING: "warn"}


@admin.register(Webhook)
class WebhookAdmin(ProductAdmin):
    """One row for each address outside that is told."""

    form: type[SecretsForm] = WebhookForm
    list_display = ("webhook", "told_of", "health", "backlog", "last_success")
    list_filter = ("is_active",)
    search_fields = ("name", "url")
    list_select_related = ("queue", "source")
    change_form_before_template = "webhooks/card.html"
    change_form_outer_after_template = "webhooks/card_forms.html"
    empty_sentence = (
        "A webhook tells another system of mails and conversations as they happen: each event is a signed "
        "POST to its address."
    )

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("webhooks/webhooks.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        open_ = Delivery.objects.filter(webhook=OuterRef("pk"), state__in=[State.WAITING, State.SENDING])
        counted = open_.order_by().values("webhook").annotate(count=Count("pk")).values("count")
        waiting = Coalesce(Subquery(counted), 0)  # not of all that were ever delivered: those are millions
        found: QuerySet[Webhook] = super().get_queryset(request).annotate(in_waiting=waiting)
        return found.filter(kind=Webhook.Kind.WEBHOOK) if self.model is Webhook else found

    @display(description="Webhook", ordering="name")
    def webhook(self, obj: Webhook) -> SafeString:
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>', obj.name, breakable(obj.url)
        )

    @display(description="Is told of")
    def told_of(self, obj: Webhook) -> SafeString:
        shown = ", ".join(obj.events[:2]) + (
            f" and {len(obj.events) - 2} more" if len(obj.events) > 2 else ""
        )
        of = [f"queue {obj.queue.name}"] if obj.queue else []
        of += [f"source {obj.source.name}"] if obj.source else []
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>',
            shown,
            ", ".join(of) or "all queues",
        )

    @display(description="Health")
    def health(self, obj: Webhook) -> SafeString:
        return condition(obj)

    @display(description="Waiting")
    def backlog(self, obj: Any) -> SafeString:
        address = f"{reverse('admin:webhooks_delivery_changelist')}?webhook__id__exact={obj.pk}"
        return format_html('<a class="ucs-link" href="{}">{} · log</a>', address, obj.in_waiting)

    @display(description="Last success", ordering="last_success_at")
    def last_success(self, obj: Webhook) -> SafeString | str:
        return when(obj.last_success_at)

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        is_made_here = not change and not obj.secret and not obj.is_crm
        super().save_model(request, obj, form, change)
        if is_made_here:
            sentence = (
                f"The secret of {obj} is {obj.secret} – copy it to the receiver now, it can't be shown again."
            )
            messages.warning(request, sentence)

    def next_step(self, obj: Webhook) -> str:
        return "Open it and press “Send a test” when its receiver is ready."

    def after_change(self, obj: Webhook) -> str:
        if not obj.is_active:
            return "It is switched off: it is told nothing until it is active."
        return "The next event is sent with these settings."

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        views = {"test": self.test_view, "resume": self.resume_view, "replay": self.replay_view}
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(require_POST(view)), name=f"{prefix}_{name}")
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Send a test”."""
        webhook = self._changeable(request, pk)
        outcome = trial.send_test(webhook)
        if outcome.verdict is Verdict.TAKEN and webhook.is_crm:
            messages.success(request, f"{webhook} answers, and knows the token. {_from_now_on(webhook)}")
        elif outcome.verdict is Verdict.TAKEN:
            said = f"{webhook} took the test: it answered {outcome.status} after {outcome.latency_ms} ms."
            messages.success(request, f"{said} {_from_now_on(webhook)}")
        else:
            answer = f" It said: “{outcome.answer[:200]}”" if outcome.answer else ""
            said = f"{webhook} did not take the test. {outcome.sentence}{answer}"
            messages.error(request, f"{said} Mend it, then send a test again.")
        return redirect(self.url("change", pk))

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Resume”."""
        webhook = self._changeable(request, pk)
        repeats.resume(webhook)
        self.log_change(request, webhook, "Resumed.")
        messages.success(request, f"{webhook} was resumed: what waits is sent in a few seconds.")
        return redirect(self.url("change", pk))

    def replay_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Replay”."""
        webhook = self._changeable(request, pk)
        number = request.POST.get("from_number", "").strip()
        if not (number.isascii() and number.isdigit() and 0 < len(number) < 18):
            messages.error(
                request,
                f"{webhook} gets nothing again yet. Give the number of the feed to begin with, such as 120.",
            )
            return redirect(self.url("change", pk))
        repeats.replay(webhook, int(number))
        self.log_change(request, webhook, f"Replayed from number {number}.")
        messages.success(
            request,
            f"{webhook} gets everything again from number {int(number)} on, beginning in a few seconds.",
        )
        return redirect(self.url("change", pk))

    def _changeable(self, request: HttpRequest, pk: int) -> Webhook:
        obj: Webhook | None = self.get_object(request, str(pk))
        if obj is None:
            raise Http404
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        return obj

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more = {"card": self._card(request, obj)} if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def _card(self, request: HttpRequest, obj: Webhook) -> dict[str, Any]:
        return {
            "badge": condition(obj),
            "standing": standing.standing(obj, timezone.now()),
            "missed_from": str(obj.missed_from or ""),
            "may_change": self.has_change_permission(request, obj),
            "is_stuck": obj.paused_at is not None or obj.is_failing,
            "log_url": f"{reverse('admin:webhooks_delivery_changelist')}?webhook__id__exact={obj.pk}",
            **{f"{name}_url": self.url(name, obj.pk) for name in ("test", "resume", "replay")},
        }


@admin.register(CrmConnection)
class CrmAdmin(WebhookAdmin):
    """☰ System → CRM connections: each mail becomes a record there."""

    form = CrmForm
    list_display = ("webhook", "system", "health", "backlog", "last_success")
    empty_sentence = (
        "A CRM connection makes a record of each mail in another system, and asks it about who writes."
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("kind", "name", "url", "secret", "queue", "source", "makes_contacts", "is_active"),
                    *("record_path", "record_fields", "record_id"),
                )
            },
        ),
        (
            "Look-up of who begins a conversation",
            {"fields": ("look_up_path", "look_up_fields", "look_up_values")},
        ),
    )
    conditional_fields: ClassVar[dict[str, str]] = {
        "makes_contacts": "kind == 'hubspot'",
        "record_path": "kind == 'rest'",
        "record_fields": "kind == 'rest'",
        "record_id": "kind == 'rest'",
        "look_up_path": "kind == 'rest'",
    }

    @display(description="System", ordering="kind")
    def system(self, obj: CrmConnection) -> str:
        return obj.get_kind_display()

    def next_step(self, obj: Webhook) -> str:
        return "Open it and press “Send a test”."


def _from_now_on(obj: Webhook) -> str:
    """What comes after a good test."""
    if not obj.is_active:
        return "It is switched off: tick Active, and it is told from then on."
    return "What happens from now on is sent there."


def condition(obj: Webhook) -> SafeString:
    """How a webhook does, as a badge."""
    if obj.is_active and obj.paused_at is not None:
        return badge("bad", "paused", standing.paused_sentence(obj))
    if not obj.is_active and obj.is_failing:
        return badge("calm", "switched off", obj.last_error)
    return health_badge(obj, active=obj.is_active)


@admin.register(Delivery)
class DeliveryAdmin(ProductAdmin):
    """The log: written by the workers alone; here people look, and send again."""

    list_display = ("number_in_feed", "webhook_name", "event_type", "condition", "tries", "answered", "again")
    list_display_links = None
    list_filter = ("state", "webhook")
    sortable_by = ()  # the newest first: any other order would sort millions
    paginator = ShortPaginator
    show_facets = admin.ShowFacets.NEVER
    list_select_related = ("webhook", "event")
    actions = ("send_again",)
    empty_sentence = "Nothing was delivered yet: events stand here as they happen, for 30 days."

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_again_permission(self, request: HttpRequest) -> bool:
        """Who may change webhooks."""
        return request.user.has_perm("webhooks.change_webhook")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.defer("webhook__secret")

    @display(description="Number")
    def number_in_feed(self, obj: Delivery) -> SafeString:
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>',
            obj.number,
            when(obj.event.at),
        )

    @display(description="Webhook")
    def webhook_name(self, obj: Delivery) -> SafeString:
        address = standing.page_of(obj.webhook)
        return format_html('<a class="ucs-link" href="{}">{}</a>', address, obj.webhook.name)

    @display(description="Event")
    def event_type(self, obj: Delivery) -> SafeString:
        about = f"conversation {obj.order_key}" if obj.order_key > 0 else f"contact {-obj.order_key}"
        return format_html(
            '<span class="ucs-cell">{}<span class="ucs-below">{}</span></span>', obj.event.type, about
        )

    @display(description="State")
    def condition(self, obj: Delivery) -> SafeString:
        next_try = f" Tried again {moment(obj.next_attempt_at)}." if obj.state == State.WAITING else ""
        return badge(TONES.get(obj.state, "calm"), obj.get_state_display(), f"{obj.error}{next_try}".strip())

    @display(description="Attempts")
    def tries(self, obj: Delivery) -> int:
        return obj.attempts

    @display(description="Answer")
    def answered(self, obj: Delivery) -> SafeString | str:
        if obj.status is None:
            return "–"
        return format_html(
            '<span class="ucs-cell">{} in {} ms<span class="ucs-below" title="{}">{}</span></span>',
            obj.status,
            obj.latency_ms,
            obj.answer,
            obj.answer[:120],
        )

    @display(description="")
    def again(self, obj: Delivery) -> SafeString | str:
        if obj.state == State.SENDING:
            return ""
        return format_html(
            '<button type="submit" class="ucs-button ucs-copy-button" formaction="{}" formmethod="post" '
            'aria-label="Send again: {}">Send again</button>',
            self.url("again", obj.pk),
            obj.number,
        )

    def get_urls(self) -> list[URLPattern]:
        again = self.admin_site.admin_view(require_POST(self.again_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_again"
        return [path("<int:pk>/again/", again, name=name), *super().get_urls()]

    def again_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Send again”."""
        if not self.has_again_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).select_related("webhook").filter(pk=pk).first()
        if row is None:
            raise Http404
        self._again(request, [row])
        return redirect(request.headers.get("Referer") or self.url("changelist"))

    @action(description="Send again", permissions=["again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Send the selected ones again."""
        self._again(request, list(queryset.order_by("number")))

    def _again(self, request: HttpRequest, rows: list[Delivery]) -> None:
        done = [row for row in rows if repeats.send_again(row.pk)]
        left = [row for row in rows if row not in done]
        if done:
            sentence = f"{_numbers(done, 'is', 'are')} sent again in a few seconds; the ids stay the same."
            messages.success(request, sentence)
        if left:
            sentence = (
                f"{_numbers(left, 'was', 'were')} left alone, as sending is under way. Look again later."
            )
            messages.warning(request, sentence)


def _numbers(rows: list[Delivery], one: str, many: str) -> str:
    """Deliveries by their numbers, with the verb."""
    return listed([f"Delivery {row.number} to {row.webhook}" for row in rows], one, many)
