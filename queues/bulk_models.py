"""One thing done with many conversations, and what became of each.

running ──each was tried──▶ done ──undo──▶ another act that puts back what this one did
   └──a person stops it──▶ cancelled: what was done stays done, and can be undone
"""

from django.conf import settings
from django.db import models
from django.db.models import Q


class BulkAct(models.Model):
    """What somebody does with many conversations; a worker does it, and another one goes on if that dies.

    `listing` says which were meant, where they are not ticked one by one; `mark` how far they are collected.
    """

    class Verb(models.TextChoices):
        TAKE = "take", "Take"
        RELEASE = "release", "Release"
        ASSIGN = "assign", "Assign"
        TRANSFER = "transfer", "Transfer"
        PENDING = "pending", "Customer’s turn"
        SNOOZE = "snooze", "Snooze"
        CLOSE = "close", "Close"
        REOPEN = "reopen", "Reopen"
        TAG = "tag", "Put a tag on"
        UNTAG = "untag", "Take a tag off"
        SPAM = "spam", "Spam"
        NOT_SPAM = "not_spam", "Not spam"
        UNDO = "undo", "Undo"

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Stopped"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.CharField(max_length=64, help_text="Asking twice gives one.")
    verb = models.CharField(max_length=10, choices=Verb)
    values = models.JSONField(default=dict, help_text="Until when, which tag, queue or agent, what note.")
    listing = models.JSONField(null=True)
    mark = models.CharField(max_length=200, blank=True, default="")
    is_collected = models.BooleanField(default=False)
    undoes = models.OneToOneField(
        "self", null=True, on_delete=models.CASCADE, related_name="undone_by", help_text="One undo of each."
    )
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "token"], name="bulk_act_once")]
        indexes = [
            models.Index(fields=["lease_until"], name="bulk_running", condition=Q(state="running")),
            models.Index(fields=["user", "-id"], name="bulk_of_user"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.pk}"


class BulkItem(models.Model):
    """One conversation of it: how it was before and after, or in words why it was left alone."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        REFUSED = "refused", "Left alone"

    act = models.ForeignKey(BulkAct, on_delete=models.CASCADE, related_name="items")
    conversation = models.ForeignKey("queues.Conversation", on_delete=models.CASCADE, related_name="+")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    sentence = models.TextField(blank=True, default="")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["act", "conversation"], name="bulk_item_once")]
        indexes = [models.Index(fields=["act", "state", "id"], name="bulk_item_of_act")]

    def __str__(self) -> str:
        return f"{self.conversation_id} {self.state}"
