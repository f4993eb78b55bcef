"""Mail rules: lists of them for a source, for all sources, for a queue; drafts of lists; what they hit.

A list has one live version; a draft is another list that names it, and is published over it or thrown away.
Whatever is written here, a trigger gives the rule book another stamp: so who has read the rules knows by one
value, which comes with the sources, whether they are still these.
"""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from agents.models import Language, Skill
from mailcore.rule_terms import Do, How, Joined, Mode, What
from queues.models import EmailQueue, Tag


class RuleBook(models.Model):
    """One row, written by triggers alone: which version of the rules holds, and whether there are any."""

    stamp = models.UUIDField(default=uuid.uuid4)
    has_rules = models.BooleanField(default=False)

    def __str__(self) -> str:
        return str(self.stamp)


class RuleList(models.Model):
    """The rules for one source, for one queue, or for all sources, in their order."""

    source = models.ForeignKey(
        "mailsources.EmailSource", null=True, blank=True, on_delete=models.CASCADE, related_name="rule_lists"
    )
    queue = models.ForeignKey(
        EmailQueue, null=True, blank=True, on_delete=models.CASCADE, related_name="rule_lists"
    )
    mode = models.CharField(
        "which rules count",
        max_length=5,
        choices=[(Mode.FIRST.value, "The first that matches"), (Mode.ALL.value, "All that match")],
        default=Mode.FIRST.value,
    )
    draft_of = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="draft", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "mail rule list"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(source__isnull=True) | Q(queue__isnull=True), name="rules_of_source_or_queue"
            ),
            models.UniqueConstraint(
                fields=["source", "queue"],
                condition=Q(draft_of__isnull=True),
                nulls_distinct=False,
                name="one_rule_list_each",
            ),
        ]

    def __str__(self) -> str:
        of = f"queue {self.queue}" if self.queue_id else f"source {self.source}" if self.source_id else ""
        name = f"Rules of {of}" if of else "Rules of all sources"
        return f"{name} (draft)" if self.draft_of_id else name

    def clean(self) -> None:
        """Of one thing only, and the only one of it."""
        if self.source_id and self.queue_id:
            raise ValidationError("Choose a source or a queue, or neither for all sources.")
        others = RuleList.objects.filter(source=self.source_id, queue=self.queue_id, draft_of=None)
        if not self.draft_of_id and others.exclude(pk=self.pk).exists():
            raise ValidationError(f"“{self}” is there already: add rules to it.")


class MailRule(models.Model):
    """Conditions, and what is done with a mail for which they hold."""

    list = models.ForeignKey(RuleList, on_delete=models.CASCADE, related_name="rules")
    name = models.CharField(max_length=100, help_text="It stands in the history of conversations.")
    position = models.PositiveIntegerField(default=0, editable=False)
    is_active = models.BooleanField("active", default=True)
    joined = models.CharField(
        "holds if",
        max_length=3,
        choices=[(Joined.ALL.value, "all conditions hold"), (Joined.ANY.value, "any condition holds")],
        default=Joined.ALL.value,
    )
    is_for_answers = models.BooleanField(
        "moves and discards answers, too",
        default=False,
        help_text="Else what answers a conversation stays in it, and in its queue.",
    )
    origin = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="drafts", editable=False
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "mail rule"
        ordering = ["list", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["list", "name"], name="rule_name_once")]

    def __str__(self) -> str:
        return self.name


class RuleCondition(models.Model):
    """One condition of a rule; see `mailcore.rule_terms`."""

    rule = models.ForeignKey(MailRule, on_delete=models.CASCADE, related_name="conditions")
    what = models.CharField(max_length=20, choices=[(each.value, each.value) for each in What])
    key = models.CharField(max_length=100, blank=True)
    how = models.CharField(max_length=10, choices=[(each.value, each.value) for each in How])
    value = models.CharField(max_length=500, blank=True)
    is_negated = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.what} {self.how} {self.value}"


class RuleAction(models.Model):
    """One thing that a rule does. What it names can't be deleted while it does."""

    rule = models.ForeignKey(MailRule, on_delete=models.CASCADE, related_name="actions")
    do = models.CharField(max_length=12, choices=[(each.value, each.value) for each in Do])
    queue = models.ForeignKey(EmailQueue, null=True, on_delete=models.PROTECT, related_name="+")
    tag = models.ForeignKey(Tag, null=True, on_delete=models.PROTECT, related_name="+")
    skill = models.ForeignKey(Skill, null=True, on_delete=models.PROTECT, related_name="+")
    language = models.ForeignKey(Language, null=True, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField(default=0, help_text="A priority, a level, or 1 for yes.")
    addresses = models.TextField(blank=True, help_text="One a line.")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.rule}: {self.do}"


class RuleHit(models.Model):
    """That a rule held for a mail that came; the rule may be deleted while the mail is on its way."""

    rule = models.ForeignKey(
        MailRule, on_delete=models.CASCADE, related_name="hits", db_index=False, db_constraint=False
    )
    fetched = models.ForeignKey("mailsources.FetchedMail", on_delete=models.CASCADE, related_name="rule_hits")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["rule", "-at"], name="rule_hits_of_rule"),
            models.Index(fields=["at"], name="rule_hits_by_date"),
        ]

    def __str__(self) -> str:
        return f"rule {self.rule_id}, fetched mail {self.fetched_id}"


class RuleTrial(models.Model):
    """A list tried on mails of the last days; nothing of them is changed by it.

    waiting ──claimed──▶ running ──▶ done | failed
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    list = models.ForeignKey(RuleList, on_delete=models.CASCADE, related_name="trials")
    days = models.PositiveSmallIntegerField()
    most = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"trial {self.pk} of {self.list}"
