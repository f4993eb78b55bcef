"""Several people at one conversation: mentions, following, whispers, drafts that change hands."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.safestring import SafeString

from agents.models import Agent
from queues import actions, audiences, following, inbox, mentioned
from queues.actions import ActionRefused, Reply, SomethingNew
from queues.at_names import named, with_names
from queues.inbox import Listing, View
from queues.models import Conversation, Draft, EmailQueue, Follower, Mention, Message, Note, Notice
from queues.refusals import AnswerSent, DraftConflict, NewMailArrived
from queues.windows import Window
from tests.make import make_agent, make_mail, make_queue, make_sender, make_supervisor, receive

TOKEN = "0b7c2a52-7f0e-4f0e-9d0e-1f2a3b4c5d6e"

pytestmark = pytest.mark.django_db

HOLDER = Note.Audience.HOLDER


@dataclass
class Team:
    """Alice holds the conversation, Dora is a colleague, Bob their supervisor, Charlie works elsewhere."""

    alice: Agent
    dora: Agent
    bob: Agent
    charlie: Agent
    queue: EmailQueue
    row: Conversation


@pytest.fixture
def team() -> Team:
    alice, dora, bob = make_agent("alice", capacity=9), make_agent("dora", capacity=9), make_supervisor("bob")
    charlie = make_agent("charlie")
    make_queue([charlie], name="Elsewhere")
    queue = make_queue([alice, dora, bob], name="Orders", sender=make_sender())
    row = receive(queue, make_mail("Where is it?", Subject="Parcel 17")).conversation
    return Team(alice, dora, bob, charlie, queue, actions.take(alice.user, row))


def told(agent: Agent) -> list[tuple[str, str]]:
    rows = Notice.objects.filter(agent=agent).order_by("pk")
    return [(each.kind, str(each.data.get("what", ""))) for each in rows]


def answer_again(queue: EmailQueue, row: Conversation, text: str = "And another thing.") -> Message:
    """The customer writes once more."""
    first = row.messages.order_by("pk")[0]
    mail = make_mail(text, Subject="Re: Parcel 17", **{"In-Reply-To": f"<{first.message_id}>"})
    return receive(queue, mail)


class TestNames:
    """What counts as somebody's name in a text."""

    def test_only_whole_names_after_an_at_are_found(self) -> None:
        known = {"alice": 1, "bob.b": 2, "müller": 3}
        assert named("@alice, see @Bob.B. and (@müller)!", known) == [1, 2, 3]
        assert named("mail me at x@alice or @alicex; @alice-b", known) == []
        assert named("@alice @alice", known) == [1]

    def test_links_and_other_words_stay_as_they_are(self) -> None:
        html = SafeString(
            '<a href="https://x.example/@bob">https://x.example/@bob</a> ask @bob, not @zoe &amp;'
        )
        shown = with_names(html, ["bob"])
        assert shown.count('class="mention"') == 1
        assert '<span class="mention">@bob</span>, not @zoe &amp;' in shown


class TestMentions:
    """Who is named in a note is told, if they may read it."""

    def test_a_colleague_is_told_lists_it_and_follows(self, team: Team) -> None:
        note = actions.note(team.alice.user, team.row, "@dora please look, @charlie too. @alice @nobody")
        assert [each.agent for each in note.mentions.all()] == [team.dora]
        assert told(team.dora) == [("mention", "")]
        assert told(team.charlie) == []
        own = inbox.conversations_for(team.dora.user)
        assert mentioned.unseen(team.dora, own) == 1
        rows = inbox.page(team.dora.user, Listing(view=View.MENTIONS)).rows
        assert rows == [team.row]
        assert not inbox.page(team.alice.user, Listing(view=View.MENTIONS)).rows
        mentioned.see(team.dora, team.row)
        assert mentioned.unseen(team.dora, own) == 0
        assert inbox.page(team.dora.user, Listing(view=View.MENTIONS)).rows == [team.row]
        team.row.refresh_from_db()
        assert following.is_following(team.dora, team.row)

    def test_who_does_not_want_to_follows_no_mention(self, team: Team, client: Client) -> None:
        client.force_login(team.dora.user)
        assert b'name="follows" value="1" checked' in client.get("/account/").content
        client.post("/account/mentions", {})
        assert b'name="follows" value="1" checked' not in client.get("/account/").content
        actions.note(team.alice.user, team.row, "@dora")
        assert not Follower.objects.exists()

    def test_who_lost_the_queue_lists_it_no_longer(self, team: Team) -> None:
        actions.note(team.alice.user, team.row, "@dora")
        team.queue.members.remove(team.dora)
        assert not inbox.page(team.dora.user, Listing(view=View.MENTIONS)).rows
        assert mentioned.unseen(team.dora, inbox.conversations_for(team.dora.user)) == 0

    def test_merging_takes_mentions_and_followers_along(self, team: Team) -> None:
        other = receive(team.queue, make_mail("Again", Subject="Other")).conversation
        actions.note(team.alice.user, team.row, "@dora")
        actions.merge(team.bob.user, team.row, other)
        assert inbox.page(team.dora.user, Listing(view=View.MENTIONS)).rows == [other]
        other.refresh_from_db()
        assert following.is_following(team.dora, other)


