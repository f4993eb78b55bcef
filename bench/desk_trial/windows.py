"""Agents in Chromium: the same day with the real page, mostly by keyboard."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from playwright.async_api import Browser, BrowserContext, Error, Page, async_playwright
from playwright.async_api import TimeoutError as TooLong

from bench.desk_trial.ledger import Answer, Ledger, State, words_of
from bench.desk_trial.office import PASS_PHRASE, Crowd, Customer, Office, customer_of

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SECONDS = 100_000.0  # milliseconds that a page may take while its server is killed again and again
TRIES = 100
KILLED_SECONDS = 5.0  # what was typed last before a process died may be gone
READ = (
    "() => { const f = document.getElementById('reply-text'); return f ? (f.value ?? f.innerText) : null; }"
)
READY = "() => { const f = document.getElementById('reply-text'); return f && !f.hidden; }"
WHOLE = "() => document.readyState === 'complete' && document.getElementById('unfinished')?.hidden !== false"
TURN = "() => new Promise((done) => setTimeout(done, 100))"  # of the scripts
KEPT = """() => Object.entries(localStorage).filter(([key]) => key.startsWith('ucs:draft:'))
  .map(([, kept]) => JSON.parse(kept)).map(({text, html}) => `${text} ${html}`)"""
HISTORY = """() => JSON.stringify({...document.getElementById('reply-form')?.dataset, kept: {...localStorage},
  told: document.getElementById('unfinished')?.hidden, shut: document.getElementById('desk')?.inert,
  files: performance.getEntriesByType('resource').filter((each) => each.responseStatus !== 200)
    .map((each) => each.name),
  says: document.querySelector('[data-saved]')?.textContent,
  asks: document.querySelector('[data-conflict]')?.innerText,
  was: document.querySelector('#reply-form textarea')?.defaultValue})"""
DISMISS = "() => document.querySelectorAll('#toasts [data-act=dismiss]').forEach((each) => each.click())"
OUTCOME = """() => {
  if (document.querySelector('#reply-form.htmx-request')) return null;
  const bad = document.querySelector('#toasts .error p');
  if (document.querySelector('#warning .warning')) return 'newer';
  if (document.querySelector('[data-conflict] .warning')) return 'two texts';
  if (bad) return bad.textContent;
  if (document.getElementById('sign-in').open) return 'signed out';
  return document.getElementById('reply-form') ? null : 'sent';
}"""
UNDONE = """() => document.getElementById('reply-form') ? 'undone'
  : document.querySelector('#toasts .error p')?.textContent ?? ''"""
SAVED = "() => document.querySelector('[data-saved]')?.textContent.startsWith('Saved')"
NOTED = "(text) => document.getElementById('items').innerText.includes(text)"


class Window:
    """One agent's browser, with a storage of its own that outlives its tabs."""

    def __init__(
        self, browser: Browser, office: Office, ledger: Ledger, crowd: Crowd, name: str, luck: random.Random
    ) -> None:
        self.browser, self.office, self.ledger, self.crowd = browser, office, ledger, crowd
        self.name, self.luck = name, luck
        self.context: BrowserContext
        self.page: Page
        self.complaints: list[str] = []
        self.kept_here: list[str] = []

    def happens(self, chance: float) -> bool:
        """By luck."""
        return self.luck.random() < chance

    async def work(self, until: float) -> None:
        """Until the time is over; who meets a page that doesn't go on loads it again."""
        self.context = await self.browser.new_context(base_url=self.office.product.url)
        self.context.set_default_timeout(SECONDS)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = await self.context.new_page()
        await self.sign_in()
        while await self.is_going_on(until):
            pass
        await self.go("/account/")
        self.kept_here = [str(text) for text in await self.page.evaluate(KEPT)]
        await self.context.close()

    async def is_going_on(self, until: float) -> bool:
        """One conversation; whether there is time for another one."""
        try:
            await self.turn()
        except Error as error:
            self.ledger.did("a browser loaded the page again")
            print(f"  {self.name}: {' '.join(str(error).split())[:200]}", flush=True)
            with suppress(Error):
                print(f"  {self.page.url} {await self.page.evaluate(HISTORY)}", flush=True)
            await self.context.set_offline(False)
            await self.new_tab()
        return time.monotonic() < until

    async def sign_in(self) -> None:
        """On the sign-in page, again when the server goes away meanwhile."""
        for _ in range(TRIES):
            await self.go("/login/")
            with suppress(Error):
                if not await self.page.query_selector("#desk"):
                    await self.page.fill("#id_username", self.name)
                    await self.page.fill("#id_password", PASS_PHRASE)
                    await self.page.keyboard.press("Enter")
                await self.page.wait_for_selector("#desk")
                return
        raise TooLong("nobody can sign in")

    async def go(self, path: str) -> None:
        """Load a page, again while the server can't be reached."""
        for _ in range(TRIES):
            with suppress(Error):
                answer = await self.page.goto(path)
                await self.page.wait_for_function(WHOLE)  # what a killed server kept back is loaded again
                if answer is not None and answer.status < 500:
                    return
            await asyncio.sleep(1)
        raise TooLong(f"{path} doesn't load")

    async def new_tab(self, path: str = "/") -> None:
        """The tab is gone without a word; another one of the same browser."""
        with suppress(Error):
            await asyncio.wait_for(self.page.close(), 10)
        self.page = await self.context.new_page()
        await self.go(path)
        if await self.page.query_selector("#login-form"):
            await self.sign_in()
            await self.go(path)

    async def turn(self) -> None:
        """One conversation."""
        conversation = await self.choose()
        customer = customer_of(await self.page.title())
        if not conversation or customer is None:
            await asyncio.sleep(1)
            return
        if self.happens(0.25):
            await self.note()
        await self.answer(conversation, customer)
        self.ledger.rests(conversation)

    async def choose(self) -> int:
        """The next one by keyboard, or one that a colleague is writing in."""
        others = self.ledger.written_on()
        if others and self.happens(0.2):
            self.ledger.did("opened what a colleague writes in")
            await self.go(f"/conversations/{self.luck.choice(others)}/?view=all")
            return await self.opened()
        await self.go("/")
        await self.page.keyboard.press("g")
        await self.page.keyboard.press("n")
        with suppress(TooLong):
            await self.page.wait_for_selector("article[data-conversation]", timeout=5000)
        return await self.opened()

    async def opened(self) -> int:
        """The conversation on the screen; 0 for none."""
        found = await self.page.evaluate(
            "document.querySelector('article[data-conversation]')?.dataset.conversation"
        )
        return int(found or 0)

    async def note(self) -> None:
        """With its secret; Ctrl+Enter twice, as people do."""
        text = self.ledger.secret(self.name)
        for _ in range(TRIES):  # a server that goes away in this moment answers never
            await self.page.keyboard.press("n")
            with suppress(TooLong):
                await self.page.wait_for_selector("#note-text", timeout=8000)
                break
        await self.page.keyboard.type(text)
        for _ in range(TRIES):
            for _ in range(2):
                await self.page.keyboard.press("Control+Enter")
            with suppress(TooLong):
                await self.page.wait_for_function(NOTED, arg=text, timeout=8000)
                break
        self.ledger.noted(text)
        self.ledger.did("note")

    # An answer.

    async def open_editor(self) -> str | None:
        """What stands in the editor, or None when it doesn't open."""
        if not await self.page.query_selector("#reply-form"):
            await self.page.evaluate(DISMISS)
            await self.page.keyboard.press("r")
        with suppress(TooLong):
            await self.page.wait_for_function(READY, timeout=8000)
            await self.page.evaluate(TURN)
            await self.page.focus("#reply-text")
            await self.page.keyboard.press("Control+End")
            return str(await self.page.evaluate(READ))
        return None

    async def answer(self, conversation: int, customer: Customer) -> None:
        """Write one, with all that happens meanwhile, and send it or leave it."""
        text = await self.open_editor()
        if text is None:
            self.ledger.did("no editor in a browser")
            return
        answer = self.ledger.known(text) or self.ledger.begin(self.name, conversation, customer)
        if answer.words and answer.state == State.SENT:
            self.ledger.fault(f"{answer} is in the editor, though it was sent")
            return
        if not answer.words:
            await self.page.keyboard.type(answer.mark)
        else:
            answer.goes_on(self.name)
            answer.words = max(words_of(answer.mark, text), 0)
        for _ in range(self.luck.randint(2, 4)):
            await self.type(answer)
            if not await self.disturbance(answer):
                return
        if self.happens(0.1):
            answer.became(State.LEFT, "to go on later")
            await self.wait_until_saved(answer)
            return
        await self.send(answer)

    async def type(self, answer: Answer) -> None:
        """Key by key."""
        await self.page.keyboard.type(answer.more(self.luck.randint(1, 6)))
        await asyncio.sleep(self.luck.random() * 2)

    async def wait_until_saved(self, answer: Answer) -> None:
        """The page says so."""
        await self.page.wait_for_function(SAVED)
        answer.kept = answer.words

    async def disturbance(self, answer: Answer) -> bool:
        """Mostly nothing; False when there is no editor any more."""
        for chance, what in self.disturbances():
            if self.happens(chance):
                words = what.__name__.replace("_", " ")
                answer.story.append(f"{words} at {answer.words}")
                self.ledger.did(f"{words} (browser)")
                return await what(answer)
        return True

    def disturbances(self) -> list[tuple[float, Callable[[Answer], Awaitable[bool]]]]:
        """What may happen while somebody types, and how often."""
        return [
            (0.1, self.session_expires),
            (0.08, self.page_is_loaded_again),
            (0.1, self.tab_is_killed),
            (0.08, self.connection_is_lost),
            (0.08, self.customer_writes),
        ]

    async def session_expires(self, answer: Answer) -> bool:
        """Typed on; the dialog comes, and after signing in the same text stands there, with the cursor."""
        cookies = await self.context.cookies()
        for cookie in cookies:
            if cookie["name"] == "ucs_session":
                self.office.sign_out(cookie["value"])
        before = answer.words
        await self.page.keyboard.type(answer.more(2))
        await self.page.wait_for_selector("#sign-in[open]")
        # The dialog may come between two keys: those behind it are seen not to reach the text.
        reached = words_of(answer.mark, str(await self.page.evaluate(READ)))
        answer.words = max(before, reached)
        await self.sign_in_again()
        return await self.is_there(answer)

    async def sign_in_again(self) -> None:
        """In the dialog, by keyboard."""
        await self.page.wait_for_selector("#sign-in[open] #id_username")
        for _ in range(TRIES):
            await self.page.fill("#sign-in #id_username", self.name)
            await self.page.fill("#sign-in #id_password", PASS_PHRASE)
            await self.page.keyboard.press("Enter")
            with suppress(TooLong):
                await self.page.wait_for_selector("#sign-in", state="hidden", timeout=8000)
                return
        raise TooLong("nobody can sign in again")

    async def page_is_loaded_again(self, answer: Answer) -> bool:
        """F5 in the midst of a word."""
        await self.page.keyboard.type(answer.more(2))
        await self.go(self.page.url)
        return await self.come_back(answer)

    async def tab_is_killed(self, answer: Answer) -> bool:
        """The process behind the tab dies; the browser opens the address again."""
        await self.page.keyboard.type(answer.more(2))
        path, before = self.page.url, answer.words_before(KILLED_SECONDS)
        session = await self.context.new_cdp_session(self.page)
        with suppress(Error, asyncio.TimeoutError):
            await asyncio.wait_for(session.send("Page.crash"), 3)
        await self.new_tab(path)
        answer.words = before
        return await self.come_back(answer)

    async def connection_is_lost(self, answer: Answer) -> bool:
        """For a while nothing gets through, then the page goes on by itself."""
        await self.context.set_offline(True)
        await self.type(answer)
        await self.type(answer)
        await self.context.set_offline(False)
        await self.wait_until_saved(answer)
        return await self.is_there(answer)

    async def customer_writes(self, answer: Answer) -> bool:
        """While the answer is being written."""
        await asyncio.to_thread(self.crowd.write, answer.customer)
        return True

    async def come_back(self, answer: Answer) -> bool:
        """The editor opens by itself or by its key, with everything in it."""
        text = await self.open_editor()
        if text is None:
            answer.became(State.LEFT, "no editor")
            return False
        return await self.is_there(answer)

    async def is_there(self, answer: Answer) -> bool:
        """All that was typed stands in the editor; half a word that a dead tab left is taken away."""
        text = str(await self.page.evaluate(READ)).rstrip()
        found = words_of(answer.mark, text)
        if found < (answer.words or -1):
            known = await self.page.evaluate(HISTORY)
            self.ledger.fault(
                f"{answer}: {found} of {answer.words} words came back in a browser: {text!r}; {known}"
            )
        answer.words, answer.kept = max(found, 0), found
        for _ in range(
            len(text) if found < 0 else len(text) - text.rfind(answer.text()) - len(answer.text())
        ):
            await self.page.keyboard.press("Backspace")
        if found < 0:
            await self.page.keyboard.type(answer.mark)
        return True

    async def send(self, answer: Answer) -> None:
        """A double click, or Ctrl+Enter twice; then what the page says to it."""
        answer.became(State.ASKED)
        has_insisted = False
        for _ in range(TRIES):
            await self.page.evaluate(DISMISS)
            await self.click()
            told = await self.outcome()
            if told == "newer" and self.happens(0.7):
                has_insisted = True
                with suppress(Error):  # a server that is away answers never
                    async with self.page.expect_response("**/reply", timeout=8000):
                        await self.page.click("#warning [data-seen]")
                told = await self.outcome()
            if told == "signed out":
                await self.sign_in_again()
            elif "can’t be reached" in told or "wrong on our side" in told:
                await asyncio.sleep(1)
            else:
                break
        if has_insisted and told == "newer":
            return  # a server that went away may have sent it all the same
        await self.sent(answer, told)

    async def click(self) -> None:
        """In one of the ways that people have."""
        if self.happens(0.5):
            await self.page.dblclick("#reply-form .editor-foot .primary")
            return
        for _ in range(2):
            await self.page.keyboard.press("Control+Enter")

    async def outcome(self) -> str:
        """What the page says, once it says something."""
        found = await self.page.wait_for_function(OUTCOME)
        return str(await found.json_value())

    async def sent(self, answer: Answer, told: str) -> None:
        """Note it, and take it back now and then."""
        if told != "sent":
            self.ledger.did(f"not sent: {told[:60]}")
            answer.became(State.LEFT, told)
            return
        answer.became(State.SENT)
        self.ledger.did("sent (browser)")
        if self.happens(0.3):
            await self.undo(answer)

    async def undo(self, answer: Answer) -> None:
        """At once, or at the very end of the time."""
        await asyncio.sleep(
            max(0.0, self.office.undo + self.luck.uniform(-1, 0.1)) if self.happens(0.6) else 0
        )
        # A colleague's answer in the same conversation has such a button, too.
        mine = f"#items > :has-text('{answer.mark}') .delivery button:text('Undo')"
        button = await self.page.query_selector(f"#toasts button:text('Undo'), {mine}")
        if button is None:
            return
        answer.became(State.ASKED, "undo")
        with suppress(Error):  # it goes in this moment
            await button.click(timeout=1000)
        with suppress(TooLong):
            found = await self.page.wait_for_function(UNDONE, timeout=8000)
            told = str(await found.json_value())
            answer.became(State.UNDONE if told == "undone" else State.ASKED, told)
            self.ledger.did(f"{told[:40]} (browser)")


async def _all(
    office: Office, ledger: Ledger, crowd: Crowd, lucks: dict[str, random.Random], until: float
) -> list[str]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        windows = [Window(browser, office, ledger, crowd, name, luck) for name, luck in lucks.items()]
        await asyncio.gather(*(window.work(until) for window in windows))
        await browser.close()
    for window in windows:
        for words in window.complaints:
            ledger.fault(f"{window.name}’s page complains: {words}")
    return [text for window in windows for text in window.kept_here]


def work(
    office: Office, ledger: Ledger, crowd: Crowd, lucks: dict[str, random.Random], until: float
) -> list[str]:
    """All agents with a browser, until the time is over; what these still hold."""
    return asyncio.run(_all(office, ledger, crowd, lucks, until)) if lucks else []
