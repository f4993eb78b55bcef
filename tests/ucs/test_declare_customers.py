"""Own fields of contacts and links to another CRM, as a settings file says them."""

from pathlib import Path

import pytest

from crm.models import ContactField, CrmLink
from ucs.declare.apply import apply_file
from ucs.declare.document import BadFile
from ucs.declare.export import export

pytestmark = pytest.mark.django_db

FILE = """\
contact_fields:
  - {name: tier, kind: choice, choices: [gold, silver], required: true}
  - {name: vat_number, label: VAT number, of: organisation, position: 2}
crm_links:
  - {name: CRM, url: "https://crm.example/people?mail={email}&tier={tier}"}
"""


def test_there_and_back(tmp_path: Path) -> None:
    file = tmp_path / "settings.yml"
    file.write_text(FILE)
    assert apply_file(file).lines == [
        "created contact field tier",
        "created contact field vat_number",
        "created CRM link CRM",
    ]
    tier = ContactField.objects.get(key="tier")
    assert (tier.label, tier.choices, tier.is_required) == ("Tier", ["gold", "silver"], True)
    assert CrmLink.objects.get().template.endswith("{tier}")
    assert apply_file(file).lines == []
    file.write_text(export())
    assert apply_file(file).lines == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("contact_fields: [{name: email}]", "is taken"),
        ("contact_fields: [{name: x, kind: choice}]", "needs choices"),
        ("contact_fields: [{name: x, kind: colour}]", "not offered"),
        ("contact_fields: [{name: tier, kind: date}]", "can't be changed"),
        ("crm_links: [{name: a, url: 'http://crm.example/{email}'}]", "https://"),
        ("crm_links: [{name: a, url: 'https://crm.example/{what}'}]", "no place {what}"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, words: str) -> None:
    ContactField.objects.create(key="tier", label="Tier")
    file = tmp_path / "settings.yml"
    file.write_text(text)
    with pytest.raises(BadFile, match=words):
        apply_file(file)
