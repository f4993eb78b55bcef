"""What all lists and forms of the administration have in common."""

import logging
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import BooleanField, Case, Model, QuerySet, URLField, Value, When
from django.forms.models import _get_foreign_key
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as words_of_django
from unfold.admin import ModelAdmin, checkbox

from audit.acts import Act
from audit.log import record
from audit.pictures import Picture, differences, picture, stored
from sso.badges import health_badge, when
from sso.fields import SecretField, SecretUnreadable
from sso.health import Health
from sso.lasttests import tested_badge
from sso.marking import mark, marked
from sso.widgets import SecretInput, SecretsForm

logger = logging.getLogger(__name__)

NAMED = 5
FORBIDDEN = (
    "Nothing was saved: the database keeps it apart from what is there. Look at the {}, then try again."
)


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
    counted_as = ""
    """What several rows are called below the list, where the plural name is that of the whole: “the log”."""

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
        label = words_of_django("Select this object for an action - {}").format(obj)
        box: SafeString = checkbox.render(ACTION_CHECKBOX_NAME, str(obj.pk), {"aria-label": label})
        if getattr(obj, "is_marked", False):
            box += SafeString('<span class="ucs-marked" title="Just changed"></span>')
        return box

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
            return self._checked_again(request, object_id, form_url, titled)
        except SecretUnreadable as error:
            messages.error(request, str(error))
            return redirect(self.url("changelist"))

    def _checked_again(
        self, request: HttpRequest, object_id: Any, form_url: str, context: dict[str, Any]
    ) -> HttpResponse:
        """The form; when a key of the database refuses it, its own checks see by now who was faster.

        They name the other row beside the field. A refusal that they don't explain is a fault of ours.
        """
        try:
            return super().changeform_view(request, object_id, form_url, context)  # type: ignore[no-any-return]
        except IntegrityError:
            logger.info("A key refused a form of %s, which is checked once more", self.opts.label)
        try:
            return super().changeform_view(request, object_id, form_url, context)  # type: ignore[no-any-return]
        except IntegrityError:
            logger.exception("A key refused a form of %s that its checks allow", self.opts.label)
            messages.error(request, FORBIDDEN.format(self.opts.verbose_name_plural))
            return redirect(request.get_full_path())

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
        return "It can be used from now on."

    def after_change(self, obj: Any) -> str:
        """What comes of a change: the second sentence of the message."""
        return "What was changed holds from now on."

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Before anything is written: how the row stood, for the audit log."""
        if change:
            request.audit_before = self.stood(request, form.instance)  # type: ignore[attr-defined]
        return super().save_form(request, form, change)

    def stood(self, request: HttpRequest, obj: Any) -> Picture:
        """The row as the database has it, with the rows that its page shows below it."""
        return stored(obj, self._parts(request, obj))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Into our own audit log, with all its fields."""
        record(self._user(request), Act.INSERTED, obj, changes=differences({}, self.stood(request, obj)))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """A sentence of ours is one act; a saved form is what differs, and nothing if nothing does."""
        if isinstance(message, str):
            record(self._user(request), Act.DID, obj, note=message)
            return
        changes = differences(getattr(request, "audit_before", {}), self.stood(request, obj))
        if changes:
            record(self._user(request), Act.CHANGED, obj, changes=changes)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """What is deleted is told with all that it held."""
        for obj in queryset:
            changes = differences(picture(obj), {})
            record(self._user(request), Act.DELETED, obj, changes=changes, note=_staying(obj))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The rows of the audit log about this one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        address = reverse("admin:audit_auditrow_changelist")
        return redirect(f"{address}?{urlencode({'kind': self.opts.label_lower, 'object_id': object_id})}")

    def _parts(self, request: HttpRequest, obj: Any) -> list[str]:
        return [
            str(_get_foreign_key(self.model, inline.model, inline.fk_name).remote_field.get_accessor_name())
            for inline in self.get_inline_instances(request, obj)
        ]

    def _user(self, request: HttpRequest) -> User | None:
        return request.user if isinstance(request.user, User) else None

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        request.sentence = f"{obj} was inserted. {self.next_step(obj)}".strip()  # type: ignore[attr-defined]
        mark(request, obj)
        return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        request.sentence = f"{obj} was saved. {self.after_change(obj)}".strip()  # type: ignore[attr-defined]
        mark(request, obj)
        return super().response_change(request, obj)  # type: ignore[no-any-return]

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: Any) -> HttpResponse:
        request.sentence = f"{obj_display} was deleted. What it held stands in the audit log."  # type: ignore[attr-defined]
        return super().response_delete(request, obj_display, obj_id)  # type: ignore[no-any-return]

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        names = [str(each) for each in queryset]
        super().delete_queryset(request, queryset)
        request.sentence = f"{listed(names, 'was', 'were')} deleted. What was held stands in the audit log."  # type: ignore[attr-defined]

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **kwargs: Any) -> None:
        # Django's own sentence doesn't say what comes next.
        super().message_user(request, getattr(request, "sentence", message), *args, **kwargs)


def listed(names: list[str], one: str, many: str) -> str:
    """The first of some names with the verb for them: “A was”, “A, B and 3 more were”."""
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{shown} {one if len(names) == 1 else many}"


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


def _staying(obj: Model) -> str:
    """What of others' stays although it hung on a row that is deleted, for the audit log."""
    told = []
    for relation in obj._meta.related_objects:
        chosen = getattr(relation.on_delete, "staying", None)
        if chosen is None:
            continue
        rows = chosen(relation.related_model._base_manager.filter(**{relation.field.name: obj}))
        names = ", ".join(f"“{row}”" for row in rows)
        told += [f"These {relation.related_model._meta.verbose_name_plural} stay: {names}."] if names else []
    return " ".join(told)
