"""Export the settings as a file that `apply` takes back; secrets are left out, so they stay as stored."""

import re
from typing import Any

import yaml
from django.db.models import F, QuerySet

from agents import skillwords
from agents.models import Agent, AwayReason, Calendar, Language, Skill
from mailsenders.models import EmailSender
from mailsources.models import EmailSource, SentFolder
from queues.models import EmailQueue, Tag
from sso import serverlist
from sso.models import SSOProvider
from sso.secrets import is_token_url, token_provider_id
from staff.models import SignInRules
from ucs.declare import customers, outside, routed, ruled, times, written
from ucs.declare.sections import LIMITS, PROVIDER_TEXTS

NAME_IN_URL = re.compile(r"[^/?#\s]+")
HEADER = "# Secrets are left out: applying this file keeps those that are stored.\n"


def export() -> str:
    """All settings as YAML, in a stable order."""
    sections = {
        "sso_providers": [_provider(row) for row in SSOProvider.objects.order_by("id")],
        "sign_in": _sign_in(),
        "skills": [_skill(row) for row in Skill.objects.filter(of=None).prefetch_related("choices")],
        "languages": [language.tag for language in Language.objects.all()],
        "away_reasons": [reason.name for reason in AwayReason.objects.all()],
        "calendars": [times.export_calendar(row) for row in Calendar.objects.prefetch_related("days")],
        "tags": [{"name": tag.name, "colour": tag.colour} for tag in Tag.objects.all()],
        "agents": [_agent(row) for row in _agents()],
        "senders": [_sender(row) for row in EmailSender.objects.all()],
        "queues": [_queue(row) for row in _queues()],
        "snippets": written.export_snippets(),
        "macros": written.export_macros(),
        "contact_fields": customers.export_fields(),
        "crm_links": customers.export_links(),
        "sources": [_source(row) for row in _sources()],
        "rules": ruled.export(),
        "webhooks": outside.export_webhooks(),
        "crm_connections": outside.export_crm(),
    }
    return HEADER + yaml.safe_dump(
        {name: rows for name, rows in sections.items() if rows},
        sort_keys=False,
        allow_unicode=True,
        width=110,
    )


def _sign_in() -> dict[str, str]:
    rules = SignInRules.objects.exclude(two_factor=SignInRules.TwoFactor.NOBODY).first()
    return {"two_factor": str(rules.two_factor)} if rules else {}


def _skill(row: Skill) -> Any:
    """Its name, or with what makes it no matter of levels."""
    if row.kind == Skill.Kind.LEVEL:
        return row.name
    return {row.name: [each.choice for each in row.choices.all()] if row.has_choices else str(row.kind)}


def _agents() -> Any:
    return Agent.objects.select_related("user", "calendar").prefetch_related(
        "skill_levels__skill", "language_levels__language"
    )


def _queues() -> Any:
    return EmailQueue.objects.select_related("sender", "calendar").prefetch_related(
        "members__user", "skill_demands__skill", "languages", "acknowledgement_texts", "escalation__to_queue"
    )


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", None, [], {})}


def _token_url(password: str) -> str:
    """A token URL is no secret, a password is; the URL names its provider, whose id is another elsewhere."""
    provider_id = token_provider_id(password)
    if provider_id is None:
        return password if is_token_url(password) else ""
    name = SSOProvider.objects.filter(pk=provider_id).values_list("name", flat=True).first()
    if not name or name.isdigit() or not NAME_IN_URL.fullmatch(name):
        return password
    return f"{password.rstrip('/').rpartition('/')[0]}/{name}"


def _provider(row: SSOProvider) -> dict[str, Any]:
    way = row.client_authentication
    keys = ["name", "type", *PROVIDER_TEXTS, "prompt", "validity", "smtp_port", "app_only", "shared_mailbox"]
    keys += ["in_testing", "secret_ends_on", "for_people", "create_people"]
    values = {key: getattr(row, key) or "" for key in keys}
    values["mail_servers"] = list(serverlist.listed(row.mail_servers))
    values["client_authentication"] = "" if way == SSOProvider.ClientAuthentication.POST else way
    return _filled(values)


