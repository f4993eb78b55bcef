"""The second step of a password sign-in: set up, ask, recover, switch off. The only writer of its rows."""

import logging
import secrets
from base64 import b32encode
from datetime import timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from sso.fields import SecretUnreadable
from staff.models import RecoveryCode, SecondFactor, new_key

UNCONFIRMED_LIVES = timedelta(minutes=15)
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
GROUP = 4
GONE = "There is no authenticator app any more."
UNREADABLE = (
    "Codes can't be checked here now: use a recovery code, or ask an administrator to look into the log."
)

logger = logging.getLogger(__name__)


class CodeRefused(Exception):
    """A code that opens nothing; the text is a sentence for who typed it."""


def is_set_up(user: User) -> bool:
    """Whether a code is asked for when this user signs in."""
    return bool(SecondFactor.objects.filter(user=user, confirmed=True).exists())


def codes_left(user: User) -> int:
    """How many recovery codes are unused."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


@transaction.atomic
def begin(user: User, shown: str | None = None) -> SecondFactor:
    """The key to scan, not asked for before it is confirmed. A page that is loaded again shows the same.

    :param shown: the `moment` of the key that this browser has seen, "" for none: one that another browser
        has seen is thrown away, as it may be a stranger's. None: this is not about a browser.
    """
    factor: SecondFactor
    factor, is_new = SecondFactor.objects.select_for_update().get_or_create(
        user=user, defaults={"name": "authenticator app", "confirmed": False}
    )
    is_anothers = not is_new and shown is not None and shown != factor.moment
    if not factor.confirmed and (is_anothers or timezone.now() - factor.made_at > UNCONFIRMED_LIVES):
        factor.key, factor.made_at = new_key(), timezone.now()
        factor.save(update_fields=["key", "made_at"])
    return factor


def confirm(user: User, code: str) -> list[str]:
    """Switch it on with the first code of the app; returns the recovery codes, which can't be shown again.

    :raises CodeRefused: the code isn't right, or it is switched on already.
    """
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed=False).first()
        if factor is None:
            raise CodeRefused("Two-factor sign-in is switched on already, or its page was open too long.")
        refusal = _refusal(factor, code)
        if refusal is None:
            SecondFactor.objects.filter(pk=factor.pk).update(confirmed=True, confirmed_at=timezone.now())
            return _new_codes(user)
    raise refusal  # after the commit, which keeps the count of wrong codes


def check(user: User, code: str) -> None:
    """Let a code of the app pass, once.

    :raises CodeRefused: it isn't right, was used before, or comes too soon after wrong ones.
    """
    try:
        with transaction.atomic():
            factor = SecondFactor.objects.select_for_update().filter(user=user, confirmed=True).first()
            refusal = _refusal(factor, code) if factor else CodeRefused(GONE)
    except SecretUnreadable as error:
        logger.error("Second factor of user %s: %s", user.pk, error)
        raise CodeRefused(UNREADABLE) from error
    if refusal:
        raise refusal


def recover(user: User, code: str) -> None:
    """Let a recovery code pass, once.

    :raises CodeRefused: there is no such code, or it was used.
    """
    unused = RecoveryCode.objects.filter(user=user, digest=_digest(code), used_at=None)
    if not unused.update(used_at=timezone.now()):
        raise CodeRefused("That recovery code is not right, or was used already.")


@transaction.atomic
def renew_codes(user: User) -> list[str]:
    """Ten new recovery codes; the old ones are void."""
    return _new_codes(user)


@transaction.atomic
def remove(user: User) -> bool:
    """Take it away with its recovery codes; False if there was none."""
    RecoveryCode.objects.filter(user=user).delete()
    found, _ = SecondFactor.objects.filter(user=user).delete()
    return bool(found)


def _refusal(factor: SecondFactor, code: str) -> CodeRefused | None:
    """What is wrong with a code, counted; None, and the code used up, if it is right."""
    allowed, why = factor.verify_is_allowed()
    if not allowed:
        seconds = int((why["locked_until"] - timezone.now()).total_seconds()) + 1
        return CodeRefused(
            f"Too many wrong codes: wait {_spoken(seconds)}, then type the code of that moment."
        )
    is_right = factor.verify_token(code)
    if is_right:
        factor.last_used_at = timezone.now()
    factor.save(
        update_fields=[
            *("last_step", "last_used_at", "throttling_failure_count", "throttling_failure_timestamp"),
        ]
    )
    if is_right:
        return None
    return CodeRefused(
        "That code is not right, or was used already: type the one that your app shows now. If none ever "
        "fits, set the clock of your phone."
    )


def _spoken(seconds: int) -> str:
    if seconds < 100:
        return f"{seconds} second{'s' * (seconds != 1)}"
    return f"{-(-seconds // 60)} minutes"


def _new_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    return codes


def _new_code() -> str:
    """Sixteen characters in groups, such as abcd-efgh-2345-wxyz."""
    text = b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode().lower()
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def _digest(code: str) -> str:
    """Of the letters and digits alone, as people type them; enough random bits to need no salt."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return sha256(plain.encode()).hexdigest()
