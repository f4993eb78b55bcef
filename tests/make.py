"""Builders of rows: each takes what the test cares about and fills in the rest."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Agent, Language, Skill
from crm.models import Contact, ContactField
from crm.tracking import contact_for
from mailcore.parse import parse
from mailcore.parsed import Address
from mailsenders import outbox
from mailsenders.models import EmailSender, OutgoingMail
from mailsources import rule_lists, rule_writing
from mailsources.models import EmailSource
from mailsources.rule_models import MailRule
from mailstore.models import FeedEvent, RawMail
from queues import intake
from queues.models import Conversation, EmailQueue, Message, Snippet, Tag
from rehearsal.oauth import Client, OAuthServer
from sso import tokens
from sso.models import SSOProvider
from sso.oauth import Grant
from webhooks.models import Webhook

_numbers = count(1)


def make_provider(**overrides: Any) -> SSOProvider:
    """An SSO provider that nobody has signed in."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"google-{number}",
        "client_id": f"{number}-test.apps.googleusercontent.com",
        "client_secret": f"client-secret-{number}",
        "scope": "https://mail.google.com/",
        "mail_servers": "127.0.0.1 localhost ::1",
    }
    return SSOProvider.objects.create(**(values | overrides))


def make_signed_in_provider(server: OAuthServer, email: str, **overrides: Any) -> SSOProvider:
    """An SSO provider at `server`, signed in for the account `email`, with a token that lives for an hour."""
    urls = server.endpoints()
    endpoints = {name: urls[name] for name in ("authorization_url", "token_url", "refresh_url")}
    provider = make_provider(mailbox=email, **(endpoints | overrides))
    client = Client(provider.client_id, provider.client_secret)
    access_token, refresh_token = server.issue(email, server.add_client(client))
    tokens.keep_sign_in(provider, Grant(access_token, refresh_token, "", provider.scope, 3600), email, None)
    return provider


def make_people_provider(server: OAuthServer, **overrides: Any) -> SSOProvider:
    """An SSO provider at `server` with which people of example.com may sign in."""
    urls = server.endpoints()
    endpoints = {name: urls[name] for name in ("authorization_url", "token_url", "userinfo_url")}
    values = {"for_people": True, "allowed_domains": "example.com", "issuer": server.base_url}
    provider = make_provider(**(endpoints | values | overrides))
    server.add_client(Client(provider.client_id, provider.client_secret))
    return provider


def make_sender(**overrides: Any) -> EmailSender:
    """A sender for support@example.com, at a port where nobody listens."""
    values: dict[str, Any] = {
        "name": f"support-out-{next(_numbers)}",
        "server_type": EmailSender.ServerType.NONE,
        "server_address": "127.0.0.1",
        "service_port": 9,
        "email_address": "support@example.com",
    }
    return EmailSender.objects.create(**(values | overrides))


def make_outgoing(sender: EmailSender | None = None, **overrides: Any) -> OutgoingMail:
    """A mail in the outbox; the fields are those of `outbox.Envelope`."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "sender": sender or make_sender(),
        "raw": make_raw(number),
        "message_id": f"out-{number}@example.com",
        "mail_from": "support@example.com",
        "recipients": ("charlie@customer.example",),
        "order_key": number,
    }
    return outbox.enqueue(outbox.Envelope(**(values | overrides)))


def make_raw(number: int = 1) -> bytes:
    """A small mail as it goes over the wire, with a line that begins with a dot."""
    return (
        "From: Support <support@example.com>\r\n"
        "To: charlie@customer.example\r\n"
        f"Subject: Answer {number}\r\n"
        f"Message-ID: <out-{number}@example.com>\r\n"
        "\r\n"
        "Good morning,\r\n"
        ".this line begins with a dot.\r\n"
    ).encode()


def make_source(**overrides: Any) -> EmailSource:
    """An IMAP source for a queue of its own, at a port where nobody listens."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"support-in-{number}",
        "server_address": "127.0.0.1",
        "service_port": 9,
        "username": f"nobody{number}@company.example",
    }
    if "queue" not in overrides:
        values["queue"] = EmailQueue.objects.create(name=f"Queue {number}")
    return EmailSource.objects.create(**(values | overrides))


def make_agent(
    username: str = "alice",
    skills: Mapping[str, int] | None = None,
    languages: Mapping[str, int] | None = None,
    queues: Iterable[EmailQueue] = (),
    **overrides: Any,
) -> Agent:
    """An agent of that name who is available; `skills` and `languages` give levels."""
    user = User.objects.create_user(username, first_name=username.title(), password=username)
    values: dict[str, Any] = {"presence": Agent.Presence.AVAILABLE, "presence_at": timezone.now()}
    values["writes"] = Agent.Writes.PLAIN  # what is said of writing as such holds for both
    agent = Agent.objects.create(user=user, **(values | overrides))
    for name, level in (skills or {}).items():
        agent.skill_levels.create(skill=Skill.objects.get_or_create(name=name)[0], level=level)
    for tag, level in (languages or {}).items():
        agent.language_levels.create(language=Language.objects.get_or_create(tag=tag)[0], level=level)
    agent.queues.set(queues)
    return agent


