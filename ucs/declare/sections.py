"""What each section of a settings file makes, in the order in which they need each other."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import models

from agents.models import Agent, AwayReason, Language, Skill
from mailsenders.models import EmailSender
from mailsources import addressing
from mailsources.models import EmailSource, SentFolder
from queues.models import AcknowledgementText, EmailQueue, Tag
from sso import serverlist, tokens
from sso.models import SSOProvider
from sso.providers import origins
from staff.models import SignInRules
from ucs.declare import routed, times, written
from ucs.declare.changes import Changes, set_levels, set_members, write
from ucs.declare.document import Document, Entry

M = TypeVar("M", bound=models.Model)
TOKEN_URL = re.compile(r"^(https?://[^/]+/api/v1\.0/auth/token/)([^/?#]+)/?$")
ANOTHER_SERVER = "give it as client_secret, if the server that is named now is to have it."
ROLES = Agent.Role.values
PROVIDER_TEXTS = (
    *("client_id", "scope", "mailbox", "owner", "tenant", "authority", "authorization_url", "token_url"),
    *("refresh_url", "userinfo_url", "issuer", "allowed_domains", "smtp_server", "smtp_username"),
)


def find(entry: Entry, key: str, model: type[M], field: str, name: str, remedy: str) -> M:
    """The object that the file names, or a sentence that says where it should be."""
    row = model._default_manager.filter(**{field: name}).first()
    if row is None:
        what = str(model._meta.verbose_name)
        raise entry.wrong(f"there is no {what} “{name}”: {remedy}.", key)
    return row


def existing(model: type[M], **lookup: Any) -> M:
    """The stored object, or a new one that has the lookup's values."""
    return model._default_manager.filter(**lookup).first() or model(**lookup)


def secret(entry: Entry, key: str, stored: str) -> str:
    """A secret of the file; an absent one keeps what is stored."""
    return entry.text(key) if key in entry.values else stored


def servers(entry: Entry, key: str, stored: str) -> str:
    """A list of servers as it is stored; an absent one keeps what is there."""
    return serverlist.in_lines(" ".join(entry.names(key))) if key in entry.values else stored


def password(entry: Entry, stored: str) -> str:
    """A password, where a token URL may name its provider instead of giving the id."""
    text = secret(entry, "password", stored)
    found = TOKEN_URL.match(text)
    if not found or found[2].isdigit():
        return text
    provider = find(entry, "password", SSOProvider, "name", found[2], "add it under sso_providers")
    return f"{found[1]}{provider.pk}"


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
    changes.note(f"SSO provider {row.name}", found, created)


def agent(entry: Entry, changes: Changes) -> None:
    """agents: who can sign in, and what they can do."""
    own = {"username", "password", "email", "name", "role", "skills", "languages", "capacity"}
    own |= {"signature", "writes"}
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
    differs += write(entry, profile, work | times.shifts(entry))
    add = "add it under {}"
    skills = {
        find(entry, "skills", Skill, "name", name, add.format("skills")): level
        for name, level in entry.levels("skills").items()
    }
    spoken = {
        find(entry, "languages", Language, "tag", tag, add.format("languages")): level
        for tag, level in entry.levels("languages").items()
    }
    differs += set_levels(profile, "skill_levels", "skill", skills)
    differs += set_levels(profile, "language_levels", "language", spoken)
    changes.note(f"agent {user.username}", differs, created)


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
    changes.note(f"email sender {row.name}", write(entry, row, fields), created)


def queue(entry: Entry, changes: Changes) -> None:
    """queues: where conversations wait, and for whom."""
    entry.check_keys(
        {
            *("name", "sender", "members", "skills", "languages", "language_level", "mode", "wait_rule"),
            *("sla", "hours", "reply_to_closed", "changed_subject", "pci", "signature", "from_name"),
            *("quoted", "undo", "acknowledgement", "acknowledgement_outside_hours", "acknowledgements"),
            *("acknowledgements_outside_hours", "acknowledgement_limit", "routing", *times.PROMISE_KEYS),
        },
        {"name"},
    )
    entry.choice("pci", ["off"], "off")
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
        }
    )
    differs = write(entry, row, fields)
    skills = {
        find(entry, "skills", Skill, "name", name, "add it under skills"): level
        for name, level in entry.levels("skills").items()
    }
    members = [
        find(entry, "members", Agent, "user__username", name, "add it under agents")
        for name in entry.names("members")
    ]
    differs += set_levels(row, "skill_demands", "skill", skills)
    differs += set_members(row.languages, languages, "languages")
    differs += set_members(row.members, members, "members")
    differs += _acknowledgements(entry, row)
    differs += times.set_escalation(entry, row)
    changes.note(f"email queue {row.name}", differs, created)


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


MAILBOX_KEYS = {
    *("server_address", "service_port", "use_ssl", "allow_clear_text", "username", "mailbox", "password"),
    *("folder", "after_import", "poll_interval", "import_since"),
}
FORWARDING_KEYS = {"public_address", "collected_by", "address"}


