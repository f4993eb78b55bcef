"""The form of a skill: its name, its kind, and the choices of one."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from agents.models import Skill
from agents.skills import is_used, read_choices
from sso.admin import SecretsForm


class SkillForm(SecretsForm):
    """Choices are rows of their own, typed in as words here."""

    choices = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Of a choice: one on each line. Agents have some of them, a queue or a mail demands one.",
    )

    class Meta:
        model = Skill
        fields = ("name", "kind")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.fields:  # of somebody who may only look
            return
        self.fields["kind"].required = False
        self.fields[
            "kind"
        ].help_text = "What one has or hasn’t is never eased by a wait rule, unless a step names it."
        if self.instance.pk:
            self.initial["choices"] = "\n".join(each.choice for each in self.instance.choices.all())

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"] or self.instance.kind
        if self.instance.pk and kind != self.instance.kind and is_used(self.instance):
            raise forms.ValidationError(
                f"“{self.instance}” is used as “{self.instance.get_kind_display()}”: add another skill."
            )
        return kind

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        wants = cleaned.get("kind") == Skill.Kind.CHOICE
        try:
            words = read_choices(cleaned.get("choices") or "", cleaned.get("name") or "")
        except forms.ValidationError as error:
            self.add_error("choices", error)
            return cleaned
        if wants and not words:
            self.add_error("choices", "Give the choices, one on each line.")
        if words and not wants and "kind" in cleaned:
            self.add_error(
                "choices", "Only a skill of the kind “Choice” has choices: empty this, or change the kind."
            )
        self._check_gone(words)
        return cleaned | {"choices": words}

    def _check_gone(self, words: list[str]) -> None:
        """A choice that somebody demands or has stays."""
        if not self.instance.pk:
            return
        for row in self.instance.choices.all():
            if row.choice not in words and is_used(row):
                self.add_error("choices", f"“{row}” is in use: take it from agents, queues and rules first.")
