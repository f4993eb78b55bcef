"""Score our parser against a folder of test mails that brings its own ``score.py``; publish the figures.

python bench/corpus_score.py FOLDER [--write docs/parsing.md] [options of score.py]

The folder has an INDEX.tsv, one mail a line with what is expected of it, and a ``score.py`` that is called as
``score.py --corpus FOLDER --json FILE MODULE:FUNCTION``: it gives each mail to the function and writes per
kind [cases, passed, crashes], per check [asked, right, not offered], and the time. OPTIONAL in it names the
checks that never count. Such a folder stays outside of this repository, as its mails are other people's.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ADAPTER = "bench.corpus_adapter:score"

KINDS = {
    "attachments": "Files: names, sizes, types",
    "autoreply": "Out of office, acknowledgements, challenges",
    "bounce": "Mail that came back or is delayed",
    "calendar": "Invitations",
    "charset": "Character sets, declared rightly and wrongly",
    "forwarding": "Forwarded by hand: who wrote it",
    "headers": "Headers as mailers really write them",
    "html-xss": "HTML that means no good",
    "mime": "Structures of parts",
    "mime-broken": "Structures that are broken",
    "oauth-forwarding": "Confirmations of forwarding",
    "reply-parsing": "What is new in an answer",
    "reports": "Complaints, DMARC, receipts",
    "signature": "Signatures",
    "signed-encrypted": "S/MIME and PGP",
    "threading": "Ids and references",
    "tnef": "winmail.dat",
}

HEAD = """# How well mail is read

Made by `python bench/corpus_score.py FOLDER --write docs/parsing.md` on {date} from {cases:,} test mails out
of the suites of other mail projects, which stay outside of this repository as their licences differ. A case
passes when everything that its own project expects of it is right. {crashes} of them crashed the parser or
took more than ten seconds of processor time. A mail took {ms:.1f} ms on average, the slowest {slowest:.2f} s.

| kind | what it tries | cases | passed | rate | crashes |
|---|---|---:|---:|---:|---:|
"""

CHECKS = """
## Single checks

| check | asked | right | rate |
|---|---:|---:|---:|
"""

TAIL = """
A check in brackets never counts for a case. What some figures mean:

* *bounce_reason*, *bounce_hard*: the index names the reasons of one project, which calls a user unknown after
  DATA “filtered”, for example. Ours follow what the server's words say.
* *bounce_status*: for reports without a code the index has codes of its own (5.0.9xx), which we don't invent.
* *not_flagged* asks the other way round: mail of people must not be taken for a machine's, or it would be
  answered late. Mailing lists are known as such, but are no machine's to the index.
* *is_bounce*: a delay counts as a bounce to the index. To us it is a delay, and moves no conversation.
"""


def main() -> int:
    """Run the folder's own scorer over our parser; write the page when asked."""
    parser = argparse.ArgumentParser(description="Score the mail parser against a folder of test mails.")
    parser.add_argument("folder", type=Path, help="with an INDEX.tsv and a score.py")
    parser.add_argument("--write", type=Path, help="the page to write, such as docs/parsing.md")
    options, more = parser.parse_known_args()
    folder = options.folder.resolve()
    with tempfile.TemporaryDirectory() as kept:
        result = Path(kept) / "result.json"
        command = [
            sys.executable,
            folder / "score.py",
            "--corpus",
            folder,
            "--json",
            result,
            "--checks",
            *more,
        ]
        environment = dict(os.environ, PYTHONPATH=str(ROOT))
        code = subprocess.run([*command, ADAPTER], env=environment, cwd=ROOT, check=False).returncode
        if code == 0 and options.write:
            (found,) = json.loads(result.read_text(encoding="utf-8"))
            page = render(found, optional(folder), datetime.now(UTC))
            options.write.write_text(page, encoding="utf-8")
    return code


def optional(folder: Path) -> set[str]:
    """The checks that the folder's scorer doesn't count: its OPTIONAL, a plain set of names."""
    for node in ast.parse((folder / "score.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OPTIONAL":
            return set(ast.literal_eval(node.value))
    return set()


def render(found: dict[str, Any], uncounted: set[str], now: datetime) -> str:
    """The page: figures by kind, then by check.

    :param found: what the scorer wrote for one function.
    """
    kinds: dict[str, list[int]] = found["per_kind"]
    cases, passed, crashes = (sum(row[number] for row in kinds.values()) for number in range(3))
    page = HEAD.format(
        date=f"{now.day} {now:%B %Y}",
        cases=cases,
        crashes=crashes or "None",
        ms=found["ms"],
        slowest=found["slowest_s"],
    )
    for kind, row in sorted(kinds.items()):
        page += (
            f"| {kind} | {KINDS.get(kind, '')} | {row[0]} | {row[1]} | {rate(row[1], row[0])} | {row[2]} |\n"
        )
    page += f"| **all** | | {cases} | {passed} | {rate(passed, cases)} | {crashes} |\n"
    page += CHECKS
    for name, (asked, right, _) in sorted(found["checks"].items()):
        shown = f"({name})" if name in uncounted else name
        page += f"| {shown} | {asked} | {right} | {rate(right, asked)} |\n"
    return page + TAIL


def rate(part: int, whole: int) -> str:
    """A share in percent; 100 % only when nothing is missing."""
    share = 100 * part / whole if whole else 100.0
    return f"{min(share, 100.0 if part == whole else 99.9):.1f} %"


if __name__ == "__main__":
    sys.exit(main())
