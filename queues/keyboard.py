"""The keys of the desk: said here once, for the help, the palette and static/desk/keys.js."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the help. `keys` are alternatives, "g m" is one after the other.

    `command` is what keys.js does when one is pressed and what the palette offers; without one it is done
    elsewhere, while one writes. `also` are other words by which the palette finds it.
    """

    keys: tuple[str, ...]
    label: Any
    command: str = ""
    in_palette: bool = True
    also: Any = ""
    is_supervisors: bool = False

    @property
    def shown(self) -> list[list[str]]:
        """The caps to draw."""
        return [each.split() for each in self.keys]

    @property
    def pressed(self) -> str:
        """For the script: alternatives with a bar between."""
        return "|".join(self.keys)


DOING = (
    Key(("Ctrl K",), _("everything by name: the palette"), "palette", in_palette=False),
    Key(("t",), _("take"), "take", also=_("assign to me")),
    Key(("r",), _("reply"), "reply"),
    Key(("R",), _("reply to all, or to the author alone"), "reply-all", also=_("everybody, Cc")),
    Key(("F",), _("forward to somebody else"), "forward", also=_("ask outside")),
    Key(("s",), _("reply with a snippet or a macro"), "snippet"),
    Key(("n",), _("internal note"), "note"),
    Key(("a",), _("transfer to a colleague or a queue"), "transfer", also=_("assign, move, hand over")),
    Key(("b",), _("snooze"), "snooze", also=_("later, remind me")),
    Key(("u",), _("it is the customer’s turn"), "await-customer", also=_("pending, wait for the answer")),
    Key(("T",), _("put a tag on"), "tag", also=_("label")),
    Key(("!",), _("spam, or not"), "spam", also=_("junk")),
    Key(("f",), _("follow, or no longer"), "follow"),
    Key(("w",), _("whisper a note (supervisors)"), "whisper", is_supervisors=True),
    Key(("e",), _("close or reopen"), "close", also=_("done, solved")),
    Key(("m",), _("merge into another one"), "merge"),
    Key(("v",), _("everything about the contact"), "contact"),
    Key(("z",), _("undo what was done last"), "undo", also=_("take back")),
)
WRITING = (
    Key(("Ctrl Enter",), _("send, or add the note")),
    Key(("Ctrl Shift Enter",), _("send, then take the next one")),
    Key(("Ctrl Alt Enter",), _("send and close")),
    Key(("Ctrl B", "I", "K"), _("while writing: bold, italic, link")),
    Key(("/",), _("while writing: snippets and macros")),
    Key(("@",), _("in a note: mention a colleague")),
)
CHOOSING = (
    Key(("j",), _("next conversation"), "next", in_palette=False),
    Key(("k",), _("previous conversation"), "previous", in_palette=False),
    Key(("Enter", "o"), _("open it"), "open", in_palette=False),
    Key(("x",), _("select it, or not"), "select"),
    Key(("J", "Shift ↓"), _("select on to the next"), "select-next", in_palette=False),
    Key(("K", "Shift ↑"), _("select on to the previous"), "select-previous", in_palette=False),
    Key(("A",), _("select all that are shown; again: all that are found"), "select-all"),
    Key((gettext_noop("Space"),), _("read on in the mails")),
    Key(("/",), _("search"), "search"),
    Key(("l",), _("save this list as a view"), "save-view"),
)
GOING = (
    Key(("g n",), _("take the next one"), "take-next"),
    Key(("g m",), _("mine"), "view-mine"),
    Key(("g w",), _("waiting for me"), "view-waiting"),
    Key(("g u",), _("unassigned"), "view-unassigned"),
    Key(("g p",), _("customer’s turn"), "view-pending"),
    Key(("g t",), _("mentions of me"), "view-mentions"),
    Key(("g s",), _("snoozed"), "view-snoozed"),
    Key(("g h",), _("held"), "view-held"),
    Key(("g c",), _("closed"), "view-closed"),
    Key(("g j",), _("spam"), "view-spam"),
    Key(("g a",), _("all"), "view-all"),
    Key(("g q",), _("a queue or a saved view"), "queues", in_palette=False),
    Key(("g k",), _("contacts"), "view-contacts"),
)
ALWAYS = (
    Key(("c",), _("new conversation"), "compose", also=_("write, compose")),
    Key(("y",), _("open what is offered to you"), "offer"),
    Key(("p",), _("presence: available, away, offline"), "presence"),
    Key(("i",), _("what you were told"), "told"),
    Key(("?",), _("this help"), "help"),
    Key(("Esc",), _("leave a field, close a menu, select nothing")),
)
COLUMNS = (DOING, (*WRITING, *CHOOSING), (*GOING, *ALWAYS))


def columns(*, is_supervisor: bool) -> list[list[Key]]:
    """The columns of the help, with what this person may do."""
    return [[key for key in column if is_supervisor or not key.is_supervisors] for column in COLUMNS]
