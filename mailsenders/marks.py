"""Marks that tell test mails of ours from all others: a number, and a signature that nobody can make up.

They stand in the subject, which survives every relay, and in the Message-ID, which reports name.
"""

import re
from dataclasses import dataclass

from django.utils.crypto import constant_time_compare, salted_hmac

_SUBJECT = re.compile(r"\b(\d{1,18})-([0-9a-f]{24})\b")
_ID = re.compile(r"([a-z-]{1,40})\.(\d{1,18})\.([0-9a-f]{24})@.{1,253}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """One kind of test mails.

    :param salt: sets its signatures apart from those of other kinds.
    :param prefix: what its Message-IDs begin with.
    """

    salt: str
    prefix: str

    def subject(self, words: str, number: int) -> str:
        """The words with the mark behind them."""
        return f"{words} {number}-{self._signature(str(number))}"

    def message_id(self, number: int, domain: str) -> str:
        """The id of a marked mail, without <>."""
        return f"{self.prefix}.{number}.{self._signature(str(number))}@{domain}"

    def in_subject(self, subject: str) -> int | None:
        """The number that a subject is marked with."""
        pairs = _SUBJECT.findall(subject)
        return next((int(number) for number, signature in pairs if self._is_ours(number, signature)), None)

    def in_id(self, message_id: str) -> int | None:
        """The number of a Message-ID, with or without <>."""
        match = _ID.fullmatch(message_id.strip("<> "))
        if match is None or match[1].lower() != self.prefix or not self._is_ours(match[2], match[3].lower()):
            return None
        return int(match[2])

    def _is_ours(self, number: str, signature: str) -> bool:
        return constant_time_compare(self._signature(number), signature)

    def _signature(self, number: str) -> str:
        return salted_hmac(self.salt, number, algorithm="sha256").hexdigest()[:24]  # 96 bits
