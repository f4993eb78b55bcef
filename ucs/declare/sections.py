"""What each section of a settings file makes, in the order in which they need each other."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models

from agents import interface
from agents.models import Agent, AwayReason, Language, Skill
from agents.skills import SkillError, add_choices, drop_choices, fitting, is_used, read_choices
from mailsenders.models import EmailSender
from queues.models import AcknowledgementText, EmailQueue, Tag
from sso import tokens
from sso.models import SSOProvider
from sso.providers import origins
from staff.models import SignInRules
from ucs.declare import customers, outside, routed, ruled, sources, times, written
from ucs.declare.changes import Changes, set_levels, set_members, write
from ucs.declare.document import Document, Entry
from ucs.declare.stored import existing, find, password, secret, servers

ANOTHER_SERVER = "give it as client_secret, if the server that is named now is to have it."
ROLES = Agent.Role.values
PROVIDER_TEXTS = (
    *("client_id", "scope", "mailbox", "owner", "tenant", "authority", "authorization_url", "token_url"),
    *("refresh_url", "userinfo_url", "issuer", "allowed_domains", "smtp_server", "smtp_username"),
)


def sso_provider(entry: Entry, changes: Changes) -> None:
    """sso_providers: the OAuth clients."""
    truths = ["app_only", "shared_mailbox", "in_testing", "for_people", "create_people"]
    numbers = ["smtp_port", "validity"]
    known = {"name", "type", "client_secret", "prompt", "secret_ends_on", *PROVIDER_TEXTS, *truths, *numbers}
    known |= {"client_authentication", "mail_servers"}
    entry.check_keys(known, {"name", "type", "client_id"})
    row = existing(SSOProvider, name=entry.text("name"))
    created = row.pk is None
    fields: dict[str, Any] = {key: entry.text(key, getattr(row, key)) for key in PROVIDER_TEXTS}
    fields |= {key: entry.truth(key, getattr(row, key)) for key in truths}
    fields |= {key: entry.number(key, getattr(row, key)) for key in numbers}
    fields["type"] = entry.choice("type", SSOProvider.Type.values, SSOProvider.Type.GOOGLE)
    has_end = "secret_ends_on" in entry.values
    fields["secret_ends_on"] = entry.day("secret_ends_on") if has_end else row.secret_ends_on
    fields["prompt"] = entry.choice("prompt", ["", *SSOProvider.Prompt.values], row.prompt)
    ways, usual = SSOProvider.ClientAuthentication.values, row.client_authentication
    fields["client_authentication"] = entry.choice("client_authentication", ways, usual)
    fields["mail_servers"] = servers(entry, "mail_servers", row.mail_servers)
    former = origins(row) if row.pk else set()
    fields["client_secret"] = secret(entry, "client_secret", row.client_secret)
    found = write(entry, row, fields)
    if former and row.client_secret and "client_secret" not in entry.values and origins(row) != former:
        raise entry.wrong(
            f"the stored one is for {' and '.join(sorted(former))}: {ANOTHER_SERVER}", "client_secret"
        )
    if found and not created:
        tokens.settings_changed(row)
    changes.note(f"SSO provider {row.name}", found, created, row=row)


def agent(entry: Entry, changes: Changes) -> None:
    """agents: who can sign in, and what they can do."""
    own = {"username", "password", "email", "name", "role", "skills", "languages", "capacity"}
    own |= {"signature", "writes", "interface", "follows_mentions"}
    entry.check_keys(own | times.SHIFT_KEYS, {"username"})
    user = existing(User, username=entry.text("username"))
    created = user.pk is None
    role = entry.choice("role", list(ROLES), Agent.Role.AGENT)
    administrates = role == Agent.Role.ADMINISTRATOR
    fields = {
        "email": entry.text("email", user.email),
        "is_staff": administrates,
        "is_superuser": administrates,
    }
    if "name" in entry.values:
        first, _, last = entry.text("name").partition(" ")
        fields |= {"first_name": first, "last_name": last}
    differs = []
    if "password" in entry.values and not user.check_password(entry.text("password")):
        user.set_password(entry.text("password"))
        differs.append("password (secret)")
    elif created:
        user.set_unusable_password()
    if differs and not created:
        user.save(update_fields=["password"])
    differs += write(entry, user, fields)
    profile = existing(Agent, user=user)
    work = {"role": role, "capacity": entry.number("capacity", 1), "signature": entry.text("signature")}
    work["writes"] = entry.choice("writes", Agent.Writes.values, Agent.Writes.RICH)
    if "interface" in entry.values:  # left out, it stays as the agent chose
        work["interface"] = entry.choice("interface", sorted(interface.CODES), "")
    if "follows_mentions" in entry.values:
        work["follows_mentions"] = entry.truth("follows_mentions", default=True)
    differs += write(entry, profile, work | times.shifts(entry))
    add = "add it under {}"
    skills = _skills(entry)
    spoken = {
        find(entry, "languages", Language, "tag", tag, add.format("languages")): level
        for tag, level in entry.levels("languages").items()
    }
    differs += set_levels(profile, "skill_levels", "skill", skills)
    differs += set_levels(profile, "language_levels", "language", spoken)
    changes.note(f"agent {user.username}", differs, created, row=profile)


LIMITS = {
    "per_minute": "limit_per_minute",
    "per_hour": "limit_per_hour",
    "per_day": "limit_per_day",
    "recipients_per_day": "recipients_per_day",
    "internal_per_day": "internal_per_day",
    "external_per_day": "external_per_day",
    "recipients_per_message": "recipients_per_message",
}
"""What a settings file calls the limits of a sender, and their fields."""


def sender(entry: Entry, changes: Changes) -> None:
    """senders: how replies leave."""
    entry.check_keys(
        {
            *("name", "server_type", "server_address", "service_port", "username", "password"),
            *("email_address", "display_name", "aliases", "limits", "connections", "active"),
            *("return_path", "sent_copy", "sent_folder", "sent_mailbox"),
        },
        {"name", "server_type", "server_address", "email_address"},
    )
    row = existing(EmailSender, name=entry.text("name"))
    created = row.pk is None
    limits = entry.part("limits")
    limits.check_keys(set(LIMITS), set())
    server_type = entry.choice("server_type", EmailSender.ServerType.values, EmailSender.ServerType.STARTTLS)
    port = {"SSL": 465, "STARTTLS": 587, "NONE": 25}[server_type]
    fields = {
        "server_type": server_type,
        "server_address": entry.text("server_address"),
        "service_port": entry.number("service_port", port),
        "username": entry.text("username"),
        "password": password(entry, row.password),
        "email_address": entry.text("email_address"),
        "display_name": entry.text("display_name"),
        "return_path": entry.choice(
            "return_path", EmailSender.ReturnPath.values, EmailSender.ReturnPath.PLAIN
        ),
        "sent_copy": entry.choice("sent_copy", EmailSender.SentCopy.values, EmailSender.SentCopy.NONE),
        "sent_folder": entry.text("sent_folder"),
        "aliases": "\n".join(entry.names("aliases")),
        "connections": entry.number("connections", 3),
        "is_active": entry.truth("active", True),
    }
    fields |= {name: limits.number(key) for key, name in LIMITS.items()}
    changes.note(f"email sender {row.name}", write(entry, row, fields), created, row=row)


def queue(entry: Entry, changes: Changes) -> None:
    """queues: where conversations wait, and for whom."""
    entry.check_keys(
        {
            *("name", "sender", "members", "skills", "languages", "language_level", "mode", "wait_rule"),
            *("sla", "hours", "reply_to_closed", "changed_subject", "pci", "keep_days", "kept_then"),
            *(
                "signature",
                "from_name",
                "quoted",
                "undo",
                "acknowledgement",
                "acknowledgement_outside_hours",
                "acknowledgements",
            ),
            *("acknowledgements_outside_hours", "acknowledgement_limit", "routing", *times.PROMISE_KEYS),
        },
        {"name"},
    )
    row = existing(EmailQueue, name=entry.text("name"))
    created = row.pk is None
    languages = [
        find(entry, "languages", Language, "tag", tag, "add it under languages")
        for tag in entry.names("languages")
    ]
    fields = (
        routed.rules(entry)
        | times.promises(entry)
        | {
            "sender": _sender_of(entry),
            "language_level": entry.number("language_level", 3),
            "default_language": languages[0] if languages else None,
            "reply_to_closed": entry.choice("reply_to_closed", EmailQueue.ReplyToClosed.values, "reopen"),
            "changed_subject": entry.choice("changed_subject", EmailQueue.ChangedSubject.values, "join"),
            "signature": entry.text("signature"),
            "from_name": entry.choice("from_name", EmailQueue.FromName.values, EmailQueue.FromName.SENDER),
            "quoted": entry.choice("quoted", EmailQueue.Quoted.values, EmailQueue.Quoted.LAST),
            "undo_seconds": entry.number("undo"),
            "acknowledgement": entry.text("acknowledgement"),
            "acknowledgement_outside": entry.text("acknowledgement_outside_hours"),
            "acknowledgement_limit": entry.number("acknowledgement_limit", 100),
            "keep_days": entry.number("keep_days"),
            "kept_then": entry.choice("kept_then", EmailQueue.KeptThen.values, EmailQueue.KeptThen.ANONYMISE),
            "pci": entry.choice("pci", EmailQueue.PaymentCards.values, "off"),
        }
    )
    differs = write(entry, row, fields)
    skills = _skills(entry)
    members = [
        find(entry, "members", Agent, "user__username", name, "add it under agents")
        for name in entry.names("members")
    ]
    differs += set_levels(row, "skill_demands", "skill", skills)
    differs += set_members(row.languages, languages, "languages")
    differs += set_members(row.members, members, "members")
    differs += _acknowledgements(entry, row)
    differs += times.set_escalation(entry, row)
    changes.note(f"email queue {row.name}", differs, created, row=row)


def _acknowledgements(entry: Entry, row: EmailQueue) -> list[str]:
    """The texts by language: what the file doesn't name is taken away."""
    usual, outside = entry.part("acknowledgements"), entry.part("acknowledgements_outside_hours")
    tags = [*usual.values, *(tag for tag in outside.values if tag not in usual.values)]
    differs: list[str] = []
    for tag in tags:
        language = find(entry, "acknowledgements", Language, "tag", tag, "add it under languages")
        text = existing(AcknowledgementText, queue=row, language=language)
        fields = {"text": usual.text(tag), "outside_text": outside.text(tag)}
        differs += [f"acknowledgement {tag}" for _ in write(entry, text, fields)[:1]]
    for text in row.acknowledgement_texts.exclude(language__in=tags):
        differs.append(f"acknowledgement {text.language_id}")
        text.delete()
    return differs


