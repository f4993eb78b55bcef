"""The form of an email sender, with the Sent folder of its mailbox."""

from typing import Any

from django import forms
from django.db.models import Q
from unfold.widgets import UnfoldAdminSelectWidget

from mailsenders.forms import SenderForm
from mailsenders.models import EmailSender
from mailsenders.sent_copies import savers
from mailsources.models import EmailSource, SentFolder
from mailsources.usual_copies import usual_copy

AS_USUAL = ("", "As the provider needs it")


class SenderPageForm(SenderForm):
    """The settings of the sender, and which mailbox keeps what it sends."""

    sent_mailbox = forms.ModelChoiceField(
        EmailSource.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        label="Mailbox of the Sent folder",
        empty_label="The IMAP source of the same address",
        help_text="Whose sign-in opens the folder.",
    )

    class Meta(SenderForm.Meta):
        fields = (*SenderForm.Meta.fields, "return_path", "sent_copy", "sent_folder")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "sent_copy" not in self.fields:
            return
        mailboxes = EmailSource.objects.filter(server_type=EmailSource.ServerType.IMAP)
        chosen = SentFolder.objects.filter(sender=self.instance.pk).values_list("source", flat=True).first()
        self.fields["sent_mailbox"].queryset = mailboxes.filter(  # type: ignore[attr-defined]
            Q(is_active=True) | Q(pk=chosen)
        )
        self.initial["sent_mailbox"] = chosen
        self.fields["return_path"].help_text = (
            "An address that names the mail tells which one a report is about, even if nobody can read it. "
            "Plus-address: the mailbox must take box+anything, and the server must let you send with it. "
            "Inbound domain: reports are handed to the intake. “Send a test mail” shows whether the server "
            "takes it; one that refuses it gets the sender’s address."
        )
        self.fields["return_path"].required = False
        names = " and ".join(each.name for each in savers())
        self.fields["sent_copy"].help_text = (
            f"{names} put what they send into the Sent folder by themselves: None is right for them. Others "
            "keep nothing. Before a copy is made we look whether one is there already."
        )
        self.fields["sent_copy"].required = False
        if not self.instance.pk:
            self.fields["sent_copy"].choices = [AS_USUAL, *EmailSender.SentCopy.choices]  # type: ignore[attr-defined]
            self.initial["sent_copy"] = ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not cleaned.get("sent_copy") and "sent_copy" in self.fields:
            cleaned["sent_copy"] = self.instance.sent_copy if self.instance.pk else self._usual(cleaned)
        if not cleaned.get("return_path") and "return_path" in self.fields:
            cleaned["return_path"] = self.instance.return_path
        self._check_folder(cleaned)
        return cleaned

    def _usual(self, cleaned: dict[str, Any]) -> EmailSender.SentCopy:
        server, address = cleaned.get("server_address", ""), cleaned.get("email_address", "")
        return usual_copy(server, address, cleaned.get("sent_mailbox"))

    def _check_folder(self, cleaned: dict[str, Any]) -> None:
        """What we put there would come in again as a customer's mail."""
        folder = (cleaned.get("sent_folder") or "").strip()
        box = cleaned.get("sent_mailbox")
        address = box.mailbox or box.username if box else cleaned.get("email_address", "")
        readers = EmailSource.objects.filter(server_type=EmailSource.ServerType.IMAP, folder__iexact=folder)
        owner = Q(mailbox__iexact=address) | Q(mailbox="", username__iexact=address)
        reader = readers.filter(owner).first() if folder and address else None
        if reader is not None:
            self.add_error(
                "sent_folder",
                f"The email source “{reader}” fetches this folder, so each copy would come in as a mail: "
                "choose another one.",
            )
