"""Queues, sources, senders, providers, and agents, for reading; and the status."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest
from ninja import Router
from ninja.errors import HttpError

from agents.models import Agent
from agents.skillwords import outside
from api import status as status_report
from api.auth import caller
from api.paging import page
from api.shapes import ObjectPage
from mailsenders.models import EmailSender
from mailsources.models import EmailSource
from queues import inbox
from queues.models import EmailQueue, Macro, Snippet
from sso.models import SSOProvider
from sso.secrets import describe

router = Router(tags=["settings and status"])


def administrator(request: HttpRequest) -> User:
    """The caller, who must be an administrator: what follows is how the system is set up."""
    user = caller(request)
    if not user.is_superuser:
        raise HttpError(403, "This needs the key of an administrator.")
    return user


@router.get("status")
def status(request: HttpRequest) -> dict[str, Any]:
    """How everything is doing; `ok` is false if a person should look."""
    administrator(request)
    return status_report.report()


@router.get("queues", response=ObjectPage)
def queues(request: HttpRequest) -> dict[str, Any]:
    """The queues that the caller works in."""
    rows = inbox.queues_for(caller(request)).select_related("sender", "calendar").prefetch_related(
        "skill_demands__skill", "languages", "members__user", "escalation__to_queue"
    )  # fmt: skip
    return page(request, rows, "id", lambda found: [queue_shape(row) for row in found])


def queue_shape(row: EmailQueue) -> dict[str, Any]:
    """An e-mail queue."""
    return {
        "id": row.pk,
        "name": row.name,
        "sender": row.sender.name if row.sender else None,
        "members": [member.user.get_username() for member in row.members.all()],
        "skills": outside((each.skill.name, each.level) for each in row.skill_demands.all()),
        "languages": [language.tag for language in row.languages.all()],
        "mode": row.mode,
        "wait_rule": row.wait_rule,
        "routing": {
            "picking": row.allow_picking,
            "accept_seconds": row.accept_seconds,
            "own_share": row.own_share,
            "exponent": row.exponent,
            "late_halving": row.late_halving,
            "weight": row.weight,
            "steps": row.steps,
        },
        "hours": row.hours,
        "calendar": row.calendar.name if row.calendar else None,
        "resolution_minutes": row.resolution,
        "target_percent": {
            "urgent": row.urgent_percent,
            "high": row.high_percent,
            "normal": 100,
            "low": row.low_percent,
        },
        "escalation": [str(step) for step in row.escalation.all()],
        "reply_to_closed": row.reply_to_closed,
        "changed_subject": row.changed_subject,
        "acknowledgement_limit": row.acknowledgement_limit,
        "pci": row.pci,
        "keep_days": row.keep_days,
        "kept_then": row.kept_then,
        "from_name": row.from_name,
        "quoted": row.quoted,
        "undo_seconds": row.undo_seconds,
        "first_response_minutes": row.first_response,
        "next_response_minutes": row.next_response,
    }


@router.get("sources", response=ObjectPage)
def sources(request: HttpRequest) -> dict[str, Any]:
    """The e-mail sources, without their secrets."""
    administrator(request)
    rows = EmailSource.objects.select_related("queue", "state")
    return page(request, rows, "id", lambda found: [source_shape(row) for row in found])


def source_shape(row: EmailSource) -> dict[str, Any]:
    """An e-mail source without its secrets."""
    plain = [
        "name",
        "server_type",
        "server_address",
        "service_port",
        "use_ssl",
        "username",
        "mailbox",
        "folder",
        "stage",
        "public_address",
        "address",
        "authserv_id",
    ]
    return {"id": row.pk, **{key: getattr(row, key) for key in plain}} | {
        "after_import": row.after_import,
        "queue": row.queue.name,
        "password": describe(row.password),
        "aliases": row.aliases.split(),
        "is_active": row.is_active,
        "activated_at": row.activated_at,
        "activated_by": row.activated_by,
        "retired_at": row.retired_at,
        "last_success": row.state.last_success_at,
        "last_error": row.state.last_error,
        "next_attempt": row.state.next_attempt_at,
    }


@router.get("senders", response=ObjectPage)
def senders(request: HttpRequest) -> dict[str, Any]:
    """The e-mail senders, without their secrets."""
    administrator(request)
    rows = EmailSender.objects.select_related("state")
    return page(request, rows, "id", lambda found: [sender_shape(row) for row in found])


def sender_shape(row: EmailSender) -> dict[str, Any]:
    """An e-mail sender without its secrets."""
    plain = [
        "name",
        "server_type",
        "server_address",
        "service_port",
        "username",
        "email_address",
        "display_name",
        "return_path",
        "sent_copy",
        "sent_folder",
    ]
    return {"id": row.pk, **{key: getattr(row, key) for key in plain}} | {
        "password": describe(row.password),
        "is_active": row.is_active,
        "last_success": row.state.last_success_at,
        "last_error": row.state.last_error,
    }


@router.get("providers", response=ObjectPage)
def providers(request: HttpRequest) -> dict[str, Any]:
    """The SSO providers, without their secrets and tokens."""
    administrator(request)
    rows = SSOProvider.objects.select_related("token")
    return page(request, rows, "id", lambda found: [provider_shape(row) for row in found])


def provider_shape(row: SSOProvider) -> dict[str, Any]:
    """An SSO provider without its secrets and tokens."""
    plain = ["name", "type", "client_id", "scope", "mailbox", "owner"]
    return {"id": row.pk, **{key: getattr(row, key) for key in plain}} | {
        "account": row.token.account,
        "expires_at": row.token.expires_at,
        "needs_sign_in": row.token.needs_sign_in,
        "last_error": row.token.last_error,
    }


@router.get("agents", response=ObjectPage)
def agents(request: HttpRequest) -> dict[str, Any]:
    """The agents with what they can do."""
    rows = Agent.objects.select_related("user").prefetch_related("skill_levels__skill", "language_levels")
    return page(request, rows, "id", lambda found: [agent_shape(row) for row in found])


def agent_shape(row: Agent) -> dict[str, Any]:
    """An agent with what they can do."""
    return {
        "id": row.pk,
        "username": row.user.get_username(),
        "name": row.user.get_full_name(),
        "role": row.role,
        "presence": row.presence,
        "writes": row.writes,
        "interface": row.interface or None,
        "follows_mentions": row.follows_mentions,
        "capacity": row.capacity,
        "shifts": row.shifts,
        "time_zone": row.time_zone or None,
        "skills": outside((each.skill.name, each.level) for each in row.skill_levels.all()),
        "languages": {level.language_id: level.level for level in row.language_levels.all()},
    }


@router.get("snippets", response=ObjectPage)
def snippets(request: HttpRequest) -> dict[str, Any]:
    """The texts to insert that everybody has, of the queues that the caller works in."""
    seen = Q(queues=None) | Q(queues__in=inbox.queues_for(caller(request)))
    rows = Snippet.objects.filter(seen, owner=None).distinct().prefetch_related("queues")
    return page(request, rows, "id", lambda found: [snippet_shape(row) for row in found])


def snippet_shape(row: Snippet) -> dict[str, Any]:
    """A text to insert."""
    return {
        "id": row.pk,
        "name": row.name,
        "language": row.language_id,
        "queues": [queue.name for queue in row.queues.all()],
        "text": row.text,
        "html": row.html,
    }


@router.get("macros", response=ObjectPage)
def macros(request: HttpRequest) -> dict[str, Any]:
    """The macros of the queues that the caller works in."""
    rows = Macro.objects.filter(Q(queues=None) | Q(queues__in=inbox.queues_for(caller(request)))).distinct()
    rows = rows.select_related("to_queue", "to_agent__user").prefetch_related("queues", "tags")
    return page(request, rows, "id", lambda found: [macro_shape(row) for row in found])


def macro_shape(row: Macro) -> dict[str, Any]:
    """A macro."""
    return {
        "id": row.pk,
        "name": row.name,
        "queues": [queue.name for queue in row.queues.all()],
        "text": row.text,
        "html": row.html,
        "note": row.note,
        "tags": [tag.name for tag in row.tags.all()],
        "then": row.then,
        "snooze_hours": row.snooze_hours,
        "to_queue": row.to_queue.name if row.to_queue else None,
        "to_agent": row.to_agent.user.get_username() if row.to_agent else None,
    }
