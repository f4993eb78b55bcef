"""Tables of contacts: read as spreadsheets write them, checked, imported once, exported without formulas."""

import csv
import io
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from crm import exporting, importing, organisations, table
from crm.columns import guess
from crm.importing_rows import Writing
from crm.models import Contact, ContactAddress, ContactImport, Organisation
from crm.refusals import ContactRefused
from crm.table import Shape
from tests.make import make_contact, make_contact_field

pytestmark = pytest.mark.django_db

SMALL = """Customer number,Name,E-mail,Company,Phone,Tier
A-1,Charlie Stone,charlie@customer.example,Stone & Sons,+420 777 1,gold
A-2,Dora Černá,dora@customer.example,stone & sons,,
,Nobody,,,,
A-3,Eve,not an address,,,
A-4,Frank,frank@customer.example,,,platinum
"""


def uploaded(text: str | bytes, name: str = "people.csv") -> ContactImport:
    bob, _ = User.objects.get_or_create(username="bob")
    return importing.upload(bob, name, text if isinstance(text, bytes) else text.encode())


def run(row: ContactImport, *, check: bool = True) -> ContactImport:
    if check:
        assert importing.begin(row, is_check=True, mapping=row.mapping)
        importing.work(row.pk)
        row.refresh_from_db()
        assert row.state == "checked"
    assert importing.begin(row, is_check=False)
    importing.work(row.pk)
    row.refresh_from_db()
    return row


def counts(row: ContactImport) -> tuple[int, int, int, int]:
    return row.made, row.changed, row.same, row.refused


def test_checked_imported_and_the_second_time_nothing() -> None:
    make_contact_field("tier", "choice", choices=["gold", "silver"])
    row = uploaded(SMALL)
    assert row.mapping == ["external_id", "name", "email", "organisation", "phone", "fields.tier"]
    assert importing.begin(row, is_check=True, mapping=row.mapping)
    assert not importing.begin(row, is_check=True)
    importing.work(row.pk)
    row.refresh_from_db()
    assert (row.state, row.lines, row.position, counts(row)) == ("checked", 5, 5, (2, 0, 0, 3))
    assert not Contact.objects.exists()
    assert [(each.line, each.code) for each in row.faults.all()] == [
        (4, "nobody"),
        (5, "email"),
        (6, "field_choice"),
    ]
    row = run(row, check=False)
    assert (row.state, counts(row), bytes(row.content)) == ("done", (2, 0, 0, 3), b"")
    charlie = Contact.objects.get(external_id="A-1")
    assert (charlie.fields, charlie.phones) == ({"tier": "gold"}, ["+420 777 1"])
    assert charlie.addresses.get().is_primary
    assert Organisation.objects.get().contacts.count() == 2
    assert charlie.changes.get().data == {"import": row.pk}
    assert counts(run(uploaded(SMALL))) == (0, 0, 2, 3)
    assert Contact.objects.count() == ContactAddress.objects.count() == 2


def test_what_is_known_is_changed_and_an_empty_cell_leaves_it() -> None:
    known = make_contact(remark="Old", phones=["+1 22"])
    row = run(
        uploaded(
            "email;name;phone;remark;emails\n"
            "charlie@customer.example;Charles;+1 33;;c@home.example, d@home.example\n"
        )
    )
    assert counts(row) == (0, 1, 0, 0)
    known.refresh_from_db()
    assert (known.name, known.remark, known.phones) == ("Charles", "Old", ["+1 22", "+1 33"])
    assert set(known.addresses.values_list("email", flat=True)) == {
        "charlie@customer.example",
        "c@home.example",
        "d@home.example",
    }
    assert known.changes.filter(kind="changed").get().data["name"] == ["Charlie Stone", "Charles"]


def test_a_line_about_two_contacts_or_with_another_id_is_refused() -> None:
    make_contact(external_id="A-1")
    make_contact("dora@customer.example", "Dora")
    text = (
        "id,email,emails\nA-1,dora@customer.example,\n"
        ",charlie@customer.example,dora@customer.example\nA-9,charlie@customer.example,\n"
    )
    row = run(uploaded(text))
    assert [each.code for each in row.faults.all()] == ["two", "two", "other_id"]
    assert counts(row) == (0, 0, 0, 3)


def test_the_same_person_twice_in_one_file_is_one_contact() -> None:
    text = (
        "email,name,phone\na@x.example,Ann,\nA@x.example,Ann Lee,+1 22\n"
        + "".join(f"n{number}@x.example,N {number},\n" for number in range(600))
        + "a@x.example,,+1 33\n"
    )
    row = uploaded(text)
    importing.begin(row, is_check=True, mapping=row.mapping)
    importing.work(row.pk)
    row.refresh_from_db()
    assert counts(row) == (601, 1, 1, 0)
    assert counts(run(row, check=False)) == (601, 1, 1, 0)
    ann = ContactAddress.objects.get(email="a@x.example").contact
    assert (ann.name, ann.phones) == ("Ann Lee", ["+1 22", "+1 33"])


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("jméno;e-mail\nŽofie Řehořová;z@x.example\n", "windows-1250", ("windows-1250", ";")),
        ("jméno,e-mail\nŽofie Řehořová,z@x.example\n", "utf-8-sig", ("utf-8", ",")),
        ("jméno\te-mail\nŽofie Řehořová\tz@x.example\n", "utf-16", ("utf-16", "\t")),
        ('name|e-mail\r\n"Žofie \nŘehořová"|z@x.example\r\n\r\n', "utf-8", ("utf-8", "|")),
    ],
)
def test_files_of_many_programs(text: str, encoding: str, found: tuple[str, str]) -> None:
    row = uploaded(text.encode(encoding))
    assert (row.encoding, row.delimiter) == found
    if "jméno" in text:
        row.mapping = ["name", "email"]
    run(row)
    assert Contact.objects.get().name == "Žofie Řehořová"


