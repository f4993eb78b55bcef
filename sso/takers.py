"""Which mail servers are given a provider's tokens; any other is refused, on the form and at each sign-in.

Whoever may change sources and senders says which server a password goes to. A token opens a mailbox at the
provider, so where it goes is said by those who may change the provider: the servers of its kind
(presets.toml), its SMTP server, and the list on its page. The same for the tokens of a token server.
"""

from sso import serverlist
from sso.causes import Cause
from sso.connection_models import TokenServer
from sso.models import SSOProvider
from sso.oauth import SignInError
from sso.providers import preset

FIELD = "Servers that may get its tokens"
CAUSE = Cause("server_not_listed", "provider.mail_servers")


class NotItsServer(SignInError):
    """The token would go to a server that nobody has allowed for it."""

    cause = CAUSE


def check_provider(provider_id: int, host: str) -> None:
    """Refuse a server that this provider's tokens are not for; an unknown provider has none to refuse.

    :raises NotItsServer: in words for the administrator.
    """
    fields = ("type", "name", "smtp_server", "mail_servers")
    provider = SSOProvider.objects.only(*fields).filter(pk=provider_id).first()
    if provider and not serverlist.is_listed(host, servers_of(provider)):
        raise NotItsServer(
            f"{_named(host)} is not among the servers that may get tokens of {provider}: correct the server "
            f"address, or add the server under “{FIELD}” of {provider} (☰ System → SSO providers)."
        )


def check_token_server(server: TokenServer, host: str) -> None:
    """The same for a token that another installation gives.

    :raises NotItsServer: in words for the administrator.
    """
    if not serverlist.is_listed(host, serverlist.listed(server.mail_servers)):
        raise NotItsServer(
            f"{_named(host)} is not among the servers that may get tokens of the token server “{server}”: "
            f"correct the server address, or add the server under “{FIELD}” there (☰ System → Token "
            "servers)."
        )


def servers_of(provider: SSOProvider) -> tuple[str, ...]:
    """All that are allowed, as entries of a list."""
    own = serverlist.listed(f"{provider.smtp_server} {provider.mail_servers}")
    return (*preset(provider.type).servers, *own)


def _named(host: str) -> str:
    return host or "A server without a name"
