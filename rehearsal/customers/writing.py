"""Composes the customers' mails: the first one, the answer to an answer, the automatic reply."""

import html
import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr

from rehearsal.customers.drawings import invoice_pdf, parcel_png
from rehearsal.customers.letters import Language, Letter, Person

_STYLE = "font-family:Georgia,serif;font-size:15px;line-height:1.5"


class _Policy(EmailPolicy):
    """Python writes an id of more than 77 characters as an encoded word, which no mail program undoes."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in ("in-reply-to", "references"):
            return f"{name}: {(self.linesep + ' ').join(str(value).split())}{self.linesep}".encode()
        return super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n")


@dataclass(frozen=True)
class Writer:
    """One person with a language and the dice.

    :param clock: when they write.
    """

    person: Person
    language: Language
    dice: random.Random
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def first_mail(self, letter: Letter, mailbox: str) -> EmailMessage:
        """A letter with all its names filled in."""
        names = self._names()
        mail = self._envelope(mailbox, letter.subject.format_map(names))
        self._write_body(mail, letter, letter.text.format_map(names), names)
        if letter.attachment == "invoice":
            document = invoice_pdf(names["invoice"], names["order"])
            mail.add_attachment(
                document, maintype="application", subtype="pdf", filename=f"{names['invoice']}.pdf"
            )
        if letter.form == "newsletter":
            mail["List-Id"] = "Small workshops weekly <weekly.news.example>"
            mail["List-Unsubscribe"] = "<https://news.example/unsubscribe>"
            mail["Precedence"] = "list"
        return mail

    def answer(self, received: EmailMessage, text: str) -> EmailMessage:
        """An answer in the thread of the received mail, which is quoted below it (RFC 5322 3.6.4)."""
        mail = self._envelope(_reply_address(received), _answer_subject(received))
        _put_into_thread(mail, received)
        company = received.get("From", "")
        intro = self.language.attribution.format(date=self._date(0), company=_shown_name(company))
        mail.set_content(f"{text}\n\n{self.person.name}\n\n{intro}\n{_quoted(plain_text(received))}\n")
        return mail

    def away_reply(self, received: EmailMessage) -> EmailMessage:
        """The automatic reply of somebody on holiday (RFC 3834)."""
        subject = self.language.away_subject.format(subject=received.get("Subject", ""))
        mail = self._envelope(_reply_address(received), subject)
        _put_into_thread(mail, received)
        mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(self.language.away.format(name=self.person.name) + "\n")
        return mail

    def _envelope(self, to: str, subject: str) -> EmailMessage:
        mail = EmailMessage(POLICY)
        local, _, domain = self.person.address.partition("@")
        mail["From"] = Address(self.person.name, local, domain)
        mail["To"] = to
        mail["Subject"] = re.sub(r"[\r\n]+", " ", subject)
        mail["Date"] = format_datetime(self.clock())
        mail["Message-ID"] = f"<{uuid.uuid4()}@{domain}>"
        return mail

    def _write_body(self, mail: EmailMessage, letter: Letter, text: str, names: dict[str, str]) -> None:
        mail.set_content(text, charset=letter.charset)
        if letter.form not in ("html", "photo"):
            return
        body = _as_html(text)
        if letter.form == "html":
            mail.add_alternative(body, subtype="html")
            return
        content_id = f"photo.{names['tracking'].lower()}@{self.person.address.partition('@')[2]}"
        picture = f'<p><img src="cid:{content_id}" alt="" width="240" height="150"></p>'
        mail.add_alternative(body.replace("</div>", f"{picture}</div>"), subtype="html")
        photo = parcel_png(self.dice.randrange(1000))
        page = mail.get_payload()[-1]  # type: ignore[index]
        page.add_related(photo, "image", "png", cid=f"<{content_id}>", filename="photo.png")  # type: ignore[union-attr]

    def _names(self) -> dict[str, str]:
        roll = self.dice
        return {
            "name": self.person.name,
            "order": f"{self.clock().year}-{roll.randrange(10_000, 99_999)}",
            "invoice": f"INV-{roll.randrange(100_000, 999_999)}",
            "tracking": f"RX{roll.randrange(10**8, 10**9)}",
            "product": roll.choice(self.language.products),
            "amount": roll.choice(self.language.amounts),
            "date": self._date(roll.randrange(3, 12)),
        }

    def _date(self, days_ago: int) -> str:
        return (self.clock() - timedelta(days=days_ago)).strftime(self.language.date_format)


def plain_text(mail: EmailMessage) -> str:
    """What a mail says: its plain text, else its HTML without the markup."""
    part = mail.get_body(("plain", "html"))
    if part is None:
        return ""
    text = str(part.get_content())
    if part.get_content_subtype() == "html":
        text = html.unescape(re.sub(r"<(style|title)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.I))
    return text.strip()


def _put_into_thread(mail: EmailMessage, received: EmailMessage) -> None:
    answered = str(received.get("Message-ID", "")).strip()
    if answered:
        mail["In-Reply-To"] = answered
        mail["References"] = " ".join([*str(received.get("References", "")).split(), answered])


def _reply_address(received: EmailMessage) -> str:
    return parseaddr(str(received.get("Reply-To") or received.get("From", "")))[1]


def _shown_name(header: str) -> str:
    name, address = parseaddr(str(header))
    return name or address


def _answer_subject(received: EmailMessage) -> str:
    subject = str(received.get("Subject", ""))
    return subject if re.match(r"(re|aw|sv|odp)\s*:", subject, re.I) else f"Re: {subject}"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _as_html(text: str) -> str:
    paragraphs = "".join(
        f"<p>{html.escape(block).replace(chr(10), '<br>')}</p>" for block in text.strip().split("\n\n")
    )
    return f'<html><body><div style="{_STYLE}">{paragraphs}</div></body></html>'
