"""What is known of a contact: facts, own fields, addresses, organisations, links; and who was faster."""

from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from crm import addresses, contacts, duplicates, facts, fields, notes, organisations, templates
from crm.links import links
from crm.models import Contact, ContactAddress, ContactField, CrmLink, Organisation
from crm.refusals import AddressTaken, ContactConflict, ContactRefused
from crm.tracking import contact_for, foresee, make
from mailcore.parsed import Address
from mailstore.batch import batch
from tests.make import make_agent, make_contact, make_contact_field, make_supervisor

pytestmark = pytest.mark.django_db


def emails(contact: Contact) -> list[str]:
    return [each.email for each in contact.addresses.all()]


class TestFacts:
    def test_what_is_changed_is_told_and_the_same_again_is_no_change(self) -> None:
        bob, row = make_supervisor("bob").user, make_contact()
        wanted = {
            "name": " Charles  Stone ",
            "time_zone": "Europe/Prague",
            "priority": "2",
            "phones": "+420 777\n\n+420 777",
        }
        changed = contacts.change(bob, row.pk, wanted)
        assert (changed.name, changed.phones, changed.version) == ("Charles Stone", ["+420 777"], 2)
        told = changed.changes.get()
        assert told.user == bob
        assert told.data["name"] == ["Charlie Stone", "Charles Stone"]
        assert contacts.change(bob, row.pk, wanted).version == 2
        assert row.changes.count() == 1

    def test_a_language_that_was_set_stays_when_they_write_in_another(self) -> None:
        row = make_contact()
        contacts.change(None, row.pk, {"language": "de"})
        assert contact_for(Address("", "charlie@customer.example"), "cs").language == "de"

    @pytest.mark.parametrize(
        ("wanted", "field"),
        [
            ({"language": "klingon"}, "language"),
            ({"time_zone": "Europe/Nowhere"}, "time_zone"),
            ({"priority": "9"}, "priority"),
            ({"standing": "robot"}, "standing"),
            ({"phones": "call me"}, "phones"),
            ({"organisation": "999999"}, "organisation"),
            ({"remark": "x" * 5001}, "remark"),
            ({"fields": {"unknown": "x"}}, "unknown"),
        ],
    )
    def test_what_can_not_be_is_refused_and_nothing_changes(
        self, wanted: dict[str, object], field: str
    ) -> None:
        row = make_contact()
        with pytest.raises(ContactRefused) as refused:
            contacts.change(None, row.pk, {"name": "Other", **wanted})
        assert refused.value.field == field
        assert Contact.objects.get().name == "Charlie Stone"

    def test_an_id_of_the_crm_is_one_contacts(self) -> None:
        make_contact(external_id="A-7")
        other = make_contact("dora@customer.example", "Dora")
        with pytest.raises(ContactRefused, match="A-7"):
            contacts.change(None, other.pk, {"external_id": "A-7"})

    def test_two_forms_at_once_keep_both_changes_unless_they_are_about_the_same(self) -> None:
        bob, row = make_supervisor("bob").user, make_contact()
        seen = facts.facts(row)
        form = {"name": row.name, "remark": row.remark, "phones": "", "priority": "3"}
        contacts.change(bob, row.pk, form | {"remark": "Likes tea"}, base=seen)
        contacts.change(None, row.pk, form | {"name": "Charles"}, base=seen)
        row.refresh_from_db()
        assert (row.name, row.remark) == ("Charles", "Likes tea")
        with pytest.raises(ContactConflict, match=r"Somebody has changed the same .* Name: “Charles”"):
            contacts.change(bob, row.pk, form | {"name": "Karl"}, base=seen)
        contacts.change(bob, row.pk, form | {"name": "Charles"}, base=seen)

    def test_a_program_may_insist_on_the_version_that_it_read(self) -> None:
        row = make_contact()
        contacts.change(None, row.pk, {"name": "Charles"}, version=1)
        with pytest.raises(ContactConflict):
            contacts.change(None, row.pk, {"name": "Karl"}, version=1)


