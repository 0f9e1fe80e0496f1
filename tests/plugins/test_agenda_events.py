"""Calendars of other people: what they say is shown, whatever they say."""

import random
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboard.plugins.agenda import recurrence
from dashboard.plugins.agenda.events import MAX_EVENTS, read_calendar
from dashboard.plugins.agenda.recurrence import MAX_OCCURRENCES
from dashboard.plugins.sources import Unreadable

STOCKHOLM = ZoneInfo("Europe/Stockholm")
LIMIT = 8  # seconds of work


def calendar(*events, before=""):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *before.split()]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.strip().splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def read(*events, first="2026-11-25", last="2026-12-05", **more):
    data = events[0] if isinstance(events[0], bytes) else calendar(*events, **more)
    return read_calendar(data, date.fromisoformat(first), date.fromisoformat(last))


def starts(*events, zone=STOCKHOLM, **more):
    """Return when events begin by the clock of *zone*, as text, and in order."""
    found = read(*events, **more)
    assert (found.is_whole, found.broken) == (True, 0)
    return sorted(
        f"{e.start.astimezone(zone) if e.start.tzinfo else e.start:%m-%d %H:%M}"
        if not e.is_all_day
        else f"{e.start:%m-%d}"
        for e in found.events
    )


def stockholm(start, *lines):
    return "\n".join((f"DTSTART;TZID=Europe/Stockholm:{start}", *lines))


def test_an_event_has_words_a_place_and_an_end():
    [event] = read(
        "UID:1\nSUMMARY:Morning\\, all\\nof us \nLOCATION:Room 4\nURL:https://a.example/x\n"
        "DTSTART:20261125T080000Z\nDTEND:20261125T084500Z"
    ).events
    assert event == (
        datetime(2026, 11, 25, 8, tzinfo=UTC), datetime(2026, 11, 25, 8, 45, tzinfo=UTC),
        "Morning, all of us", "Room 4", "https://a.example/x",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "hours"),
    [("DTEND;TZID=Europe/Stockholm:20261125T103000", 1.5), ("DURATION:PT2H", 2), ("", 0),
     ("DTEND:20261125T100000Z", 2), ("DTEND;TZID=Europe/Stockholm:20261125T080000", 0),
     ("DURATION:-PT2H", 0), ("DURATION:P1D", 24),
     ("DTEND;TZID=America/New_York:20261125T040000", 1)],
)  # fmt: skip
def test_how_long_an_event_is(lines, hours):
    [event] = read(stockholm("20261125T090000", lines)).events
    assert event.end - event.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("lines", "days"), [("DTEND;VALUE=DATE:20261128", 3), ("", 1), ("DURATION:P2D", 2),
                        ("DTEND;VALUE=DATE:20261125", 1)],
)  # fmt: skip
def test_how_many_days_an_all_day_event_has(lines, days):
    [event] = read(f"DTSTART;VALUE=DATE:20261125\n{lines}").events
    assert event.is_all_day
    assert (event.start, event.end) == (date(2026, 11, 25), date(2026, 11, 25 + days))


CUSTOM = """BEGIN:VTIMEZONE TZID:Ship BEGIN:STANDARD DTSTART:19701025T030000 TZOFFSETFROM:+0600
TZOFFSETTO:+0500 RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU END:STANDARD BEGIN:DAYLIGHT
DTSTART:19700329T020000 TZOFFSETFROM:+0500 TZOFFSETTO:+0600
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU END:DAYLIGHT END:VTIMEZONE"""


@pytest.mark.parametrize(
    ("tzid", "utc"),
    [("Europe/Stockholm", 8), ('"Europe/Stockholm"', 8), ("W. Europe Standard Time", 8),
     ("/freeassociation.sourceforge.net/Europe/Stockholm", 8), ("Ship", 4), ("Nowhere", None)],
)  # fmt: skip
def test_time_zones_are_found_by_any_of_their_names(tzid, utc):
    [event] = read(f"DTSTART;TZID={tzid}:20261125T090000", before=CUSTOM).events
    if utc is None:
        assert event.start == datetime(2026, 11, 25, 9)  # noqa: DTZ001 - floating
    else:
        assert event.start == datetime(2026, 11, 25, utc, tzinfo=UTC)


