"""The kinds of providers, read from a file of presets: one more kind is one more table there."""

import tomllib
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from sso.models import SSOProvider

BUILT_IN = Path(__file__).with_name("presets.toml")


@dataclass(frozen=True)
class Preset:
    """What all providers of one type have in common; see presets.toml for the fields."""

    authorization_url: str
    token_url: str
    refresh_url: str
    userinfo_url: str = ""
    revoke_url: str = ""
    scope: str = ""
    mail_scope: str = ""
    identity: str = ""
    console: str = "the provider's console"
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
    return Endpoints(
        authorization_url=provider.authorization_url or common.authorization_url,
        token_url=provider.token_url or common.token_url,
        refresh_url=provider.refresh_url or provider.token_url or common.refresh_url,
        # The preset's user information knows nothing of tokens that another server gave.
        userinfo_url="" if own_server else common.userinfo_url,
    )


@lru_cache(maxsize=4)
def _presets(path: Path) -> dict[str, Preset]:
    tables = _read(BUILT_IN)
    for kind, table in _read(path).items() if path != BUILT_IN else ():
        tables[kind] = tables.get(kind, {}) | table
    known = {one.name for one in fields(Preset)}
    return {
        kind: Preset(**{name: value for name, value in table.items() if name in known})
        for kind, table in tables.items()
    }


def _read(path: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
