"""☰ Messaging → Mail rules: the lists, their rules, drafts and the lab."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from mailsources import rule_hits, rule_lab, rule_lists
from mailsources.rule_form import RuleForm
from mailsources.rule_models import MailRule, RuleList, RuleTrial
from mailsources.rule_words import actions, conditions
from mailsources.rule_writing import BadRule, action_of, write_parts
from mailsources.rulebook import with_rules
from sso.admin import ProductAdmin, SecretsForm, badge, when

MAILS_A_PAGE = 25
"""Of a trial."""


class RuleListForm(SecretsForm):
    """Whose rules, and which of them count."""

    class Meta:
        model = RuleList
        fields = ("source", "queue", "mode")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        helps = {
            "source": "Empty, as is the queue: for the mail of all sources.",
            "queue": "Asked after those of the source, of mail that goes to this queue.",
        }
        for name, text in helps.items():
            if name in self.fields:
                self.fields[name].help_text = text


@admin.register(RuleList)
class RuleListAdmin(ProductAdmin):
    """Rules for a source, a queue, or all sources; a draft of a list has the same page, with the lab."""

    form = RuleListForm
    list_display = ("whose", "counts", "rules_count", "hits", "drafted")
    list_select_related = ("source", "queue", "draft")
    fields = ("source", "queue", "mode")
    autocomplete_fields = ("source", "queue")
    change_form_before_template = "admin/rule_list.html"
    actions = None
    empty_sentence = (
        "Mail rules put mail into queues, set its priority, tags and skills, hold, discard or forward it, by "
        "what is in it. Each source and each queue may have a list of them, and one list is for all sources."
    )

    class Media:
        css = {"all": ["rules.css"]}
        js = ["rules.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleList]:
        rows: QuerySet[RuleList] = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and str(match.url_name).endswith("_changelist"):
            rows = rows.filter(draft_of=None)
        return rows.annotate(
            all_count=Count("rules", distinct=True),
            active_count=Count("rules", Q(rules__is_active=True), distinct=True),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Whose rules they are stays as it is."""
        return ("source", "queue") if obj is not None else ()

    def next_step(self, obj: RuleList) -> str:
        return "Now add its rules."

    def after_change(self, obj: RuleList) -> str:
        return from_when(obj)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        super().response_add(request, obj, post_url_continue)
        return redirect(self.url("change", obj.pk))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        super().response_change(request, obj)
        return redirect(self.url("change", obj.pk))

    @display(description="For", ordering="source")
    def whose(self, obj: RuleList) -> str:
        if obj.queue:
            return f"queue {obj.queue}"
        return f"source {obj.source}" if obj.source else "all sources"

    @display(description="Which count")
    def counts(self, obj: RuleList) -> str:
        return obj.get_mode_display()

    @display(description="Rules")
    def rules_count(self, obj: Any) -> str:
        off = obj.all_count - obj.active_count
        return f"{obj.active_count}" + (f", {off} off" if off else "")

    @display(description="Hits in 30 days")
    def hits(self, obj: RuleList) -> str:
        found = sum(each.count for each in rule_hits.of_list(obj.pk).values())
        return f"{found:,}" if found else "–"

    @display(description="Draft")
    def drafted(self, obj: RuleList) -> SafeString | str:
        draft = getattr(obj, "draft", None)
        if draft is None:
            return "–"
        return format_html(
            '<a href="{}">{}</a>', self.url("change", draft.pk), badge("warn", "not published")
        )

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        posts = {
            "draft": self.draft_view,
            "publish": self.publish_view,
            "throw-away": self.throw_away_view,
            "try": self.try_view,
        }
        wrap = self.admin_site.admin_view
        found = [
            path(f"<int:pk>/{name}/", wrap(require_POST(view)), name=f"{prefix}_{name}")
            for name, view in posts.items()
        ]
        return [
            *found,
            path("<int:pk>/trial/", wrap(self.trial_view), name=f"{prefix}_trial"),
            path("rule/<int:pk>/<str:way>/", wrap(require_POST(self.shift_view)), name=f"{prefix}_shift"),
            *super().get_urls(),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None
        more = {"card": self._card(request, obj)} if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def _card(self, request: HttpRequest, obj: RuleList) -> dict[str, Any]:
        hits = rule_hits.of_list(obj.draft_of_id or obj.pk)
        whole = with_rules(RuleList.objects.filter(pk=obj.pk)).get()
        rows = [
            {
                "rule": row,
                "when": conditions(row),
                "then": actions(row),
                "hits": hits.get((row.origin_id or 0) if obj.draft_of_id else row.pk, rule_hits.Hits()),
                "url": reverse("admin:mailsources_mailrule_change", args=[row.pk]),
                "up": self.url("shift", row.pk, "up"),
                "down": self.url("shift", row.pk, "down"),
            }
            for row in whole.rules.all()
        ]
        draft = RuleList.objects.filter(draft_of=obj).first()
        return {
            "list": obj,
            "rows": rows,
            "may_change": self.has_change_permission(request, obj),
            "is_draft": bool(obj.draft_of_id),
            "draft_url": self.url("change", draft.pk) if draft else "",
            "live_url": self.url("change", obj.draft_of_id) if obj.draft_of_id else "",
            "add_url": f"{reverse('admin:mailsources_mailrule_add')}?list={obj.pk}",
            "post": {
                name: self.url(name.replace("_", "-"), obj.pk)
                for name in ("draft", "publish", "throw_away", "try")
            },
            "trial_url": self.url("trial", obj.pk),
            "differs": rule_lists.differs(obj) if obj.draft_of_id else False,
            "most_days": rule_lab.MOST_DAYS,
            "most_mails": rule_lab.MOST_MAILS,
            **_trial(request, obj),
        }

    def trial_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How the last trial does, for the page that shows it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        obj = RuleList.objects.filter(pk=pk).first()
        if obj is None:
            raise Http404
        return render(request, "admin/rule_trial.html", {"card": _trial(request, obj)})

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Try”."""
        obj = self._changeable(request, pk)
        user = request.user
        assert isinstance(user, User)
        try:
            days, most = int(request.POST.get("days", "")), int(request.POST.get("most", ""))
        except ValueError:
            messages.error(
                request, f"{obj}: nothing was tried. Give the days and the number of mails as numbers."
            )
        else:
            rule_lab.ask(obj, user, days, most)
            messages.success(
                request, f"{obj}: they are tried on mail that came. What they would do appears below."
            )
        return HttpResponseRedirect(self.url("change", pk) + "#lab")

    def draft_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Change a draft”."""
        live = self._changeable(request, pk)
        draft = rule_lists.make_draft(live)
        messages.success(
            request, f"{live}: you change a draft of them here, which holds when you publish it."
        )
        return redirect(self.url("change", draft.pk))

    def publish_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Publish”."""
        obj = self._changeable(request, pk)
        if obj.draft_of is None:
            raise Http404
        try:
            live = rule_lists.publish(obj)
        except (BadRule, ValidationError, ValueError) as error:
            said = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            messages.error(request, f"{obj.draft_of} are as they were. {said}")
            return redirect(self.url("change", obj.draft_of_id))
        names = ", ".join(live.rules.filter(is_active=True).values_list("name", flat=True))
        self.log_change(request, live, f"The draft was published; the rules now: {names or 'none'}.")
        messages.success(request, f"{live}: the draft holds now, for the next mail.")
        return redirect(self.url("change", live.pk))

    def throw_away_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button “Throw the draft away”."""
        obj = self._changeable(request, pk)
        if obj.draft_of_id is None:
            raise Http404
        live = obj.draft_of
        self.log_change(request, live, "The draft was thrown away.")
        obj.delete()
        messages.success(request, f"The draft of {live} was thrown away: its rules go on as they were.")
        return redirect(self.url("change", obj.draft_of_id))

    def shift_view(self, request: HttpRequest, pk: int, way: str) -> HttpResponse:
        """The buttons ▲ and ▼ of a rule."""
        row = MailRule.objects.select_related("list").filter(pk=pk).first()
        if row is None or way not in ("up", "down"):
            raise Http404
        self._changeable(request, row.list_id)
        try:
            rule_lists.shift(row, -1 if way == "up" else 1)
        except BadRule as error:
            messages.error(request, f"The rule “{row}” stays where it is. {error}")
        else:
            self.log_change(request, row.list, f"The rule “{row}” was moved {way}.")
            messages.success(request, f"The rule “{row}” was moved {way}. {from_when(row.list)}")
        return HttpResponseRedirect(f"{self.url('change', row.list_id)}#rule-{pk}")

    def _changeable(self, request: HttpRequest, pk: int) -> RuleList:
        obj = RuleList.objects.select_related("draft_of").filter(pk=pk).first()
        if obj is None:
            raise Http404
        if not self.has_change_permission(request, obj):
            raise PermissionDenied
        return obj


def from_when(rules: RuleList) -> str:
    """When a change of a list holds, as a sentence."""
    if rules.draft_of_id is not None:
        return "It is a draft: it holds when you publish it."
    return "It holds from the next mail on."


def _trial(request: HttpRequest, obj: RuleList) -> dict[str, Any]:
    trial = RuleTrial.objects.filter(list=obj).order_by("-id").first()
    if trial is None:
        return {"trial": None, "days": rule_lab.USUAL_DAYS, "most": rule_lab.USUAL_MAILS}
    rules = trial.result.get("rules", [])
    return {
        "trial": trial,
        "days": trial.days,
        "most": trial.most,
        "result": trial.result,
        "mails": Paginator(rule_lab.mails(trial), MAILS_A_PAGE).get_page(request.GET.get("mails")),
        "is_running": trial.state in (RuleTrial.State.WAITING, RuleTrial.State.RUNNING),
        "most_listed": rule_lab.SHOWN,
        "matched": [each for each in rules if each["hits"]],
        "never": [each for each in rules if not each["hits"] and each["is_active"]],
    }


@admin.register(MailRule)
class MailRuleAdmin(ProductAdmin):
    """One rule; reached from its list."""

    form = RuleForm
    fieldsets = (
        (None, {"fields": ("name", "is_active")}),
        ("If", {"fields": ("joined", "conditions")}),
        ("Then", {"fields": ("actions", "is_for_answers")}),
    )
    list_display = ("name", "list", "is_active", "last_hit")
    search_fields = ("name",)
    list_select_related = ("list__source", "list__queue")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailRule]:
        rows: QuerySet[MailRule] = super().get_queryset(request)
        return rows.select_related("list").prefetch_related(
            "conditions", "actions__queue", "actions__tag", "actions__skill"
        )

    def _parts(self, request: HttpRequest, obj: Any) -> list[str]:
        """For the audit log: what stands in rows of their own."""
        return ["conditions", "actions"]

    def next_step(self, obj: MailRule) -> str:
        return from_when(obj.list)

    def after_change(self, obj: MailRule) -> str:
        return from_when(obj.list)

    @display(description="Last match")
    def last_hit(self, obj: MailRule) -> SafeString | str:
        return when(obj.hits.order_by("-at").values_list("at", flat=True).first())

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        found = super().get_form(request, obj, change, **kwargs)
        rules = None if obj is not None else self._list(request)

        class WithList(found):  # type: ignore[misc, valid-type]
            """Knows its list before it is checked, as names are unique in it."""

            def __init__(self, *args: Any, **more: Any) -> None:
                super().__init__(*args, **more)
                if rules is not None:
                    self.instance.list = rules

        return WithList

    def _list(self, request: HttpRequest) -> RuleList | None:
        text = request.GET.get("list", "")
        return RuleList.objects.filter(pk=int(text)).first() if text.isascii() and text.isdigit() else None

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if self._list(request) is None:
            messages.warning(
                request, "No rule was added: open the list that it is to be in, and add it there."
            )
            return redirect("admin:mailsources_rulelist_changelist")
        return super().add_view(request, form_url, extra_context)  # type: ignore[no-any-return]

    def save_model(self, request: HttpRequest, obj: MailRule, form: Any, change: bool) -> None:
        if not change:
            last = obj.list.rules.order_by("-position").values_list("position", flat=True).first()
            obj.position = (last or 0) + 1
        super().save_model(request, obj, form, change)
        parts = form.cleaned_data
        write_parts(obj, parts["conditions"], [action_of(each) for each in parts["actions"]])

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        super().response_add(request, obj, post_url_continue)
        return self._to_list(obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        super().response_change(request, obj)
        return self._to_list(obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        super().response_delete(request, obj_display, obj_id)
        return redirect("admin:mailsources_rulelist_changelist")

    def _to_list(self, obj: MailRule) -> HttpResponse:
        url = reverse("admin:mailsources_rulelist_change", args=[obj.list_id])
        return HttpResponseRedirect(f"{url}#rule-{obj.pk}")
