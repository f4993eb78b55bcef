"""Invitations: what, when, where and who, read out of calendars as programs really write them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailcore.calendar import read_invitations, rule_parts
from mailcore.parse import parse, part_bytes
from mailcore.parsed import Address, Invitation
from mailcore.recurrence import in_words
from tests.mailcore.mails import make_raw

ZONE = """BEGIN:VTIMEZONE
TZID:Office Time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""
EVENT = """DTSTART;TZID=Europe/Prague:20260305T100000
DTEND;TZID=Europe/Prague:20260305T113000
SUMMARY:Contract\\, second round
LOCATION:Room 5\\; ground floor
DESCRIPTION:Bring the papers.\\nAnd a
  pen.
ORGANIZER;CN="Customer, Carla":mailto:carla@customer.example
ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;CN=Alice:MAILTO:alice@Example.com
ATTENDEE:mailto:bob@example.com
UID:meeting-1@customer.example
RRULE:FREQ=WEEKLY;BYDAY=MO,FR;COUNT=4
"""


def calendar(event: str = EVENT, method: str = "REQUEST", zone: str = "") -> bytes:
    text = f"BEGIN:VCALENDAR\nMETHOD:{method}\n{zone}BEGIN:VEVENT\n{event}END:VEVENT\nEND:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def only(data: bytes) -> Invitation:
    (found,) = read_invitations(data)
    return found


def test_an_invitation() -> None:
    assert only(calendar()) == Invitation(
        method="REQUEST",
        summary="Contract, second round",
        starts="2026-03-05T10:00:00+01:00",
        ends="2026-03-05T11:30:00+01:00",
        zone="Europe/Prague",
        repeats="every week on Monday and Friday, 4 times",
        location="Room 5; ground floor",
        description="Bring the papers.\nAnd a pen.",
        organiser=Address("Customer, Carla", "carla@customer.example"),
        attendees=(Address("Alice", "alice@example.com"), Address("", "bob@example.com")),
        uid="meeting-1@customer.example",
    )


@pytest.mark.parametrize(
    ("start", "end", "starts", "ends"),
    [
        ("DTSTART;VALUE=DATE:20260305", "DTEND;VALUE=DATE:20260307", "2026-03-05", "2026-03-07"),
        ("DTSTART:20260305T09Z", "", "", ""),
        ("DTSTART:20260305T0900Z", "DURATION:PT9M", "2026-03-05T09:00:00+00:00", "2026-03-05T09:09:00+00:00"),
        ("DTSTART:20260305T090000", "DURATION:P1W", "2026-03-05T09:00:00", "2026-03-12T09:00:00"),
        ("DTSTART;TZID=Office Time:20260705T090000", "", "2026-07-05T09:00:00+02:00", ""),
        ("DTSTART;TZID=Office Time:20261205T090000", "", "2026-12-05T09:00:00+01:00", ""),
        ("DTSTART;TZID=Office Time:20260329T020000", "", "2026-03-29T02:00:00+02:00", ""),
        ("DTSTART;TZID=/x.example/1/Europe/Madrid:20260705T090000", "", "2026-07-05T09:00:00+02:00", ""),
        ("DTSTART;TZID=Nowhere/At All:20260705T090000", "", "2026-07-05T09:00:00", ""),
        ("DTSTART;TZID=../../etc/passwd:20260705T090000", "", "2026-07-05T09:00:00", ""),
        ("DTSTART:20261399T090000", "DTEND:tomorrow", "", ""),
        ("DTSTART:99991231T235959", "DURATION:P9999W", "9999-12-31T23:59:59", ""),
        ("DTSTART;TZID=Office Time:00010101T000000", "", "0001-01-01T00:00:00+02:00", ""),
    ],
)  # fmt: skip
def test_times(start: str, end: str, starts: str, ends: str) -> None:
    found = only(calendar(f"SUMMARY:x\n{start}\n{end}\n", zone=ZONE))

    assert (found.starts, found.ends) == (starts, ends)


def test_southern_summer_began_last_year() -> None:
    zone = ZONE.replace("-1SU;BYMONTH=10", "1SU;BYMONTH=4").replace("-1SU;BYMONTH=3", "1SU;BYMONTH=10")
    start = "DTSTART;TZID=Office Time:20260105T090000\n"

    assert only(calendar(start, zone=zone)).starts == "2026-01-05T09:00:00+02:00"