class TestOwnFields:
    @pytest.mark.parametrize(
        ("kind", "raw", "value"),
        [
            ("text", " blue ", "blue"),
            ("number", "1 234,50", 1234.5),
            ("number", "7", 7),
            ("date", "31. 1. 2026", "2026-01-31"),
            ("choice", "GOLD", "Gold"),
            ("yes_no", "Ja", True),
            ("yes_no", "no", False),
            ("url", "shop.example/a", "https://shop.example/a"),
            ("text", "  ", None),
        ],
    )
    def test_values_are_stored_as_what_they_are_and_come_back(
        self, kind: str, raw: str, value: object
    ) -> None:
        field = make_contact_field("tier", kind, choices=["Gold", "Silver"] if kind == "choice" else [])
        assert fields.value_of(field, raw) == value
        assert fields.value_of(field, fields.plain(value)) == value

    @pytest.mark.parametrize(
        ("kind", "raw"),
        [
            ("number", "many"),
            ("number", "NaN"),
            ("number", "1e999"),
            ("date", "31.2.2026"),
            ("date", "soon"),
            ("date", "1.1.100000000000000000000"),
            ("choice", "Bronze"),
            ("yes_no", "perhaps"),
            ("url", "javascript:alert(1)"),
            ("url", "no where"),
            ("url", "https://shop.example/\x01"),
            ("url", "https://shop.example:99999"),
            ("url", "https://shop.example@elsewhere.example"),
            ("text", "x" * 1001),
        ],
    )
    def test_what_does_not_fit_is_refused_in_words(self, kind: str, raw: str) -> None:
        field = make_contact_field("tier", kind, choices=["Gold"] if kind == "choice" else [])
        with pytest.raises(ContactRefused, match="Tier"):
            fields.value_of(field, raw)

    @given(st.sampled_from(["number", "date", "yes_no", "url", "text"]), st.text(max_size=60))
    def test_nothing_breaks_a_field(self, kind: str, raw: str) -> None:
        field = ContactField(key="k", label="K", kind=kind)
        try:
            value = fields.value_of(field, raw)
        except ContactRefused:
            return
        assert fields.value_of(field, fields.plain(value)) == value

    def test_a_required_one_must_be_filled_in_by_whoever_changes_something(self) -> None:
        make_contact_field("tier", is_required=True)
        row = make_contact()
        with pytest.raises(ContactRefused, match="Tier"):
            contacts.change(None, row.pk, {"name": "Charles", "fields": {}}, base=facts.facts(row))
        contacts.change(None, row.pk, {"fields": {"tier": "gold"}})
        row.refresh_from_db()
        assert row.fields == {"tier": "gold"}
        assert row.changes.get().data == {"fields.tier": [None, "gold"]}

    def test_a_choice_that_is_offered_no_longer_may_stay(self) -> None:
        field = make_contact_field("tier", "choice", choices=["Gold"])
        row = make_contact(fields={"tier": "Gold"})
        field.choices = ["Silver"]
        field.save()
        assert contacts.change(None, row.pk, {"fields": {"tier": "Gold"}}).fields == {"tier": "Gold"}

    def test_a_key_that_is_taken_and_choices_without_a_choice_are_refused(self) -> None:
        for wrong in (
            ContactField(key="email", label="E", kind="text"),
            ContactField(key="Big", label="B", kind="text"),
            ContactField(key="tier", label="T", kind="choice"),
            ContactField(key="tier", label="T", kind="text", choices=["Gold"]),
        ):
            with pytest.raises(ValidationError):
                wrong.full_clean()


class TestAddresses:
    def test_added_made_primary_removed(self) -> None:
        bob, row = make_supervisor("bob").user, make_contact()
        addresses.add(bob, row.pk, " C.Stone@Home.example ")
        addresses.make_primary(bob, row.pk, "c.stone@home.example")
        assert emails(row) == ["c.stone@home.example", "charlie@customer.example"]
        assert contact_for(Address("", "c.stone@home.example")) == row
        addresses.remove(bob, row.pk, "charlie@customer.example")
        assert emails(row) == ["c.stone@home.example"]
        assert contact_for(Address("", "charlie@customer.example")) != row
        assert row.changes.count() == 3
        with pytest.raises(ContactRefused, match="only address"):
            addresses.remove(bob, row.pk, "c.stone@home.example")

    def test_an_address_is_one_contacts(self) -> None:
        row, dora = make_contact(), make_contact("dora@customer.example", "Dora")
        with pytest.raises(AddressTaken) as taken:
            addresses.add(None, row.pk, "Dora@customer.example")
        assert taken.value.contact_id == dora.pk
        with pytest.raises(ContactRefused, match="no e-mail address"):
            addresses.add(None, row.pk, "nobody")
        assert ContactAddress.objects.count() == 2

    def test_who_has_no_address_is_left_alone(self) -> None:
        unknown = contact_for(Address("Somebody", ""))
        with pytest.raises(ContactRefused, match="without a sender"):
            addresses.add(None, unknown.pk, "a@customer.example")

    def test_a_note_is_its_writers(self) -> None:
        alice, bob, row = make_agent("alice").user, make_supervisor("bob").user, make_contact()
        note = notes.add(alice, row.pk, " Likes tea ")
        assert note.text == "Likes tea"
        dora = make_agent("dora").user
        with pytest.raises(ContactRefused, match="colleague"):
            notes.remove(dora, row.pk, note.pk, may_all=False)
        notes.remove(bob, row.pk, note.pk, may_all=True)
        assert not row.notes.exists()
        with pytest.raises(ContactRefused):
            notes.add(alice, row.pk, "  ")

    def test_a_note_of_one_form_is_one_note(self) -> None:
        row, token = make_contact(), uuid4()
        alice, bob = (make_agent(each).user for each in ("alice", "bob"))
        note = notes.add(alice, row.pk, "Likes tea", token)
        assert notes.add(alice, row.pk, " Likes tea ", token) == note
        assert notes.add(alice, row.pk, "Likes tea, and milk", token) != note  # nothing of it is lost
        assert notes.add(bob, row.pk, "Likes tea", token) != note
        assert row.notes.count() == 3


