"""The button “Test connection” on the form of a source or a sender: tries what is typed in, saves nothing."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from sso.generate import GenerateToken
from sso.steps import Step
from sso.widgets import SecretsForm

TYPE_AGAIN = (
    "The server, its port, its security or the user name was changed: enter the password again, because the "
    "stored one is only sent to where it belongs."
)


class ConnectionTest(GenerateToken):
    """Mixin for a `ProductAdmin`. List it first.

    `test_fields` are the form's fields that a test needs; others may still be empty or wrong.
    `test_identity` are those that say where a password goes: only if they equal the stored row's is its
    password used for an empty field. `test_credential` is the password's name.
    """

    test_fields: ClassVar[Sequence[str]] = ()
    test_identity: ClassVar[Sequence[str]] = ()
    test_credential: ClassVar[str] = "password"
    change_form_after_template = "admin/connection_test.html"

    def test_connection(self, obj: Any) -> list[Step]:
        """Climb the ladder with an unsaved row; changes nothing on the server."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_test"  # type: ignore[attr-defined]
        view = self.admin_site.admin_view(require_POST(self.test_view))  # type: ignore[attr-defined]
        own = [path("test/", view, name=name), path("<path:object_id>/test/", view, name=name)]
        return own + super().get_urls()  # type: ignore[misc,no-any-return]

    def test_view(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """The answer to the button: a fragment with one line for each step."""
        stored = self.get_object(request, object_id) if object_id else None  # type: ignore[attr-defined]
        allowed = (
            self.has_change_permission(request, stored)  # type: ignore[attr-defined]
            if stored
            else self.has_add_permission(request)  # type: ignore[attr-defined]
        )
        if not allowed:
            raise PermissionDenied
        where = self._where(stored) if stored else None
        form: SecretsForm = self.get_form(request, stored, change=bool(stored))(  # type: ignore[attr-defined]
            request.POST, instance=stored
        )
        form.is_valid()
        errors = self._errors(form, where)
        steps = [] if errors else self.test_connection(form.instance)
        return TemplateResponse(request, "admin/connection_steps.html", {"steps": steps, "errors": errors})

    def _where(self, row: Model) -> tuple[Any, ...]:
        return tuple(getattr(row, name) for name in self.test_identity)

    def _errors(self, form: SecretsForm, stored: tuple[Any, ...] | None) -> list[str]:
        found = [
            f"{form.fields[name].label}: {error}"
            for name in self.test_fields
            for error in form.errors.get(name, [])
        ]
        if not found and stored and form.kept(self.test_credential) and self._where(form.instance) != stored:
            return [TYPE_AGAIN]
        return found
