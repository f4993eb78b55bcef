"""An OAuth 2.0 and OpenID Connect provider that behaves like Google, built on Authlib.

>>> server = OAuthServer(accounts=[Account("mailbox.email@company.com", "Company mailbox")])
>>> server.start()
>>> server.endpoints()["token_url"]  # doctest: +SKIP
'http://127.0.0.1:53123/token'
>>> server.stop()
"""

from rehearsal.oauth.server import OAuthServer, TLSPort
from rehearsal.oauth.store import MAIL_SCOPE, Account, Client, Faults, Refusal

__all__ = ["MAIL_SCOPE", "Account", "Client", "Faults", "OAuthServer", "Refusal", "TLSPort"]
