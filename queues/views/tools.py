"""The buttons in the head of a conversation: what can be done with it, and why not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents.rights import is_supervisor
from queues import holding
from queues.holding import Held
from queues.models import Conversation
from queues.ownership import holder
from queues.views.gate import DeskRequest
from queues.views.lists import Place

SNOOZE_CHOICES = (  # when that is, static/desk/snooze.js says: by the reader's own clock
    ("hour", gettext_lazy("In an hour")),
    ("evening", gettext_lazy("This evening")),
    ("tomorrow", gettext_lazy("Tomorrow")),
    ("monday", gettext_lazy("On Monday")),
)
State = Conversation.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A button: what it does, and why not, when it can't."""

    name: str
    label: str
    icon: str
    key: str = ""
    url: str = ""
    menu: str = ""
    reason: str = ""
    primary: bool = False
    dialog: bool = False
    inner: tuple["Tool", ...] = ()


def toolbar(request: DeskRequest, row: Conversation, where: Place, now: datetime) -> dict[str, Any]:
    """What the head needs for them."""
    blocked = not_mine(request, row)
    return {
        "tools": _tools(request, row, where),
        "snooze_choices": SNOOZE_CHOICES,
        "reply_reason": _("It is held: let it go first.") if row.state == State.HELD else blocked,
        "held_count": len(holding.held(request.user, Held(contact=row.contact)))
        if row.state == State.HELD
        else 0,
        "may_close_held": is_supervisor(request.user),
    }


def not_mine(request: DeskRequest, row: Conversation) -> str:
    """Why the user must not touch it: it is a colleague's."""
    if row.merged_into_id is not None:
        return _("It was merged into another conversation, where everything of it is now.")
    if row.agent is None or row.state in (State.WAITING, State.CLOSED):
        return ""
    if row.agent.user_id == request.user.pk or is_supervisor(request.user):
        return ""
    return _("It is with %(agent)s: take it over first.") % {"agent": row.agent}


def _tools(request: DeskRequest, row: Conversation, where: Place) -> list[Tool]:
    """The buttons of the head, in this order; those that make no sense in a state are left out."""
    blocked = not_mine(request, row)
    mine = row.agent is not None and row.agent.user_id == request.user.pk
    own = _Urls(row, where)
    if row.merged_into_id is not None:
        return []
    merge = own.tool("merge", _("Merge"), "merge", key="m", dialog=True, reason=blocked)
    if row.state == State.CLOSED:
        again = own.tool("reopen", _("Reopen"), "reopen", key="e", primary=True)
        none = own.tool("not-spam", _("Not spam"), "spam", key="e", primary=True)
        return [none if row.spam_at else again, merge, own.more()]
    if row.state == State.HELD:
        return [
            own.tool("let_go", _("Let it go"), "next", key="t", primary=True),
            own.tool("close", _("Close"), "close", key="e"),
            own.tool("held", _("All of this sender"), "held", menu="desk/menu_held.html"),
            merge,
            own.more(),
        ]
    found = []
    if row.state == State.SNOOZED and mine:
        found.append(own.tool("take", _("Wake"), "take", key="t", primary=True))
    elif holder(row) is not None and not mine:
        found.append(own.tool("take-over", _("Take over"), "take", key="t", dialog=True))
    elif not mine or row.state not in (State.ASSIGNED, State.PENDING):
        found.append(own.tool("take", _("Take"), "take", key="t", primary=True))
    if row.state in (State.ASSIGNED, State.SNOOZED) and mine:  # of a colleague's, “Transfer” does it
        found.append(own.tool("release", _("Release"), "release"))
    found.append(own.tool("close", _("Close"), "close", key="e", reason=blocked))
    found.append(
        own.tool("snooze", _("Snooze"), "snoozed", key="b", menu="desk/menu_snooze.html", reason=blocked)
    )
    found.append(own.tool("transfer", _("Transfer"), "transfer", key="a", dialog=True, reason=blocked))
    return [*found, merge, own.more(blocked)]


@dataclass(frozen=True, slots=True)
class _Urls:
    """Makes the buttons of one conversation."""

    row: Conversation
    where: Place

    def tool(self, name: str, label: str, icon: str, **extra: Any) -> Tool:
        return Tool(
            name=name,
            label=label,
            icon=icon,
            url="" if "menu" in extra else reverse(name, args=[self.row.pk]) + self.where.query,
            **extra,
        )

    def more(self, blocked: str = "") -> Tool:
        """What is done more rarely."""
        state, inner = self.row.state, []
        if state not in (State.CLOSED, State.HELD, State.PENDING):
            inner.append(self.tool("await-customer", _("Customer’s turn"), "pending", key="u"))
        if self.row.spam_at is None:
            inner.append(self.tool("spam", _("Spam"), "spam", key="!"))
        return self.tool(
            "more", _("More"), "more", menu="desk/menu_more.html", reason=blocked, inner=tuple(inner)
        )
