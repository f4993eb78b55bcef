"""Bearer keys of the API: only a hash is kept."""

import hashlib
import secrets

from django.conf import settings
from django.db import models

KEY_PREFIX = "ucs_"


def digest(key: str) -> str:
    """What is stored of a key; keys are random, so a plain hash can't be guessed back."""
    return hashlib.sha256(key.encode()).hexdigest()


class APIKey(models.Model):
    """Lets a program act with the rights of one user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=200, blank=True)
    hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, editable=False, help_text="The key's first characters.")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.hint}… of {self.user}"

    @classmethod
    def make(cls, user_id: int, name: str = "") -> str:
        """Make a key for the user and return it: the only time that it is seen."""
        row = cls(user_id=user_id, name=name)
        key = row.cut()
        row.save()
        return key

    def cut(self) -> str:
        """Give this row a new key and return it; the row keeps but its hash, and is not saved here."""
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        self.hash, self.hint = digest(key), key[:12]
        return key
