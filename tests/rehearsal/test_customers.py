"""What the customers write, and that they answer an answer in its thread."""

import asyncio
import email
import email.policy
import random
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest

from rehearsal.customers.crowd import Crowd, Customer, Habits
from rehearsal.customers.drawings import invoice_pdf, parcel_png
from rehearsal.customers.letters import MAILBOXES, Language, Letter, read_library
from rehearsal.customers.writing import Writer, plain_text
from rehearsal.mail.post import PostOffice
from rehearsal.world import Options
from tests.rehearsal.conftest import PASSWORD, RunningWorld, start_world, wait_for

SUPPORT = "support@company.example"
LIBRARY = read_library()


def parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    """A world whose customers write only when told, and answer at once."""
    habits = Habits(every=3600, burst=0, answer_after=(0, 0))
    running, stop = start_world(Options(folder=tmp_path_factory.mktemp("lively"), habits=habits))
    yield running
    stop()


def make_reply(letter: EmailMessage, **headers: str) -> EmailMessage:
    """An agent's answer, with an id longer than Python folds well."""
    reply = EmailMessage(email.policy.SMTP)
    reply["From"] = f"Company Support <{SUPPORT}>"
    reply["To"] = str(letter["From"])
    reply["Subject"] = f"Re: {letter['Subject']}"
    reply["Message-ID"] = f"<{'t' * 80}.{random.getrandbits(60)}@company.example>"
    for name, value in {"In-Reply-To": str(letter["Message-ID"]), **headers}.items():
        reply[name] = value
    reply.set_content("Hello,\n\nwe have looked into it.\n\nAlice")
    return reply


def send(world: RunningWorld, mail: EmailMessage) -> None:
    # Not by the library's own generator: it would fold the long id.
    raw = mail.as_bytes(policy=email.policy.SMTP.clone(max_line_length=None))
    kind: dict[str, Any] = {"start_tls": True, "tls_context": world.tls, "timeout": 10}
    kind |= {"username": SUPPORT, "password": PASSWORD}

    async def submit() -> None:
        smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=world.port("mail.company.example", 587), **kind)
        async with smtp:
            await smtp.sendmail(SUPPORT, [mail["To"].addresses[0].addr_spec], raw)

    asyncio.run(submit())


def write(world: RunningWorld, language: str = "cs") -> tuple[EmailMessage, Customer]:
    letter = world.run(world.world.crowd.write_to(SUPPORT, language))
    return letter, world.world.crowd.customers[letter["From"].addresses[0].addr_spec]


def inbox(world: RunningWorld) -> list[EmailMessage]:
    with world.imap("mail.company.example") as client:
        client.login(SUPPORT, PASSWORD)
        client.select_folder("INBOX", readonly=True)
        found = client.search()
        return [parse(part[b"BODY[]"]) for part in client.fetch(found, ["BODY[]"]).values()] if found else []


def answers_to(world: RunningWorld, reply: EmailMessage) -> list[EmailMessage]:
    wanted = str(reply["Message-ID"])
    return [mail for mail in inbox(world) if str(mail.get("In-Reply-To", "")).strip() == wanted]


def test_customer_answers_in_the_thread_of_the_reply(lively: RunningWorld) -> None:
    letter, _ = write(lively, "de")
    reply = make_reply(letter, References=str(letter["Message-ID"]))
    send(lively, reply)
    answer = wait_for(lambda: answers_to(lively, reply))[-1]
    assert str(answer["References"]).split() == [str(letter["Message-ID"]), str(reply["Message-ID"])]
    assert (answer["To"], answer["From"]) == (SUPPORT, letter["From"])
    assert str(answer["Subject"]) == f"Re: {letter['Subject']}"
    text = plain_text(answer)
    german = LIBRARY.languages["de"]
    assert text.splitlines()[0] in german.thanks + german.questions
    assert "> we have looked into it." in text


def test_customer_falls_silent_after_three_rounds(lively: RunningWorld) -> None:
    letter, customer = write(lively, "en")
    replies = [make_reply(letter, References=str(letter["Message-ID"])) for _ in range(5)]
    for reply in replies:
        send(lively, reply)
    wait_for(lambda: customer.rounds[str(letter["Message-ID"])] >= 5)
    lively.run(asyncio.sleep(0.1))
    answers = [mail for reply in replies for mail in answers_to(lively, reply) if not mail["Auto-Submitted"]]
    assert 1 <= len(answers) <= 3


def _replies(customer: Customer) -> int:
    return sum(not mail.sent_by_customer and mail.text.startswith("Hello,") for mail in customer.mails)


