"""What the desk's editors send, checked for shape; whether it may be done is the actions' business."""

from typing import Any, NoReturn

from django import forms

from mailcore import authored
from queues.refusals import ActionRefused
from queues.snippets import check_filled

LONGEST_LINE = 20_000
LONGEST_HTML = 2_000_000
MOST_SAVES = 2**31 - 1


class DeskForm(forms.Form):
    """A form whose first error is told as a refusal."""

    def check(self) -> None:
        """Raise `ActionRefused` with the first thing that is wrong."""
        if not self.is_valid():
            self._refuse()

    def _refuse(self) -> NoReturn:
        sentence = next(iter(self.errors.values()))[0]
        raise ActionRefused(str(sentence))


class WindowForm(DeskForm):
    """What an editor says of itself (`queues.windows`)."""

    version = forms.IntegerField(required=False, min_value=0)
    window = forms.CharField(required=False, max_length=40)
    saves = forms.IntegerField(required=False, min_value=0, max_value=MOST_SAVES)
    heir_of = forms.CharField(required=False, max_length=40)
    heir_saves = forms.IntegerField(required=False, min_value=0, max_value=MOST_SAVES)


class DraftForm(WindowForm):
    """An answer being written; with formatting it comes as `html`, which the text is made of then."""

    text = forms.CharField(required=False, strip=False)
    html = forms.CharField(required=False, strip=False)
    to = forms.CharField(required=False, max_length=LONGEST_LINE)
    cc = forms.CharField(required=False, max_length=LONGEST_LINE)
    token = forms.UUIDField(error_messages={"required": "The form is broken: load the page again."})
    seen = forms.IntegerField(required=False)
    seen_note = forms.IntegerField(required=False, min_value=0)
    outside = forms.BooleanField(required=False)
    about = forms.IntegerField(required=False, min_value=1)
    macro = forms.IntegerField(required=False, min_value=1)

    def clean(self) -> dict[str, Any]:
        """Nothing leaves, or is kept, but what the editor can make."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if len(data.get("html", "")) > LONGEST_HTML:
            raise forms.ValidationError("The text is too long: take a part of it out.")
        data["html"] = authored.tidy(data.get("html", ""))
        if data["html"]:
            data["text"] = authored.plain(data["html"])
        return data


class ReplyForm(DraftForm):
    """An answer to be sent: to those that the form shows, never to others."""

    to = forms.CharField(
        max_length=LONGEST_LINE,
        error_messages={"required": "Nobody would get it: type an address into “To”."},
    )
    close = forms.BooleanField(required=False)
    send_at = forms.DateTimeField(
        required=False,
        input_formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"],
        error_messages={"invalid": "Choose a day and a time."},
    )

    def clean(self) -> dict[str, Any]:
        """No place of a snippet leaves unfilled."""
        data = super().clean()
        check_filled(data.get("text", ""))
        return data


class ComposeForm(ReplyForm):
    """The first mail of a new conversation."""

    queue = forms.IntegerField(error_messages={"required": "Choose a queue to write from."})
    subject = forms.CharField(max_length=1000, error_messages={"required": "Give the mail a subject."})


class FirstDraftForm(DraftForm):
    """The first mail of a conversation, being written."""

    queue = forms.IntegerField(required=False)
    subject = forms.CharField(required=False, max_length=1000)


class NoteForm(WindowForm):
    """An internal note to be added."""

    text = forms.CharField(
        strip=False, error_messages={"required": "The note is empty: write something first."}
    )
    audience = forms.CharField(required=False, max_length=10)
    token = forms.UUIDField(required=False)


class NoteDraftForm(WindowForm):
    """An internal note being written."""

    text = forms.CharField(required=False, strip=False)
    audience = forms.CharField(required=False, max_length=10)
    token = forms.UUIDField(error_messages={"required": "The form is broken: load the page again."})
