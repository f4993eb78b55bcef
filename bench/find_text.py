"""Finding mails by their text: how long a page of results takes, by kind of question and by who asks.

    nice python -m bench.find_text [--messages 300000] [--rounds 20] [--years 3]

Beside the times stands the CPU time of a question, of the product and of its database server together: the
times of a busy machine say little.

The mails are made up, in four languages: words as often as in real texts (Zipf), numbers that come once,
names, files, replies; in queues of very different size. They are loaded by COPY on a throwaway database, and
each question is asked through `inbox.page`, as the desk does it: reading the question, finding, loading 50
rows. What a mail costs to file is measured by writing some more, with and without the index.
"""

import argparse
import io
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import psutil

from tests import services

services.ensure()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django  # noqa: E402 - the environment must be complete first

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from crm.models import Contact, ContactAddress  # noqa: E402
from queues import inbox  # noqa: E402
from queues.finding_filed import span  # noqa: E402
from queues.finding_words import keys  # noqa: E402
from queues.inbox import Listing, View  # noqa: E402
from queues.models import EmailQueue  # noqa: E402
from tests.make import make_administrator, make_agent, make_queue  # noqa: E402

LANGUAGES = ("en", "de", "cs", "es")
SHARES = (30, 20, 15, 10, 8, 6, 4, 3, 2, 1, 0.9, 0.1)  # per cent of the mails, by queue
VOCABULARY = 60_000  # words of one language
PEOPLE = 40_000
PARAGRAPHS = 2500  # of one language; each mail has two, and some words of its own
OWN_WORDS = 8
PORTION = 4000  # conversations loaded at once
SYLLABLES = [
    "ka",
    "ro",
    "mi",
    "ten",
    "sal",
    "ver",
    "du",
    "pol",
    "ne",
    "gra",
    "tis",
    "lo",
    "ben",
    "ri",
    "sto",
    "mar",
    "ze",
    "fu",
    "no",
    "pla",
    "ci",
    "der",
    "hos",
    "wa",
    "ly",
    "chu",
    "ent",
]
CONVERSATIONS = [
    "id",
    "number",
    "queue_id",
    "contact_id",
    "subject",
    "state",
    "priority",
    "agent_id",
    "language",
    "language_confidence",
    "created_at",
    "last_message_at",
    "last_direction",
    "preview",
    "messages_count",
    "has_attachments",
    "has_outside",
]
MESSAGES = [
    "id",
    "conversation_id",
    "direction",
    "automatic",
    "from_name",
    "from_email",
    "reply_to",
    '"to"',
    "cc",
    "subject",
    "text",
    "html",
    "quote_at",
    "forwarded",
    "invitations",
    "protection",
    "message_id",
    "in_reply_to",
    '"references"',
    "defects",
    "is_outside",
    "search",
    "sent_at",
    "created_at",
]


@dataclass(frozen=True)
class Language:
    """A made-up language: its words, the most frequent first, and paragraphs of them with their keys."""

    words: list[str]
    weights: list[float]
    paragraphs: list[tuple[str, frozenset[str]]]

    def some(self, count: int) -> list[str]:
        """Words, each as often as its rank makes it."""
        return random.choices(self.words, cum_weights=self.weights, k=count)


