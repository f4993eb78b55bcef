"""What stands in English in the code reaches who reads another language in that one."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone, translation

from agents.interface import LANGUAGES
from mailcore.parsed import Failure, Reason
from mailcore.reasons import WORDS, advice
from mailsenders import outbox, returned
from mailsenders.answers import UNKNOWN_END, Kind, Phase, Place, Verdict, meanings
from mailsenders.delivery import INFECTED
from mailsenders.models import OutgoingMail, OutgoingRecipient
from queues import actions, cards, deliveries, losses
from queues.bulk import Progress
from queues.models import BulkAct, Conversation, Event
from queues.sayings import told
from queues.sayings_unsent import UNSENT
from queues.views.bulk import told as progress_of
from tests.make import make_agent, make_mail, make_queue, receive
from tests.queues.test_bounces import MAX, fields, report

SPOKEN = [code for code, _ in LANGUAGES if code != "en"]
CARD = "4111 1111 1111 1111"
TOKEN = "0b9a3b6e-6d5e-4b52-9f39-1f4f6c2f6a10"


def returned_mail() -> Conversation:
    """Alice's answer came back, for no reason that is Max's fault alone."""
    alice = make_agent("alice")
    message = receive(make_queue([alice]), make_mail(From=f"Max <{MAX}>"))
    sent = actions.reply(alice.user, message.conversation, actions.Reply(text="It is on its way.", to=(MAX,)))
    OutgoingMail.objects.update(state="sent", sent_at=timezone.now())
    OutgoingRecipient.objects.update(state="accepted", answer="250 Ok")
    headers = f"Message-ID: <{sent.message_id}>\r\n"
    receive(message.conversation.queue, report(fields(MAX, "552 5.2.2 mailbox full"), headers))
    return Conversation.objects.get(pk=message.conversation.pk)


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("reason", [each for each in Reason if WORDS[each]])
def test_why_a_mail_came_back(language: str, reason: Reason) -> None:
    said = "mx.example.org: 550 5.1.1 see https://example.org; no – really"
    sentence = returned.sentence(Failure(MAX, reason=reason, answer=said))
    assert sentence.endswith(advice(reason))
    history = f"The answer could not be delivered to {MAX}: {sentence}; the recipient: {sentence}."
    with translation.override(language):
        words = told(sentence)
        assert words.startswith(f"{said} – ")
        assert told(history).count(words) == 2
        for english in (WORDS[reason], "another try", "a later try", "the recipient: "):
            assert english not in told(history)


@pytest.mark.parametrize(
    ("sentence", "german"),
    [
        ("The contact is blocked. It is held until somebody lets it go.", "Der Kontakt ist gesperrt."),
        ("#7 from the same sender was spam: look before it is offered to anybody.", "#7 vom selben Absender"),
        ("Ann answered it in #7 (Orders).", "Ann hat sie in #7 (Orders) beantwortet."),
        (
            "It comes back to Eve without billing ≥ 3, as Bob decided.",
            "Sie kommt zu Eve zurück, ohne billing",
        ),
        (f"{cards.FOUND['reject']} The sender was told.", "Der Absender wurde benachrichtigt."),
        (
            f"{cards.FOUND['reject']} The sender was not told. 20 acknowledgements went to example.org in an "
            "hour: perhaps to a machine.",
            "wurde nicht benachrichtigt. 20 Eingangsbestätigungen",
        ),
        (f"The answer could not be delivered to {MAX}. Check the address; it is with Ann.", "bei Ann."),
        (
            "When it is late: Orders has no supervisor among its members, so nobody was told.",
            "Wenn sie überfällig ist: Orders",
        ),
        ("Ann – Sales closed it.", "Ann – Sales hat sie geschlossen."),
    ],
)
def test_a_line_of_the_history(sentence: str, german: str) -> None:
    with translation.override("de"):
        assert german in told(sentence)
        assert not {"the", "it", "The", "It"} & set(told(sentence).split())


ABOUT_THE_MAIL = [
    each
    for each in meanings().values()
    if each.kind is not Kind.PARK or each.name in ("slower", "too_many_connections")
]
"""The others are about the sender, for who administers it."""


@pytest.mark.parametrize("verdict", ABOUT_THE_MAIL, ids=lambda verdict: verdict.name)
@pytest.mark.parametrize("language", SPOKEN)
def test_why_a_mail_did_not_leave(language: str, verdict: Verdict) -> None:
    """Of several recipients each has a sentence, and they stand together."""
    place = Place("Orders", "smtp.example.com:587", "orders", "orders@example.com")
    lost = f"no answer from {place.server} while {Phase.DOT}"
    sentence = place.sentence(verdict, lost if verdict is UNKNOWN_END else "450 4.2.1 a (b): c")
    with translation.override(language):
        shown = UNSENT.told_within(f"max@x.example: {sentence} eva@x.example: {sentence}")
    assert shown.count("smtp.example.com:587") == (4 if verdict is UNKNOWN_END else 2)
    assert not [
        each for each in (verdict.cause, verdict.remedy.format(sender="Orders"), lost) if each in shown
    ]
    assert shown.startswith("max@x.example: smtp.example.com:587 ")
    assert " eva@x.example: smtp.example.com:587 " in shown


@pytest.mark.parametrize(
    "sentence",
    [
        INFECTED.format(virus="Eicar"),
        outbox.NOT_EMPTY,
        outbox.UNSIGNED,
        *(f"smtp.example.com:587 closed the connection while {phase}: it is tried again." for phase in Phase),
        "The Sent folder “Sent” was looked through 3 times, and the mail is not in it; it is not looked for "
        "any more. That proves nothing: ask the recipient.",
    ],
)
@pytest.mark.parametrize("language", SPOKEN)
def test_a_line_about_a_mail_that_waits(language: str, sentence: str) -> None:
    with translation.override(language):
        assert not {"the", "The", "it", "is"} & set(UNSENT.told_within(sentence).split())
    assert UNSENT.told_within(sentence) == sentence


@pytest.mark.django_db
class TestWhatCameBack:
    def test_the_history_and_the_mail_say_why_in_german(self) -> None:
        row = returned_mail()
        event, mail = Event.objects.get(kind="bounced"), OutgoingMail.objects.get()
        assert "the recipient's mailbox is full; a later try may work. Check the address" in event.sentence
        with translation.override("de"):
            shown = deliveries.delivery(mail, timezone.now())
            assert shown.back[0].endswith(
                "das Postfach des Empfängers ist voll; ein späterer Versuch kann gelingen"
            )
            assert "das Postfach des Empfängers ist voll; ein späterer" in told(event.sentence)
            assert "Adresse" in told(event.sentence)
            assert "Check" not in told(event.sentence)
            found = losses.losses([MAX], timezone.now(), row)[MAX]
            assert found.sentence.endswith("das Postfach des Empfängers ist voll.")

    def test_a_server_that_gave_no_reason(self) -> None:
        row = returned_mail()
        OutgoingRecipient.objects.update(reason="", answer="")
        with translation.override("cs"):
            found = losses.losses([MAX], timezone.now(), row)[MAX]
            assert found.sentence.endswith("server neuvedl důvod.")

    def test_a_late_mail(self) -> None:
        returned_mail()
        OutgoingRecipient.objects.update(
            state="accepted", returned_at=None, delay=f"450 later – {advice(Reason.SYSTEM)}"
        )
        OutgoingMail.objects.update(state="sent")
        with translation.override("es"):
            shown = deliveries.delivery(OutgoingMail.objects.get(), timezone.now())
            assert shown.delayed == (
                f"{MAX}: 450 later – el servidor del destinatario está averiado; "
                "un intento posterior puede funcionar",
            )


@pytest.mark.django_db
class TestViews:
    def test_a_first_mail_that_was_sent_already_is_refused_in_words(self, client: Client) -> None:
        alice = make_agent("alice")
        queue = make_queue([alice])
        actions.start(alice.user, queue, "News", actions.Reply(text="Hello.", to=(MAX,), token=TOKEN))
        client.force_login(alice.user)
        client.post("/language", {"language": "de"})
        script = {"HTTP_X_REQUESTED_WITH": "desk"}
        answer = client.post("/compose/draft", {"token": TOKEN, "text": "Hello."}, **script)  # type: ignore[arg-type]
        assert answer.status_code == 409
        assert answer.json()["sentence"] == "Diese E-Mail wurde schon gesendet."

    def test_the_head_of_a_mail_that_lies_in_a_mail(self, client: Client) -> None:
        inner = make_mail("Inner words", Subject="Inner subject", Date="Mon, 5 Jan 2026 10:00:00 +0000")
        outer = make_mail("", Content_Type="multipart/mixed; boundary=b").rstrip() + b"\r\n\r\n--b\r\n"
        outer += b"Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=fwd.eml\r\n\r\n"
        alice = make_agent("alice")
        message = receive(make_queue([alice]), outer + inner + b"\r\n--b--\r\n")
        client.force_login(alice.user)
        client.post("/language", {"language": "de"})
        page = client.get(f"/attachments/{message.attachments.get().pk}/text").content.decode()
        at = timezone.localtime(datetime(2026, 1, 5, 10, tzinfo=UTC))
        assert "\nBetreff: Inner subject\n" in page
        assert f"\nDatum: 5. Jan 2026, {at:%H:%M} {at:%Z}\n" in page.replace("Jan.", "Jan")
        assert not [name for name in ("From:", "To:", "Date:", "Subject:", "Files:") if name in page]

    @pytest.mark.parametrize(
        ("language", "left", "words"),
        [
            ("en", 1, "2 closed. 1 was left as it is."),
            ("en", 3, "2 closed. 3 were left as they are."),
            ("de", 1, "1 blieb, wie sie ist."),
            ("cs", 3, "Beze změny zůstaly 3."),
        ],
    )
    def test_what_was_left_when_many_were_stopped(
        self, monkeypatch: pytest.MonkeyPatch, language: str, left: int, words: str
    ) -> None:
        stopped = BulkAct(verb=BulkAct.Verb.CLOSE, state=BulkAct.State.CANCELLED)
        progress = Progress(total=2 + left, done=2, refused=0)
        monkeypatch.setattr("queues.bulk.progress", lambda found: progress)
        with translation.override(language):
            assert progress_of(stopped)["sentence"].endswith(words)