def _sender_of(entry: Entry) -> EmailSender | None:
    name = entry.text("sender")
    return find(entry, "sender", EmailSender, "name", name, "add it under senders") if name else None


def tag(entry: Entry, changes: Changes) -> None:
    """tags: what conversations are marked with."""
    entry.check_keys({"name", "colour"}, {"name"})
    row = existing(Tag, name=entry.text("name"))
    created = row._state.adding
    fields = {"name": row.name, "colour": entry.choice("colour", Tag.Colour.values, row.colour)}
    changes.note(f"tag {row.name}", write(entry, row, fields), created, row=row)


def sign_in(entry: Entry, changes: Changes) -> None:
    """sign_in: what is demanded of whoever signs in."""
    entry.check_keys({"two_factor"}, set())
    row = SignInRules.objects.first() or SignInRules()
    among, usual = SignInRules.TwoFactor.values, row.two_factor
    found = write(entry, row, {"two_factor": entry.choice("two_factor", among, usual)})
    changes.note("sign-in rules", found, created=False, row=row)


ENTRIES: dict[str, Callable[[Entry, Changes], None]] = {
    "sso_providers": sso_provider,
    "sign_in": sign_in,
    "calendars": times.calendar,
    "tags": tag,
    "agents": agent,
    "senders": sender,
    "queues": queue,
    "snippets": written.snippet,
    "macros": written.macro,
    "contact_fields": customers.contact_field,
    "crm_links": customers.crm_link,
    "sources": sources.source,
    "rules": ruled.rules,
    "webhooks": outside.webhook,
    "crm_connections": outside.crm_connection,
}
NAMES: dict[str, tuple[type[models.Model], str]] = {
    "skills": (Skill, "name"),
    "languages": (Language, "tag"),
    "away_reasons": (AwayReason, "name"),
}


