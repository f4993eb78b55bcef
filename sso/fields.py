"""A text column that is encrypted at rest with the keys of UCS_ENCRYPTION_KEYS.

A stored value names its key: `fernet:<key id>:<token>`; those of old are `fernet:<token>`.
"""

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

if TYPE_CHECKING:
    TextColumn = models.TextField[str, str]
else:  # Django's fields take no type arguments at run time
    TextColumn = models.TextField

PREFIX = "fernet:"


class SecretUnreadable(Exception):
    """A stored secret was written with a key that UCS_ENCRYPTION_KEYS no longer holds."""


@lru_cache(maxsize=8)
def key_id(key: str) -> str:
    """A short name of a key, which tells nothing of it."""
    return sha256(b"UCS key " + key.encode()).hexdigest()[:8]


@lru_cache(maxsize=4)
def _boxes(keys: tuple[str, ...]) -> dict[str, Fernet]:
    return {key_id(key): Fernet(key) for key in keys}


def boxes() -> dict[str, Fernet]:
    """The locks of this installation by key id: the first one encrypts, each decrypts its own."""
    return _boxes(tuple(settings.ENCRYPTION_KEYS))


def sealed(text: str) -> str:
    """Encrypt with the first key."""
    name, box = next(iter(boxes().items()))
    return f"{PREFIX}{name}:{box.encrypt(text.encode()).decode()}"


def opened(value: str, place: str) -> str:
    """Decrypt what `sealed` made, with any of the keys.

    :param place: the model and field, for the sentence.
    :raises SecretUnreadable: in words.
    """
    if not value.startswith(PREFIX):
        raise SecretUnreadable(f"{place} holds clear text: it was never encrypted.")
    name, _, token = value.removeprefix(PREFIX).rpartition(":")
    fitting = [boxes()[name]] if name in boxes() else [] if name else boxes().values()
    for box in fitting:
        try:
            return box.decrypt(token.encode()).decode()
        except InvalidToken:
            continue
    which = f"key {name}" if name else "the key it was written with"
    raise SecretUnreadable(f"{place} cannot be decrypted: add {which} to UCS_ENCRYPTION_KEYS.")


class SecretField(TextColumn):
    """Encrypts on the way in, decrypts on the way out; the empty string stays empty.

    Only `isnull` can be asked in a query, as equal secrets have different cipher texts.
    """

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return sealed(text) if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return opened(value, f"{self.model.__name__}.{self.name}") if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is a secret: it can't be searched with {lookup_name!r}.")
        return super().get_lookup(lookup_name)

    def fingerprint(self, row: models.Model) -> str:
        """Tells whether a secret is there and is another one than before, and nothing else."""
        try:
            text = getattr(row, self.attname)
        except SecretUnreadable:
            return "unreadable"
        return sha256(str(text).encode()).hexdigest() if text else ""
