"""Zammad by its REST API (docs.zammad.org, API): tickets, articles, raw mails, files, tags.

A token of a person who may read all groups is needed (Profile → Token Access, right ticket.agent). Merged
tickets have their articles in the other one, so they are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mailcore.addresses import addresses
from mailcore.compose import OutFile
from mailcore.headers import message_ids
from mailcore.parsed import Address
from movein.job import Job
from movein.system import Article, Gone, Known, Line, Listed, Page, Ticket, listed, moment

PER_PAGE = 100
LEFT_OUT = {"merged": "It was merged into another ticket, which has its mails.", "removed": "It was removed."}
OURS = ("Agent", "System")


class Zammad:
    """One installation of it."""

    def __init__(self, job: Job) -> None:
        self.line = Line(job, {"Authorization": f"Token token={job.move.token}"})
        self.group = job.move.part
        self._types: dict[str, str] = {}

    def pages(self, cursor: Mapping[str, int]) -> Iterator[Page]:
        """Tickets in the order of their ids, so that a new one comes last."""
        number = cursor.get("page", 1)
        while True:
            rows = self.line.json("/api/v1/tickets", page=number, per_page=PER_PAGE, expand="true")
            number += 1
            wanted = [row for row in rows if not self.group or row.get("group") == self.group]
            yield Page([self._listed(row) for row in wanted], {"page": number})
            if len(rows) < PER_PAGE:
                return

    def check(self) -> None:
        """Whether it answers."""
        self.line.json("/api/v1/ticket_states", expand="true")

    def ticket(self, key: str, known: Known) -> Ticket:
        """A ticket with its articles, oldest first."""
        row = self.line.json(f"/api/v1/tickets/{key}", expand="true")
        found = self.line.json(f"/api/v1/ticket_articles/by_ticket/{key}", expand="true")
        here = known([_key(each) for each in found])
        tags = self.line.json("/api/v1/tags", object="Ticket", o_id=key)
        return Ticket(
            key=key,
            at=moment(row["created_at"]),
            title=str(row.get("title") or ""),
            reference=f"Ticket#{row.get('number', key)} in Zammad: {self.line.base}/#ticket/zoom/{key}",
            is_closed=self._type(row) == "closed",
            tags=tuple(map(str, tags.get("tags") or ())),
            articles=tuple(self._article(each, row) for each in found if _key(each) not in here),
        )

    def _listed(self, row: Mapping[str, Any]) -> Listed:
        return listed(row["id"], row.get("created_at"), LEFT_OUT.get(self._type(row), ""))

    def _type(self, row: Mapping[str, Any]) -> str:
        """The kind of its state: states have names of their own, and may be renamed."""
        if not self._types:
            states = self.line.json("/api/v1/ticket_states", expand="true")
            self._types = {str(each["name"]): str(each.get("state_type", "")) for each in states}
        return self._types.get(str(row.get("state")), "")

    def _article(self, row: Mapping[str, Any], ticket: Mapping[str, Any]) -> Article:
        is_ours, kind = row.get("sender") in OURS, row.get("type")
        # A note that customers may read in Zammad was sent to nobody, either.
        is_note = bool(row.get("internal")) or (is_ours and kind == "note")
        author = _one(row.get("from"))
        # Who wrote down what a customer said is one of us.
        writer = row.get("created_by") if is_ours else "" if kind == "phone" else ticket.get("customer")
        body, is_html = str(row.get("body") or ""), "html" in str(row.get("content_type"))
        base = Article(
            key=_key(row),
            at=moment(row["created_at"]),
            is_ours=is_ours,
            is_note=is_note,
            is_automatic=row.get("sender") == "System",
            author=author.name or author.email or str(row.get("created_by") or ""),
            author_email=str(row.get("created_by") or ""),
            raw=b"" if is_note else self._raw(row),
            from_=author if author.email else _one(writer, author.name),
            to=_many(row.get("to")),
            cc=_many(row.get("cc")),
            subject=str(row.get("subject") or ticket.get("title") or ""),
            text="" if is_html else body,
            html=body if is_html else "",
            message_id=next(iter(message_ids(str(row.get("message_id") or ""))), ""),
            in_reply_to=next(iter(message_ids(str(row.get("in_reply_to") or ""))), ""),
            references=message_ids(str(row.get("references") or "")),
        )
        return base if base.raw else self._with_files(base, row)

    def _raw(self, row: Mapping[str, Any]) -> bytes:
        """The mail on the wire: kept of what came or left by mail, and of nothing else."""
        if row.get("type") != "email":
            return b""
        try:
            return self.line.octets(f"/api/v1/ticket_article_plain/{row['id']}")
        except Gone:
            return b""

    def _with_files(self, base: Article, row: Mapping[str, Any]) -> Article:
        files = [each for each in row.get("attachments") or () if not _is_body(each)]
        if base.is_note:  # only their names are told
            return replace(base, files=tuple(OutFile(_name(each), "", b"") for each in files))
        return replace(base, files=tuple(self._file(row, each) for each in files))

    def _file(self, row: Mapping[str, Any], file: Mapping[str, Any]) -> OutFile:
        data = self.line.octets(f"/api/v1/ticket_attachment/{row['ticket_id']}/{row['id']}/{file['id']}")
        kinds = {key.lower(): value for key, value in (file.get("preferences") or {}).items()}
        kind = str(kinds.get("content-type") or kinds.get("mime-type") or "application/octet-stream")
        return OutFile(_name(file), kind.partition(";")[0].strip().lower(), data)


def _key(article: Mapping[str, Any]) -> str:
    return f"article/{article['id']}"


def _name(file: Mapping[str, Any]) -> str:
    return str(file.get("filename") or "file")


def _is_body(file: Mapping[str, Any]) -> bool:
    """The HTML of a mail, which Zammad keeps as a file of its own beside the article."""
    return bool((file.get("preferences") or {}).get("content-alternative"))


def _many(value: object) -> tuple[Address, ...]:
    return tuple(each for each in addresses(str(value or ""))[0] if each.email)


def _one(value: object, name: str = "") -> Address:
    found = _many(value)
    return found[0] if found else Address(name or str(value or ""))