def _skills(entry: Entry) -> dict[Skill, int]:
    """The skills that an entry names, with levels that fit them."""
    found = {}
    for name, level in entry.skills("skills").items():
        skill = find(entry, "skills", Skill, "name", name, "add it under skills")
        try:
            found[skill] = fitting(skill, level)
        except SkillError as error:
            raise entry.wrong(str(error), "skills") from error
    return found


def _kind_of(entry: Entry, skill: Skill, written: Any) -> list[str]:
    """Give a skill the kind that the file says, with its choices; return what has changed.

    A choice that is to go stays until the rest of the file holds, which may be what takes it from people.
    """
    words = _choices(written)
    kind = Skill.Kind.CHOICE if words else "level" if written is None else str(written)
    if kind not in Skill.Kind.values or (kind == Skill.Kind.CHOICE and not words):
        raise entry.wrong(f"{written!r} is no kind of skill: give yes_no, or a list of choices.")
    differs = []
    if skill.kind != kind:
        if skill.pk and is_used(skill):
            raise entry.wrong(f"it is used as “{skill.get_kind_display()}”: add another skill instead.")
        skill.kind = kind
        differs = [f"kind: {kind}"]
    if not skill.pk or differs:
        skill.save()
    try:
        return [*differs, *add_choices(skill, read_choices(" ".join(words), skill.name))]
    except ValidationError as error:
        raise entry.wrong(error.messages[0]) from error


