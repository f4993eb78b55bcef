"""`python -m tests.rights.document`: writes docs/rights.md from the table that the tests hold."""

from pathlib import Path

from tests.rights.table import read

ROLES = ("stranger", "agent", "other agent", "supervisor", "other supervisor", "administrator")
PLACE = Path(__file__).parents[2] / "docs" / "rights.md"
HEAD = """\
# Who may do what

Made by `python -m tests.rights.document` from `tests/rights/table.txt`; a test asks every line as everybody.
Everything asked for belongs to one queue: *agent* and *supervisor* work in it, the *other* ones in another
queue. Programs have the rights of the user whose key they show, less what the scopes of the key leave out.

✓ may · – there is no such thing for them (404) · ✕ refused (403) · 🔑 has to sign in first. ✓ stands also
where the rules of the matter refuse it just now (409), or something is missing in the question (400, 422).
The administration (`/admin/`) lets staff in alone; others are led to its sign-in page.
"""


def written() -> str:
    """The whole document."""
    table = read()
    pages = {key: value for key, value in table.items() if not key[1].startswith("api/")}
    programs = {key: value for key, value in table.items() if key[1].startswith("api/")}
    return f"{HEAD}\n## Pages\n\n{_table(pages)}\n## API\n\n{_table(programs)}"


def _table(rows: dict[tuple[str, str], tuple[int, ...]]) -> str:
    lines = [f"| | {' | '.join(ROLES)} |", f"|---|{'---|' * len(ROLES)}"]
    for (method, route), statuses in rows.items():
        lines.append(f"| {method} `/{route}` | {' | '.join(map(_word, statuses))} |")
    return "\n".join(lines) + "\n"


def _word(status: int) -> str:
    return {401: "🔑", 403: "✕", 404: "–"}.get(status, "✓")


if __name__ == "__main__":
    PLACE.write_text(written())
