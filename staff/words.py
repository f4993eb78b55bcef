"""The words that scripts write, as a script: one for each language, kept by browsers until it changes."""

from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from django.conf import settings
from django.utils import translation
from django.views.i18n import JavaScriptCatalog


class Words(NamedTuple):
    """The script of one language, and what its address changes with."""

    script: bytes
    digest: str


class _Catalogue(JavaScriptCatalog):
    """Ours alone: the administration's scripts have their own."""

    packages = ["ucs"]

    def get_paths(self, packages: list[str]) -> list[str]:
        return [str(path) for path in settings.LOCALE_PATHS]


@lru_cache
def words(language: str) -> Words:
    """Read a catalogue; this process reads it once.

    :param language: one of `agents.interface.CODES`.
    """
    with translation.override(language):
        script = _Catalogue().get(None).content  # type: ignore[arg-type]  # it asks the request for nothing
    return Words(script, sha256(script).hexdigest()[:16])
