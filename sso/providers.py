"""The kinds of providers, read from a file of presets: one more kind is one more table there."""

import tomllib
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from sso.models import SSOProvider

BUILT_IN = Path(__file__).with_name("presets.toml")


@dataclass(frozen=True)
class Preset:
    """What all providers of one type have in common; see presets.toml for the fields."""

    authority: str = ""
    authorization_url: str = ""
    token_url: str = ""
    refresh_url: str = ""
    userinfo_url: str = ""
    issuer: str = ""
    revoke_url: str = ""
    scope: str = ""
    mail_scopes: tuple[str, ...] = ()
    identity: str = ""
    claims: tuple[str, ...] = ("email",)
    app_scope: str = ""
    console: str = "the provider's console"
    imap: str = ""
    smtp: str = ""
    servers: tuple[str, ...] = ()
    authorization_parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Endpoints:
    """Where one provider is asked. `userinfo_url` may be empty."""

    authorization_url: str
    token_url: str
    refresh_url: str
    userinfo_url: str


def preset(kind: str) -> Preset:
    """The preset of a provider type, such as "google".

    settings.SSO_PRESETS may name another file, whose values are laid over the built-in ones.
    """
    return _presets(Path(settings.SSO_PRESETS))[kind]


def endpoints(provider: SSOProvider) -> Endpoints:
    """The provider's own URLs where it has them, else those of its type."""
    common = preset(provider.type)
    own_server = provider.token_url or provider.authorization_url
    token_url = provider.token_url or _filled(common.token_url, provider)
    return Endpoints(
        authorization_url=provider.authorization_url or _filled(common.authorization_url, provider),
        token_url=token_url,
        refresh_url=provider.refresh_url or provider.token_url or _filled(common.refresh_url, provider),
        # The preset's user information knows nothing of tokens that another server gave.
        userinfo_url=provider.userinfo_url or ("" if own_server else common.userinfo_url),
    )


def issuer(provider: SSOProvider) -> str:
    """Below which address the provider describes itself (OpenID Connect Discovery 1.0); "" if unknown."""
    return provider.issuer or _filled(preset(provider.type).issuer, provider)


def origins(provider: SSOProvider) -> set[str]:
    """The servers that are told the client secret."""
    found = endpoints(provider)
    parts = [urlsplit(url) for url in (found.token_url, found.refresh_url)]
    return {f"{each.scheme}://{each.netloc}".lower() for each in parts}


def mail_server(provider: SSOProvider, protocol: str) -> tuple[str, str]:
    """Name and port of the server that takes this provider's tokens, "" when unknown.

    :param protocol: imap or smtp.
    """
    if protocol == "smtp" and provider.smtp_server:
        return provider.smtp_server, str(provider.smtp_port or 587)
    host, _, port = str(getattr(preset(provider.type), protocol)).partition(":")
    return host, port


def _filled(url: str, provider: SSOProvider) -> str:
    """A preset's URL with what is the provider's own; not `format`, as a URL may hold other braces."""
    authority = (provider.authority or preset(provider.type).authority).rstrip("/")
    return url.replace("{authority}", authority).replace("{tenant}", provider.tenant)


@lru_cache(maxsize=4)
def _presets(path: Path) -> dict[str, Preset]:
    tables = _read(BUILT_IN)
    for kind, table in _read(path).items() if path != BUILT_IN else ():
        tables[kind] = tables.get(kind, {}) | table
    known = {one.name for one in fields(Preset)}
    return {
        kind: Preset(**{name: _frozen(value) for name, value in table.items() if name in known})
        for kind, table in tables.items()
    }


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _read(path: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
