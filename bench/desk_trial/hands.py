"""An agent at a page without a browser: what is done with one conversation after the other."""

import random
import threading
import time
from collections.abc import Callable

from bench.desk_trial.ledger import Answer, Ledger, State, words_of
from bench.desk_trial.office import Crowd, Customer, Office, customer_of
from bench.desk_trial.page import Answered, Ear, Editor, GaveUp, Page

TAKEN_MEANWHILE = 3  # how often somebody says “send all the same”
MOST_WORDS = 8


class Hands(threading.Thread):
    """One agent, until the time is over."""

    def __init__(self, office: Office, ledger: Ledger, crowd: Crowd, name: str, luck: random.Random) -> None:
        super().__init__(name=name, daemon=True)
        self.office, self.ledger, self.crowd, self.luck = office, ledger, crowd, luck
        self.page = Page(office, name)
        self.ear = Ear(self.page)
        self.pause = 1.0  # seconds between two bursts of typing
        self.until = 0.0

    def happens(self, chance: float) -> bool:
        """By luck."""
        return self.luck.random() < chance

    def did(self, what: str) -> bool:
        """Note a deed."""
        self.ledger.did(what)
        return True

    def run(self) -> None:
        """Work until the time is over; somebody whose server is away for long begins anew."""
        self.page.sign_in()
        self.page.patiently("POST", "/presence", {"presence": "available"})
        self.ear.start()
        while self.is_going_on():
            pass
        self.ear.is_over.set()

    def is_going_on(self) -> bool:
        """One conversation; whether there is time for another one."""
        try:
            self.turn()
        except GaveUp as error:
            self.ledger.fault(f"{self.name} gave up: {error}")
        return time.monotonic() < self.until

    def kept_here(self) -> list[str]:
        """What this browser holds and the server hasn't got."""
        return [" ".join(each.values()) for each in self.page.local.values()]

    def turn(self) -> None:
        """One conversation."""
        conversation = self.choose()
        if conversation is None:
            time.sleep(self.pause)
            return
        self.ear.opened = conversation
        customer = customer_of(self.page.open(conversation) or "")
        if customer is None:
            return
        if self.happens(0.2):
            self.note(conversation)
        if self.happens(0.85):
            self.answer(conversation, customer)
        else:
            self.otherwise(conversation)
        self.ledger.rests(conversation)

    def choose(self) -> int | None:
        """Mostly the next one; now and then one that a colleague is writing in."""
        others = self.ledger.written_on()
        if others and self.happens(0.2) and self.did("opened what a colleague writes in"):
            return self.luck.choice(others)
        return self.page.take_next()

    def otherwise(self, conversation: int) -> None:
        """Give it back, close it, put it off."""
        what = self.luck.choice(["release", "close", "snooze", "take"])
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
        self.did(f"{what}: {'done' if self.page.act(conversation, what, {'until': until}) else 'refused'}")

    def note(self, conversation: int) -> None:
        """A note with its secret."""
        text = self.ledger.secret(self.name)
        if self.page.act(conversation, "notes", {"text": text}):
            self.ledger.noted(text)
            self.did("note")

    # An answer.

    def answer(self, conversation: int, customer: Customer) -> None:
        """Write one, with all that happens meanwhile, and send it or leave it."""
        editor = self.page.open_editor(conversation)
        if isinstance(editor, str):
            self.did(f"no editor: {editor}")
            return
        answer = self.ledger.known(editor.text) or self.ledger.begin(self.name, conversation, customer)
        if answer.words and answer.state == State.SENT:
            self.ledger.fault(f"{answer} is in the editor, though it was sent")
            return
        if answer.words:
            answer.goes_on(self.name)
        for _ in range(self.luck.randint(2, 5)):
            self.type(editor, answer)
            left = self.disturbance(editor, answer)
            if left is None:
                return
            editor = left
        if self.happens(0.1):
            answer.became(State.LEFT, "to go on later")
            self.did("left a draft")
            return
        self.send(editor, answer)

    def type(self, editor: Editor, answer: Answer) -> None:
        """Some words more; they are saved while the pause lasts."""
        answer.more(self.luck.randint(1, MOST_WORDS))
        editor.write(answer.text())
        time.sleep(self.pause * self.luck.random())
        self.save(editor, answer)

    def save(self, editor: Editor, answer: Answer) -> None:
        """What was typed so far is on the server now, or still in this browser: in either case it is kept."""
        words = answer.words
        refusal = self.page.save(editor)
        answer.kept = words
        if refusal:
            self.did(f"not saved: {refusal[:60]}")

    def disturbance(self, editor: Editor, answer: Answer) -> Editor | None:
        """Mostly nothing; the editor to go on with, None when there is none any more."""
        for chance, what in self.disturbances():
            if self.happens(chance):
                words = what.__name__.replace("_", " ")
                answer.story.append(f"{words} at {answer.words}")
                self.did(words)
                return what(editor, answer)
        return editor

    def disturbances(self) -> list[tuple[float, Callable[[Editor, Answer], Editor | None]]]:
        """What may happen while somebody types, and how often."""
        return [
            (0.05, self.session_expires),
            (0.05, self.page_is_loaded_again),
            (0.05, self.tab_is_killed),
            (0.04, self.connection_is_lost),
            (0.06, self.customer_writes),
        ]

    def session_expires(self, editor: Editor, answer: Answer) -> Editor:
        """The next save answers 401; the dialog comes, and the page goes on."""
        self.office.sign_out(self.page.http.cookies.get("ucs_session") or "")
        return editor

    def page_is_loaded_again(self, editor: Editor, answer: Answer) -> Editor | None:
        """What was typed is saved as the page goes."""
        self.save(editor, answer)
        return self.come_back(answer)

    def tab_is_killed(self, editor: Editor, answer: Answer) -> Editor | None:
        """Typed on, and nothing was saved any more: this browser has it."""
        answer.more(3)
        editor.write(answer.text())
        self.page.local[editor.conversation] = editor.values()
        answer.kept = answer.words
        return self.come_back(answer)

    def connection_is_lost(self, editor: Editor, answer: Answer) -> Editor:
        """For a while nothing gets through."""
        self.page.is_offline = True
        for _ in range(2):
            self.type(editor, answer)
        self.page.is_offline = False
        self.save(editor, answer)
        return editor

    def customer_writes(self, editor: Editor, answer: Answer) -> Editor:
        """While the answer is being written."""
        self.crowd.write(answer.customer)
        return editor

    def come_back(self, answer: Answer) -> Editor | None:
        """Open the conversation again: all that was kept has to be there."""
        self.page.open(answer.conversation)
        editor = self.page.open_editor(answer.conversation)
        if isinstance(editor, str):
            answer.became(State.LEFT, editor)
            self.did(f"no editor: {editor}")
            return None
        found = words_of(answer.mark, editor.text)
        if found < answer.kept:
            self.ledger.fault(f"{answer}: {found} of {answer.kept} words came back: {editor.text[:80]!r}")
        answer.words = max(found, 0)
        return editor

    def send(self, editor: Editor, answer: Answer) -> None:
        """Once, twice at the same moment, closing; and what the server says to it."""
        answer.became(State.ASKED)
        told = self.click(editor)
        for _ in range(TAKEN_MEANWHILE):
            if told.newer and self.happens(0.7) and self.did("sent though a mail came"):
                told = self.page.send(editor, seen=told.newer)
        if not told.is_done:
            self.did(f"not sent: {told.words[:60]}")
            answer.became(State.LEFT, told.words)
            self.save(editor, answer)
            return
        self.page.local.pop(editor.conversation, None)
        answer.became(State.SENT)
        self.did("sent")
        if told.message and self.happens(0.25):
            self.undo(told.message, answer)

    def click(self, editor: Editor) -> Answered:
        """On “Send”, in one of the ways that people have."""
        if self.happens(0.3) and self.did("double click"):
            found = self.page.double_click(editor)
            if not found:
                raise GaveUp("both clicks were lost")
            return next((each for each in found if each.is_done), found[0])
        return self.page.send(editor, close=self.happens(0.3))

    def undo(self, message: int, answer: Answer) -> None:
        """At once, or at the very end of the time."""
        edge = self.office.undo + self.luck.uniform(-0.6, 0.3)
        time.sleep(max(0.0, edge if self.happens(0.6) else self.luck.uniform(0, self.office.undo)))
        answer.became(State.ASKED, "undo")
        told = self.page.undo(message)
        answer.became(State.UNDONE if told.is_done else State.SENT, told.words)
        self.did("undone" if told.is_done else f"not undone: {told.words[:60]}")