def make_supervisor(username: str = "bob", **overrides: Any) -> Agent:
    """A supervisor of that name."""
    return make_agent(username, role=Agent.Role.SUPERVISOR, **overrides)


def make_administrator(username: str = "root") -> User:
    """An administrator without a work profile."""
    return User.objects.create_superuser(username, password=username)


def make_queue(
    members: Iterable[Agent] = (), skills: Mapping[str, int] | None = None, **overrides: Any
) -> EmailQueue:
    """A queue that is always open, with a sender of its own."""
    values: dict[str, Any] = {"name": f"Support {next(_numbers)}"}
    if "sender" not in overrides:
        values["sender"] = make_sender()
    queue = EmailQueue.objects.create(**(values | overrides))
    queue.members.set(members)
    for name, level in (skills or {}).items():
        queue.skill_demands.create(skill=Skill.objects.get_or_create(name=name)[0], level=level)
    return queue


def make_mail(text: str = "Where is my parcel?", **headers: str) -> bytes:
    """A mail from Charlie to support; `headers` replace or add to the usual ones, "" leaves one out."""
    number = next(_numbers)
    usual = {
        "From": "Charlie Stone <charlie@customer.example>",
        "To": "support@example.com",
        "Subject": f"Parcel no {number}",
        "Message-ID": f"<mail-{number}@customer.example>",
        "Date": "Mon, 02 Mar 2026 09:30:00 +0000",
        "Content-Type": "text/plain; charset=utf-8",
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in (usual | given).items() if value]
    return ("\r\n".join(lines) + f"\r\n\r\n{text}\r\n").encode()


def receive(queue: EmailQueue, raw: bytes | None = None, at: datetime | None = None) -> Message:
    """Let a mail come into the queue, as a source does."""
    raw = make_mail() if raw is None else raw
    return intake.deliver(queue, parse(raw), RawMail.objects.keep(raw), at or timezone.now())


def make_conversation(
    queue: EmailQueue | None = None, at: datetime | None = None, **overrides: Any
) -> Conversation:
    """A conversation that a mail has opened; `overrides` are written over its fields."""
    conversation = receive(queue or make_queue(), at=at).conversation
    changes = overrides | ({"kind": None} if {"queue", "language"} & overrides.keys() else {})
    Conversation.objects.filter(pk=conversation.pk).update(**changes)
    conversation.refresh_from_db()
    return conversation


def make_snippet(
    name: str = "Thanks",
    html: str = "<p>Thank you.</p>",
    queues: Iterable[EmailQueue] = (),
    language: str | None = None,
    owner: Agent | None = None,
) -> Snippet:
    """A text to insert; shared, unless it has an owner."""
    tag = Language.objects.get_or_create(tag=language)[0] if language else None
    row = Snippet.objects.create(name=name, html=html, language=tag, owner=owner)
    row.queues.set(queues)
    return row


def make_contact(
    email: str = "charlie@customer.example", name: str = "Charlie Stone", **overrides: Any
) -> Contact:
    """A contact with one address, by which nobody has written yet."""
    contact = contact_for(Address(name, email))
    for field, value in overrides.items():
        setattr(contact, field, value)
    contact.save()
    return contact


def make_contact_field(key: str, kind: str = "text", **overrides: Any) -> ContactField:
    """An own field of contacts."""
    return ContactField.objects.create(key=key, label=key.title(), kind=kind, **overrides)


def make_rule(
    when: Iterable[Mapping[str, object]] | Mapping[str, object] = (),
    then: Mapping[str, object] | None = None,
    source: EmailSource | None = None,
    queue: EmailQueue | None = None,
    **more: object,
) -> MailRule:
    """A live rule at the end of the list of a source, of a queue, or of all sources.

    `when` are conditions, `then` actions with their values, whose tags and skills are made; `mode` is the
    list's.
    """
    rules = rule_lists.list_for(source, queue)
    mode = more.pop("mode", None)
    if mode is not None:
        rules.mode = str(mode)
        rules.save()
    deeds = [{"do": do, "value": value} for do, value in (then or {"stop": ""}).items()]
    for deed in deeds:
        if deed["do"] == "tag":
            Tag.objects.get_or_create(name=deed["value"])
        elif deed["do"] == "skill":
            Skill.objects.get_or_create(name=str(deed["value"]).rpartition(" ")[0])
        elif deed["do"] == "language":
            Language.objects.get_or_create(tag=deed["value"])
    conditions = [when] if isinstance(when, Mapping) else list(when)
    name = f"Rule {rules.rules.count() + 1}"
    return rule_writing.save(rules, rule_writing.read({"name": name, "if": conditions, "then": deeds} | more))


def make_webhook(url: str = "https://crm.example/hook", **overrides: Any) -> Webhook:
    """A webhook that is told of all events from now on."""
    values: dict[str, Any] = {"name": f"crm {next(_numbers)}", "events": FeedEvent.Type.values}
    return Webhook.objects.create(url=url, **(values | overrides))
