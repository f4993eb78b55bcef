"""Who else looks at a conversation: whom a note mentions, and who follows what happens to it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from agents.models import Agent


class Mention(models.Model):
    """Somebody's name in a note; seen as soon as they have opened the conversation."""

    note = models.ForeignKey("queues.Note", on_delete=models.CASCADE, related_name="mentions")
    conversation = models.ForeignKey(
        "queues.Conversation", on_delete=models.CASCADE, related_name="mentions", help_text="Of the note."
    )
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="mentions")
    at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["note", "agent"], name="mentioned_once_in_a_note")]
        indexes = [
            models.Index(fields=["agent", "conversation"], name="mention_of_agent"),
            models.Index(
                fields=["agent", "conversation"], name="mention_unseen", condition=Q(seen_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"mention of {self.agent_id} in note {self.note_id}"


class Follower(models.Model):
    """Somebody who is told what happens; who said that they no longer are isn't made one by a mention."""

    conversation = models.ForeignKey(
        "queues.Conversation", on_delete=models.CASCADE, related_name="followers"
    )
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="followed")
    is_following = models.BooleanField(default=True)
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["conversation", "agent"], name="follower_once")]

    def __str__(self) -> str:
        return f"{self.agent_id} follows {self.conversation_id}"
