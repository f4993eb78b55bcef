"""What the palette finds beside what the page has already: conversations, contacts, pages of settings."""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from agents.rights import is_administrator, is_supervisor
from crm.models import Contact
from mailcore.clean import clean_line
from queues import inbox
from queues.models import Conversation
from queues.presentation import NO_SUBJECT, contact_name
from queues.views.gate import DeskRequest, signed_in

MOST = 6
SHORTEST = 2
EVERYBODYS = ((gettext_lazy("Account"), "account"),)
SUPERVISORS = (
    (gettext_lazy("Board"), "board"),
    (gettext_lazy("Skills and languages"), "skills"),
)
ADMINISTRATORS = (
    (gettext_lazy("Administration"), "admin:index"),
    (gettext_lazy("Email queues"), "admin:queues_emailqueue_changelist"),
    (gettext_lazy("Email sources"), "admin:mailsources_emailsource_changelist"),
    (gettext_lazy("Email senders"), "admin:mailsenders_emailsender_changelist"),
    (gettext_lazy("SSO providers"), "admin:sso_ssoprovider_changelist"),
    (gettext_lazy("Agents"), "admin:agents_agent_changelist"),
    (gettext_lazy("Tags"), "admin:queues_tag_changelist"),
    (gettext_lazy("Snippets"), "admin:queues_snippet_changelist"),
    (gettext_lazy("Macros"), "admin:queues_macro_changelist"),
)


@require_GET
@signed_in
def found(request: DeskRequest) -> HttpResponse:
    """Without a question the pages that one may open; with one, conversations and contacts."""
    asked = clean_line(request.GET.get("q", ""))[:100]
    if not asked:
        return JsonResponse({"items": _pages(request)})
    items = _conversations(request, asked)
    if len(asked) >= SHORTEST:
        items += _contacts(request, asked)
    return JsonResponse({"items": items})


def _pages(request: DeskRequest) -> list[dict[str, str]]:
    pages = [*EVERYBODYS]
    pages += SUPERVISORS if is_supervisor(request.user) else ()
    pages += ADMINISTRATORS if is_administrator(request.user) else ()
    return [{"name": str(label), "says": _("page"), "url": reverse(name)} for label, name in pages]


def _conversations(request: DeskRequest, asked: str) -> list[dict[str, Any]]:
    number = asked.removeprefix("#")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return []
    rows = Conversation.objects.filter(number=int(number), queue__in=inbox.queues_for(request.user))
    return [
        {
            "name": f"#{row.number} {row.subject or NO_SUBJECT}",
            "says": contact_name(row.contact),
            "url": f"/conversations/{row.pk}/",
            "is_here": True,
        }
        for row in rows.select_related("contact").prefetch_related("contact__addresses")[:1]
    ]


def _contacts(request: DeskRequest, asked: str) -> list[dict[str, Any]]:
    """Those who wrote to one's queues, by the beginning of a name or an address."""
    rows = Contact.objects.filter(name__istartswith=asked) | Contact.objects.filter(
        addresses__email__istartswith=asked.lower()
    )
    near = rows.distinct().prefetch_related("addresses").order_by("name", "pk")
    if not is_administrator(request.user):
        own = inbox.conversations_for(request.user).filter(contact=OuterRef("pk"))
        near = near.filter(Exists(own))
    return [
        {"name": contact_name(each), "says": address, "url": _searched(address), "is_desk": True}
        for each in near[:MOST]
        if (address := next((one.email for one in each.addresses.all()), ""))
    ]


def _searched(address: str) -> str:
    return "/?" + urlencode({"view": "all", "q": f"from:{address}"})
