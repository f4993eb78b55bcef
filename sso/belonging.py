"""Where a stored password belongs: it is sent nowhere else, on nobody's word, unless it is typed in again.

Nobody can read it here, so whoever may change a source or a sender must not be able to have it sent to a
server of their own. A token URL is no secret; where its token may go is said at the provider (takers.py).
"""

from dataclasses import dataclass
from typing import Any

from sso import secrets, serverlist


@dataclass(frozen=True, slots=True)
class Place:
    """A server as it is named in the settings.

    :param safety: higher where less can be read on the way.
    """

    host: str
    port: int
    safety: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def goes_elsewhere(former: Place, now: Place) -> bool:
    """Whether a secret of the one would be told to another server, or to more people on the way."""
    is_other = serverlist.plain(former.host) != serverlist.plain(now.host) or former.port != now.port
    return is_other or now.safety < former.safety


def why_not_kept(former: Any, row: Any) -> str:
    """Why the stored password can't stay on a row that is about to be saved; "" when it can.

    :param former: the row as it is stored; both tell by `belongs` where their password is sent.
    """
    secret = former.password
    if not secret or secret != row.password or secrets.is_web_address(secret):
        return ""
    if not (former.belongs.host and goes_elsewhere(former.belongs, row.belongs)):
        return ""
    now = f"{row.belongs}{' with less encryption' if row.belongs.safety < former.belongs.safety else ''}"
    return f"The stored password is for {former.belongs}: type it in again, if {now} is to have it too."
