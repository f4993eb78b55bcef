"""Sources in a settings file, and the mailboxes whose Sent folders get copies."""

from typing import Any

from mailsenders.models import EmailSender
from mailsources import addressing, lifecycle
from mailsources.models import EmailSource, SentFolder
from queues.models import EmailQueue
from ucs.declare.changes import Changes, write
from ucs.declare.document import Entry
from ucs.declare.stored import existing, find, password

MAILBOX_KEYS = {
    *("server_address", "service_port", "use_ssl", "allow_clear_text", "username", "mailbox", "password"),
    *("folder", "after_import", "poll_interval", "import_since", "public_address"),
}
FORWARDING_KEYS = {"public_address", "collected_by", "address"}


def source(entry: Entry, changes: Changes) -> None:
    """sources: the mailboxes that are read, and the addresses that mail is forwarded to."""
    kinds = EmailSource.ServerType
    server_type = entry.choice("server_type", kinds.values, kinds.IMAP)
    is_forwarding = server_type == kinds.FORWARDING
    entry.check_keys(
        {"name", "server_type", "queue", "silence_hours", "authserv_id", "active", "stage", "aliases"}
        | (FORWARDING_KEYS if is_forwarding else MAILBOX_KEYS),
        {"name", "server_type", "queue"}
        | ({"public_address"} if is_forwarding else {"server_address", "username"}),
    )
    row = existing(EmailSource, name=entry.text("name"))
    created = row.pk is None
    was_on = not created and row.is_active
    stage = _stage(entry, row)
    fields = {
        "server_type": server_type,
        **(_forwarding(entry) if is_forwarding else _mailbox(entry, row, server_type)),
        "queue": find(entry, "queue", EmailQueue, "name", entry.text("queue"), "add it under queues"),
        "silence_hours": entry.number("silence_hours"),
        "authserv_id": entry.text("authserv_id"),
        "aliases": "\n".join(entry.names("aliases")),
        "stage": stage,
        "is_active": stage == EmailSource.Stage.ACTIVE and entry.truth("active", True),
    }
    differs = write(entry, row, fields)
    lifecycle.declared(row, was_on=was_on)
    changes.note(f"email source {row.name}", differs, created, row=row)


def _stage(entry: Entry, row: EmailSource) -> str:
    """draft, active or retired; what has something left to do is not retired."""
    stages = EmailSource.Stage
    stage = entry.choice("stage", stages.values, stages.ACTIVE)
    if row.pk and stage == stages.RETIRED != row.stage and (left := lifecycle.blockers(row)):
        raise entry.wrong(f"it can't be retired yet: {', '.join(map(str, left))}.", "stage")
    return stage


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
        "public_address": entry.text("public_address"),
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
    changes.note(f"Sent folder of {row.name}", [f"mailbox: {box or 'none'}"], created=False, row=row)
