"""FreeScout by the API of its module API & Webhooks (api-docs.freescout.net).

It tells neither the bytes of a mail nor its Message-ID, so mails are written anew from what it tells.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mailcore.compose import OutFile
from mailcore.parsed import Address
from movein.job import Job
from movein.system import Article, Gone, Known, Line, Page, Ticket, listed, moment

PER_PAGE = 100
NOTES, LINES = "note", "lineitem"


class FreeScout:
    """One installation of it."""

    def __init__(self, job: Job) -> None:
        self.line = Line(job, {"X-FreeScout-API-Key": job.move.token})
        self.mailbox = job.move.part
        self._mailboxes: dict[int, Address] = {}

    def pages(self, cursor: Mapping[str, int]) -> Iterator[Page]:
        """Conversations that are neither spam nor deleted, the oldest first."""
        number = cursor.get("page", 1)
        wanted = {"mailboxId": self.mailbox} if self.mailbox else {}
        wanted |= {"status": "active,pending,closed", "state": "published"}
        wanted |= {"sortField": "createdAt", "sortOrder": "asc"}
        while True:
            rows, last = self._part("/api/conversations", "conversations", number, **wanted)
            number += 1
            yield Page([listed(row["id"], row.get("createdAt")) for row in rows], {"page": number})
            if number > last:
                return

    def check(self) -> None:
        """Whether it answers."""
        self.line.json("/api/mailboxes", pageSize=1)

    def ticket(self, key: str, known: Known) -> Ticket:
        """A conversation with its threads, oldest first."""
        row = self.line.json(f"/api/conversations/{key}", embed="threads,tags")
        inside = row.get("_embedded") or {}
        threads = [each for each in inside.get("threads") or () if _is_shown(each)]
        here = known([_key(each) for each in threads])
        found = [self._article(each, row) for each in threads if _key(each) not in here]
        return Ticket(
            key=key,
            at=moment(row["createdAt"]),
            title=str(row.get("subject") or ""),
            reference=f"#{row.get('number', key)} in FreeScout: {self.line.base}/conversation/{key}",
            is_closed=row.get("status") == "closed",
            tags=tuple(str(each["name"]) for each in inside.get("tags") or ()),
            articles=tuple(sorted(found, key=lambda each: (each.at, int(each.key.partition("/")[2])))),
        )

    def _article(self, row: Mapping[str, Any], ticket: Mapping[str, Any]) -> Article:
        is_ours = row.get("type") != "customer"
        writer = _person(row.get("createdBy"))
        customer = _person(row.get("customer") or ticket.get("customer"))
        box = self._box(int(ticket.get("mailboxId") or 0))
        to = _people(row.get("to"))
        return Article(
            key=_key(row),
            at=moment(row["createdAt"]),
            is_ours=is_ours,
            is_note=row.get("type") == NOTES,
            author=writer.name or writer.email,
            author_email=writer.email,
            from_=Address(writer.name or box.name, box.email) if is_ours else customer,
            to=to or ((customer,) if is_ours and customer.email else (box,)),
            cc=_people(row.get("cc")),
            subject=str(ticket.get("subject") or ""),
            html=str(row.get("body") or ""),
            files=() if row.get("type") == NOTES else tuple(self._files(row)),
        )

    def _files(self, row: Mapping[str, Any]) -> Iterator[OutFile]:
        for file in (row.get("_embedded") or {}).get("attachments") or ():
            name = str(file.get("fileName") or "file")
            try:
                data = self.line.linked(str(file["fileUrl"]))
            except Gone as gone:
                yield OutFile(f"{name}.txt", "text/plain", f"This file was not taken: {gone}".encode())
                continue
            yield OutFile(name, str(file.get("mimeType") or "application/octet-stream").lower(), data)

    def _box(self, number: int) -> Address:
        """The address of a mailbox of theirs."""
        if not self._mailboxes:
            self._mailboxes = {
                int(each["id"]): Address(str(each.get("name") or ""), str(each["email"]))
                for each in self._all("/api/mailboxes", "mailboxes")
            }
        return self._mailboxes.get(number, Address("", f"mailbox.{number}@{self.line.host}"))

    def _part(self, path: str, name: str, number: int, **wanted: str) -> tuple[list[Any], int]:
        """One page of a list, and how many there are."""
        said = self.line.json(path, **wanted, page=number, pageSize=PER_PAGE)
        rows = (said.get("_embedded") or {}).get(name) or []
        return rows, int((said.get("page") or {}).get("totalPages") or 0)

    def _all(self, path: str, name: str) -> Iterator[Any]:
        number, last = 1, 1
        while number <= last:
            rows, last = self._part(path, name, number)
            yield from rows
            number += 1


def _key(thread: Mapping[str, Any]) -> str:
    return f"thread/{thread['id']}"


def _is_shown(row: Mapping[str, Any]) -> bool:
    """Drafts were never sent, and lines tell only what happened."""
    return row.get("type") != LINES and row.get("state", "published") == "published"


def _person(row: Any) -> Address:
    one = row or {}
    names = (str(one.get(each) or "").strip() for each in ("firstName", "lastName"))
    return Address(" ".join(name for name in names if name), str(one.get("email") or ""))


def _people(rows: Any) -> tuple[Address, ...]:
    return tuple(Address("", str(each)) for each in rows or () if each)
