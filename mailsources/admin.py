"""☰ Messaging → Email sources."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import action, display
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from mailsources import check, lifecycle, proof, stage_cells, standing
from mailsources.fetched_admin import FetchedAdmin
from mailsources.forms import SourceForm
from mailsources.forwarding_admin import ForwardingPages, card_of
from mailsources.lifecycle import stage_in_words
from mailsources.mailbox_page import MailboxPage
from mailsources.models import EmailSource, FetchedMail
from mailsources.rule_admin import MailRuleAdmin, RuleListAdmin
from mailsources.sender_admin import SenderPage
from mailsources.setup_admin import SetupPages
from mailsources.source_filters import HealthFilter, ProviderFilter, StageFilter
from mailsources.source_page import lag_cell, proof_cell, source_badge, standing_of
from mailsources.stage_admin import StagePages
from mailsources.tasks import look_soon
from sso.admin import ConnectionTest, HealthColumns, badge, when
from sso.badges import breakable, moment
from sso.generate import may_sign_in
from sso.lasttests import tested_badge
from sso.steps import Step

__all__ = ["FetchedAdmin", "MailRuleAdmin", "RuleListAdmin", "SenderPage", "SourceAdmin"]

State = FetchedMail.State
DRAFT = "It is a draft: activate it when its mail is to come."
OFF = "It is {}: no mail is taken until you activate it."


@admin.register(EmailSource)
class SourceAdmin(SetupPages, StagePages, MailboxPage, ConnectionTest, HealthColumns, ForwardingPages):
    """One row for each mailbox that is fetched or forwards to us, with its queue and how it does."""

    form = SourceForm
    list_display = ("source", "server", "health", "last_look", "lag", "ledger", "backlog", "poll")
    list_filter = (StageFilter, "server_type", HealthFilter, "queue", ProviderFilter)
    search_fields = ("name", "username", "mailbox", "server_address", "public_address", "aliases")
    list_select_related = ("state", "queue")
    actions = ("poll_selected", "compare_selected")
    empty_sentence = (
        "An email source fetches one mailbox, or takes what a mailbox forwards, and turns each mail into a "
        "conversation of its queue."
    )
    change_form_before_template = "mailsources/stage_banner.html"
    change_form_after_template = "mailsources/poll_now.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    *("server_type", "public_address", "collected_by"),
                    *("server_address", "service_port", "use_ssl", "username", "password"),
                    *("queue", "name", "is_active"),
                )
            },
        ),
        (
            "Mailbox",
            {
                "fields": (
                    "aliases",
                    "folder",
                    "after_import",
                    "move_to",
                    "import_since",
                    "poll_interval",
                    "silence_hours",
                    "authserv_id",
                )
            },
        ),
        (
            "Special cases",
            {"fields": ("mailbox", "allow_clear_text"), "classes": ("collapse",)},
        ),
    )
    test_identity: ClassVar[tuple[str, ...]] = (
        *("server_type", "server_address", "service_port", "use_ssl", "allow_clear_text"),
        *("username", "mailbox"),
    )
    test_fields: ClassVar[tuple[str, ...]] = (*test_identity, "password", "folder", "after_import", "move_to")

    def test_connection(self, obj: EmailSource) -> list[Step]:
        return check.test_connection(obj)

    def after_sign_in(self, obj: EmailSource) -> str:
        return lifecycle.first_fetch(obj) if obj.is_active and not obj.is_forwarding else ""

    def works_again(self, obj: EmailSource) -> None:
        if obj.is_active and not obj.is_forwarding and obj.state.is_failing:
            look_soon([obj.pk])

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmailSource]:
        counts: dict[str, Any] = {"in_waiting": _count(State.WAITING), "in_quarantine": _count(State.FAILED)}
        counts["oldest_waiting"] = _oldest()
        counts["may_sign_in"] = Value(may_sign_in(request))
        found: QuerySet[EmailSource] = super().get_queryset(request).annotate(**counts)
        return found

    @display(description="Source → queue", ordering="name")
    def source(self, obj: EmailSource) -> SafeString:
        box = obj.public_address or obj.mailbox or obj.username
        where = "" if obj.is_active else f"→ {obj.queue}"
        below = breakable(f"{box} {where}".strip()) if box != obj.name else where
        return _lines(breakable(obj), below, stage_cells.list_badges(obj))

    @display(description="Server", ordering="server_address")
    def server(self, obj: EmailSource) -> SafeString:
        if obj.is_forwarding:
            return _lines("Forwarding", "it is sent to us")
        kind = f"{obj.get_server_type_display()} {'with SSL' if obj.use_ssl else 'with STARTTLS'}"
        in_clear = obj.allow_clear_text and not obj.use_ssl
        clear = badge("bad", "clear text allowed") if in_clear else SafeString("")
        return _lines(breakable(f"{obj.server_address}:{obj.service_port}"), kind, clear)

    @display(description="Health")
    def health(self, obj: Any) -> SafeString:
        return source_badge(obj, may_sign_in=obj.may_sign_in) + tested_badge(obj, obj.state)

    @display(description="Server = ours")
    def ledger(self, obj: EmailSource) -> SafeString | str:
        return proof_cell(obj)

    @display(description="Last good", ordering="state__last_success_at")
    def last_look(self, obj: EmailSource) -> SafeString:
        planned = obj.state.next_attempt_at if obj.is_active and not obj.is_forwarding else None
        below = f"next {moment(planned)}" if planned else ""
        return _lines(when(obj.state.last_success_at), below)

    @display(description="Lag")
    def lag(self, obj: Any) -> SafeString | str:
        """The age of the oldest mail that is not taken yet."""
        return lag_cell(obj, obj.oldest_waiting)

    @display(description="Backlog")
    def backlog(self, obj: Any) -> SafeString | str:
        """Mails that wait to be delivered, and those in quarantine."""
        waiting = _counted(obj, obj.in_waiting, State.WAITING, "waiting")
        quarantined = _counted(obj, obj.in_quarantine, State.FAILED, "failed")
        return waiting + quarantined or "–"

    @display(description="Poll")
    def poll(self, obj: EmailSource) -> SafeString | str:
        if not obj.is_active or obj.is_forwarding:
            return "–"
        # A button of the list's own form: a form inside it would not be valid HTML.
        return format_html(
            '<button type="submit" class="ucs-button ucs-copy-button" formaction="{}" formmethod="post" '
            'aria-label="Poll now: {}">Poll now</button>',
            self.url("poll", obj.pk),
            obj,
        )

    @action(description="Poll now")
    def poll_selected(self, request: HttpRequest, queryset: QuerySet[EmailSource]) -> None:
        """Have the selected mailboxes fetched at once."""
        self._poll(request, list(queryset))

    @action(description="Compare with the ledger now")
    def compare_selected(self, request: HttpRequest, queryset: QuerySet[EmailSource]) -> None:
        """Have the selected mailboxes listed as a whole, and what the ledger lacks fetched."""
        self._compare(request, list(queryset))

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        poll = self.admin_site.admin_view(require_POST(self.poll_view))
        compare = self.admin_site.admin_view(require_POST(self.compare_view))
        return [
            path("<int:pk>/poll/", poll, name=f"{prefix}_poll"),
            path("<int:pk>/compare/", compare, name=f"{prefix}_compare"),
            *super().get_urls(),
        ]

    def poll_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Poll now”."""
        self._poll(request, [self._changeable(request, pk)])
        return redirect(request.headers.get("Referer") or self.url("changelist"))

    def compare_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Compare now”."""
        self._compare(request, [self._changeable(request, pk)])
        return redirect(request.headers.get("Referer") or self.url("change", pk))

    def _changeable(self, request: HttpRequest, pk: int) -> EmailSource:
        obj: EmailSource | None = self.get_object(request, str(pk))
        if obj is None:
            raise Http404
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        return obj

    def _compare(self, request: HttpRequest, sources: list[EmailSource]) -> None:
        proof.make_due([source.pk for source in sources])
        self._poll(request, sources, "is being compared with the ledger")

    def _poll(self, request: HttpRequest, sources: list[EmailSource], what: str = "is being fetched") -> None:
        for source in sources:
            if source.is_forwarding:
                messages.warning(
                    request,
                    f"{source} is forwarded to us: its mail comes by itself, no mailbox is looked into.",
                )
            elif source.is_active:
                messages.success(request, f"{source} {what}; reload the page to see how it went.")
            else:
                messages.warning(request, f"{source} is {stage_in_words(source)}: activate it first.")
        look_soon([source.pk for source in sources if source.is_active and not source.is_forwarding])

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more: dict[str, Any] = {"largest": filesizeformat(settings.LARGEST_MAIL)}
        if obj:
            more |= {"card": card_of(obj)} if obj.is_forwarding else {"standing": standing_of(obj)}
            more |= {"stage_badge": stage_cells.stage_badge(obj), "stage_story": stage_cells.story_of(obj)}
        answer = super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})
        if wanted := getattr(request, "wants_on", None):  # the row is committed now
            self.switch_on(request, wanted)
        return answer

    def save_model(self, request: HttpRequest, obj: EmailSource, form: Any, change: bool) -> None:
        form.hold_back(obj)
        super().save_model(request, obj, form, change)
        if form.wants_on:
            obj.is_to_be_on = True
            request.wants_on = obj  # type: ignore[attr-defined]
        elif "is_active" in form.changed_data:
            lifecycle.end_look(obj)

    def next_step(self, obj: EmailSource) -> str:
        if obj.is_forwarding:
            return f"Now copy its address and have {obj.public_address} forward to it."
        return "" if obj.is_to_be_on else DRAFT

    def after_change(self, obj: EmailSource) -> str:
        if obj.is_to_be_on:
            return ""  # what came of switching it on is told next
        if obj.is_active:
            return f"These settings hold from now on: {lifecycle.first_fetch(obj, which='next')}."
        return DRAFT if obj.stage == EmailSource.Stage.DRAFT else OFF.format(stage_in_words(obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """A source that has fetched mail stays: its ledger keeps mail from coming in twice."""
        reasons = [reason for source in objs for reason in in_use(source)]
        if reasons:
            return [], {}, set(), reasons
        return super().get_deleted_objects(objs, request)  # type: ignore[no-any-return]


def in_use(source: EmailSource) -> list[str]:
    """Why a source can't be deleted."""
    fetched = source.fetched.count()
    if not fetched:
        return []
    mails = "1 mail" if fetched == 1 else f"{fetched:,} mails"
    return [f"“{source}” has brought {mails}: retire it instead of deleting it, which keeps its history."]


def _lines(first: object, second: str, third: str = "") -> SafeString:
    return format_html(
        '<span class="ucs-cell">{}<span class="ucs-below">{}</span>{}</span>', first, second, third
    )


def _counted(source: EmailSource, number: int, state: State, word: str) -> SafeString:
    if not number:
        return SafeString("")
    url = reverse("admin:mailsources_fetchedmail_changelist")
    query = f"source__id__exact={source.pk}&state__exact={state}"
    return format_html(
        '<a href="{}?{}">{}</a>',
        url,
        query,
        badge("bad" if state == State.FAILED else "calm", f"{number} {word}"),
    )


def _count(state: State) -> Coalesce:
    mails = FetchedMail.objects.filter(source=OuterRef("pk"), state=state).order_by()
    return Coalesce(Subquery(mails.values("source").annotate(number=Count("pk")).values("number")), 0)


def _oldest() -> Subquery:
    """When the oldest mail came that waits to be delivered."""
    mails = FetchedMail.objects.filter(source=OuterRef("pk"), state=State.WAITING).order_by()
    return Subquery(mails.values("source").annotate(oldest=Min(standing.came())).values("oldest"))