def make_language(seed: int) -> Language:
    """Words of two to five syllables; the short ones are the frequent ones, as in real languages."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        length = 2 + min(len(found) // 400, 2) + chance.randrange(2)
        found["".join(chance.choices(SYLLABLES, k=length)) + "aeiouyáéěü"[chance.randrange(10)]] = None
    words = list(found)
    language = Language(words, list(accumulate(1 / (rank + 2.7) for rank in range(len(words)))), [])
    for _ in range(PARAGRAPHS):
        text = " ".join(language.some(55)) + "."
        language.paragraphs.append((text, frozenset(keys(text))))
    return language


def address(person: int) -> str:
    """Whose this is."""
    return f"person{person}@customer{person % 5000}.example"


class Corpus:
    """Conversations in the order in which they begin, as lines for COPY."""

    def __init__(self, messages: int, years: float, queues: list[EmailQueue], agents: list[int]) -> None:
        self.languages = {tag: make_language(number) for number, tag in enumerate(LANGUAGES)}
        self.queues, self.agents, self.messages = queues, agents, messages
        self.end = datetime.now(UTC) - timedelta(minutes=5)
        self.begin = self.end - timedelta(days=365 * years)
        self.shares = list(accumulate(SHARES))
        self.people = [f"{first} {last}" for first, last in self._names()]
        self.counted: Counter[str] = Counter()

    def _names(self) -> Iterator[tuple[str, str]]:
        words = self.languages["en"].words
        for number in range(PEOPLE):
            yield words[number % 900 + 300].title(), words[number % 7919 + 2000].title()

    def portions(self) -> Iterator[tuple[str, str, int]]:
        """Lines of conversations, of their messages, and the number of those."""
        made = number = 0
        while made < self.messages:
            conversations, messages, before = io.StringIO(), io.StringIO(), made
            for _ in range(PORTION):
                number += 1
                made += self._conversation(number, made, conversations, messages)
                if made >= self.messages:
                    break
            yield conversations.getvalue(), messages.getvalue(), made - before

    def _conversation(self, number: int, made: int, rows: io.StringIO, mails: io.StringIO) -> int:
        at = self.begin + (self.end - self.begin) * (made / self.messages)
        queue = random.choices(range(len(SHARES)), cum_weights=self.shares)[0]
        tag = LANGUAGES[queue % 4] if random.random() < 0.9 else random.choice(LANGUAGES)
        person = random.randrange(PEOPLE)
        words = self.languages[tag].some(5)
        subject = f"{' '.join(words)} {number}"
        count = min(random.choice((1, 2, 3, 3, 4, 5)), self.messages - made)
        is_new = at > self.end - timedelta(days=20)
        state = random.choice(("waiting", "pending", "closed", "closed")) if is_new else "closed"
        if not is_new and random.random() < 0.005:
            state = "pending"
        last = at
        for each in range(count):
            last = min(at + timedelta(hours=7 * each), self.end)
            self._message(made + each + 1, number, queue, person, (tag, subject, last, each), mails)
        agent = "\\N" if state == "waiting" else str(self.agents[number % len(self.agents)])
        rows.write(
            f"{number}\t{number}\t{self.queues[queue].pk}\t{person + 1}\t{subject}\t{state}\t3\t{agent}"
            f"\t{tag}\t1\t{at}\t{last}\tin\tx\t{count}\tf\tf\n"
        )
        return count

    def _message(
        self, pk: int, conversation: int, queue: int, person: int, about: tuple[str, str, datetime, int],
        mails: io.StringIO,
    ) -> None:  # fmt: skip
        tag, subject, at, each = about
        language = self.languages[tag]
        one, two = random.choice(language.paragraphs), random.choice(language.paragraphs)
        own = " ".join(language.some(OWN_WORDS))
        name, email = self.people[person], address(person)
        ours = "Support support@example.com"
        writer, reader = (ours, f"{name} {email}") if each % 2 else (f"{name} {email}", ours)
        file = f"{language.words[pk % 2000]}-{pk}.pdf" if pk % 6 == 0 else ""
        found = set(one[1] | two[1])
        found.update(keys(f"{own} {subject} {name} {email} {ours} {file} ref{pk}"))
        marked = [
            *("#" + word for word in keys(subject)), *("<" + word for word in keys(writer)),
            *(">" + word for word in keys(reader)), *("@" + word for word in keys(file)),
            f"={self.queues[queue].pk}", "*", "*out" if each % 2 else "*in", *(["*files"] if file else []),
        ]  # fmt: skip
        if pk % 50 == 0:
            self.counted.update(found)
        code = span(at)
        search = " ".join([f"'{code}{word}'" for word in found] + [f"'{code}{mark}'" for mark in marked])
        direction = "out" if each % 2 else "in"
        mails.write(
            f"{pk}\t{conversation}\t{direction}\tno\t{name}\t{email}\t[]\t[]\t[]\t{subject}\t{one[0]}\\n{own}"
            f" ref{pk}\\n{two[0]}\t\t2000\t{{}}\t[]\t\tm{pk}@x.example\t\t[]\t[]\tf\t{search}\t{at}\t{at}\n"
        )


def copy(table: str, columns: list[str], lines: str) -> None:
    """Load lines."""
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.StringIO(lines))


def execute(statement: str) -> None:
    """Run one statement, however long it takes."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(statement)


