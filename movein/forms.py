"""The form of a move: where old mail lies, and what becomes of it."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from movein.models import Move
from movein.places import PlaceRefused, keep_upload, located
from sso import guard
from sso.widgets import SecretsForm

LARGEST_UPLOAD = 100 * 1024 * 1024
SYSTEMS = (Move.Kind.ZAMMAD, Move.Kind.FREESCOUT)


class MoveForm(SecretsForm):
    """A new move, or what may still be changed of one."""

    upload = forms.FileField(
        label="or a small file",
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=f"Instead of a path, up to {filesizeformat(LARGEST_UPLOAD)}: an mbox, an .eml or a zip.",
    )

    class Meta:
        model = Move
        fields = ("kind", "place", "token", "part", "queue", "own_addresses", "open_days", "name")
        widgets: ClassVar[Any] = {"own_addresses": UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:
            self.fields["name"].required = False
            self.fields["name"].help_text = "How it is called here; empty for its kind and place."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.instance.pk is None and "kind" in cleaned:
            if cleaned["kind"] in SYSTEMS:
                self._check_system(cleaned)
            else:
                self._check_files(cleaned)
        return cleaned

    def _check_system(self, cleaned: dict[str, Any]) -> None:
        place = cleaned.get("place", "").strip().rstrip("/")
        if not cleaned.get("token"):
            self.add_error("token", "The other system wants a token: docs/moving-in.md says where it is.")
        try:
            guard.check_url(place, what="The address")
        except guard.GuardError as error:
            self.add_error("place", str(error))
        part = cleaned.get("part", "")
        if cleaned["kind"] == Move.Kind.FREESCOUT and part and not part.isdigit():
            self.add_error("part", "Of FreeScout give the number of a mailbox, such as 3.")
        cleaned["place"] = place

    def _check_files(self, cleaned: dict[str, Any]) -> None:
        upload: UploadedFile[bytes] | None = cleaned.get("upload")
        place = cleaned.get("place", "")
        if upload is not None and place:
            raise ValidationError("Give a path or a file, not both.")
        if upload is None and not place:
            self.add_error("place", "Say where the mail lies: a path below the folder “imports”, or a file.")
        elif upload is not None and (upload.size or 0) > LARGEST_UPLOAD:
            self.add_error("upload", "It is too large to be sent in: put it below the folder “imports”.")
        elif upload is not None and cleaned["kind"] == Move.Kind.MAILDIR:
            self.add_error("upload", "A Maildir is a folder: put it below the folder “imports”.")
        elif upload is None:
            try:
                located(place)
            except PlaceRefused as error:
                self.add_error("place", str(error))

    def save(self, commit: bool = True) -> Any:
        upload: UploadedFile[bytes] | None = self.cleaned_data.get("upload")
        if self.instance.pk is None and upload is not None:
            self.instance.place = keep_upload(upload.name or "mail", upload)
            self.instance.is_uploaded = True
            name = f"{self.instance.get_kind_display()} {upload.name}"
            self.instance.name = self.instance.name or name[:200]
        return super().save(commit)