def source(entry: Entry, changes: Changes) -> None:
    """sources: the mailboxes that are read, and the addresses that mail is forwarded to."""
    kinds = EmailSource.ServerType
    server_type = entry.choice("server_type", kinds.values, kinds.IMAP)
    is_forwarding = server_type == kinds.FORWARDING
    entry.check_keys(
        {"name", "server_type", "queue", "silence_hours", "active"}
        | (FORWARDING_KEYS if is_forwarding else MAILBOX_KEYS),
        {"name", "server_type", "queue"}
        | ({"public_address"} if is_forwarding else {"server_address", "username"}),
    )
    row = existing(EmailSource, name=entry.text("name"))
    created = row.pk is None
    fields = {
        "server_type": server_type,
        **(_forwarding(entry) if is_forwarding else _mailbox(entry, row, server_type)),
        "queue": find(entry, "queue", EmailQueue, "name", entry.text("queue"), "add it under queues"),
        "silence_hours": entry.number("silence_hours"),
        "is_active": entry.truth("active", True),
    }
    changes.note(f"email source {row.name}", write(entry, row, fields), created)


def _mailbox(entry: Entry, row: EmailSource, server_type: str) -> dict[str, Any]:
    use_ssl = entry.truth("use_ssl", True)
    port = {("IMAP", True): 993, ("IMAP", False): 143, ("POP3", True): 995, ("POP3", False): 110}
    after, _, move_to = entry.text("after_import", "leave").partition(":")
    if after not in EmailSource.AfterImport.values or bool(move_to) != (after == "move"):
        raise entry.wrong("write leave, read, move:FOLDER or delete.", "after_import")
    return {
        "server_address": entry.text("server_address"),
        "service_port": entry.number("service_port", port[server_type, use_ssl]),
        "use_ssl": use_ssl,
        "allow_clear_text": entry.truth("allow_clear_text", False),
        "username": entry.text("username"),
        "mailbox": entry.text("mailbox"),
        "password": password(entry, row.password),
        "folder": entry.text("folder", "INBOX"),
        "after_import": after,
        "move_to": move_to,
        "poll_interval": entry.number("poll_interval"),
        "import_since": entry.day("import_since"),
    }


def _forwarding(entry: Entry) -> dict[str, Any]:
    """An address that is given is kept, so that those who forward to it need not be told a new one."""
    name = entry.text("collected_by")
    box = (
        find(entry, "collected_by", EmailSource, "name", name, "add it under sources, before")
        if name
        else None
    )
    fields: dict[str, Any] = {"public_address": entry.text("public_address"), "collected_by": box}
    address = entry.text("address")
    if address:
        fields["forwarding_token"] = addressing.token_of(address) or addressing.token_behind_plus(address)
        if not fields["forwarding_token"]:
            raise entry.wrong(
                "that is no address of a forwarding source, at UCS_INBOUND_DOMAIN or behind the plus of a "
                "mailbox: leave it out, one is made.",
                "address",
            )
    return fields


def sent_mailbox(entry: Entry, changes: Changes) -> None:
    """Of senders, once the sources are there: whose sign-in opens the Sent folder.

    As it was when the file says nothing; "" is the IMAP source of the same address.
    """
    if "sent_mailbox" not in entry.values:
        return
    row, name = EmailSender.objects.get(name=entry.text("name")), entry.text("sent_mailbox")
    box = (
        find(entry, "sent_mailbox", EmailSource, "name", name, "add it under sources, with the type IMAP")
        if name
        else None
    )
    if box is not None and box.server_type != EmailSource.ServerType.IMAP:
        raise entry.wrong(
            f"the email source “{name}” is no IMAP mailbox: choose one that is.", "sent_mailbox"
        )
    folder = SentFolder.objects.filter(sender=row).first() or SentFolder(sender=row)
    if folder.source == box:
        return
    folder.source, folder.next_attempt_at = box, None
    folder.save()
    changes.note(f"Sent folder of {row.name}", [f"mailbox: {box or 'none'}"], created=False)


def tag(entry: Entry, changes: Changes) -> None:
    """tags: what conversations are marked with."""
    entry.check_keys({"name", "colour"}, {"name"})
    row = existing(Tag, name=entry.text("name"))
    created = row._state.adding
    fields = {"name": row.name, "colour": entry.choice("colour", Tag.Colour.values, row.colour)}
    changes.note(f"tag {row.name}", write(entry, row, fields), created)


def sign_in(entry: Entry, changes: Changes) -> None:
    """sign_in: what is demanded of whoever signs in."""
    entry.check_keys({"two_factor"}, set())
    row = SignInRules.objects.first() or SignInRules()
    among, usual = SignInRules.TwoFactor.values, row.two_factor
    found = write(entry, row, {"two_factor": entry.choice("two_factor", among, usual)})
    changes.note("sign-in rules", found, created=False)


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
    "sources": source,
}
NAMES: dict[str, tuple[type[models.Model], str]] = {
    "skills": (Skill, "name"),
    "languages": (Language, "tag"),
    "away_reasons": (AwayReason, "name"),
}


def named(document: Document, section: str, changes: Changes) -> None:
    """skills and languages: plain names."""
    model, field = NAMES[section]
    for name, line in document.names.get(section, []):
        row = existing(model, **{field: name})
        entry = Entry(document.file, f"{section} “{name}”", line, {field: name}, {})
        created = row._state.adding
        write(entry, row, {field: name})
        changes.note(f"{model._meta.verbose_name} {name}", [], created)


def apply_document(document: Document, changes: Changes) -> None:
    """Make everything what the file says; call it inside a transaction."""
    for section in NAMES:
        named(document, section, changes)
    for section, make in ENTRIES.items():
        for entry in document.sections.get(section, []):
            make(entry, changes)
    for entry in document.sections.get("senders", []):
        sent_mailbox(entry, changes)