def test_a_zone_of_the_calendar_has_its_summer():
    [event] = read("DTSTART;TZID=Ship:20260701T090000", before=CUSTOM, first="2026-07-01").events
    assert event.start == datetime(2026, 7, 1, 3, tzinfo=UTC)


def test_a_zone_that_would_keep_us_busy_is_not_used():
    hostile = CUSTOM.replace("FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "FREQ=SECONDLY")
    begun = time.thread_time()
    [event] = read("DTSTART;TZID=Ship:20261125T090000", before=hostile).events
    assert event.start.tzinfo is None
    assert time.thread_time() - begun < LIMIT


@pytest.mark.parametrize(
    ("first", "begins", "expected"),
    [
        # the clocks go forward on 29 March 2026 at two, and back on 25 October at three
        ("2026-03-27", "20260101T090000", "03-27 09:00 03-28 09:00 03-29 09:00 03-30 09:00"),
        ("2026-10-23", "20260101T090000", "10-23 09:00 10-24 09:00 10-25 09:00 10-26 09:00"),
        ("2026-03-28", "20260101T023000", "03-28 02:30 03-29 03:30 03-30 02:30 03-31 02:30"),
        ("2026-10-24", "20260101T023000", "10-24 02:30 10-25 02:30 10-26 02:30 10-27 02:30"),
    ],
)
def test_the_time_on_site_stays_when_the_clocks_change(first, begins, expected):
    last = (date.fromisoformat(first) + timedelta(days=3)).isoformat()
    found = starts(stockholm(begins, "RRULE:FREQ=DAILY"), first=first, last=last)
    assert expected in " ".join(found)


def test_a_night_shift_ends_at_six_unless_it_says_eight_hours():
    night = ("RRULE:FREQ=DAILY;COUNT=2",)
    for lines, ends in (
        (("DTEND;TZID=Europe/Stockholm:20260328T060000",), ["06:00", "06:00"]),
        (("DURATION:PT8H",), ["06:00", "07:00"]),
    ):
        events = read(stockholm("20260327T220000", *lines, *night), first="2026-03-27",
                      last="2026-03-30").events  # fmt: skip
        assert [f"{event.end.astimezone(STOCKHOLM):%H:%M}" for event in events] == ends


@pytest.mark.parametrize(
    ("begins", "rule", "expected"),
    [
        ("20260131T090000", "FREQ=MONTHLY", "01-31 03-31 05-31 07-31 08-31 10-31 12-31"),
        ("20260131T090000", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=4", "01-31 02-28 03-31 04-30"),
        ("20240229T090000", "FREQ=YEARLY", ""),
        ("20260105T090000", "FREQ=MONTHLY;BYDAY=1MO;COUNT=3", "01-05 02-02 03-02"),
        ("20260105T090000", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=4",
         "01-05 01-09 01-19 01-23"),
        ("20260105T090000", "FREQ=DAILY;UNTIL=20260107T080000Z", "01-05 01-06 01-07"),
        ("20260105T090000", "FREQ=DAILY;UNTIL=20260107T075959Z", "01-05 01-06"),
        ("20260105T090000", "FREQ=DAILY;UNTIL=20260107", "01-05 01-06 01-07"),
        ("20260105T090000", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3",
         "01-05 01-30 02-27 03-31"),
    ],
)  # fmt: skip
def test_when_an_event_comes_again(begins, rule, expected):
    found = starts(stockholm(begins, f"RRULE:{rule}"), first="2026-01-02", last="2026-12-30")
    assert [day.split()[0] for day in found] == expected.split()


def test_dates_are_added_and_taken_out():
    assert starts(
        stockholm("20261125T090000", "RRULE:FREQ=DAILY;COUNT=5",
                  "EXDATE;TZID=Europe/Stockholm:20261126T090000", "EXDATE:20261127T080000Z",
                  "EXDATE;VALUE=DATE:20261128",
                  "RDATE;TZID=Europe/Stockholm:20261202T110000,20261203T110000",
                  "RDATE;VALUE=PERIOD:20261204T100000Z/PT1H,nonsense")
    ) == ["11-25 09:00", "11-29 09:00", "12-02 11:00", "12-03 11:00", "12-04 11:00"]  # fmt: skip


WEEKLY = stockholm("20260901T090000", "UID:w", "SUMMARY:Plan", "RRULE:FREQ=WEEKLY")  # a Tuesday


def changed(original, start, *lines):
    return stockholm(
        start, "UID:w", f"RECURRENCE-ID;TZID=Europe/Stockholm:{original}", "SUMMARY:Changed", *lines
    )


def test_a_changed_time_stands_for_the_one_that_was():
    assert starts(WEEKLY) == ["11-24 09:00", "12-01 09:00"]
    assert starts(WEEKLY, changed("20261201T090000", "20261202T140000")) == [
        "11-24 09:00", "12-02 14:00",
    ]  # fmt: skip
    assert starts(changed("20261201T090000", "20270202T140000"), WEEKLY) == ["11-24 09:00"]
    assert starts(WEEKLY, changed("20270302T090000", "20261202T140000")) == [
        "11-24 09:00", "12-01 09:00", "12-02 14:00",
    ]  # fmt: skip
    utc = changed("20261201T090000", "20261202T140000").replace(
        "RECURRENCE-ID;TZID=Europe/Stockholm:20261201T090000", "RECURRENCE-ID:20261201T080000Z"
    )
    assert starts(WEEKLY, utc) == ["11-24 09:00", "12-02 14:00"]


def test_what_is_cancelled_is_gone():
    assert starts(WEEKLY, changed("20261201T090000", "20261201T090000", "STATUS:CANCELLED")) == [
        "11-24 09:00"
    ]
    assert starts(f"{WEEKLY}\nSTATUS:CANCELLED") == []


def test_of_two_versions_the_newer_one_counts():
    old = stockholm("20261125T090000", "UID:a", "SEQUENCE:1", "SUMMARY:Old")
    new = stockholm("20261125T090000", "UID:a", "SEQUENCE:2", "SUMMARY:New")
    for order in ([old, new], [new, old]):
        assert [event.title for event in read(*order).events] == ["New"]
    other = stockholm("20261126T090000", "UID:a", "SUMMARY:Other")
    assert len(read(new, other).events) == 2  # some calendars give all the same UID


BROKEN = (
    "DTSTART:nonsense", "SUMMARY:No beginning", "DTSTART:20261345", "DTSTART:20261125T990000",
    "DTSTART:20261125T090000\nRRULE:FREQ=SOMETIMES", "DTSTART:20261125T090000\nRRULE:COUNT=3",
    "DTSTART:20261125T090000\nRRULE:FREQ=DAILY;INTERVAL=0",
    "DTSTART:20261125T090000\nRRULE:FREQ=DAILY;UNTIL=later",
    "DTSTART:20261125T090000\nDURATION:long", "DTSTART:20261125T090000\nDTEND:20269999",
    "DTSTART;x:20261125T090000", "DTSTART:99991231T235959Z\nRECURRENCE-ID:x\nUID:n",
    "DTSTART:20261125T090000\nRRULE:FREQ=MINUTELY;BYHOUR=25",
    f"DTSTART:20261125\nRRULE:FREQ=DAILY;BYMONTH={'1,' * 600}1",
)  # fmt: skip


@pytest.mark.parametrize("event", BROKEN)
def test_one_broken_event_hides_no_other(event):
    found = read(f"UID:broken\n{event}", stockholm("20261126T090000", "SUMMARY:Good"))
    assert "Good" in [e.title for e in found.events]
    assert found.broken == 1


def test_an_event_without_an_end_and_alarms_do_no_harm():
    data = (
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261125\nSUMMARY:Open\n"
        b"BEGIN:VEVENT\nDTSTART:20261126\nSUM\n MARY:Fol\n\tded\nBEGIN:VALARM\nSUMMARY:Alarm\n"
        b"DURATION:PT1H\nEND:VALARM\nLOCATION:\xff\nEND:VEVENT\nEND:VCALENDAR"
    )
    [event] = read(data).events
    assert (event.title, event.place) == ("Folded", "�")


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x00" * 99, "BEGIN:VCARD".encode("utf-16")])
def test_what_is_no_calendar_says_so(data):
    with pytest.raises(Unreadable, match=r"not a calendar"):
        read(data)


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//a.example", "https:", "https://[",
                "x", "ftp://a.example", "https://a.example/ b"],
)  # fmt: skip
def test_links_lead_to_the_web_or_nowhere(address):
    [event] = read(f"DTSTART:20261125\nURL:{address}\nLOCATION:{address}").events
    assert event.address == ""