class TestFollowing:
    """Who follows is told of what others do."""

    def test_mail_closing_and_moving_are_told_once_each(self, team: Team) -> None:
        actions.follow(team.dora.user, team.row)
        answer_again(team.queue, team.row)
        assert told(team.dora) == [("follow", "mail")]
        billing = make_queue([team.alice, team.dora], name="Billing")
        actions.transfer(team.alice.user, team.row, billing)
        actions.take(team.alice.user, team.row)
        actions.close(team.alice.user, team.row)
        assert told(team.dora)[1:] == [("follow", "moved"), ("follow", "assigned"), ("follow", "closed")]

    def test_own_doing_is_not_told_and_leaving_ends_it(self, team: Team) -> None:
        actions.follow(team.alice.user, team.row)
        actions.close(team.alice.user, team.row)
        assert told(team.alice) == []
        actions.follow(team.alice.user, team.row, follows=False)
        actions.reopen(team.bob.user, team.row)
        actions.close(team.bob.user, team.row)
        assert told(team.alice) == []
        team.row.refresh_from_db()
        assert not team.row.has_followers
        actions.note(team.bob.user, team.row, "@alice")
        assert not following.is_following(team.alice, team.row)  # who has left is left alone

    def test_where_it_is_out_of_sight_nothing_is_told(self, team: Team) -> None:
        actions.follow(team.dora.user, team.row)
        actions.transfer(team.alice.user, team.row, make_queue([team.alice], name="Billing"))
        assert told(team.dora) == []

    def test_a_stranger_can_not_follow(self, team: Team) -> None:
        with pytest.raises(ActionRefused, match="don't work in"):
            actions.follow(team.charlie.user, team.row)


class TestWhispers:
    """A supervisor's word to the holder."""

    def test_only_a_supervisor_whispers(self, team: Team) -> None:
        with pytest.raises(ActionRefused, match="Only a supervisor"):
            actions.note(team.alice.user, team.row, "psst", HOLDER)
        with pytest.raises(ActionRefused, match="no audience"):
            actions.note(team.bob.user, team.row, "psst", "everybody")

    def test_holder_and_supervisors_read_and_find_it_others_do_not(self, team: Team) -> None:
        actions.note(team.bob.user, team.row, "remember the hippopotamus", HOLDER)
        actions.note(team.bob.user, team.row, "for everybody")
        other = make_supervisor("olga")
        team.queue.members.add(other)

        def read(agent: Agent) -> tuple[int, int]:
            notes = [each for each in inbox.timeline(agent.user, team.row) if each.kind == "note"]
            page = inbox.page(agent.user, Listing(view=View.ALL, text="hippopotamus"))
            return len(notes), len(page.rows)

        assert read(team.alice) == read(team.bob) == read(other) == (2, 1)
        assert read(team.dora) == (1, 0)
        assert not inbox.page(team.dora.user, Listing(view=View.ALL, text='"the hippopotamus"')).rows
        actions.take(team.dora.user, team.row, take_over=True)
        assert read(team.dora) == (2, 1)  # it is a word to whoever holds it
        assert read(team.alice) == (1, 0)

    def test_nobody_is_mentioned_in_what_they_can_not_read(self, team: Team) -> None:
        actions.note(team.bob.user, team.row, "@dora @alice", HOLDER)
        assert list(Mention.objects.values_list("agent", flat=True)) == [team.alice.pk]
        assert told(team.dora) == []
        hidden = audiences.hidden(team.dora.user, Note.objects.values_list("pk", flat=True))
        assert hidden == set(Note.objects.values_list("pk", flat=True))

    def test_merging_counts_no_whisper(self, team: Team) -> None:
        other = receive(team.queue, make_mail("Again", Subject="Other")).conversation
        actions.note(team.bob.user, team.row, "psst", HOLDER)
        actions.merge(team.bob.user, team.row, other)
        assert "note" not in other.events.latest("pk").sentence


