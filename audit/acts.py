"""What can be done: the codes of the audit log, and the words that people read for them."""

from django.db.models import TextChoices


class Act(TextChoices):
    """One code for each kind of act; a row's note says the rest in a sentence."""

    INSERTED = "inserted", "Inserted"
    CHANGED = "changed", "Changed"
    DELETED = "deleted", "Deleted"
    DID = "did", "Did"
    """Something else to an object; the note says what."""

    ACTIVATED = "activated", "Activated"
    MOVED = "moved", "Moved"
    RETIRED = "retired", "Retired"
    RESTORED = "restored", "Restored"
    APPLIED = "applied", "Applied a settings file"

    SIGNED_IN = "signed_in", "Signed in"
    SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"
    SIGNED_OUT = "signed_out", "Signed out"
    PASSWORD = "password", "Password"
    SECOND_FACTOR = "second_factor", "Two-factor sign-in"
    TOKEN_GIVEN = "token_given", "Access token given"
    TOKEN_REFUSED = "token_refused", "Access token refused"

    EXPORTED = "exported", "Exported"
    OPENED = "opened", "Opened sealed content"
    ERASED = "erased", "Erased"
    PRUNED = "pruned", "Deleted after its time"
