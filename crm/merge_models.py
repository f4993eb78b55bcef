"""Two contacts that turned out to be one person, or not."""

from django.conf import settings
from django.db import models


class ContactMerge(models.Model):
    """What one merge moved, so that it can be taken back; `moved` holds ids, and values before and after."""

    gone = models.ForeignKey("crm.Contact", on_delete=models.CASCADE, related_name="merges_away")
    stays = models.ForeignKey("crm.Contact", on_delete=models.CASCADE, related_name="merges")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField()
    moved = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["gone"], condition=models.Q(undone_at=None), name="contact_merged_once"
            )
        ]
        indexes = [models.Index(fields=["at"], condition=models.Q(undone_at=None), name="contact_merge_at")]

    def __str__(self) -> str:
        return f"{self.gone_id} into {self.stays_id}"


class NotTheSame(models.Model):
    """Somebody has looked: these two are different people; `one` has the smaller id."""

    one = models.ForeignKey("crm.Contact", on_delete=models.CASCADE, related_name="+")
    other = models.ForeignKey("crm.Contact", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["one", "other"], name="not_the_same_once"),
            models.CheckConstraint(
                condition=models.Q(one__lt=models.F("other")), name="not_the_same_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.one_id} is not {self.other_id}"