class TestHandingOver:
    """What goes along when a conversation changes hands."""

    def test_taking_over_takes_the_draft_and_tells_whose_it_was(self, team: Team) -> None:
        draft = actions.save_draft(team.alice.user, team.row, "Dear Charlie,")
        actions.take(team.dora.user, team.row, take_over=True)
        mine = actions.draft_of(team.dora.user, team.row)
        assert mine is not None
        assert (mine.text, mine.handed_by, mine.pk) == ("Dear Charlie,", team.alice, draft.pk)
        assert told(team.alice) == [("taken", "")]
        with pytest.raises(ActionRefused, match="Dora has this conversation now"):
            actions.save_draft(team.alice.user, team.row, "Dear Charlie, and", token=draft.token)
        assert Draft.objects.get().text == "Dear Charlie,"

    def test_words_of_the_customer_are_not_taken_for_those_that_have_left(self, team: Team) -> None:
        draft = actions.save_draft(team.alice.user, team.row, "It is on its way.")
        actions.take(team.dora.user, team.row, take_over=True)
        actions.reply(team.dora.user, team.row, Reply(text="It is lost.", token=str(draft.token)))
        sent = team.row.messages.get(direction="out")
        quoted = team.row.messages.get(direction="in").text
        assert quoted in sent.text.replace("> ", "")
        for words, has_all in (
            ("It is lost.", True),
            ("It is on its way.", False),
            (quoted.split()[0], False),
        ):
            with pytest.raises(AnswerSent) as told:
                actions.save_draft(team.alice.user, team.row, words, token=draft.token)
            assert told.value.has_all is has_all, words

    def test_a_file_of_the_old_window_makes_no_second_draft(self, team: Team) -> None:
        draft = actions.save_draft(team.alice.user, team.row, "Dear Charlie,")
        actions.take(team.dora.user, team.row, take_over=True)
        file = actions.NewFile(name="a.txt", type="text/plain", data=b"a")
        with pytest.raises(ActionRefused, match="Dora has this conversation now"):
            actions.add_draft_file(team.alice.user, team.row, file, token=draft.token)
        assert Draft.objects.count() == 1

    def test_the_new_holder_stops_what_was_timed_and_goes_on_with_it(self, team: Team) -> None:
        later = timezone.now() + timedelta(days=1)
        answer = Reply(text="Tomorrow.", token="timed", send_at=later)
        draft = actions.schedule(team.alice.user, team.row, answer)
        with pytest.raises(ActionRefused, match="Alice wrote this answer"):
            actions.cancel(team.dora.user, team.row, draft.pk)
        actions.take(team.dora.user, team.row, take_over=True)
        assert Draft.objects.get().agent == team.alice  # it leaves, or is held, under her name
        actions.cancel(team.dora.user, team.row, draft.pk)
        assert actions.adopt(team.dora.user, team.row, draft.pk).text == "Tomorrow."

    def test_two_texts_are_joined_on_a_word_only(self, team: Team) -> None:
        actions.save_draft(team.alice.user, team.row, "Alice's words")
        actions.save_draft(team.dora.user, team.row, "Dora's words")
        actions.take(team.dora.user, team.row, take_over=True)
        left = Draft.objects.get(agent=team.alice)
        with pytest.raises(ActionRefused, match="Take the conversation first"):
            actions.adopt(team.alice.user, team.row, Draft.objects.get(agent=team.dora).pk)
        joined = actions.adopt(team.dora.user, team.row, left.pk)
        assert joined.text == "Dora's words\n\nAlice's words"
        assert Draft.objects.count() == 1
        with pytest.raises(ActionRefused, match="meanwhile"):
            actions.adopt(team.dora.user, team.row, left.pk)

    def test_given_with_a_note_in_one_go(self, team: Team) -> None:
        actions.assign(team.alice.user, team.row, team.dora, note="you know them, @dora")
        assert told(team.dora) == [("mention", ""), ("taken", "yours")]
        assert team.row.notes.get().text == "you know them, @dora"
        with pytest.raises(ActionRefused, match="too long"):
            actions.assign(team.dora.user, team.row, team.alice, note="x" * 100_001)
        team.row.refresh_from_db()
        assert team.row.agent == team.dora  # the note and the move, or neither
        actions.assign(team.bob.user, team.row, team.alice)
        assert told(team.dora)[-1] == ("taken", "given")
        actions.release(team.bob.user, team.row, note="too much for one")
        assert told(team.alice)[-1] == ("taken", "back")
        assert team.row.notes.count() == 2


