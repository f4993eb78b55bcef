"""“+ add mailbox”: one page for all steps, which can be left and resumed."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from audit.acts import Act
from audit.log import record
from mailsources import setup, stage_cells
from mailsources.lifecycle import By
from mailsources.models import EmailSource
from mailsources.sender_admin import trip_card
from mailsources.setup import SetupRefused
from mailsources.setup_forms import KINDS, AddressForm, QueueForm, ServersForm, SignInForm
from mailsources.setup_models import MailboxSetup
from mailsources.tasks import look_soon
from queues.models import EmailQueue
from sso.admin import console
from sso.clicks import PROVIDER, Click, next_click
from sso.generate import allow_sign_in
from sso.models import SSOProvider
from sso.steps import Step

NEEDED = (
    "mailsources.add_emailsource", "mailsenders.add_emailsender", "queues.add_emailqueue",
    "queues.change_emailqueue", "sso.add_ssoprovider",
)  # fmt: skip

STEP_NAMES = {"servers": "2 Servers", "signin": "3 Sign-in"}
#: The field that mends a failed test, and the step that asks for it.
STEP_OF = {
    **dict.fromkeys(("server_type", "server_address", "service_port", "use_ssl", "security"), "servers"),
    **dict.fromkeys(("username", "password", "email_address"), "signin"),
}


class SetupPages:
    """Mixin for the administration of sources."""

    list_before_template = "mailsources/add_mailbox.html"

    def get_urls(self) -> list[URLPattern]:
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"  # type: ignore[attr-defined]
        wrap = self.admin_site.admin_view  # type: ignore[attr-defined]
        both = require_http_methods(["GET", "POST"])
        hidden = sensitive_post_parameters("password", "client_secret")
        own = [
            path("setup/", wrap(both(self.setup_begin_view)), name=f"{prefix}_setup_begin"),
            path("setup/<int:pk>/", wrap(hidden(both(self.setup_view))), name=f"{prefix}_setup"),
        ]
        return own + super().get_urls()  # type: ignore[misc,no-any-return]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may = _may(request)
        half = list(MailboxSetup.objects.filter(finished_at=None).defer("password")[:5]) if may else []
        more = {"may_set_up": may, "half_set_up": half, **(extra_context or {})}
        return super().changelist_view(request, more)  # type: ignore[misc,no-any-return]

    def setup_begin_view(self, request: HttpRequest) -> HttpResponse:
        """The first step: the address."""
        if not _may(request):
            raise PermissionDenied
        form = AddressForm(request.POST or None)
        twin = None
        if request.method == "POST" and form.is_valid():
            address = form.cleaned_data["address"]
            twin = setup.twin_of(address)
            if twin is None or (not twin.is_active and "moved" in request.POST):
                row = setup.begin(address, _by(request))
                return redirect(self.url("setup", row.pk))  # type: ignore[attr-defined]
        half = MailboxSetup.objects.filter(finished_at=None).defer("password")
        more = {"form": form, "half_set_up": half, "step": "address", "twin": twin}
        return self._setup_page(request, None, more)

    def setup_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page of a mailbox that is being set up; a POST answers the step that it names."""
        if not _may(request):
            raise PermissionDenied
        row = (
            MailboxSetup.objects.select_related("provider__token", "queue__sender", "source__state", "sender")
            .filter(pk=pk)
            .first()
        )
        if row is None:
            raise Http404
        answer = _Answer(request, row)
        if request.method == "POST":
            try:
                goes_on = answer.take(request.POST.get("step", ""))
            except (SetupRefused, IntegrityError) as refused:
                faster = f"Somebody else made something of {row.address} at this moment: click once more."
                messages.error(request, str(refused) if isinstance(refused, SetupRefused) else faster)
                goes_on = not answer.tested
            if answer.is_discarded:
                return redirect(self.url("changelist"))  # type: ignore[attr-defined]
            if goes_on:
                return redirect(self.url("setup", row.pk))  # type: ignore[attr-defined]
            row.refresh_from_db()
        wanted = request.GET.get("step", "")
        step = wanted if wanted in setup.STEPS[1:5] and not row.finished_at else setup.step_of(row)
        more = {"step": answer.failed or step, "forms": answer.forms(), "tested": answer.tested}
        return allow_sign_in(self._setup_page(request, row, more))

    def _setup_page(
        self, request: HttpRequest, row: MailboxSetup | None, more: dict[str, Any]
    ) -> TemplateResponse:
        trip = row.trip if row else None
        source, sender = (row.source, row.sender) if row else (None, None)
        summary = stage_cells.summary_of(source, sender) if source else None
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "opts": self.opts,  # type: ignore[attr-defined]
            "title": f"Add mailbox {row.address}" if row else "Add mailbox",
            "setup": row,
            "done": setup.step_of(row) if row else "",
            "has_sign_in": setup.has_sign_in(row) if row else False,
            "trip": trip_card(trip) if trip else None,
            "summary": summary,
            "twin": setup.twin_of(row.address, source) if row and not row.finished_at else None,
            "consoles": [console(SSOProvider(type=kind)) for kind in KINDS],
            "is_tested": bool(summary and summary.test and sender and setup.may_send(sender)),
            **more,
        }
        return TemplateResponse(request, "mailsources/setup.html", context)


