"""Who gets an answer: a table of what mails look like, and what must hold for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.parsed import Address
from mailcore.recipients import Asked, Mode, Ours, Recipients, recipients, sender_address, without_tag

OURS = Ours(frozenset({"support@example.com", "info@example.com"}), frozenset({"in.example.com"}))
PEOPLE = {
    "S": Address("Support", "support@example.com"),
    "I": Address("", "Info@example.com"),
    "T": Address("", "support+k3j4@example.com"),
    "U": Address("", "SUPPORT+x@example.com"),
    "V": Address("", "k3j4h5@in.example.com"),  # where mail is forwarded to
    "A": Address("", "A@Customer.Example"),
    "+": Address("", "a+shop@customer.example"),
    "L": Address("Friends of parcels", "parcels@lists.example"),
    "N": Address("Shop", "no-reply@shop.example"),
    "M": Address("", "mailer-daemon@mx.example"),
    "?": Address("Nobody", ""),
    "!": Address("", "not an address"),
    **{letter: Address(letter.upper(), f"{letter}@customer.example") for letter in "abcqrk"},
}

# from, reply-to, to, cc, to all? → to, cc      (letters stand for people, see above)
PLAIN = [
    ("a", "", "S", "", False, "a", ""),
    ("a", "", "S", "", True, "a", ""),
    ("a", "", "S b", "c", False, "a", ""),
    ("a", "", "S b", "c", True, "a", "b c"),
    ("a", "", "b S", "I c", True, "a", "b c"),
    # Reply-To wins, unless it is us.
    ("a", "r", "S", "", False, "r", ""),
    ("a", "r", "S b", "c", True, "r", "b c"),
    ("a", "r q", "S", "", False, "r q", ""),
    ("a", "S", "S", "", False, "a", ""),
    ("a", "S r", "S", "", False, "r", ""),
    ("a", "V", "S", "", False, "a", ""),
    ("a", "T", "S", "", False, "a", ""),
    # Nobody twice, whatever letters and +tags.
    ("a", "", "S a", "a", True, "a", ""),
    ("a", "", "S b", "b b", True, "a", "b"),
    ("a", "a", "S", "c", True, "a", "c"),
    ("a", "r", "S r", "a", True, "r", "a"),
    ("a", "", "S", "A", True, "a", ""),
    ("a", "", "S +", "c", True, "a", "c"),
    ("+", "", "S a", "", True, "+", ""),
    # Mail of ours is answered to whom it went.
    ("S", "", "a", "", False, "a", ""),
    ("S", "", "a b", "c", False, "a b", ""),
    ("S", "", "a", "c I", True, "a", "c"),
    ("I", "r", "a S", "", False, "a", ""),
    ("S", "", "S", "a", True, "a", ""),
    ("S", "", "S", "a", False, "a", ""),
    ("S", "", "S", "", True, "", ""),
    ("T", "", "a", "", False, "a", ""),
    ("V", "", "a", "", True, "a", ""),
    ("a", "", "T V", "U c", True, "a", "c"),
    # A From that nobody reads, or that is none.
    ("?", "", "S", "", True, "", ""),
    ("?", "", "S b", "", True, "b", ""),
    ("?", "", "S b c", "", False, "b", ""),
    ("?", "r", "S", "", False, "r", ""),
    ("!", "", "S", "c", False, "c", ""),
    ("N", "r", "S", "", False, "r", ""),
    ("N", "", "S", "", False, "N", ""),
    ("N", "N", "S", "", False, "N", ""),
]
# the same, and: list, contact
SPECIAL = [
    ("a", "", "L", "S", False, "a", "", "L", ""),
    ("a", "", "L", "S", True, "a", "L", "L", ""),
    ("a", "L", "L", "", False, "a", "", "L", ""),
    ("a", "L", "L", "b", True, "a", "L b", "L", ""),
    ("a", "r L", "L", "", False, "r", "", "L", ""),
    ("a", "", "S", "", True, "a", "L", "L", ""),
    ("L", "a", "L", "", False, "a", "", "L", ""),
    ("L", "", "L", "", False, "L", "", "L", ""),
    ("L", "", "L", "", False, "k", "", "L", "k"),
    ("?", "", "S", "", False, "k", "", "", "k"),
    ("N", "", "S", "", False, "k", "", "", "k"),
    ("N", "", "S", "", True, "k", "", "", "N k"),
    ("M", "", "S", "", False, "k", "", "", "k"),
    ("N", "r", "S", "", False, "r", "", "", "k"),
    ("a", "", "S", "", False, "a", "", "", "k"),
    ("?", "", "S", "", False, "", "", "", "S"),
]


def people(letters: str) -> tuple[Address, ...]:
    return tuple(PEOPLE[letter] for letter in letters.replace(" ", ""))


ROWS = [(*row, "", "") for row in PLAIN] + SPECIAL


@pytest.mark.parametrize("row", ROWS, ids=["/".join(map(str, row)) for row in ROWS])
def test_recipients(row: tuple[str, str, str, str, bool, str, str, str, str]) -> None:
    sender, reply_to, to, cc, everyone, answer_to, copies, posted, contact = row
    mail = Asked(
        mail_from=PEOPLE[sender],
        reply_to=people(reply_to),
        to=people(to),
        cc=people(cc),
        list_post=PEOPLE[posted].email if posted else "",
        contact=people(contact),
    )
    found = recipients(mail, OURS, Mode.ALL if everyone else Mode.REPLY)

    assert emails(found.to) == emails(people(answer_to))
    assert emails(found.cc) == emails(people(copies))


def emails(addresses: tuple[Address, ...]) -> list[str]:
    return [address.email for address in addresses]


def test_forwarding_is_for_whom_the_agent_names() -> None:
    mail = Asked(mail_from=PEOPLE["a"], to=people("S b"))

    assert recipients(mail, OURS, Mode.FORWARD) == Recipients((), ())


def test_the_two_sides_of_a_matter_stay_apart() -> None:
    mail = Asked(mail_from=PEOPLE["b"], to=people("S a"), cc=people("A + c"))

    assert recipients(mail, OURS, Mode.ALL, frozenset({"a@customer.example", "a+shop@customer.example"})) == (
        Recipients(people("b"), people("c"))
    )


addresses = st.sampled_from(sorted(PEOPLE)).map(PEOPLE.__getitem__)
groups = st.lists(addresses, max_size=5).map(tuple)


mails = st.builds(
    Asked,
    mail_from=addresses,
    reply_to=groups,
    to=groups,
    cc=groups,
    list_post=st.sampled_from(["", PEOPLE["L"].email]),
    contact=groups,
)


@given(mails, st.sampled_from([Mode.REPLY, Mode.ALL]))
def test_what_always_holds(mail: Asked, mode: Mode) -> None:
    """Never ourselves, nobody twice, nobody whom the mail doesn't name, somebody when there is somebody."""
    found = recipients(mail, OURS, mode)

    everybody = [*emails(found.to), *emails(found.cc)]
    assert not [email for email in everybody if OURS.has(email)]
    assert len({without_tag(email) for email in everybody}) == len(everybody)
    named = emails((mail.mail_from, *mail.reply_to, *mail.to, *mail.cc, *mail.contact))
    assert set(everybody) <= {*named, mail.list_post}
    others = [each for each in emails((mail.mail_from, *mail.to, *mail.cc)) if "@" in each]
    assert found.to or not [each for each in others if not OURS.has(each)]
    assert mode is Mode.ALL or found.cc == ()


@pytest.mark.parametrize(
    ("sender", "to", "allowed", "wanted"),
    [
        ("a", "S", "", "Support@example.com"),
        ("a", "I", "", "Support@example.com"),
        ("a", "I", "info@example.com", "info@example.com"),
        ("a", "b I", "@example.com", "info@example.com"),
        ("a", "S I", "@example.com", "Support@example.com"),
        ("a", "U", "@example.com", "Support@example.com"),
        ("a", "b", "@customer.example", "Support@example.com"),
        ("I", "a", "@example.com", "info@example.com"),
    ],
)
def test_answers_come_from_the_address_that_was_written_to(
    sender: str, to: str, allowed: str, wanted: str
) -> None:
    """A domain that may be used makes no address in it ours: colleagues are copied in as well."""
    mail = Asked(mail_from=PEOPLE[sender], to=people(to))

    assert sender_address(mail, "Support@example.com", allowed.split(), OURS) == wanted