def test_a_place_that_is_an_address_is_a_link():
    [event] = read("DTSTART:20261125\nLOCATION:https://meet.example/1").events
    assert event.address == "https://meet.example/1"


# --- with an end to the work ---

GOOD = stockholm("20261126T090000", "SUMMARY:Good")
HOSTILE = (
    "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=MINUTELY;INTERVAL=7",
    "RRULE:FREQ=SECONDLY;COUNT=999999999",
    "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:FREQ=MINUTELY;BYMONTHDAY=31;BYMONTH=11",
    "RRULE:FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:FREQ=MONTHLY;BYMONTHDAY=30;BYMONTH=2",
    "RRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=99",
    "RRULE:FREQ=YEARLY;BYYEARDAY=1;BYMONTHDAY=5",
    f"RRULE:FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))};BYMINUTE="
    f"{','.join(map(str, range(60)))};BYSECOND={','.join(map(str, range(60)))}",
    "RRULE:FREQ=SECONDLY\nRRULE:FREQ=MINUTELY\nEXDATE:" + ",".join(["20261125T000000Z"] * 9_999),
    "RDATE:" + ",".join(f"20261125T{n % 24:02}{n % 60:02}00Z" for n in range(99_999)),
)


@pytest.mark.slow
@pytest.mark.parametrize("lines", HOSTILE)
def test_a_rule_without_end_comes_to_one(lines):
    begun = time.thread_time()
    found = read(f"DTSTART:19700101T000000Z\nSUMMARY:Bad\n{lines}", GOOD)
    assert time.thread_time() - begun < LIMIT
    assert "Good" in [event.title for event in found.events]
    assert sum(event.title == "Bad" for event in found.events) <= 2 * MAX_OCCURRENCES + 1_440


