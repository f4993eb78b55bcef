"""What rules may look at: a parsed mail and what is known of its sender; slow things only when asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mailcore.clean import clean_line
from mailcore.headers import HeaderBlock, read_headers
from mailcore.parse import normal
from mailcore.parsed import ParsedMail
from mailcore.rule_patterns import folded
from mailcore.rule_terms import Position, What
from mailcore.words import decode_words

MOST_VALUES = 20  # of one header


@dataclass(frozen=True, slots=True)
class Sender:
    """What the CRM knows of who wrote: nothing of a stranger."""

    is_known: bool = False
    organisation: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


class Facts:
    """One mail in the eyes of rules."""

    def __init__(
        self,
        mail: ParsedMail,
        read_raw: Callable[[], bytes],
        *,
        size: int = 0,
        sender: Callable[[], Sender] = Sender,
        language: Callable[[], str] = str,
    ) -> None:
        self.mail = mail
        self.size = size
        self.is_answer = False
        self.envelope_to = ""
        self._read_raw = read_raw
        self._sender = sender
        self._language = language
        self._folded: dict[tuple[What, str], tuple[str, ...]] = {}

    @cached_property
    def headers(self) -> HeaderBlock:
        """The headers as they came; the bytes are unpacked for them."""
        raw = normal(self._read_raw())
        return read_headers(raw, 0, len(raw))

    @cached_property
    def sender(self) -> Sender:
        """Who wrote, as the CRM knows them."""
        return self._sender()

    @cached_property
    def language(self) -> str:
        """The language that it is surely written in; "" else."""
        return self._language()

    def values(self, what: What, key: str = "") -> tuple[str, ...]:
        """What there is of a kind, as it stands in the mail; nothing that is empty."""
        return tuple(each for each in READ[what](self, key) if each)

    def folded(self, what: What, key: str = "") -> tuple[str, ...]:
        """The same as it is compared."""
        found = self._folded.get((what, key))
        if found is None:
            found = self._folded[what, key] = tuple(map(folded, self.values(what, key)))
        return found

    def number(self, what: What) -> int:
        """How many, or how large in octets."""
        files = [each for each in self.mail.attachments if not each.inline]
        match what:
            case What.FILE_COUNT:
                return len(files)
            case What.FILE_SIZE:
                return sum(each.size for each in files)
            case _:
                return self.size


def _header(facts: Facts, key: str) -> list[str]:
    texts = facts.headers.texts(key.strip().lower())[:MOST_VALUES]
    return [clean_line(decode_words(text, facts.headers.charset)) for text in texts]


def _recipients(facts: Facts, key: str) -> list[str]:
    mail = facts.mail
    named = (each.email for each in (*mail.to, *mail.cc))
    return list(dict.fromkeys([*named, *mail.delivered_to, facts.envelope_to]))


def _checked(method: str) -> Callable[[Facts, str], list[str]]:
    def results(facts: Facts, key: str) -> list[str]:
        checks = facts.mail.findings.checks if facts.mail.findings else ()
        return [each.result for each in checks if each.method == method]

    return results


READ: Mapping[What, Callable[[Facts, str], list[str]]] = {
    What.HEADER: _header,
    What.SENDER: lambda facts, _: [facts.mail.from_.email],
    What.SENDER_NAME: lambda facts, _: [facts.mail.from_.name],
    What.SENDER_DOMAIN: lambda facts, _: [facts.mail.from_.email.rpartition("@")[2]],
    What.CONTACT: lambda facts, _: ["known"] if facts.sender.is_known else [],
    What.CONTACT_FIELD: lambda facts, key: [facts.sender.fields.get(key.strip(), "")],
    What.ORGANISATION: lambda facts, _: [facts.sender.organisation],
    What.RECIPIENT: _recipients,
    What.SUBJECT: lambda facts, _: [facts.mail.subject],
    What.TEXT: lambda facts, _: [facts.mail.new_text],
    What.FILE_NAME: lambda facts, _: [each.name for each in facts.mail.attachments],
    What.FILE_TYPE: lambda facts, _: [each.type for each in facts.mail.attachments],
    What.LANGUAGE: lambda facts, _: [facts.language],
    What.KIND: lambda facts, _: [facts.mail.automatic],
    What.POSITION: lambda facts, _: [Position.ANSWER if facts.is_answer else Position.FIRST],
    What.SPF: _checked("spf"),
    What.DKIM: _checked("dkim"),
    What.DMARC: _checked("dmarc"),
}
"""Where each stands; numbers are apart."""
