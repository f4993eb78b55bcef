"""The page of a mailbox: both directions of one address on one screen."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from mailsenders import budget_view
from mailsenders.models import EmailSender
from mailsenders.sender_page import standing_of as sending_of
from mailsources import stage_cells, twins
from mailsources.daily import days_of
from mailsources.health_picture import picture_of, seconds_in_words
from mailsources.models import EmailSource
from mailsources.sender_admin import trip_card
from mailsources.source_page import standing_of
from sso import secrets
from sso.admin import provider_badge
from sso.badges import badge
from sso.communication_admin import log_url
from sso.fields import SecretUnreadable
from sso.generate import provider_of
from sso.models import SSOProvider


@dataclass(frozen=True, slots=True)
class Credential:
    """What one direction signs in with, in words, and the provider if it is a token."""

    words: str
    badge: SafeString
    provider: SSOProvider | None
    url: str


class MailboxPage:
    """Mixin for the administration of sources."""

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_mailbox"  # type: ignore[attr-defined]
        view = self.admin_site.admin_view(require_GET(self.mailbox_view))  # type: ignore[attr-defined]
        return [path("<int:pk>/mailbox/", view, name=name), *super().get_urls()]  # type: ignore[misc]

    def mailbox_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """In and out, health of the last days, ledger, budget, credentials, last errors."""
        source: EmailSource | None = self.get_object(request, str(pk))  # type: ignore[attr-defined]
        if source is None:
            raise Http404
        if not self.has_view_permission(request, source):  # type: ignore[attr-defined]
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "opts": self.opts,  # type: ignore[attr-defined]
            "original": source,
            "title": f"Mailbox {source}",
            **mailbox_context(source),
        }
        return TemplateResponse(request, "mailsources/mailbox.html", context)


def sender_for(source: EmailSource) -> EmailSender | None:
    """The sender that answers for a mailbox: its queue's, else one of the same address."""
    if source.queue.sender is not None:
        return source.queue.sender
    ours = twins.addresses(source)[:1]
    return EmailSender.objects.filter(email_address__iexact=ours[0]).first() if ours else None


def mailbox_context(source: EmailSource) -> dict[str, Any]:
    """All that the page shows."""
    sender, now = sender_for(source), timezone.now()
    days = days_of(source, sender.pk if sender else None, now)
    trip = (
        sender.round_trips.filter(source=source).select_related("outgoing", "sender__state", "source__state")
        if sender
        else None
    )
    last_trip = trip.first() if trip is not None else None
    return {
        "addresses": twins.addresses(source),
        "stage_badge": stage_cells.list_badges(source),
        "stage_story": stage_cells.story_of(source),
        "standing": standing_of(source),
        "sender": sender,
        "sending": sending_of(sender) if sender else None,
        "budget": budget_view.standing(sender, now) if sender else None,
        "log_url": log_url(source),
        "sender_log_url": log_url(sender) if sender else "",
        "picture": picture_of(days),
        "rows": [(day, seconds_in_words(day.delay), seconds_in_words(day.wait)) for day in reversed(days)],
        "errors": [(day.day, day.error) for day in reversed(days) if day.error],
        "source_credential": None if source.is_forwarding else credential_of(source),
        "sender_credential": credential_of(sender) if sender else None,
        "trip": trip_card(last_trip) if last_trip else None,
    }


def credential_of(row: EmailSource | EmailSender) -> Credential:
    """The sign-in of a source or a sender; never the secret."""
    try:
        stored = type(row)._default_manager.get(pk=row.pk).password
        provider = provider_of(stored)
        words = secrets.describe(stored) if stored else "no password"
    except SecretUnreadable as error:
        return Credential(str(error), badge("bad", "unreadable"), None, "")
    if provider is None:
        return Credential(
            words, badge("calm" if stored else "warn", "password" if stored else "none"), None, ""
        )
    url = reverse("admin:sso_ssoprovider_change", args=[provider.pk])
    return Credential(words, provider_badge(provider), provider, url)