def test_another_reading_is_a_persons_choice() -> None:
    row = uploaded("jméno;e-mail\nZoë;z@x.example\n".encode("windows-1252"))
    importing.reread(row, "windows-1252", ";")
    row.mapping = ["name", "email"]
    run(row)
    assert Contact.objects.get().name == "Zoë"
    with pytest.raises(ContactRefused):
        importing.reread(row, "rot13", ";")


def test_what_is_no_table_and_columns_that_can_not_be_are_refused() -> None:
    for content in (b"", b"\n\n", b"," * 200):
        with pytest.raises(ContactRefused):
            uploaded(content)
    row = uploaded("a,b\n1,2\n")
    for mapping in (["name", ""], ["email", "email"], ["email"], ["email", "fields.nothing"]):
        with pytest.raises(ContactRefused):
            importing.begin(row, is_check=True, mapping=mapping)
    assert guess(["Vorname", "Nachname", "Tier", "E-Mail"]) == ["first_name", "last_name", "", "email"]


def test_after_a_crash_it_goes_on_behind_the_last_batch() -> None:
    row = uploaded("email\n" + "".join(f"n{number}@x.example\n" for number in range(1200)))
    importing.begin(row, is_check=True, mapping=row.mapping)
    importing.work(row.pk)
    importing.begin(row, is_check=False)
    flushed: list[int] = []

    def dies(self: Writing) -> None:
        if len(flushed) == 1:
            raise ZeroDivisionError
        flushed.append(1)
        flush(self)

    flush = Writing.flush
    with patch.object(Writing, "flush", dies), pytest.raises(ZeroDivisionError):
        importing.work(row.pk)
    row.refresh_from_db()
    assert (row.state, row.position, Contact.objects.count()) == ("running", 500, 500)
    importing.work(row.pk)  # another's lease runs still
    assert Contact.objects.count() == 500
    ContactImport.objects.update(lease_until=timezone.now())
    assert importing.left_alone() == [row.pk]
    importing.work(row.pk)
    row.refresh_from_db()
    assert (row.state, counts(row), Contact.objects.count()) == ("done", (1200, 0, 0, 0), 1200)


def test_it_is_stopped_between_batches_and_what_was_written_stays() -> None:
    row = uploaded("email\n" + "".join(f"n{number}@x.example\n" for number in range(1200)))
    importing.begin(row, is_check=True, mapping=row.mapping)
    importing.work(row.pk)
    importing.begin(row, is_check=False)
    flush = Writing.flush

    def stopped(self: Writing) -> None:
        flush(self)
        importing.cancel(row)

    with patch.object(Writing, "flush", stopped):
        importing.work(row.pk)
    row.refresh_from_db()
    assert (row.state, Contact.objects.count()) == ("cancelled", 500)


def test_new_ones_belong_to_the_organisation_of_their_domain() -> None:
    firm = organisations.make(None, "Stone")
    organisations.add_domain(None, firm.pk, "stone.example")
    run(uploaded("email,company\na@stone.example,\nb@stone.example,Pebble\n"))
    assert dict(Contact.objects.values_list("addresses__email", "organisation__name")) == {
        "a@stone.example": "Stone",
        "b@stone.example": "Pebble",
    }


def test_what_is_exported_is_no_formula_and_comes_back_the_same() -> None:
    make_contact_field("tier")
    evil = make_contact(
        "evil@customer.example", '=HYPERLINK("https://evil.example")', fields={"tier": "@SUM(A1)"}
    )
    evil.phones, evil.remark, evil.priority = ["+420 777 1", "+1 22"], "-1+2\nand more; so", 2
    evil.organisation = Organisation.objects.create(name="Stone; Sons")
    evil.save()
    written = b"".join(exporting.table(Contact.objects.all(), ";"))
    records = list(csv.reader(io.StringIO(written.decode("utf-8-sig")), delimiter=";"))
    assert not [cell for cell in records[1] if cell.startswith(("=", "+", "-", "@"))]
    read = [record for _, record in table.lines(written, Shape("utf-8", ";"))]
    assert read[0][1] == '=HYPERLINK("https://evil.example")'
    assert counts(run(uploaded(written))) == (0, 0, 1, 0)


@pytest.mark.parametrize("name", ["ΟΔΟΣ", "İstanbul", "Straße"])
def test_an_organisation_is_known_by_its_very_name_in_any_alphabet(name: str) -> None:
    Organisation.objects.create(name=name)
    row = run(uploaded(f"E-mail,Company\ncharlie@customer.example,{name}\n"))
    assert (row.state, counts(row)) == ("done", (1, 0, 0, 0))
    assert Organisation.objects.count() == 1


def test_no_line_gives_a_contact_more_addresses_than_it_may_have() -> None:
    addresses = [f"c{number}@customer.example" for number in range(120)]
    rows = [f"C-{len(some)},{' '.join(some)}" for some in (addresses[:51], addresses[51:100])]
    rows += [f"C-49,{addresses[100]}", f"C-49,{addresses[101]}"]
    row = run(uploaded("\n".join(["Customer number,E-mail", *rows])))
    assert (row.state, counts(row)) == ("done", (1, 0, 1, 2))
    assert ContactAddress.objects.count() == 50
    again = run(uploaded(f"Customer number,E-mail\nC-49,{addresses[102]}\n"))
    assert counts(again) == (0, 0, 0, 1)