class TestDraftsOfTwoWindows:
    """No window overwrites what another one has saved."""

    def test_the_second_window_is_asked(self, team: Team) -> None:
        first, second = Window("one", 0), Window("two", 0)
        saved = actions.save_draft(team.alice.user, team.row, "from one", window=first)
        with pytest.raises(DraftConflict) as conflict:
            actions.save_draft(team.alice.user, team.row, "from two", window=second)
        assert (conflict.value.text, conflict.value.version) == ("from one", saved.version)
        actions.save_draft(team.alice.user, team.row, "from one", window=second)  # the same is no conflict
        chosen = Window("two", conflict.value.version)
        actions.save_draft(team.alice.user, team.row, "from two", window=chosen)
        with pytest.raises(DraftConflict):
            actions.save_draft(team.alice.user, team.row, "from one, more", window=first)

    def test_a_page_in_place_of_another_goes_on_with_its_text(self, team: Team) -> None:
        gone, heir = Window("gone", 0), Window("heir", 0, heir_of="gone")
        actions.save_draft(team.alice.user, team.row, "first", window=gone)
        saved = actions.save_draft(team.alice.user, team.row, "first, more", window=heir)
        late = actions.save_draft(team.alice.user, team.row, "first, more", window=gone)
        assert (late.version, late.window) == (saved.version, "heir")
        heir = Window("heir", saved.version)
        assert (
            actions.save_draft(team.alice.user, team.row, "first, more, most", window=heir).version
            == late.version + 1
        )
        with pytest.raises(DraftConflict):
            actions.save_draft(team.alice.user, team.row, "something else", window=gone)

    def test_a_page_that_lives_on_beside_its_heir_is_not_overwritten(self, team: Team) -> None:
        """Two tabs with one draft: what the first one has saved since, the second one has never shown."""

        def save(text: str, window: Window) -> Draft:
            return actions.save_draft(team.alice.user, team.row, text, window=window)

        begun = save("one, two", Window("first", 1, saves=2))  # under way as the second tab was opened
        heir = Window("second", 0, "first", saves=1, heir_saves=2)
        assert save("one, two, 2", heir).version == begun.version + 1
        latest = save("one, two, three", Window("first", begun.version + 1, saves=3))
        with pytest.raises(DraftConflict) as conflict:  # sent again, as its answer was lost
            save("one, two, 2", replace(heir, saves=2))
        assert (conflict.value.text, conflict.value.version) == ("one, two, three", latest.version)

    def test_a_save_that_was_long_on_its_way_brings_nothing_old_back(self, team: Team) -> None:
        old, new = Window("one", 0, saves=1), Window("one", 0, saves=2)
        saved = actions.save_draft(team.alice.user, team.row, "first, more", window=new)
        late = actions.save_draft(team.alice.user, team.row, "first", window=old)
        assert (late.text, late.version) == ("first, more", saved.version)

    def test_a_draft_begun_anew_is_not_taken_for_the_one_thrown_away(self, team: Team) -> None:
        old = actions.save_draft(team.alice.user, team.row, "first", window=Window("one", 0))
        actions.discard_draft(team.alice.user, team.row, token=old.token)
        actions.save_draft(team.alice.user, team.row, "another", window=Window("two", 0))
        with pytest.raises(DraftConflict):
            actions.save_draft(
                team.alice.user, team.row, "first, more", window=Window("one", old.version, saves=2)
            )

    def test_other_people_with_the_same_words_are_another_text(self, team: Team) -> None:
        both = ["charlie@customer.example", "dora@customer.example"]
        draft = actions.save_draft(team.alice.user, team.row, "first", to=both[:1], window=Window("one", 0))
        old = Reply(text="first", to=tuple(both), token=str(draft.token), window=Window("two", 0))
        with pytest.raises(DraftConflict) as conflict:
            actions.reply(team.alice.user, team.row, old)
        assert conflict.value.text == "To: charlie@customer.example\n\nfirst"
        with pytest.raises(DraftConflict):
            actions.save_draft(
                team.alice.user, team.row, "first", to=both, token=draft.token, window=Window("two", 0)
            )

    def test_what_was_taken_back_is_in_no_mail(self, team: Team) -> None:
        sent = actions.reply(team.alice.user, team.row, Reply(text="first", token=TOKEN))
        actions.undo(team.alice.user, sent)
        with pytest.raises(AnswerSent) as told:
            actions.save_draft(team.alice.user, team.row, "first", token=TOKEN, window=Window("two", 1))
        assert not told.value.has_all

    def test_the_same_text_with_a_card_number_is_the_same(self, team: Team) -> None:
        """It is kept masked, and what is typed is compared with what would be kept."""
        EmailQueue.objects.update(pci=EmailQueue.PaymentCards.MASK)
        text, markup = "Card 4111 1111 1111 1111.", "<p>Card 4111 1111 1111 1111.</p>"
        for name in ("one", "two"):
            draft = actions.save_draft(
                team.alice.user, team.row, text, html=markup, window=Window(name, 0, saves=1)
            )
            assert (draft.window, "1111 1111 1111" in draft.text + draft.html) == ("one", False)
        with pytest.raises(DraftConflict):
            actions.save_draft(team.alice.user, team.row, f"{text} More.", window=Window("two", 0))

    def test_a_lost_answer_of_the_server_is_no_conflict(self, team: Team) -> None:
        window = Window("one", 0)
        begun = actions.save_draft(team.alice.user, team.row, "first", window=window)
        assert (
            actions.save_draft(team.alice.user, team.row, "first, more", window=window).version
            == begun.version + 1
        )