def test_a_rule_that_is_never_true_is_stopped_where_it_counts(monkeypatch):
    """It looks into dateutil: that a rule asks the months that we give it for every day."""
    monkeypatch.setattr(recurrence, "MAX_STEPS", 100)
    found = read("DTSTART:20261101T000000Z\nRRULE:FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", GOOD)
    assert not found.is_whole
    assert [event.title for event in found.events] == ["Good"]


@pytest.mark.slow
def test_many_events_come_to_an_end():
    lines = b"BEGIN:VEVENT\nDTSTART:20261125T090000Z\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
    begun = time.thread_time()
    found = read(b"BEGIN:VCALENDAR\n" + 60_000 * lines + b"END:VCALENDAR")
    assert time.thread_time() - begun < LIMIT
    assert not found.is_whole
    assert 0 < len(found.events) <= MAX_EVENTS


@pytest.mark.slow
def test_many_years_of_events_hide_nothing_of_today():
    old = "".join(
        f"BEGIN:VEVENT\nUID:{n}\nDTSTART:2019{n % 12 + 1:02}{n % 28 + 1:02}T090000Z\nEND:VEVENT\n"
        for n in range(40_000)
    )
    data = f"BEGIN:VCALENDAR\n{old}BEGIN:VEVENT\n{GOOD}\nEND:VEVENT\nEND:VCALENDAR".encode()
    found = read(data)
    assert ([event.title for event in found.events], found.is_whole) == (["Good"], True)


