"""What a change of a contact answers when it can't be done."""


class ContactRefused(Exception):
    """Nothing was changed; `sentence` says why, and what can be done. `field` is what it is about."""

    def __init__(self, sentence: str, field: str = "") -> None:
        self.sentence = sentence
        self.field = field
        super().__init__(sentence)


class AddressTaken(ContactRefused):
    """The address is another contact's, `contact_id`."""

    def __init__(self, sentence: str, contact_id: int) -> None:
        self.contact_id = contact_id
        super().__init__(sentence, "email")


class ContactConflict(ContactRefused):
    """Somebody else has changed the same thing meanwhile."""
