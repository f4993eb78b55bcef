"""What all lists and forms of the administration have in common."""

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import display
from django.contrib.auth.models import User
from django.db.models import BooleanField, Case, Model, QuerySet, URLField, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from sso.badges import health_badge, when
from sso.fields import SecretField, SecretUnreadable
from sso.health import Health
from sso.lasttests import tested_badge
from sso.marking import mark, marked
from sso.widgets import SecretInput, SecretsForm


class ProductAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """The base of our admin classes.

    The add button says “+ add …” and the saving one “Insert” (templates); a row that was just written is
    marked in the list; an edit page is titled by its row; secrets are written but never read.
    """

    form = SecretsForm
    formfield_overrides: ClassVar[dict[Any, dict[str, Any]]] = {
        SecretField: {"widget": SecretInput},
        URLField: {"assume_scheme": "https"},
    }
    list_filter_submit = True
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        pk = getattr(request, "marked_row", None)
        if pk is not None:
            one = Case(When(pk=pk, then=Value(True)), default=Value(False), output_field=BooleanField())
            found = found.annotate(is_marked=one)
        return found.defer(*_secret_names(self.model))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look sees all as text, so there the secrets are left out."""
        found = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return found
        hidden = _secret_names(self.model)
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in hidden]})
            for title, options in found
        ]

    @display(description=ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> SafeString:
        # Each row has this column, so it carries the mark; the style sheet colours the row.
        checkbox: SafeString = super().action_checkbox(obj)
        if getattr(obj, "is_marked", False):
            checkbox += SafeString('<span class="ucs-marked" title="Just changed"></span>')
        return checkbox

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        request.marked_row = marked(request, self.model)  # type: ignore[attr-defined]
        plural = str(self.opts.verbose_name_plural)
        titled = {"title": plural[0].upper() + plural[1:], **(extra_context or {})}
        return super().changelist_view(request, titled)  # type: ignore[no-any-return]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            titled = {**self.page_title(request, object_id), **(extra_context or {})}
            return super().changeform_view(request, object_id, form_url, titled)  # type: ignore[no-any-return]
        except SecretUnreadable as error:
            messages.error(request, str(error))
            return redirect(self.url("changelist"))

    def page_title(self, request: HttpRequest, object_id: Any) -> dict[str, Any]:
        """The title of the add or edit page: of an existing row, its own name."""
        obj = self.get_object(request, object_id) if object_id else None
        if obj is None:
            return {"title": f"Add {self.opts.verbose_name}"}
        return {"title": str(obj), "subtitle": None}

    def url(self, view: str, *args: Any) -> str:
        """The address of one of this admin's pages, such as "changelist"."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{view}", args=args)

    def next_step(self, obj: Any) -> str:
        """What to do after a row was inserted: the second sentence of the message."""
        return ""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        request.sentence = f"{obj} was inserted. {self.next_step(obj)}".strip()  # type: ignore[attr-defined]
        mark(request, obj)
        return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        request.sentence = f"{obj} was saved."  # type: ignore[attr-defined]
        mark(request, obj)
        return super().response_change(request, obj)  # type: ignore[no-any-return]

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **kwargs: Any) -> None:
        # Django's own sentence doesn't say what comes next.
        super().message_user(request, getattr(request, "sentence", message), *args, **kwargs)


def is_administrator(request: HttpRequest) -> bool:
    """Whether who asks may do everything: others could give themselves every right by single ones."""
    return isinstance(request.user, User) and request.user.is_superuser


def _secret_names(model: type[Model]) -> list[str]:
    return [field.name for field in model._meta.fields if isinstance(field, SecretField)]


class HealthColumns:
    """List columns of a connection: its state as a badge, last success, next try.

    Use them by name in `list_display`, and say which row has the state.
    """

    def health_of(self, obj: Any) -> Health | None:
        """The state of a row; the related object called `state` unless overridden."""
        state: Health | None = getattr(obj, "state", None)
        return state

    @display(description="Health")
    def health(self, obj: Any) -> SafeString | str:
        state = self.health_of(obj)
        if state is None:
            return "–"
        return health_badge(state, active=getattr(obj, "is_active", True)) + tested_badge(obj, state)

    @display(description="Last success")
    def last_success(self, obj: Any) -> SafeString | str:
        state = self.health_of(obj)
        return when(state.last_success_at if state else None)

    @display(description="Next run")
    def next_run(self, obj: Any) -> SafeString | str:
        state = self.health_of(obj)
        return when(state.next_attempt_at if state else None)