class TestOrganisations:
    def test_who_writes_from_its_domain_for_the_first_time_belongs_to_it(self) -> None:
        early = make_contact("early@stone.example", "Early")
        firm = organisations.make(None, "Stone & Sons")
        assert organisations.add_domain(None, firm.pk, "STONE.example.") == 0
        alone = contact_for(Address("Al", "al@stone.example"))
        people = [Address("Bo", "bo@stone.example"), Address("Xi", "xi@other.example")]
        with batch():
            foresee(people)
            make((each, "") for each in people)
        belong = set(Contact.objects.filter(organisation=firm).values_list("name", flat=True))
        assert belong == {"Al", "Bo"}
        assert alone.organisation is None  # what it was made with is in the database alone
        assert early.organisation is None
        organisations.remove_domain(None, firm.pk, "stone.example")
        assert organisations.add_domain(None, firm.pk, "stone.example", adopt=True) == 1
        assert Contact.objects.filter(organisation=firm).count() == 3

    @pytest.mark.parametrize(
        "domain", ["gmail.com", "mail.gmail.com", "seznam.cz", "co", "a b.example", "-x.example", ""]
    )
    def test_public_domains_and_what_is_none_are_refused(self, domain: str) -> None:
        firm = organisations.make(None, "Stone & Sons")
        with pytest.raises(ContactRefused):
            organisations.add_domain(None, firm.pk, domain)
        assert not firm.domains.exists()

    def test_a_domain_is_one_organisations(self) -> None:
        firm, other = organisations.make(None, "Stone"), organisations.make(None, "Pebble")
        organisations.add_domain(None, firm.pk, "stone.example")
        organisations.add_domain(None, firm.pk, "stone.example")
        with pytest.raises(ContactRefused, match="“Stone”"):
            organisations.add_domain(None, other.pk, "stone.example")
        assert organisations.make(None, " stone ") == firm

    def test_changed_once_only_on_the_version_that_was_seen(self) -> None:
        firm = organisations.make(None, "Stone")
        organisations.change(None, firm.pk, {"name": "Stone Ltd"}, version=1)
        with pytest.raises(ContactConflict):
            organisations.change(None, firm.pk, {"name": "Stone AG"}, version=1)
        assert Organisation.objects.get().name == "Stone Ltd"


class TestLinks:
    def test_places_are_filled_and_escaped_and_a_link_without_its_value_is_not_shown(self) -> None:
        make_contact_field("tier")
        CrmLink.objects.create(name="CRM", template="https://crm.example/find?mail={email}&tier={tier}")
        CrmLink.objects.create(name="Other", template="https://crm.example/people/{external_id}", position=1)
        row = make_contact(fields={"tier": "a&b=/ü"})
        found = links(row, ["c+d@customer.example"])
        assert [each.url for each in found] == [
            "https://crm.example/find?mail=c%2Bd%40customer.example&tier=a%26b%3D%2F%C3%BC"
        ]
        row.external_id = "../../admin"
        assert links(row, [])[0].url == "https://crm.example/people/..%2F..%2Fadmin"

    @pytest.mark.parametrize(
        "wrong",
        [
            "http://crm.example/{email}",
            "https://{email}/",
            "https://crm.{email}.example/",
            "https://user@crm.example/{email}",
            "javascript:{email}",
            "https://crm.example/{nothing}",
            "https://crm.example/{email",
            "https://crm.example/a b",
            "//crm.example/{email}",
            "https://crm.example@{name}/",
        ],
    )
    def test_only_https_to_a_fixed_server_with_places_that_there_are(self, wrong: str) -> None:
        with pytest.raises(ValueError):
            templates.check(wrong, [])
        with pytest.raises(ValidationError):
            CrmLink(name="CRM", template=wrong).full_clean()


class TestDuplicates:
    def test_shy(self) -> None:
        bob = make_supervisor("bob").user
        row = make_contact("charlie@stone.example", "Charlie Stone")
        twin = make_contact("c.stone@stone.example", "STONE Charlié")
        make_contact("charlie@gmail.com", "Charlie Stone")
        make_contact("dora@stone.example", "Dora Stone")
        everyone = Contact.objects.all()
        assert duplicates.suggestions(row, everyone) == [twin]
        assert duplicates.suggestions(twin, everyone) == [row]
        assert duplicates.suggestions(row, everyone.exclude(pk=twin.pk)) == []
        duplicates.set_apart(bob, twin.pk, row.pk)
        assert duplicates.suggestions(row, everyone) == []
        single = make_contact("x@stone.example", "Madonna")
        make_contact("y@stone.example", "Madonna")
        assert duplicates.suggestions(single, everyone) == []