def test_automatic_mail_is_read_and_not_answered(lively: RunningWorld) -> None:
    letter, customer = write(lively, "fr")
    reply = make_reply(letter, **{"Auto-Submitted": "auto-replied"})
    send(lively, reply)
    wait_for(lambda: _replies(customer))
    lively.run(asyncio.sleep(0.1))
    assert answers_to(lively, reply) == []


def test_letters_of_every_kind_are_whole_mails() -> None:
    kinds = set()
    for language in LIBRARY.languages.values():
        for letter in language.letters:
            mail = parse(make_letter(language, letter).as_bytes())
            text = plain_text(mail)
            assert "{" not in str(mail["Subject"]) + text, letter.subject
            assert "  " not in str(mail["Subject"])
            assert not mail.defects
            kinds.add((letter.form, letter.attachment, letter.charset))
    assert len(kinds) >= 6


def make_letter(language: Language, letter: Letter) -> EmailMessage:
    return Writer(language.people[0], language, random.Random(1)).first_mail(letter, SUPPORT)


def test_every_language_has_letters_for_every_mailbox_and_enough_of_them_exist() -> None:
    assert sum(len(language.letters) for language in LIBRARY.languages.values()) >= 30
    for language in LIBRARY.languages.values():
        for mailbox in MAILBOXES.values():
            assert language.letters_to(mailbox), (language.tag, mailbox)


def test_photo_stands_in_the_text_and_invoice_is_attached() -> None:
    english = LIBRARY.languages["en"]
    [photo] = [letter for letter in english.letters if letter.form == "photo"]
    mail = parse(make_letter(english, photo).as_bytes())
    [image] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    page = mail.get_body(("html",))
    assert page is not None
    assert f"cid:{str(image['Content-ID'])[1:-1]}" in page.get_content()
    [invoice] = [letter for letter in english.letters if letter.attachment]
    [attached] = parse(make_letter(english, invoice).as_bytes()).iter_attachments()
    assert attached.get_content_type() == "application/pdf"


def test_drawings_are_what_they_say() -> None:
    assert parcel_png(1).startswith(b"\x89PNG\r\n")
    assert parcel_png(1) != parcel_png(2)
    document = invoice_pdf("INV-1", "2026-1")
    assert int(document.rsplit(b"startxref\n", 1)[1].split()[0]) == document.index(b"xref\n")


def test_burst_reaches_all_mailboxes_in_four_languages() -> None:
    received: list[EmailMessage] = []

    async def box(raw: bytes) -> None:
        received.append(parse(raw))

    async def live() -> Crowd:
        post = PostOffice(dict.fromkeys(MAILBOXES.values(), box))
        crowd = Crowd(post, Habits(), seed=1)
        for _ in range(crowd.habits.burst):
            await crowd.write()
        return crowd

    crowd = asyncio.run(live())
    assert {str(mail["To"]) for mail in received} == set(MAILBOXES.values())
    speakers = {str(mail["From"].addresses[0].addr_spec) for mail in received}
    assert {crowd.customers[address].person.language for address in speakers} >= {"cs", "de", "en", "es"}


def test_mailbox_that_never_answers_gets_fewer_letters() -> None:
    async def box(raw: bytes) -> None:
        return

    async def live() -> Crowd:
        post = PostOffice(dict.fromkeys(MAILBOXES.values(), box))
        crowd = Crowd(post, Habits(patience=3, slow=3600), seed=1)
        for _ in range(60):
            await crowd.write()
        return crowd

    assert {len(letters) for letters in asyncio.run(live()).unanswered.values()} == {3}


def test_answered_letter_is_no_longer_counted(lively: RunningWorld) -> None:
    letter, customer = write(lively, "es")
    waiting = lively.world.crowd.unanswered[SUPPORT]
    assert str(letter["Message-ID"]) in waiting
    send(lively, make_reply(letter))
    wait_for(lambda: _replies(customer))
    assert str(letter["Message-ID"]) not in waiting


def test_away_customer_sends_an_automatic_reply_first(lively: RunningWorld) -> None:
    crowd = lively.world.crowd
    [away] = [one for one in crowd.customers.values() if one.person.away and one.person.language == "en"]
    letter = away.writer.first_mail(away.writer.language.letters[0], SUPPORT)
    reply = make_reply(letter)
    send(lively, reply)
    first, second = wait_for(lambda: _pair(answers_to(lively, reply)))
    assert [first["Auto-Submitted"], second["Auto-Submitted"]] == ["auto-replied", None]
    assert str(first["Subject"]).startswith("Automatic reply: ")


def _pair(mails: list[EmailMessage]) -> list[EmailMessage]:
    return mails if len(mails) == 2 else []