class _Answer:
    """One request to the page: what it answers, and the forms that it shows."""

    def __init__(self, request: HttpRequest, row: MailboxSetup) -> None:
        self.request, self.row = request, row
        self.failed = ""
        self.is_discarded = False
        self.tested: list[tuple[str, list[Step], Any]] = []
        self._forms: dict[str, BaseForm] = {}

    def take(self, step: str) -> bool:
        """Do what the step says; False when the page is to show something now."""
        acts: dict[str, Callable[[], bool]] = {
            "servers": self._servers,
            "signin": self._sign_in,
            "queue": self._queue,
            "test": self._test,
            "activate": self._activate,
            "discard": self._discard,
        }
        if step not in acts:
            raise Http404
        return acts[step]()

    def forms(self) -> dict[str, BaseForm]:
        """One for each step; the one that was wrong keeps what was typed in."""
        fresh: dict[str, BaseForm] = {
            "servers": ServersForm(instance=self.row),
            "signin": SignInForm(self.row),
            "queue": QueueForm(
                initial={"queue": self.row.queue, "name": self.row.address.rpartition("@")[0]}
            ),
        }
        return fresh | self._forms

    @property
    def _seen(self) -> int:
        text = self.request.POST.get("version", "")
        return int(text) if text.isascii() and text.isdecimal() else 0

    def _valid(self, step: str, form: BaseForm) -> bool:
        if form.is_valid():
            return True
        self._forms[step], self.failed = form, step
        return False

    def _servers(self) -> bool:
        form = ServersForm(self.request.POST, instance=MailboxSetup(pk=self.row.pk))
        if not self._valid("servers", form):
            return False
        setup.answer(self.row, self._seen, form.cleaned_data)
        return True

    def _sign_in(self) -> bool:
        form = SignInForm(self.row, self.request.POST)
        if not self._valid("signin", form):
            return False
        values: dict[str, Any] = {"username": form.cleaned_data["username"], "provider": None}
        way = form.cleaned_data["way"]
        if way == "password":
            values["password"] = form.cleaned_data["password"] or self.row.password
        else:
            values["password"] = ""
            values["provider"] = form.cleaned_data["provider"]
        with transaction.atomic():  # a click that comes twice makes nothing that nobody uses
            if way == "new":
                values["provider"] = setup.make_provider(
                    self.row, form.cleaned_data["kind"], form.client(), _by(self.request)
                )
            setup.answer(self.row, self._seen, values)
        return True

    def _queue(self) -> bool:
        form = QueueForm(self.request.POST)
        if not self._valid("queue", form):
            return False
        queue = form.cleaned_data["queue"]
        with transaction.atomic():
            if queue is None:
                queue = EmailQueue.objects.create(name=form.cleaned_data["name"])
                record(_by(self.request).user, Act.INSERTED, queue, note="Made while a mailbox was set up.")
            setup.answer(self.row, self._seen, {"queue": queue})
        return True

    def _test(self) -> bool:
        incoming, outgoing = setup.test(self.row, _by(self.request))
        source, sender = self.row.source, self.row.sender
        self.tested = [
            ("In", incoming, _click(incoming, source, self.row)),
            ("Out", outgoing, _click(outgoing, sender, self.row)),
        ]
        return False

    def _activate(self) -> bool:
        setup.switch_on(self.row, _by(self.request), anyway="anyway" in self.request.POST)
        source = EmailSource.objects.select_related("queue").get(setup=self.row)
        look_soon([source.pk])
        url = reverse("admin:queues_emailqueue_change", args=[source.queue_id])
        messages.success(self.request, stage_cells.confirmation(source, url))
        return True

    def _discard(self) -> bool:
        setup.discard(self.row)
        messages.success(
            self.request, f"The set-up of {self.row.address} was discarded. What it made stays, as drafts."
        )
        self.is_discarded = True
        return True


def _click(steps: list[Step], row: Any, setup_row: MailboxSetup) -> Click | None:
    """What is off is written anew from the answers, so it is mended here and not on its own page."""
    if steps[-1].ok:
        return None
    field = steps[-1].cause.field
    step = STEP_OF.get(field) or ("signin" if field.startswith(PROVIDER) and not setup_row.provider else "")
    if step and not row.is_active:
        return Click(f"Go back to {STEP_NAMES[step]}", f"?step={step}")
    return next_click(steps[-1].cause, row)


def _by(request: HttpRequest) -> By:
    return By(request.user if isinstance(request.user, User) else None)


def _may(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.has_perms(NEEDED)