def value(statement: str) -> int:
    """One number."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def size(name: str) -> int:
    """Octets of a table with all that belongs to it, or of an index."""
    return value(f"SELECT pg_total_relation_size('{name}')")


def load(corpus: Corpus) -> None:
    """Everything into the database: rows first, then the index."""
    Contact.objects.bulk_create(
        [Contact(pk=number + 1, name=name) for number, name in enumerate(corpus.people)]
    )
    ContactAddress.objects.bulk_create(
        [ContactAddress(contact_id=person + 1, email=address(person)) for person in range(PEOPLE)]
    )
    execute("DROP INDEX message_found")
    began, done = time.perf_counter(), 0
    for conversations, messages, count in corpus.portions():
        copy("queues_conversation", CONVERSATIONS, conversations)
        copy("queues_message", MESSAGES, messages)
        done += count
        print(f"  {done:,} in {time.perf_counter() - began:.0f} s", flush=True)
    began = time.perf_counter()
    execute("SET maintenance_work_mem = '1GB'")
    execute("CREATE INDEX message_found ON queues_message USING gin (search) WITH (fastupdate = off)")
    print(f"index built in {time.perf_counter() - began:.0f} s", flush=True)
    execute("VACUUM ANALYZE queues_message")
    execute("VACUUM ANALYZE queues_conversation")
    for name in ("queues_message", "message_found"):
        print(f"{name}: {size(name) / 1e9:.2f} GB", flush=True)


def costs(corpus: Corpus, many: int = 3000) -> None:
    """What writing a mail costs with the index and without; rolled back."""
    for name in ("with the index", "without"):
        last, row = (
            value("SELECT max(id) FROM queues_message"),
            value("SELECT max(id) FROM queues_conversation"),
        )
        lines = io.StringIO()
        for number in range(many):
            about = ("en", "cost", corpus.end, 0)
            corpus._message(last + number + 1, row, 0, number, about, lines)
        execute("BEGIN")
        if name == "without":
            execute("DROP INDEX message_found")
        began = time.perf_counter()
        copy("queues_message", MESSAGES, lines.getvalue())
        print(f"writing a mail {name}: {1000 * (time.perf_counter() - began) / many:.2f} ms")
        execute("ROLLBACK")


def words_by_share(corpus: Corpus, share: float) -> Callable[[], str]:
    """Words that about this share of the mails have."""
    seen = corpus.messages / 50
    near = [word for word, count in corpus.counted.items() if share / 1.6 < count / seen < share * 1.6]
    near = [word for word in near if len(word) > 3 and word.isalpha()] or ["absent"]
    return lambda: random.choice(near)


def questions(corpus: Corpus) -> dict[str, Callable[[], str]]:
    """Kinds of questions; each call asks for something else."""
    rare, usual = words_by_share(corpus, 0.0002), words_by_share(corpus, 0.002)
    common, most = words_by_share(corpus, 0.03), words_by_share(corpus, 0.25)
    people = corpus.people
    year = corpus.end.year

    def mail() -> int:
        return random.randrange(corpus.messages) + 1

    return {
        "absent word": lambda: f"zzz{random.randrange(10**6)}qq",
        "one mail of all": lambda: f"ref{mail()}",
        "rare word (1 of 5,000)": rare,
        "usual word (1 of 500)": usual,
        "common word (3 of 100)": common,
        "word of a quarter": most,
        "beginning, 3 letters": lambda: common()[:3],
        "beginning, 5 letters": lambda: usual()[:5],
        "two words, common": lambda: f"{common()} {most()}",
        "two words, usual": lambda: f"{usual()} {usual()}",
        "three words": lambda: f"{usual()} {common()} {most()}",
        "two words, one absent": lambda: f"{most()} zzzqq{random.randrange(999)}",
        "either of two": lambda: f"{rare()} OR {usual()}",
        "a word without another": lambda: f"{common()} -{most()}",
        "a phrase that is there": lambda: '"' + " ".join(_phrase(corpus)) + '"',
        "a phrase that is not": lambda: f'"{most()} {most()}"',
        "from: a name": lambda: f"from:{random.choice(people).split()[1]}",
        "from: an address": lambda: f"from:{address(random.randrange(PEOPLE))}",
        "to: and a word": lambda: f"to:support {usual()}",
        "subject:": lambda: f"subject:{usual()}",
        "filename:": lambda: f"filename:{random.choice(corpus.languages['en'].words[:2000])}",
        "has:attachment and a word": lambda: f"has:attachment {common()}",
        "is:open and a word": lambda: f"is:open {common()}",
        "is:open and a rare word": lambda: f"is:open {rare()}",
        "queue: the largest": lambda: f'queue:"{corpus.queues[0].name}" {usual()}',
        "queue: the smallest": lambda: f'queue:"{corpus.queues[-1].name}" {most()}',
        "agent: and a word": lambda: f"agent:agent7 {usual()}",
        "before: and a word": lambda: f"before:{year - 1} {usual()}",
        "a month and a word": lambda: f"on:{year - 1}-05 {common()}",
        "a month alone": lambda: f"on:{year - 1}-05",
        "best first": lambda: f"sort:best {usual()}",
        "best first, common": lambda: f"sort:best {most()}",
    }  # fmt: skip


def _phrase(corpus: Corpus) -> list[str]:
    text = random.choice(corpus.languages[random.choice(LANGUAGES)].paragraphs)[0].rstrip(".").split()
    at = random.randrange(len(text) - 2)
    return text[at : at + 2]


def ask(user: User, text: str, view: View = View.ALL) -> tuple[float, int, bool]:
    """Milliseconds, rows found, and whether the page ended early."""
    began = time.perf_counter()
    page = inbox.page(user, Listing(view=view, text=text))
    return 1000 * (time.perf_counter() - began), len(page.rows), page.reached is not None


def deep(user: User, text: str, pages: int) -> float:
    """Milliseconds of the last of so many pages."""
    mark, took = "", 0.0
    for _ in range(pages):
        began = time.perf_counter()
        page = inbox.page(user, Listing(view=View.ALL, text=text, after=mark))
        took, mark = 1000 * (time.perf_counter() - began), page.next
        if not mark:
            break
    return took


def report(name: str, asker: str, took: list[float], cpu: float, said: str) -> None:
    """One line."""
    took.sort()
    p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
    middle = statistics.median(took)
    print(f"{name:28} {asker:14} {middle:6.0f} {p95:6.0f} {took[-1]:6.0f} {cpu:6.0f}  {said}", flush=True)


class Used:
    """CPU time of this process and of its server in the database, which a busy machine doesn't stretch."""

    def __init__(self) -> None:
        self.server = psutil.Process(value("SELECT pg_backend_pid()"))
        self.begun = self._now()

    def _now(self) -> float:
        times = self.server.cpu_times()
        return time.process_time() + times.user + times.system

    def milliseconds(self) -> float:
        """Since the last time that somebody asked."""
        before, self.begun = self.begun, self._now()
        return 1000 * (self.begun - before)


