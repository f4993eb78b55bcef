"""Texts to insert, as a settings file says them."""

from pathlib import Path

import pytest

from queues.models import Macro, Snippet
from tests.make import make_agent, make_snippet
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

FILE = """\
languages: [cs, de]
queues:
  - {name: Support}
snippets:
  - name: Refund
    queues: [Support]
    text: "Dear {{ contact.name }},\\n\\nwe refund {{ ?amount }}."
    texts: {cs: "<p>Vracíme <strong>{{ ?částka }}</strong>.</p>"}
  - {name: Thanks, text: Thank you.}
"""


def test_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(FILE)
    own = make_snippet("Refund", owner=make_agent())
    assert "created snippet Refund" in apply_file(file).lines
    refund = Snippet.objects.get(name="Refund", language=None, owner=None)
    assert refund.html == "<p>Dear {{ contact.name }},</p><p>we refund {{ ?amount }}.</p>"
    assert [queue.name for queue in refund.queues.all()] == ["Support"]
    assert apply_file(file).lines == []
    exported = export()
    assert "text: Thank you." in exported
    again = tmp_path / "again.yml"
    again.write_text(exported[exported.index("snippets:") :])
    assert apply_file(again).lines == []
    again.write_text("snippets:\n  - {name: Refund, text: Shorter.}\n")
    assert len(apply_file(again).lines) == 1
    assert Snippet.objects.get(name="Refund", owner=None).text == "Shorter."
    own.refresh_from_db()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{name: x}", "give a text"),
        ('{name: x, text: "{{ nothing }}"}', "is not known"),
        ("{name: x, text: y, queues: [Nowhere]}", "no email queue “Nowhere”"),
        ("{name: x, texts: {xx: y}}", "no language “xx”"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(f"snippets:\n  - {line}\n")
    with pytest.raises(BadFile, match=words):
        apply_file(file)
    assert not Snippet.objects.exists()


MACROS = """\
tags:
  - {name: invoice}
queues:
  - {name: Support}
  - {name: Billing}
agents:
  - {username: alice}
macros:
  - {name: To billing, queues: [Support], text: "Dear {{ contact.name }},", note: Look., tags: [invoice],
     transfer: Billing}
  - {name: Sleep, snooze: 24}
  - {name: Done, text: Bye., close: true}
  - {name: To Alice, assign: alice}
"""


def test_macros_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(MACROS)
    assert "created macro To billing" in apply_file(file).lines
    assert apply_file(file).lines == []
    exported = export()
    again = tmp_path / "again.yml"
    again.write_text(exported[exported.index("macros:") :])
    assert apply_file(again).lines == []
    assert sorted(Macro.objects.values_list("name", "then")) == [
        ("Done", "close"), ("Sleep", "snooze"), ("To Alice", "assign"), ("To billing", "transfer"),
    ]  # fmt: skip
    for line in (
        "{name: x, close: true, snooze: 2}",
        "{name: x, transfer: Nowhere}",
        "{name: x, tags: [no]}",
    ):
        again.write_text(f"macros:\n  - {line}\n")
        with pytest.raises(BadFile, match=r"only one|there is no"):
            apply_file(again)