def _agent(row: Agent) -> dict[str, Any]:
    return _filled(
        {
            "username": row.user.get_username(),
            "name": row.user.get_full_name(),
            "email": row.user.email,
            "role": row.role,
            "skills": skillwords.outside((each.skill.name, each.level) for each in row.skill_levels.all()),
            "languages": {level.language_id: level.level for level in row.language_levels.all()},
            "capacity": row.capacity,
            "signature": row.signature,
            "writes": row.writes if row.writes != Agent.Writes.RICH else "",
            "interface": row.interface,
            "follows_mentions": "" if row.follows_mentions else False,
            **times.export_shifts(row),
        }
    )


def _sender(row: EmailSender) -> dict[str, Any]:
    keys = ["name", "server_type", "server_address", "service_port", "username", "email_address"]
    values = {key: getattr(row, key) for key in [*keys, "display_name"]}
    values["aliases"] = row.aliases.split()
    limits = {key: getattr(row, name) for key, name in LIMITS.items() if getattr(row, name) is not None}
    copies = row.sent_copy if row.sent_copy != EmailSender.SentCopy.NONE else ""
    values |= {"sent_copy": copies, "sent_folder": row.sent_folder}
    values["return_path"] = row.return_path if row.return_path != EmailSender.ReturnPath.PLAIN else ""
    chosen = SentFolder.objects.filter(sender=row, source__isnull=False).select_related("source").first()
    values["sent_mailbox"] = chosen.source.name if chosen is not None and chosen.source else ""
    values |= {"password": _token_url(row.password), "limits": limits}
    values |= {} if row.connections == 3 else {"connections": row.connections}
    return _filled(values) | ({} if row.is_active else {"active": False})


def _queue(row: EmailQueue) -> dict[str, Any]:
    languages = [language.tag for language in row.languages.all()]
    # The first language is the one assumed when in doubt.
    languages.sort(key=lambda tag: (tag != row.default_language_id, tag))
    texts = sorted(row.acknowledgement_texts.all(), key=lambda each: each.language_id)
    return _filled(
        {
            "name": row.name,
            "sender": row.sender.name if row.sender else "",
            "members": [member.user.get_username() for member in row.members.all()],
            "skills": skillwords.outside((each.skill.name, each.level) for each in row.skill_demands.all()),
            "languages": languages,
            "language_level": row.language_level,
            **routed.export_rules(row),
            **times.export_promises(row),
            "reply_to_closed": row.reply_to_closed,
            "changed_subject": row.changed_subject,
            "signature": row.signature,
            "from_name": row.from_name,
            "quoted": row.quoted,
            "undo": row.undo_seconds,
            "acknowledgement": row.acknowledgement,
            "acknowledgement_outside_hours": row.acknowledgement_outside,
            "acknowledgements": {each.language_id: each.text for each in texts if each.text},
            "acknowledgements_outside_hours": {
                each.language_id: each.outside_text for each in texts if each.outside_text
            },
            "acknowledgement_limit": row.acknowledgement_limit,
            "pci": row.pci,
            "keep_days": row.keep_days,
            "kept_then": row.kept_then if row.keep_days else None,
        }
    )


def _sources() -> QuerySet[EmailSource]:
    """Mailboxes stand before what they collect, so that the file can be read from above."""
    return EmailSource.objects.select_related("queue", "collected_by").order_by(
        F("collected_by").asc(nulls_first=True), "name"
    )


def _source(row: EmailSource) -> dict[str, Any]:
    values = _forwarding(row) if row.is_forwarding else _mailbox(row)
    values |= {"silence_hours": row.silence_hours, "authserv_id": row.authserv_id, "queue": row.queue.name}
    values |= {"aliases": row.aliases.split()}
    if row.stage != EmailSource.Stage.ACTIVE:
        return _filled(values) | {"stage": row.stage}
    return _filled(values) | ({} if row.is_active else {"active": False})


def _forwarding(row: EmailSource) -> dict[str, Any]:
    values = {key: getattr(row, key) for key in ("name", "server_type", "public_address")}
    return values | {
        "collected_by": row.collected_by.name if row.collected_by else "",
        "address": row.address,
    }


def _mailbox(row: EmailSource) -> dict[str, Any]:
    keys = ["name", "server_type", "server_address", "service_port", "use_ssl", "allow_clear_text"]
    keys += ["username", "mailbox", "folder", "poll_interval", "import_since", "public_address"]
    after = f"move:{row.move_to}" if row.after_import == EmailSource.AfterImport.MOVE else row.after_import
    values = {key: getattr(row, key) for key in keys}
    return values | {"password": _token_url(row.password), "after_import": after}
