"""Who reads what in which language: pages in the reader's, programs and the history in English."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from agents.models import Agent
from queues import actions
from queues.models import Conversation, EmailQueue, Event
from queues.presentation import span
from queues.sayings import told
from staff.words import words
from tests.make import make_agent, make_mail, make_queue, receive

GERMAN = {"HTTP_ACCEPT_LANGUAGE": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def orders() -> EmailQueue:
    """A queue of Alice alone."""
    return make_queue([make_agent("alice", capacity=5)], name="Orders")


class TestSayings:
    def test_a_sentence_is_told_with_its_values(self) -> None:
        with translation.override("de"):
            assert told("Alice Ash closed it.") == "Alice Ash hat sie geschlossen."
            assert (
                told("#12 is closed: reopen it first.")
                == "#12 ist geschlossen: Öffnen Sie sie zuerst wieder."
            )

    def test_an_abbreviation_at_the_end_brings_no_second_full_stop(self) -> None:
        with translation.override("de"):
            assert told("It is in Stone Ltd. already.") == "Sie ist schon in Stone Ltd."

    def test_a_saying_within_a_saying_is_told_as_well(self) -> None:
        with translation.override("de"):
            assert told("Ann wrote; it waits in Orders.") == "Ann hat geschrieben; sie wartet in Orders."
            assert told("Its priority is urgent now.") == "Ihre Priorität ist jetzt dringend."

    def test_of_several_that_fit_the_more_definite_one_is_told(self) -> None:
        with translation.override("es"):
            assert told("Ann closed it with the answer.") == "Ann la cerró con la respuesta."

    def test_numbers_bend_words(self) -> None:
        sentence = "Bob split {} off: #9 “Bill”."
        with translation.override("cs"):
            assert "3 e-maily" in told(sentence.format("3 mails"))
            assert "5 e-mailů" in told(sentence.format("5 mails"))

    def test_a_month_is_named(self) -> None:
        with translation.override("es"):
            assert (
                told("Bob snoozed it until 12 Jan 2027, 08:00.") == "Bob la pospuso hasta 12 ene 2027, 08:00."
            )

    def test_what_is_no_saying_stays(self) -> None:
        with translation.override("cs"):
            assert told("550 no such user") == "550 no such user"
            assert told("") == ""

    def test_english_stays_english(self) -> None:
        assert told("Alice closed it.") == "Alice closed it."


def test_a_span_has_its_units() -> None:
    with translation.override("de"):
        assert [span(300), span(7200), span(3 * 86400)] == ["5 Min.", "2 Std.", "3 T."]


@pytest.mark.django_db
class TestChoosing:
    def test_a_stranger_is_answered_as_the_browser_asks(self, client: Client) -> None:
        response = client.get("/login/", **GERMAN)  # type: ignore[arg-type]
        assert response["Content-Language"] == "de"
        assert '<html lang="de">' in response.content.decode()
        assert "Benutzername" in response.content.decode()
        assert ">English</button>" in response.content.decode()  # by its own name, or nobody finds it

    def test_who_asks_for_what_there_is_not_gets_english(self, client: Client) -> None:
        response = client.get("/login/", HTTP_ACCEPT_LANGUAGE="fi")
        assert "User name" in response.content.decode()

    def test_a_choice_beats_the_browser_and_lasts(self, client: Client, orders: EmailQueue) -> None:
        alice = Agent.objects.get()
        client.force_login(alice.user)
        client.post("/language", {"language": "cs", "next": "/account/"}, **GERMAN)  # type: ignore[arg-type]
        assert "Účet" in client.get("/account/", **GERMAN).content.decode()  # type: ignore[arg-type]
        alice.refresh_from_db()
        assert alice.interface == "cs"

    def test_it_comes_back_with_the_next_sign_in(self, client: Client, orders: EmailQueue) -> None:
        Agent.objects.update(interface="es")
        client.post("/login/", {"username": "alice", "password": "alice"})
        assert "Cuenta" in client.get("/account/").content.decode()

    def test_it_can_be_left_to_the_browser_again(self, client: Client, orders: EmailQueue) -> None:
        client.force_login(Agent.objects.get().user)
        client.post("/language", {"language": "cs"})
        client.post("/language", {"language": ""})
        assert "Konto" in client.get("/account/", **GERMAN).content.decode()  # type: ignore[arg-type]
        assert Agent.objects.get().interface == ""

    def test_no_page_asks_the_database_for_it(self, client: Client, orders: EmailQueue) -> None:
        counts = []
        for code in ("", "cs"):
            Agent.objects.update(interface=code)
            client.post("/login/", {"username": "alice", "password": "alice"})
            client.get("/account/")
            with CaptureQueriesContext(connection) as asked:
                assert ("Účet" in client.get("/account/").content.decode()) == bool(code)
            counts.append(len(asked))
            client.post("/logout/")
        assert counts[0] == counts[1]

    @pytest.mark.parametrize("wrong", ["xx", "../../etc", "cs-CZ"])
    def test_a_language_that_is_none_changes_nothing(
        self, client: Client, orders: EmailQueue, wrong: str
    ) -> None:
        client.force_login(Agent.objects.get().user)
        assert client.post("/language", {"language": wrong, "next": "https://evil.example/"}).url == "/"  # type: ignore[attr-defined]
        assert Agent.objects.get().interface == ""
        assert settings.LANGUAGE_COOKIE_NAME not in client.cookies


@pytest.mark.django_db(transaction=True)
class TestWhatIsKept:
    def test_history_is_english_and_told_in_the_readers_language(
        self, client: Client, orders: EmailQueue
    ) -> None:
        row = receive(orders, make_mail()).conversation
        client.force_login(Agent.objects.get().user)
        client.post("/language", {"language": "de"})
        client.post(f"/conversations/{row.pk}/take")
        assert "Alice took it." in list(Event.objects.values_list("sentence", flat=True))
        assert "Alice hat sie übernommen." in client.get(f"/conversations/{row.pk}/").content.decode()

    def test_why_routing_chose_is_english_and_told_anew(self, client: Client, orders: EmailQueue) -> None:
        receive(orders, make_mail())
        alice = Agent.objects.get()
        with translation.override("de"):
            row = actions.take_next(alice.user)
        assert row is not None
        event = Event.objects.get(kind="taken")
        assert "got it" in event.sentence
        client.force_login(alice.user)
        client.post("/language", {"language": "de"})
        assert "bekommen" in client.get(f"/conversations/{row.pk}/").content.decode()

    def test_a_refusal_is_told_to_people_in_their_language(self, client: Client, orders: EmailQueue) -> None:
        row = receive(orders, make_mail()).conversation
        client.force_login(Agent.objects.get().user)
        client.post("/language", {"language": "es"})
        response = client.post(f"/conversations/{row.pk}/reopen")
        assert response.status_code == 409
        assert "no está cerrada" in response.content.decode()

    def test_escalation_in_another_language_is_written_in_english(self, orders: EmailQueue) -> None:
        row = receive(orders, make_mail()).conversation
        Conversation.objects.filter(pk=row.pk).update(snoozed_until=timezone.now() + timedelta(days=1))
        with translation.override("cs"):
            actions.close(Agent.objects.get().user, row)
        assert Event.objects.latest("pk").sentence.endswith("closed it.")

    @override_settings(LANGUAGE_CODE="en")
    def test_programs_are_answered_in_english(self, client: Client) -> None:
        response = client.get("/api/v1.0/conversations", **GERMAN)  # type: ignore[arg-type]
        assert response.status_code == 401
        assert response["Content-Language"] == "en"


@pytest.mark.django_db
class TestWords:
    def test_the_script_has_the_words_and_is_kept(self, client: Client) -> None:
        found = words("cs")
        response = client.get(f"/words/cs.{found.digest}.js")
        assert json.dumps("Zatím žádné textové bloky") in response.content.decode()
        assert "immutable" in response["Cache-Control"]
        assert response["ETag"] == f'"{found.digest}"'
        assert client.get("/words/cs.former.js")["Cache-Control"] == "no-cache"
        assert client.get("/words/xx.former.js").status_code == 404

    def test_an_english_page_loads_none(self, client: Client, orders: EmailQueue) -> None:
        client.force_login(Agent.objects.get().user)
        assert "/words/" not in client.get("/").content.decode()
        assert "/words/de." in client.get("/", **GERMAN).content.decode()  # type: ignore[arg-type]
