"""A source that was moved to another queue, whose open conversations still follow."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from queues.models import EmailQueue


class OngoingMove(models.Model):
    """`mailsources/following.py` is the only writer; a portion holds the row's lock: one at a time.

    begun ──portion by portion──▶ ended ──a month, and nothing left behind──▶ gone
              ▲       └──some could not follow: later──┐
              └────────────────────────────────────────┘
    """

    source = models.ForeignKey("mailsources.EmailSource", on_delete=models.CASCADE, related_name="moves")
    former = models.ForeignKey(EmailQueue, on_delete=models.CASCADE, related_name="+")
    queue = models.ForeignKey(EmailQueue, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    why = models.TextField(help_text="The sentence for the history of each conversation.")
    after = models.BigIntegerField(default=0, help_text="The last conversation that was looked at.")
    went = models.PositiveIntegerField(default=0)
    left = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        help_text="Conversations that could not follow, by their ids.",
    )
    rounds = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often it went over those that could not follow."
    )
    next_at = models.DateTimeField(
        default=timezone.now, db_default=Now(), help_text="If nobody is at it then, it is begun again."
    )
    began_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(ended_at=None), name="one_move_of_a_source"
            )
        ]

    def __str__(self) -> str:
        return f"move of {self.source} to {self.queue}"
