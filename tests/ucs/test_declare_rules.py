"""Mail rules in a settings file: made, changed, the same again, exported, refused with the line."""

from pathlib import Path

import pytest

from mailsources.rule_models import MailRule, RuleList
from tests.make import make_queue, make_rule, make_source
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

FILE = """
skills: [billing]
tags: [{name: invoice}]
rules:
  - match: all
    rules:
      - name: Bounces
        if: [{what: kind, how: is, value: no, not: true}, {what: file_count, how: at_least, value: 3}]
        joined: any
        then: [{do: acknowledge, value: no}, {do: priority, value: low}]
        answers: true
  - source: support-in
    rules:
      - name: Invoices
        if: [{what: header, key: X-Kind, how: matches, value: "inv*"}]
        then: [{do: queue, value: Billing}, {do: skill, value: billing 3}, {do: tag, value: invoice}]
      - {name: Spare, active: false, then: [{do: discard}]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make_queue(name="Billing")
    make_source(name="support-in")
    path = tmp_path / "settings.yaml"
    path.write_text(FILE)
    return path


def test_rules_are_applied_once_and_exported_as_they_are(path: Path) -> None:
    assert {"created Rules of all sources", "created Rules of source support-in"} <= set(
        apply_file(path).lines
    )
    rows = dict(MailRule.objects.values_list("name", "pk"))
    assert list(rows) == ["Bounces", "Invoices", "Spare"]
    assert apply_file(path).lines == []
    path.write_text(export())
    assert apply_file(path).lines == []
    path.write_text(FILE.replace("billing 3", "billing 4").replace("match: all", "match: first"))
    lines = apply_file(path).lines
    assert lines == ["changed Rules of all sources: rules", "changed Rules of source support-in: rules"]
    assert dict(MailRule.objects.values_list("name", "pk")) == rows, "they keep their hits"
    assert RuleList.objects.get(source=None).mode == "first"


def test_what_the_file_does_not_name_is_taken_away(path: Path) -> None:
    make_rule((), {"stop": ""}, name="Old")
    apply_file(path)
    assert not MailRule.objects.filter(name="Old").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("value: Billing", "value: Nowhere", "There is no email queue “Nowhere”"),
        ("how: matches", "how: at_least", "header can't be compared by “at_least”"),
        ("source: support-in", "source: nobody", "there is no email source “nobody”"),
        ("name: Spare,", "name: Invoices,", "Two rules of a list have the same name"),
        ("[{do: discard}]", "[]", "does nothing"),
    ],
)
def test_a_bad_rule_changes_nothing(path: Path, old: str, new: str, told: str) -> None:
    path.write_text(FILE.replace(old, new))
    with pytest.raises(BadFile, match=told):
        apply_file(path)
    assert not MailRule.objects.exists()
