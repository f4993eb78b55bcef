"""`python -m tests.documents`: writes the checklists into the documents, between the marks that name them."""

import os
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
BASE_URL = "https://ucs.company.com"
MAILBOX = "mailbox.email@company.com"
MARKED = re.compile(r"(<!-- checklist (\S+) -->\n).*?(<!-- end of the checklist -->)", re.DOTALL)


def written(text: str) -> str:
    """The document with the checklists as they are now."""
    return MARKED.sub(lambda found: f"{found[1]}\n{_checklist(found[2])}\n{found[3]}", text)


def documents() -> list[Path]:
    """The documents that hold checklists."""
    return [path for path in sorted(DOCS.glob("*.md")) if MARKED.search(path.read_text())]


def _checklist(name: str) -> str:
    from django.test import override_settings  # noqa: PLC0415 - settings first, when run as a command

    from sso.checklists.lists import checklists  # noqa: PLC0415
    from sso.checklists.markdown import as_markdown  # noqa: PLC0415
    from sso.checklists.values import Filling  # noqa: PLC0415
    from sso.models import SSOProvider  # noqa: PLC0415

    one = checklists()[name]
    kind = one.kind if one.kind in SSOProvider.Type.values else SSOProvider.Type.GOOGLE
    provider = SSOProvider(pk=2, type=kind, mailbox=MAILBOX)
    known = Filling(provider, "support@company.com", "support-3f9c…@inbound.company.com")
    with override_settings(BASE_URL=BASE_URL):
        return as_markdown(one, known)


def main() -> int:
    """Write them all."""
    for path in documents():
        path.write_text(written(path.read_text()))
        print(path.name)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.mypy_settings")
    import django

    django.setup()
    sys.exit(main())
