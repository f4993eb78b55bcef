"""The pages of the checklists: choose one, walk through it, tick."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from sso.checklists import going, page, ticks
from sso.checklists.lists import Checklist, Step, checklists, of_kind
from sso.checklists.page import Known
from sso.checklists.words import as_html
from sso.models import SSOProvider

BEGIN = "admin:sso_checklist"
OF_PROVIDER = "admin:sso_ssoprovider_checklist"

View = Callable[..., HttpResponse]
Look = Callable[[], Known]
"""Looks anew at what is known."""


@dataclass(frozen=True)
class Shown:
    """A list on a page.

    :param address: of the page, below which lies its `tick/`.
    :param row: the provider or source it is for, None at a beginning.
    :param others: title, address and whether it is this one, of the lists beside it.
    """

    checklist: Checklist
    known: Known
    address: str
    may_tick: bool
    row: Any = None
    others: tuple[tuple[str, str, bool], ...] = ()


def answer(request: HttpRequest, shown: Shown, known: Look, more: dict[str, Any]) -> HttpResponse:
    """The page, or to a POST the step that was ticked.

    :param more: the context of the administration.
    """
    if request.method == "POST":
        return _tick(request, shown, known)
    one = shown.checklist
    context = {
        **more,
        "title": one.title,
        "checklist": one,
        "before": [as_html(each) for each in one.before],
        "people": [as_html(each) for each in one.people],
        "parts": page.parts(one, shown.known),
        "progress": page.progress(one, shown.known),
        "links": going.links(one.kind, shown.known),
        "shown": shown,
    }
    return TemplateResponse(request, "admin/checklist.html", context)


def _tick(request: HttpRequest, shown: Shown, known: Look) -> HttpResponse:
    """Set or take away the tick that was posted, never the opposite of what somebody else just did."""
    step = shown.checklist.step(request.POST.get("step", ""))
    if step is None or step.check:
        raise Http404
    if request.POST.get("done") == "yes":
        ticks.tick(shown.known.subject, step, request.user.pk)
    else:
        ticks.untick(shown.known.subject, step)
    if request.headers.get("HX-Request") != "true":
        return HttpResponseRedirect(f"{shown.address}#{step.id}")
    return _fragment(request, shown, step, known())


def _fragment(request: HttpRequest, shown: Shown, step: Step, known: Known) -> HttpResponse:
    context = {
        "step": page.step_view(step, known, is_cure=_is_cure(shown.checklist, step, known)),
        "progress": page.progress(shown.checklist, known),
        "links": going.links(shown.checklist.kind, known),
        "shown": shown,
    }
    return TemplateResponse(request, "admin/checklist_ticked.html", context)


def _is_cure(checklist: Checklist, step: Step, known: Known) -> bool:
    return bool(known.trouble) and checklist.cure(known.trouble) is step


class ChecklistPages:
    """Mixin for the admin of SSO providers: a checklist of each, and those that nobody's row has yet."""

    admin_site: AdminSite

    def get_urls(self) -> list[URLPattern]:
        see, touch = self._seen, self._touched
        return [
            see("checklists/", self.choose_view, "sso_checklists"),
            see("checklists/<slug:name>/", self.begun_view, "sso_checklist"),
            see("<int:pk>/checklist/", self.provider_view, "sso_ssoprovider_checklist"),
            see("<int:pk>/checklist/<slug:name>/", self.provider_view, "sso_ssoprovider_checklist"),
            touch("checklists/<slug:name>/tick/", self.begun_view, "sso_checklist_tick"),
            touch("<int:pk>/checklist/<slug:name>/tick/", self.provider_view, "sso_ssoprovider_tick"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def _seen(self, where: str, view: View, name: str) -> URLPattern:
        return path(where, self.admin_site.admin_view(require_GET(view)), name=name)

    def _touched(self, where: str, view: View, name: str) -> URLPattern:
        return path(where, self.admin_site.admin_view(require_POST(view)), name=name)

    def choose_view(self, request: HttpRequest) -> HttpResponse:
        """Choose what you have."""
        _require(request, "view")
        context = {
            **self.admin_site.each_context(request),
            "title": "Checklists",
            "lists": [page.progress(one, page.begun(one.kind)) for one in checklists().values()],
            "rows": _providers(),
        }
        return TemplateResponse(request, "admin/checklists.html", context)

    def begun_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """A list before there is a provider for it."""
        one = _checklist(name)
        return self._answer(request, one, None, lambda: page.begun(one.kind))

    def provider_view(self, request: HttpRequest, pk: int, name: str = "") -> HttpResponse:
        """The list of one provider: the one that fits its settings, unless another is asked for."""
        provider = get_object_or_404(SSOProvider.objects.defer("client_secret"), pk=pk)
        known = page.of_provider(provider)
        if not name:
            fitting = page.chosen(provider, known.ticked)
            cure = fitting.cure(known.trouble) if known.trouble else None
            return redirect(reverse(OF_PROVIDER, args=[pk, fitting.name]) + (f"#{cure.id}" if cure else ""))
        one = _checklist(name, provider.type)
        return self._answer(request, one, provider, lambda: page.of_provider(provider))

    def _answer(
        self, request: HttpRequest, one: Checklist, provider: SSOProvider | None, known: Look
    ) -> HttpResponse:
        _require(request, "change" if request.method == "POST" else "view")
        place, args = (OF_PROVIDER, [provider.pk]) if provider else (BEGIN, [])
        shown = Shown(
            checklist=one,
            known=known(),
            address=reverse(place, args=[*args, one.name]),
            may_tick=_may(request, "change"),
            row=provider,
            others=tuple(
                (each.title, reverse(place, args=[*args, each.name]), each is one)
                for each in of_kind(one.kind)
            ),
        )
        return answer(request, shown, known, self.admin_site.each_context(request))


def _providers() -> list[tuple[SSOProvider, page.Progress]]:
    rows = list(SSOProvider.objects.defer("client_secret").exclude(for_people=True, scope=""))
    known = page.of_providers(rows)
    return [(row, page.progress(page.chosen(row, known[row.pk].ticked), known[row.pk])) for row in rows]


def _checklist(name: str, kind: str = "") -> Checklist:
    one = checklists().get(name)
    if one is None or (kind and one.kind != kind):
        raise Http404
    return one


def _may(request: HttpRequest, what: str) -> bool:
    user = request.user
    return isinstance(user, User) and user.has_perm(f"sso.{what}_ssoprovider")


def _require(request: HttpRequest, what: str) -> None:
    """A stranger doesn't learn what there is."""
    if not (_may(request, what) or (what == "view" and _may(request, "change"))):
        raise Http404
