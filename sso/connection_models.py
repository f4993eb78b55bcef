"""Rows about connections of any kind: former secrets, tests that repeat themselves, allowed token servers.

They point to sources, senders and providers alike, which live on higher floors, so by content type.
"""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from sso import guard, serverlist
from sso.fields import SecretField


class OfConnection(models.Model):
    """A row that belongs to a source, a sender or a provider."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    object_id = models.PositiveBigIntegerField()
    connection = GenericForeignKey("content_type", "object_id")

    class Meta:
        abstract = True


class FormerSecret(OfConnection):
    """The sign-in that a connection had before it was changed, kept a while for going back.

    `sso/wayback.py` is the only writer.
    """

    secret = SecretField()
    values = models.JSONField(
        default=dict, help_text="Where the secret belongs: server, port, security and user, as they were."
    )
    replaced_at = models.DateTimeField()
    replaced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    ends_at = models.DateTimeField(help_text="It is deleted then.")

    class Meta:
        ordering = ["-replaced_at"]
        indexes = [
            models.Index(fields=["content_type", "object_id"], name="former_secret_of"),
            models.Index(fields=["ends_at"], name="former_secret_ends"),
        ]

    def __str__(self) -> str:
        return f"former secret of {self.content_type} {self.object_id}"


class Retest(OfConnection):
    """A connection test that repeats itself while a provider needs time; `sso/retests.py` is the only writer.

    waiting ──works──▶ good
       ├──another answer──▶ changed
       ├──a day is over──▶ ended
       └──somebody stops it──▶ (gone)
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Tested again by itself"
        GOOD = "good", "Works now"
        CHANGED = "changed", "Another answer"
        ENDED = "ended", "Not mended within a day"

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    by_person = models.BooleanField(
        default=False, help_text="Only a person can try again, with 🔑; then nothing is tested by itself."
    )
    cause = models.CharField(max_length=100, help_text="What the answer meant at first; see sso/causes.")
    tries = models.JSONField(default=list, help_text="The last ones: when, and the sentence.")
    started_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    next_test_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["content_type", "object_id"], name="one_retest_each")]
        indexes = [models.Index(fields=["next_test_at"], name="retest_due", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"retest of {self.content_type} {self.object_id} ({self.state})"


class LastTest(OfConnection):
    """The outcome of the last “Test connection” of a saved row; `sso/lasttests.py` is the only writer."""

    tested_at = models.DateTimeField()
    is_good = models.BooleanField()
    rung = models.CharField(max_length=40, help_text="The last one that was reached.")
    sentence = models.TextField(blank=True, help_text="Why it stopped there.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["content_type", "object_id"], name="one_last_test_each")
        ]

    def __str__(self) -> str:
        return f"last test of {self.content_type} {self.object_id}"


class TokenServer(models.Model):
    """Another server whose token URLs may stand in password fields."""

    name = models.CharField(max_length=200, unique=True)
    url = models.URLField(
        "URLs begin with",
        max_length=500,
        unique=True,
        help_text="Such as https://ucs.example.com/api/v1.0/auth/token/ – what follows names the provider.",
    )
    service_key = SecretField(
        blank=True, help_text="Sent as Authorization: Bearer, if that server asks for a key."
    )
    mail_servers = models.TextField(
        "servers that may get its tokens",
        default="",
        db_default="",
        help_text="Mail servers, one on each line; *.example.com for all of a domain.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "token server"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse addresses that may not be asked, and a list that nobody understands, in words."""
        self.mail_servers = serverlist.in_lines(self.mail_servers)
        if wrong := serverlist.problem(self.mail_servers):
            raise ValidationError({"mail_servers": wrong})
        try:
            guard.check_url(self.url, what="The token server")
        except guard.GuardError as error:
            raise ValidationError({"url": str(error)}) from error
        if not self.url.endswith("/"):
            raise ValidationError(
                {"url": "End it with a slash, so that nothing else than what follows the slash is allowed."}
            )
