"""What the page of a source, a sender or a provider says and does about its connection.

“Test connection” tries what is typed in and saves nothing. A trouble leads to the field that mends it; one
that needs time at the provider can be tested again by itself. A replaced sign-in can be gone back to for a
week.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sso import causes, communication, lasttests, oauth, retests, wayback
from sso.badges import moment
from sso.causes import Cause
from sso.clicks import Click, next_click
from sso.connection_models import FormerSecret, Retest
from sso.full_record import FullRecording
from sso.generate import GenerateToken
from sso.health import Health
from sso.models import SSOProvider
from sso.steps import Step
from sso.widgets import SecretsForm

SHOWN_TRIES = 5
MISMATCHES = ("redirect_uri_mismatch", "AADSTS50011", "AADSTS500113")
TRIED = "Save, so that these settings hold."
KEPT = "These are the settings that are stored."
NEEDS_TIME = str(causes.tables("policy")["provider_needs_time"]["sentence"])


@dataclass(frozen=True, slots=True)
class Standing:
    """For the template; times are words.

    :param offers_retest: the trouble is of the kind that ends a while after it was mended.
    :param tries: when and what, the latest first.
    """

    click: Click | None = None
    offers_retest: bool = False
    retest: Retest | None = None
    next_test: str = ""
    tries: list[tuple[str, str]] = field(default_factory=list)
    ways_back: list[tuple[FormerSecret, str]] = field(default_factory=list)
    redirect: tuple[str, str] | None = None
    """After a redirect_uri_mismatch: the redirect URI as it was sent, and the one to register."""


def standing_of(row: Model, health: Health | None) -> Standing:
    """How the connection of a saved row does."""
    cause = causes.named(health.last_cause) if health and health.is_failing else causes.UNKNOWN
    retest = retests.of(row)
    tries = [(_when(each["at"]), each["sentence"]) for each in reversed(retest.tries)] if retest else []
    return Standing(
        click=next_click(cause, row, on_its_form=True),
        offers_retest=_time_helps(cause, row) and (retest is None or retest.state != Retest.State.WAITING),
        retest=retest,
        next_test=moment(retest.next_test_at) if retest else "",
        tries=tries[:SHOWN_TRIES],
        ways_back=[(way, wayback.describe(way)) for way in wayback.ways_back(row)],
        redirect=_redirect(row, retest),
    )


def _redirect(row: Model, retest: Retest | None) -> tuple[str, str] | None:
    if not isinstance(row, SSOProvider) or retest is None or retest.cause not in MISMATCHES:
        return None
    wanted = oauth.redirect_uri(row)
    return retest.tries[-1].get("sent") or wanted, wanted


def _time_helps(cause: Cause, row: Model) -> bool:
    """Whether a test that repeats itself can come to a good end.

    What an OAuth server refused is asked for again by the test of the provider alone: a source or sender
    only hears that its token is not there.
    """
    is_providers = cause.name in causes.tables("oauth")
    return cause.takes_time and (isinstance(row, SSOProvider) or not is_providers)


def _when(text: str) -> str:
    at = parse_datetime(text)
    return f"{timezone.localtime(at):%d %b %H:%M}" if at else ""


class ConnectionTest(FullRecording, GenerateToken):
    """Mixin for a `ProductAdmin`. List it first.

    `test_fields` are the form's fields that a test needs; others may still be empty or wrong.
    `test_identity` are those that belong to a password and are kept with it for going back.
    `test_credential` is the password's name. `tests_saved`: not what is typed in is tried, but what is
    stored.
    """

    test_fields: ClassVar[Sequence[str]] = ()
    test_identity: ClassVar[Sequence[str]] = ()
    test_credential: ClassVar[str] = wayback.CREDENTIAL
    tests_saved: ClassVar[bool] = False
    change_form_after_template = "admin/connection_test.html"

    def test_connection(self, obj: Any) -> list[Step]:
        """Climb the ladder with an unsaved row; changes nothing on the server."""
        raise NotImplementedError

    def after_sign_in(self, obj: Any) -> str:
        """What a row does with a fresh token by itself, in words; "" if it waits until it is needed."""
        return ""

    def works_again(self, obj: Any) -> None:
        """A test that repeats itself has come to a good end: clear the trouble."""

    def begins_anew(self, obj: Any) -> None:
        """Other settings were saved: what went wrong with the former ones makes nobody wait."""
        state = getattr(obj, "state", None)
        if isinstance(state, Health):
            type(state)._default_manager.filter(pk=state.pk).update(
                failures=0, last_error="", last_cause="", next_attempt_at=timezone.now()
            )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("last_tests", "retests")  # type: ignore[misc]

    def connection_health(self, obj: Any) -> Health | None:
        """The row with the last error."""
        state: Health | None = getattr(obj, "state", None)
        return state

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"  # type: ignore[attr-defined]
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        test = wrap(require_POST(self.test_view))
        former = wrap(require_http_methods(["GET", "POST"])(self.former_view))
        own = [
            path("test/", test, name=f"{prefix}_test"),
            path("<path:object_id>/test/", test, name=f"{prefix}_test"),
            path("<path:object_id>/retest/", wrap(require_POST(self.retest_view)), name=f"{prefix}_retest"),
            path(
                "<path:object_id>/connection/",
                wrap(require_GET(self.connection_view)),
                name=f"{prefix}_connection",
            ),
            path("<path:object_id>/former/<int:way>/", former, name=f"{prefix}_former"),
        ]
        return own + super().get_urls()

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id) if object_id else None  # type: ignore[attr-defined]
        more = self._connection_context(request, obj) if obj else {}
        return super().changeform_view(request, object_id, form_url, {**more, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        former = self.model._default_manager.get(pk=obj.pk) if change else None  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        is_changed = self._is_another(form)
        lasttests.saved(request.session, obj, self.test_fields, is_changed=is_changed)
        if former is not None and self.test_identity:
            wayback.keep(obj, former, self.test_identity, request.user.pk)
        if former is not None and is_changed:
            self.begins_anew(obj)

    def test_view(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """The answer to the button: a fragment with one line for each step."""
        stored = self.get_object(request, object_id) if object_id else None  # type: ignore[attr-defined]
        self._require_change(request, stored)
        if self.tests_saved:
            return self._connection_steps(request, stored, self.test_connection(stored), is_saved=True)
        form: SecretsForm = self.get_form(request, stored, change=bool(stored))(  # type: ignore[attr-defined]
            request.POST, instance=stored
        )
        form.is_valid()
        errors = self._errors(form)
        if errors:
            return TemplateResponse(request, "admin/connection_steps.html", {"errors": errors})
        is_saved = bool(stored) and not self._is_another(form)
        return self._connection_steps(
            request, form.instance, self.test_connection(form.instance), is_saved=is_saved
        )

    def retest_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """“Test again by itself”, and “Stop”."""
        obj = self._saved_connection(request, object_id)
        if "stop" in request.POST:
            retests.stop(obj)
            return self._connection_state(request, obj)
        step = self.test_connection(obj)[-1]
        if step.ok:
            retests.stop(obj)
            self.works_again(obj)
            return self._connection_state(request, obj, "It works already: nothing needs to be tested again.")
        retests.start(obj, step, request.user.pk)
        return self._connection_state(request, obj)

    def connection_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How it does now: the page asks again while a test repeats itself."""
        return self._connection_state(request, self._saved_connection(request, object_id))

    def former_view(self, request: HttpRequest, object_id: str, way: int) -> HttpResponse:
        """Going back to a former sign-in: a question first, then a test, then the change."""
        obj = self._saved_connection(request, object_id)
        former = wayback.find(obj, way)
        if former is None:
            raise Http404
        wanted = wayback.describe(former)
        steps: list[Step] = []
        if request.method == "POST":
            # Not by get_object, which reads secrets when they are asked for: then they would be the new.
            present = self.model._default_manager.get(pk=obj.pk)  # type: ignore[attr-defined]
            wayback.put_back(obj, former)
            steps = self.test_connection(obj)
            if steps[-1].ok or "anyway" in request.POST:
                return self._go_back(request, obj, present, wanted)
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "opts": self.opts,  # type: ignore[attr-defined]
            "title": f"Go back to the former sign-in of {obj}",
            "original": obj,
            "way": former,
            "wanted": wanted,
            "steps": steps,
        }
        return TemplateResponse(request, "admin/former_password.html", context)

    def _go_back(self, request: HttpRequest, obj: Any, present: Any, wanted: str) -> HttpResponse:
        try:
            obj.full_clean()
        except ValidationError as error:
            messages.error(request, f"{obj} signs in as before this click. {' '.join(error.messages)}")
        else:
            obj.save()
            wayback.keep(obj, present, self.test_identity, request.user.pk)
            retests.stop(obj)
            self.log_change(request, obj, "Went back to the former sign-in.")  # type: ignore[attr-defined]
            messages.success(
                request,
                f"{obj} signs in again as before: {wanted}. The sign-in that it replaced is kept for "
                f"{wayback.KEPT_FOR.days} days.",
            )
        return redirect(self.url("change", obj.pk))  # type: ignore[attr-defined]

    def _connection_steps(
        self, request: HttpRequest, obj: Any, steps: list[Step], *, is_saved: bool
    ) -> HttpResponse:
        last = steps[-1]
        if is_saved:
            lasttests.note(obj, last)
            communication.note_test(obj, steps)
        else:
            lasttests.remember(request.session, obj, self.test_fields, last)
        if last.ok and is_saved:
            retests.stop(obj)
            self.works_again(obj)
        needs_time = is_saved and not last.ok and _time_helps(last.cause, obj)
        if needs_time and not retests.goes_on(obj, last):
            retests.start(obj, last, request.user.pk)
        context = {
            "steps": steps,
            "errors": [],
            "opts": self.opts,  # type: ignore[attr-defined]
            "original": obj,
            "click": None if last.ok else next_click(last.cause, obj, on_its_form=True),
            "needs_time": NEEDS_TIME if needs_time else "",
            "next_words": (KEPT if is_saved else TRIED) if last.ok else "",
        }
        if is_saved:  # the state below the answer changes with it
            context |= self._connection_context(request, obj) | {"out_of_band": True}
        return TemplateResponse(request, "admin/connection_steps.html", context)

    def _connection_state(self, request: HttpRequest, obj: Any, said: str = "") -> HttpResponse:
        context = self._connection_context(request, obj) | {"said": said, "opts": self.opts, "original": obj}  # type: ignore[attr-defined]
        return TemplateResponse(request, "admin/connection_state.html", context)

    def _connection_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        may_change = self.has_change_permission(request, obj)  # type: ignore[attr-defined]
        found = standing_of(obj, self.connection_health(obj))
        return {"connection": found, "may_change_connection": may_change, "needs_time_words": NEEDS_TIME}

    def _saved_connection(self, request: HttpRequest, object_id: str) -> Any:
        obj = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if obj is None:
            raise Http404
        self._require_change(request, obj)
        return obj

    def _require_change(self, request: HttpRequest, stored: Any) -> None:
        allowed = (
            self.has_change_permission(request, stored)  # type: ignore[attr-defined]
            if stored
            else self.has_add_permission(request)  # type: ignore[attr-defined]
        )
        if not allowed:
            raise PermissionDenied

    def _is_another(self, form: SecretsForm) -> bool:
        """Whether something is typed in that a test looks at, and that differs from what is stored."""
        kept = {self.test_credential} if form.kept(self.test_credential) else set()
        return bool((set(form.changed_data) & set(self.test_fields)) - kept)

    def _errors(self, form: SecretsForm) -> list[tuple[str, str]]:
        """What a test can't begin with, and where on the form it is."""
        return [
            (f"{form.fields[name].label}: {error}", f"#id_{name}")
            for name in self.test_fields
            for error in form.errors.get(name, [])
        ]
