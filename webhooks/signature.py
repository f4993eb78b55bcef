"""The signature of what is sent: that of Standard Webhooks, so that its libraries verify it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the HMAC-SHA256 of
`id.timestamp.body`, in base64. The time is signed too, so an answer caught on the way can't be played again
later.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

PREFIX = "whsec_"
SHORTEST = 16  # octets of a secret


class BadSecret(ValueError):
    """A secret that can't sign; the text says what to give instead."""


def new_secret() -> str:
    """A good secret, in the usual form."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: what `whsec_…` encodes, or else the words themselves.

    :raises BadSecret: in words.
    """
    if not secret.startswith(PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except ValueError as error:  # no base64, or no ASCII at all
            raise BadSecret(
                "After whsec_ the secret must be base64: copy it anew, or leave it empty."
            ) from error
    if len(key) < SHORTEST:
        raise BadSecret(f"The secret is too short: give {SHORTEST} characters or more, or leave it empty.")
    return key


def headers(secret: str, public_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """What goes along with a body.

    :raises BadSecret: in words.
    """
    stamp = str(int(at.timestamp()))
    signed = b".".join((public_id.encode(), stamp.encode(), body))
    mac = base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256)).decode()
    return {"webhook-id": public_id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{mac}"}