class TestNews:
    """An answer is held while its writer has not seen everything."""

    def reply(
        self, team: Team, agent: Agent, seen: int | None = None, seen_note: int | None = None
    ) -> Message:
        answer = Reply(
            text="Here it is.",
            token=f"{agent} {seen} {seen_note}",
            seen_message_id=seen,
            seen_note_id=seen_note,
        )
        return actions.reply(agent.user, team.row, answer)

    def test_a_colleagues_answer_and_note_hold_it(self, team: Team) -> None:
        seen = team.row.messages.order_by("pk")[0].pk
        theirs = self.reply(team, team.bob)
        with pytest.raises(SomethingNew, match="Bob has answered") as news:
            self.reply(team, team.bob, seen)  # from another window of one's own too
        assert news.value.message == theirs
        note = actions.note(team.alice.user, team.row, "wait!")
        with pytest.raises(SomethingNew, match="Alice has left a note") as news:
            self.reply(team, team.bob, theirs.pk, 0)
        assert (news.value.message, news.value.note) == (None, note)
        self.reply(team, team.bob, theirs.pk, note.pk)

    def test_own_notes_and_whispers_to_others_do_not(self, team: Team) -> None:
        actions.note(team.alice.user, team.row, "to myself")
        actions.take(team.dora.user, team.row, take_over=True)
        actions.note(team.bob.user, team.row, "psst", HOLDER)
        actions.assign(team.bob.user, team.row, team.alice)
        seen = team.row.messages.order_by("-pk")[0].pk
        with pytest.raises(SomethingNew, match="Bob has left a note"):
            self.reply(team, team.alice, seen, 0)
        Note.objects.filter(audience=HOLDER).delete()
        self.reply(team, team.alice, seen, 0)

    def test_the_customers_mail_comes_first(self, team: Team) -> None:
        seen = team.row.messages.order_by("pk")[0].pk
        actions.note(team.dora.user, team.row, "careful")
        mail = answer_again(team.queue, team.row)
        self.reply(team, team.bob)
        with pytest.raises(NewMailArrived) as news:
            self.reply(team, team.bob, seen, 0)
        assert (news.value.message, news.value.note is not None) == (mail, True)
