"""The editor on a screen, and what it knows of a draft: two of them don't overwrite each other unseen."""

import secrets
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from queues.models import Draft, FirstDraft, NoteDraft
from queues.refusals import DraftConflict

Written = Draft | FirstDraft | NoteDraft
HEAD = ("to", "cc", "subject")


@dataclass(frozen=True, slots=True)
class Window:
    """An editor on a screen: its own name, and the version of the draft that it knows; 0: of none.

    `saves` counts what it has sent to be saved, this time included. `heir_of` names the editor whose text it
    has taken over when the page was loaded again, after `heir_saves` of that one: what that sent later, as it
    lives on in another tab, this one has never seen.
    """

    name: str
    version: int
    heir_of: str = ""
    saves: int = 0
    heir_saves: int = 0

    def knows(self, draft: Written) -> bool:
        """Whether nobody else has saved since it looked."""
        return draft.version == self.version or self._is_own(draft) or self._is_taken_over(draft)

    def is_overtaken(self, draft: Written) -> bool:
        """Whether it has saved something newer already, and this was long on its way."""
        return self._is_own(draft) and self.saves < draft.window_saves

    def _is_own(self, draft: Written) -> bool:
        return bool(draft.window) and draft.window == self.name

    def _is_taken_over(self, draft: Written) -> bool:
        is_heir = bool(draft.window) and draft.window == self.heir_of
        return is_heir and draft.window_saves <= self.heir_saves


def first_version() -> int:
    """Where a new draft begins to count: one that was thrown away must not have been there before."""
    return secrets.randbelow(10**9) + 1


def check_same(before: Written | None, window: Window | None, typed: dict[str, Any]) -> None:
    """What another window has saved is not overwritten unseen; the same twice is no conflict."""
    if before is None or window is None or window.knows(before) or not (before.text.strip() or before.html):
        return
    others = [name for name in HEAD if name in typed and _words(typed[name]) != _words(getattr(before, name))]
    is_same = (before.text.rstrip(), before.html) == (typed["text"].rstrip(), typed.get("html", ""))
    if others or not is_same:
        told = [*(_line(before, name) for name in others), before.text]
        raise DraftConflict("\n\n".join(told), before.version)


def _words(value: str | list[str]) -> str:
    return (value if isinstance(value, str) else ", ".join(value)).strip()


def _line(draft: Written, name: str) -> str:
    """What differs beside the words, for who chooses between two texts that look the same."""
    names = {"to": _("To"), "cc": _("Cc"), "subject": _("Subject")}
    return f"{names[name]}: {_words(getattr(draft, name)) or '–'}"


def is_late(before: Written, window: Window, typed: dict[str, Any]) -> bool:
    """What comes after something newer of the same window; or what a page that was left still sends, and the
    one in its place has saved already: that one goes on.
    """
    is_echo = not window.knows(before) and all(
        getattr(before, name) == value for name, value in typed.items()
    )
    return is_echo or window.is_overtaken(before)