def _choices(written: Any) -> list[str]:
    return [str(each) for each in written] if isinstance(written, list) else []


def _without_choices(document: Document, changes: Changes) -> None:
    """Take away the choices of skills that the file names no more, if nobody has or demands them."""
    for name, line in document.names.get("skills", []):
        skill = Skill.objects.get(name=name)
        try:
            gone = drop_choices(skill, read_choices(" ".join(_choices(document.kinds.get(name))), name))
        except SkillError as error:
            raise Entry(document.file, f"skills “{name}”", line, {"name": name}, {}).wrong(
                str(error)
            ) from error
        if gone:
            changes.note(f"skill {name}", gone, created=False, row=skill)


def named(document: Document, section: str, changes: Changes) -> None:
    """skills and languages: plain names."""
    model, field = NAMES[section]
    for name, line in document.names.get(section, []):
        row = existing(model, **{field: name})
        entry = Entry(document.file, f"{section} “{name}”", line, {field: name}, {})
        created = row._state.adding
        write(entry, row, {field: name})
        differs = _kind_of(entry, row, document.kinds.get(name)) if isinstance(row, Skill) else []
        changes.note(f"{model._meta.verbose_name} {name}", [] if created else differs, created, row=row)


def apply_document(document: Document, changes: Changes) -> None:
    """Make everything what the file says; call it inside a transaction."""
    for section in NAMES:
        named(document, section, changes)
    for section, make in ENTRIES.items():
        for entry in document.sections.get(section, []):
            make(entry, changes)
    _without_choices(document, changes)
    for entry in document.sections.get("senders", []):
        sources.sent_mailbox(entry, changes)
