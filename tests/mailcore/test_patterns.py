"""Regular expressions that every supported Python matches in the same way."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")
"""Such as `(?:a|b)*+`: Pythons before 3.11.5, as in Debian 12, may take what is in it for something else."""


def test_no_group_is_possessive() -> None:
    sources = [
        path for path in ROOT.glob("*/**/*.py") if path.relative_to(ROOT).parts[0] not in ("tests", ".venv")
    ]
    assert len(sources) > 300
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "re." in line or line.lstrip().startswith(('r"', "r'", 'rb"', 'rf"', "_"))
        if POSSESSIVE_GROUP.search(line)
    ]
    assert found == []
