"""Who acts: a person, a program with a key, a command in a terminal, or the product by itself.

A request's place is remembered while it is answered, so that whoever writes a row need not pass it on.
"""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.models import User as UserRow
from django.http import HttpRequest, HttpResponse

LONGEST_BROWSER = 120

User = UserRow | AnonymousUser


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, as it stands in a row.

    :param kind: user, key, command, system or stranger.
    :param pk: the user, also of who acts by a key; None for the others.
    """

    kind: str
    name: str
    pk: int | None = None

    @classmethod
    def command(cls, name: str) -> "Actor":
        """A management command, with the account of the machine that runs it."""
        try:
            account = getpass.getuser()
        except (KeyError, OSError):  # a container's user need not have a name
            account = "unknown"
        return cls("command", f"manage.py {name} ({account})")


SYSTEM = Actor("system", "UCS Email")
STRANGER = Actor("stranger", "somebody")


@dataclass(slots=True)
class Place:
    """Where a request came from, and the API key that it showed once that is known."""

    request: HttpRequest
    ip: str | None
    browser: str
    key: str = ""


_place: ContextVar[Place | None] = ContextVar("audit_place", default=None)
_acting: ContextVar[Actor | None] = ContextVar("audit_actor", default=None)


class PlaceMiddleware:
    """Remembers where the request comes from while it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before = _place.set(Place(request, address_of(request), browser_of(request)))
        try:
            return self.get_response(request)
        finally:
            _place.reset(before)


def address_of(request: HttpRequest) -> str | None:
    """The address of who asks; None for a socket, which has none."""
    try:
        return str(ip_address(str(request.META.get("REMOTE_ADDR", ""))))
    except ValueError:
        return None


def browser_of(request: HttpRequest) -> str:
    """What the program calls itself, cut short, without what could break a line of the log."""
    told = str(request.META.get("HTTP_USER_AGENT", ""))[:LONGEST_BROWSER]
    return "".join(sign if sign.isprintable() else " " for sign in told)


def place() -> Place | None:
    """Where the request comes from that is answered now; None outside of requests."""
    return _place.get()


def came_with_key(name: str) -> None:
    """The request showed this API key: rows say so from now on."""
    if here := _place.get():
        here.key = name


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Whoever writes a row in here without saying who acts, means this one."""
    before = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(before)


def who(given: "User | Actor | None") -> Actor:
    """The one that a row names; of nobody given, who acts here, else whose request this is."""
    if isinstance(given, Actor):
        return given
    if given is None and (actor := _acting.get()):
        return actor
    here = _place.get()
    user: Any = given if given is not None or here is None else getattr(here.request, "user", None)
    if user is None:
        return SYSTEM if here is None else STRANGER
    if not user.is_authenticated:
        return STRANGER
    if here and here.key:
        return Actor("key", f"{user.get_username()} ({here.key})", user.pk)
    return Actor("user", user.get_username(), user.pk)
