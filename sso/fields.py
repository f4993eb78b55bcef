"""A text column that is encrypted at rest with the keys of UCS_ENCRYPTION_KEYS."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
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


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def box() -> MultiFernet:
    """The lock of this installation: its first key encrypts, every key decrypts."""
    return _box(tuple(settings.ENCRYPTION_KEYS))


class SecretField(TextColumn):
    """Encrypts on the way in, decrypts on the way out; the empty string stays empty.

    Only `isnull` can be asked in a query, as equal secrets have different cipher texts.
    """

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return PREFIX + box().encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        if not value.startswith(PREFIX):
            raise SecretUnreadable(
                f"{self.model.__name__}.{self.name} holds clear text: it was never encrypted."
            )
        try:
            return box().decrypt(value.removeprefix(PREFIX).encode()).decode()
        except InvalidToken as error:
            raise SecretUnreadable(
                f"{self.model.__name__}.{self.name} cannot be decrypted: add the key it was written with "
                "to UCS_ENCRYPTION_KEYS."
            ) from error

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is a secret: it can't be searched with {lookup_name!r}.")
        return super().get_lookup(lookup_name)