@pytest.mark.slow
def test_a_hundred_thousand_events_come_to_an_end():
    lines = b"BEGIN:VEVENT\nDTSTART:20261125\nEND:VEVENT\n"
    begun = time.thread_time()
    found = read(b"BEGIN:VCALENDAR\n" + 100_000 * lines + b"END:VCALENDAR")
    assert time.thread_time() - begun < LIMIT
    assert 0 < len(found.events) <= MAX_EVENTS


@pytest.mark.slow
def test_a_costly_rule_takes_no_time_from_what_happens_once():
    costly = "DTSTART:19700101T000000Z\nRRULE:FREQ=MINUTELY;BYMONTHDAY=31;BYMONTH=11"
    found = read(*[costly] * 6, GOOD)
    assert [event.title for event in found.events] == ["Good"]
    assert not found.is_whole


def test_one_line_without_end_is_read_in_time():
    begun = time.thread_time()
    [event] = read(f"DTSTART:20261125\nSUMMARY:{'word ' * 500_000}").events
    assert time.thread_time() - begun < LIMIT
    assert len(event.title) <= 200


# --- by many examples, each from its seed ---


@pytest.mark.parametrize("seed", range(40))
def test_a_start_long_ago_gives_the_same_as_the_rule_from_its_beginning(seed):
    """What is jumped over to be quick makes no difference."""
    chance = random.Random(seed)
    frequency = chance.choice(["DAILY", "WEEKLY", "HOURLY", "MONTHLY"])
    rule = f"FREQ={frequency};INTERVAL={chance.randint(1, 9)}"
    if chance.random() < 0.5:
        rule += f";BYDAY={','.join(chance.sample(['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'], 3))}"
    if chance.random() < 0.3:
        rule += f";WKST={chance.choice(['SU', 'MO', 'TH'])}"
    begins = datetime(2024, chance.randint(1, 12), chance.randint(1, 28), chance.randint(0, 23))  # noqa: DTZ001
    event = stockholm(f"{begins:%Y%m%dT%H%M%S}", f"RRULE:{rule}")
    # A rule with a count is not jumped.
    counted = stockholm(f"{begins:%Y%m%dT%H%M%S}", f"RRULE:{rule};COUNT=99999")
    assert starts(event) == starts(counted)


FAR_AND_WIDE = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
                "America/Sao_Paulo", "Africa/Casablanca")  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_every_day_of_a_year_has_its_event_at_the_same_time_on_site(seed):
    chance = random.Random(seed)
    zone = ZoneInfo(chance.choice(FAR_AND_WIDE))
    hour, minute = chance.randint(4, 23), chance.choice([0, 15, 30])
    first = date(2026, 1, 1) + timedelta(days=chance.randint(0, 330))
    found = read(
        f"DTSTART;TZID={zone.key}:20250601T{hour:02}{minute:02}00\nDURATION:PT30M\nRRULE:FREQ=DAILY",
        first=first.isoformat(), last=(first + timedelta(days=90)).isoformat(),
    )  # fmt: skip
    clocks = [event.start.astimezone(zone) for event in found.events]
    assert {(clock.hour, clock.minute) for clock in clocks} == {(hour, minute)}
    days = {clock.date() for clock in clocks}
    assert {first + timedelta(days=number) for number in range(91)} <= days


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_broken_in_a_file_raises_nothing_else(seed):
    chance = random.Random(seed)
    moved = changed("20261201T090000", "20261202T140000")
    data = bytearray(calendar(WEEKLY, moved, GOOD, *BROKEN[:6], before=CUSTOM))
    for _ in range(chance.randint(1, 40)):
        data[chance.randrange(16, len(data))] = chance.randrange(256)
    begun = time.thread_time()
    read(bytes(data))
    assert time.thread_time() - begun < LIMIT
