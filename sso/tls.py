"""The one TLS context of the process: certificates are always checked."""

import ssl
from functools import lru_cache

from django.conf import settings


class BundleUnreadable(OSError):
    """UCS_CA_BUNDLE names a file that can't be used; the text is a sentence for the administrator."""


def context() -> ssl.SSLContext:
    """A verifying client context, shared by IMAP, POP3, SMTP and OAuth.

    Making one costs some 20 ms and 1 MB, so there is one for each process. It trusts the roots of the
    system, and those in settings.CA_BUNDLE when that is set.

    :raises BundleUnreadable: the file of UCS_CA_BUNDLE is missing or holds no certificate.
    """
    return _context(settings.CA_BUNDLE)


@lru_cache(maxsize=2)
def _context(bundle: str) -> ssl.SSLContext:
    made = ssl.create_default_context()
    if bundle:
        try:
            made.load_verify_locations(cafile=bundle)
        except (OSError, ssl.SSLError) as error:
            raise BundleUnreadable(
                f"UCS_CA_BUNDLE names {bundle}, which can't be read as certificates "
                f"({error.strerror or error}): give the path of a PEM file, or leave the setting empty."
            ) from error
    return made
