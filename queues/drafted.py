"""What is being written, and what is written and waits for its time.

typing ──schedule──▶ scheduled ──its time──▶ sent (the draft is gone)
   ▲                    │  └──somebody wrote meanwhile, or it failed three times──▶ held
   └───edit, cancel─────┘                                     typing, sent ◀──a person decides
"""

from django.db import models
from django.db.models import Q

from agents.models import Agent


class Draft(models.Model):
    """A mail being written, saved by itself; `token` becomes the compose token of the message.

    `is_outside`: to somebody who is asked about the matter, not to the customer; `about` is the mail that it
    forwards or answers then.
    """

    conversation = models.ForeignKey("queues.Conversation", on_delete=models.CASCADE, related_name="drafts")
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="drafts")
    token = models.UUIDField()
    to = models.JSONField(default=list, help_text="Addresses; empty means as computed.")
    cc = models.JSONField(default=list)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True, default="", db_default="", help_text="If written with formatting.")
    is_outside = models.BooleanField(default=False, db_default=False)
    about = models.ForeignKey("queues.Message", null=True, on_delete=models.SET_NULL, related_name="+")
    macro = models.ForeignKey(
        "queues.Macro",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Runs as it is sent.",
    )
    closes = models.BooleanField(default=False, db_default=False, help_text="Sent, it closes the matter.")
    send_at = models.DateTimeField(null=True, help_text="When it is to leave; empty while it is written.")
    held_why = models.TextField(
        blank=True, default="", db_default="", help_text="Why it didn't leave at its time."
    )
    tries = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often it could not leave by a fault of ours."
    )
    seen_message = models.ForeignKey("queues.Message", null=True, on_delete=models.SET_NULL, related_name="+")
    seen_note = models.BigIntegerField(
        null=True, help_text="The newest note that its writer had before them."
    )
    version = models.PositiveIntegerField(
        default=0,
        db_default=0,
        help_text="Counts what was saved, so that no window overwrites another unseen.",
    )
    window = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="The editor that saved it last."
    )
    window_saves = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Which of that editor's saves it was, as it counts them."
    )
    handed_by = models.ForeignKey(
        Agent, null=True, on_delete=models.SET_NULL, related_name="+", help_text="Who wrote it before."
    )
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "agent"], name="one_draft_each", condition=Q(is_outside=False)
            ),
            models.UniqueConstraint(
                fields=["conversation", "agent"], name="one_draft_outside", condition=Q(is_outside=True)
            ),
        ]
        indexes = [
            models.Index(fields=["send_at"], name="draft_scheduled", condition=Q(send_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"draft {self.pk}"


class WaitingFile(models.Model):
    """A file that waits with a draft for its mail; with a `content_id` a picture within the text."""

    name = models.CharField(max_length=300)
    type = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    data = models.BinaryField()
    content_id = models.CharField(max_length=100, blank=True, default="", db_default="")

    class Meta:
        abstract = True
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name


class DraftFile(WaitingFile):
    """A file put to a draft, until the reply is frozen."""

    draft = models.ForeignKey(Draft, on_delete=models.CASCADE, related_name="files")


class NoteDraft(models.Model):
    """A note or a whisper being written: seen by its author alone, and of no kind that a mail is made of.

    `token` becomes that of the note.
    """

    conversation = models.ForeignKey(
        "queues.Conversation", on_delete=models.CASCADE, related_name="note_drafts"
    )
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="note_drafts")
    audience = models.CharField(max_length=10, help_text="As of a note.")
    token = models.UUIDField()
    text = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=0, db_default=0, help_text="As of a draft.")
    window = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="As of a draft."
    )
    window_saves = models.PositiveIntegerField(default=0, db_default=0, help_text="As of a draft.")
    saved_at = models.DateTimeField(auto_now=True)
    html = ""  # it is plain text

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["conversation", "agent", "audience"], name="one_note_draft_each")
        ]

    def __str__(self) -> str:
        return f"note draft {self.pk}"


class FirstDraft(models.Model):
    """The first mail of a conversation that is still to be; each agent has one."""

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, related_name="first_draft")
    queue = models.ForeignKey("queues.EmailQueue", null=True, on_delete=models.SET_NULL, related_name="+")
    token = models.UUIDField()
    to = models.TextField(blank=True)
    cc = models.TextField(blank=True)
    subject = models.CharField(max_length=1000, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True, default="", db_default="")
    version = models.PositiveIntegerField(default=0, db_default=0, help_text="As of a draft.")
    window = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="As of a draft."
    )
    window_saves = models.PositiveIntegerField(default=0, db_default=0, help_text="As of a draft.")
    saved_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"first draft {self.pk}"


class FirstDraftFile(WaitingFile):
    """A file put to the first mail of a conversation."""

    draft = models.ForeignKey(FirstDraft, on_delete=models.CASCADE, related_name="files")