def test_cancelled_in_either_way() -> None:
    assert only(calendar(method="CANCEL")).method == "CANCEL"
    assert only(calendar(EVENT + "STATUS:CANCELLED\n", method="PUBLISH")).method == "CANCEL"


def test_an_answer() -> None:
    event = "DTSTART:20260305T090000Z\nATTENDEE;PARTSTAT=DECLINED;CN=Bob:mailto:bob@example.com\n"

    assert only(calendar(event, method="REPLY")).answer == "declined"
    assert only(calendar(event)).answer == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"no calendar",
        b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nSUMMARY:x\r\nEND:VTODO\r\nEND:VCALENDAR",
    ],
)
def test_what_is_no_event(data: bytes) -> None:
    assert read_invitations(data) == ()


def test_one_bad_line_spoils_nothing() -> None:
    event = EVENT.replace("UID:", 'this is no line\n;=:\nX-ODD;A="b:c\nATTENDEE;CN="x:y\nEND:NOTHING\nUID:')

    assert only(calendar(event)).uid == "meeting-1@customer.example"


def test_a_calendar_that_is_cut_off() -> None:
    assert only(calendar().partition(b"RRULE")[0]).summary == "Contract, second round"


def test_the_same_invitation_as_part_and_as_file_is_one() -> None:
    body = b"--b\r\nContent-Type: text/plain\r\n\r\nCome.\r\n--b\r\nContent-Type: text/calendar\r\n\r\n"
    body += (
        calendar() + b"--b\r\nContent-Type: application/octet-stream; name=invite.ics\r\n\r\n" + calendar()
    )
    raw = make_raw(body + b"--b--\r\n", Content_Type='multipart/mixed; boundary="b"')

    mail = parse(raw)

    assert [each.summary for each in mail.invitations] == ["Contract, second round"]
    assert [each.name for each in mail.attachments] == ["invitation.ics", "invite.ics"]
    assert part_bytes(raw, "2").startswith(b"BEGIN:VCALENDAR")
    assert mail.text == "Come."


def test_a_mail_that_is_only_an_invitation_has_its_words_as_text() -> None:
    mail = parse(make_raw(calendar(), Content_Type="text/calendar; charset=utf-8; method=CANCEL"))

    assert mail.text == "Bring the papers.\nAnd a pen."
    assert mail.invitations[0].method == "REQUEST"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "every day"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=1", "every 3 days, once"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20270305", "every 2 weeks on Tuesday, until 5 March 2027"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every working day"),
        ("FREQ=MONTHLY;BYDAY=2TU", "every month on the second Tuesday"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=-1", "every month on the last Monday"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", "every month on day 1 and 15"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day"),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24", "every year on day 24 in December"),
        ("FREQ=SOMETIMES", ""),
        ("FREQ=WEEKLY;INTERVAL=x;BYDAY=XX;UNTIL=20279905", "every week"),
        ("", ""),
    ],
)  # fmt: skip
def test_recurrence_in_words(rule: str, words: str) -> None:
    assert in_words(rule_parts(rule)) == words


@given(st.text(max_size=300), st.integers(0, 600))
def test_any_text_is_borne(text: str, at: int) -> None:
    whole = calendar(zone=ZONE).decode()
    read_invitations((whole[:at] + text + whole[at:]).encode("utf-8", "replace"))
    in_words(rule_parts(text))


def test_hostile_sizes_end_in_time() -> None:
    began = time.process_time()
    for piece in (
        "BEGIN:VEVENT\n",
        'ATTENDEE;CN="a";X=b',
        "ATTENDEE:mailto:a@b.example\n",
        "A;",
        'A;B="',
        "\n ",
    ):
        read_invitations(calendar(piece * (990_000 // len(piece)))[:1_000_000])
    read_invitations(calendar("X-A;" + 'B="c",' * 100_000 + ":x\n"))
    read_invitations(
        calendar("SUMMARY:x\n", zone=ZONE.replace("END:VT", ZONE.partition("ZONE\n")[2] * 200 + "END:VT"))
    )

    assert time.process_time() - began < 10