def measure(corpus: Corpus, askers: dict[str, User], rounds: int) -> None:
    """Each kind of question by each asker, in milliseconds."""
    print(f"{'question':28} {'asked by':14} {'p50':>6} {'p95':>6} {'max':>6} {'CPU':>6}")
    everything: list[float] = []
    used, whole = Used(), 0.0
    for name, question in questions(corpus).items():
        for asker, user in askers.items():
            ask(user, question())
            used.milliseconds()
            found = [ask(user, question()) for _ in range(rounds)]
            cpu = used.milliseconds()
            whole += cpu
            everything += [each[0] for each in found]
            rows, early = statistics.mean(each[1] for each in found), sum(each[2] for each in found)
            said = f"{rows:.0f} rows" + (f", {early} ended early" if early else "")
            report(name, asker, [each[0] for each in found], cpu / rounds, said)
    common = words_by_share(corpus, 0.03)
    for asker, user in askers.items():
        used.milliseconds()
        took = [deep(user, common(), 10) for _ in range(rounds)]
        report("common word, page 10", asker, took, used.milliseconds() / rounds / 10, "the last page")
    report("all questions", "all", everything, whole / len(everything), "")


def main() -> None:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description="How long finding mails by their text takes.")
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--years", type=float, default=3)
    options = parser.parse_args()
    random.seed(7)
    call_command("migrate", verbosity=0)
    queues = [make_queue(name=f"Queue {number}") for number in range(len(SHARES))]
    agents = [make_agent(f"agent{number}").pk for number in range(60)]
    alice, bob, charlie = make_agent("alice"), make_agent("bob"), make_agent("charlie")
    for agent, places in ((alice, (1, 4, 6)), (bob, (9,)), (charlie, (11,))):
        for each in places:
            queues[each].members.add(agent)
    corpus = Corpus(options.messages, options.years, queues, agents)
    load(corpus)
    costs(corpus)
    askers = {"administrator": make_administrator("bench"), "of 32 %": alice.user, "of 1 %": bob.user,
              "of 0.1 %": charlie.user}  # fmt: skip
    measure(corpus, askers, options.rounds)


if __name__ == "__main__":
    main()
