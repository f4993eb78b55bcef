"""Pictures that mails show from the internet: fetched by us when somebody asks, and kept for some weeks.

wanted ──fetched──▶ here | tiny (nothing to see: it only counts who reads) | refused (why)
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Picture(models.Model):
    """One picture of one mail, with its bytes once it is here. `queues/pictures.py` is the only writer."""

    class State(models.TextChoices):
        WANTED = "wanted", _("being fetched")
        HERE = "here", _("shown")
        TINY = "tiny", _("nothing to see")
        REFUSED = "refused", _("not shown")

    message = models.ForeignKey("queues.Message", on_delete=models.CASCADE, related_name="pictures")
    url = models.TextField()
    mark = models.CharField(max_length=64, help_text="SHA-256 of the URL.")
    state = models.CharField(max_length=10, choices=State, default=State.WANTED)
    why = models.CharField(max_length=20, blank=True, help_text="Code of why it is not shown.")
    type = models.CharField(max_length=20, blank=True)
    data = models.BinaryField(default=b"")
    lease_until = models.DateTimeField(null=True, help_text="Somebody is fetching it until then.")
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["message", "mark"], name="picture_once")]
        indexes = [
            models.Index(fields=["id"], name="picture_wanted", condition=Q(state="wanted")),
            models.Index(fields=["asked_at"], name="picture_by_age"),
        ]

    def __str__(self) -> str:
        return f"picture {self.pk}"


class PictureTrust(models.Model):
    """A user wants the pictures of this sender always; taking it back deletes the row."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    email = models.CharField(max_length=320, help_text="In lower case.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "email"], name="picture_trust_once")]

    def __str__(self) -> str:
        return self.email
