"""Calendars: repetitions, zones and whole days, by the unit's clock; hostile ones are bounded."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.plugins import agenda
from dashboard.plugins.agenda import by_day, read_calendar
from dashboard.plugins.agenda.expansion import Budget, _counted, _later
from dashboard.plugins.render import Placement
from dashboard.plugins.sources import Content, Source, Unreadable

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
STOCKHOLM = ZoneInfo("Europe/Stockholm")


def event(*lines, uid="1", start="DTSTART:20261126T090000Z"):
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", start, *lines, "END:VEVENT"])


def calendar(*parts):
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *parts, "END:VCALENDAR", ""])


def read(*parts, now=NOW):
    return read_calendar(Content(calendar(*parts).encode(), "text/calendar", "utf-8", now))


def starts(*parts, now=NOW, days=31, zone=STOCKHOLM):
    """Return the shown entries as texts: `26 Nov 10:00`, or `26 Nov` for a whole day."""
    shown = by_day(read(*parts, now=now).occurrences, now, zone, days)
    return [
        f"{entry.day:%-d %b}" + (f" {entry.begin:%H:%M}" if entry.begin else "")
        for day in shown
        for entry in day.entries
    ]


def test_an_event_is_shown_by_the_unit_s_clock():
    one = event("DTEND:20261126T103000Z", "SUMMARY:Desk\\, morning\\n", "LOCATION:Room 4")
    [day] = by_day(read(one).occurrences, NOW, STOCKHOLM, 7)
    [entry] = day.entries
    assert day.words == "Tomorrow, Thursday 26 Nov"
    assert (entry.summary, entry.place) == ("Desk, morning", "Room 4")
    assert (f"{entry.begin:%H:%M}", f"{entry.end:%H:%M}") == ("10:00", "11:30")
    assert starts(one, zone=ZoneInfo("Asia/Tokyo")) == ["26 Nov 18:00"]


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        ("DTSTART:20261126T090000Z", "26 Nov 10:00"),
        ("DTSTART:20261126T090000", "26 Nov 09:00"),  # floating: by the unit's own clock
        ("DTSTART;TZID=America/New_York:20261126T090000", "26 Nov 15:00"),
        ('DTSTART;TZID="Europe/London":20261126T090000', "26 Nov 10:00"),
        ("DTSTART;TZID=W. Europe Standard Time:20261126T090000", "26 Nov 09:00"),
        ("DTSTART;TZID=/citadel.org/20210210_1/Europe/London:20261126T090000", "26 Nov 10:00"),
        ("DTSTART;TZID=Nobody knows:20261126T090000", "26 Nov 09:00"),
        ("DTSTART;VALUE=DATE:20261126", "26 Nov"),
        ("DTSTART:20261126", "26 Nov"),
    ],
)
def test_zones_by_whatever_name(start, shown):
    assert starts(event(start=start)) == [shown]


OWN_ZONE = """BEGIN:VTIMEZONE
TZID:{}
X-OWN:x
BEGIN:STANDARD
DTSTART:16011028T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0400
TZOFFSETTO:+0300
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010325T020000
RRULE:{}
TZOFFSETFROM:+0300
TZOFFSETTO:+0400
END:DAYLIGHT
END:VTIMEZONE"""


def test_a_zone_that_the_calendar_describes_itself():
    zone = OWN_ZONE.format("Customized", "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3")
    winter = event(start="DTSTART;TZID=Customized:20261126T090000")
    assert starts(zone, winter) == ["26 Nov 07:00"]
    weekly = event("RRULE:FREQ=WEEKLY", start="DTSTART;TZID=Customized:20270325T090000")
    now = datetime(2027, 3, 24, tzinfo=UTC)
    # both clocks change on the 28th
    assert starts(zone, weekly, now=now, days=10) == ["25 Mar 07:00", "1 Apr 07:00"]


def test_no_calendar_changes_the_zones_of_another():
    first = OWN_ZONE.format("Office", "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3")
    known = OWN_ZONE.format("Europe/London", "FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3")
    in_office = event(start="DTSTART;TZID=Office:20261126T090000")
    in_london = event(start="DTSTART;TZID=Europe/London:20261126T090000")
    assert starts(first, in_office) == ["26 Nov 07:00"]
    assert starts(in_office) == ["26 Nov 09:00"]
    assert starts(known, in_london) == starts(in_london) == ["26 Nov 10:00"]


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ("FREQ=DAILY;COUNT=3", "26 Nov, 27 Nov, 28 Nov"),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20261130T090000Z", "26 Nov, 28 Nov, 30 Nov"),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20261130T085959Z", "26 Nov, 28 Nov"),
        ("FREQ=DAILY;UNTIL=20261127", "26 Nov, 27 Nov"),
        ("FREQ=WEEKLY;BYDAY=TH,FR;COUNT=3", "26 Nov, 27 Nov, 3 Dec"),
        ("FREQ=WEEKLY;INTERVAL=2;WKST=SU;COUNT=2", "26 Nov, 10 Dec"),
        ("FREQ=MONTHLY;BYDAY=-1TH", "26 Nov"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1,26;UNTIL=99991231T235959Z", "26 Nov, 30 Nov"),
        ("FREQ=YEARLY", "26 Nov"),
    ],
)
def test_repetitions(rule, shown):
    found = [text.rsplit(" ", 1)[0] for text in starts(event(f"RRULE:{rule}"), days=20)]
    assert ", ".join(found) == shown


def test_exceptions_additions_and_replacements():
    meeting = event(
        "RRULE:FREQ=DAILY;COUNT=6",
        "EXDATE;TZID=Europe/Stockholm:20261127T100000",
        "EXDATE;VALUE=DATE:20261201",
        "RDATE:20261205T120000Z,20261206T120000Z",
        "RDATE;VALUE=PERIOD:20261207T120000Z/PT1H",
    )
    moved = event(
        "RECURRENCE-ID:20261128T090000Z", "SUMMARY:Moved", start="DTSTART:20261128T150000Z"
    )
    off = event("RECURRENCE-ID;TZID=Europe/Stockholm:20261129T100000", "STATUS:CANCELLED")
    assert starts(meeting, moved, off) == [
        "26 Nov 10:00", "28 Nov 16:00", "30 Nov 10:00", "5 Dec 13:00", "6 Dec 13:00", "7 Dec 13:00"
    ]  # fmt: skip


def test_a_cancelled_event_is_gone():
    assert starts(event("STATUS:CANCELLED", "RRULE:FREQ=DAILY")) == []


def test_a_meeting_stays_at_its_hour_when_the_clocks_change():
    weekly = event("RRULE:FREQ=WEEKLY", start="DTSTART;TZID=Europe/Stockholm:20260101T090000")
    for day in (datetime(2026, 3, 25, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC)):
        assert {text.split()[-1] for text in starts(weekly, now=day)} == {"09:00"}
    in_utc = event("RRULE:FREQ=WEEKLY", start="DTSTART:20260101T080000Z")
    shown = starts(in_utc, now=datetime(2026, 3, 25, tzinfo=UTC), days=14)
    assert shown == ["26 Mar 09:00", "2 Apr 10:00"]


def test_hours_that_are_skipped_or_come_twice():
    daily = event("RRULE:FREQ=DAILY", start="DTSTART;TZID=Europe/Stockholm:20260101T023000")
    spring = starts(daily, now=datetime(2026, 3, 27, 12, tzinfo=UTC), days=4)
    assert spring == ["28 Mar 02:30", "29 Mar 03:30", "30 Mar 02:30"]
    autumn = starts(daily, now=datetime(2026, 10, 23, 12, tzinfo=UTC), days=4)
    assert autumn == ["24 Oct 02:30", "25 Oct 02:30", "26 Oct 02:30"]


def test_the_ends_of_months():
    monthly = event("RRULE:FREQ=MONTHLY", start="DTSTART;VALUE=DATE:20260131")
    assert starts(monthly, now=datetime(2027, 1, 20, tzinfo=UTC)) == ["31 Jan"]
    assert starts(monthly, now=datetime(2027, 2, 10, tzinfo=UTC), days=30) == []
    leap = event("RRULE:FREQ=YEARLY", start="DTSTART;VALUE=DATE:20240229")
    assert starts(leap, now=datetime(2027, 2, 10, tzinfo=UTC)) == []
    assert starts(leap, now=datetime(2028, 2, 10, tzinfo=UTC)) == ["29 Feb"]


def test_whole_days_are_the_same_days_in_every_zone():
    trip = event("DTEND;VALUE=DATE:20261129", start="DTSTART;VALUE=DATE:20261124")
    for zone in (STOCKHOLM, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")):
        today = NOW.astimezone(zone).date()
        shown = starts(trip, zone=zone)
        assert shown == [
            f"{day:%-d %b}"
            for day in (date(2026, 11, 24) + timedelta(days=number) for number in range(5))
            if day >= today
        ]


def test_what_goes_past_midnight_is_on_both_days():
    night = event("DTEND:20261127T050000Z", start="DTSTART:20261126T200000Z")
    [first, second] = by_day(read(night).occurrences, NOW, STOCKHOLM, 7)
    both = (*first.entries, *second.entries)
    times = [f"{entry.begin:%H:%M}–{entry.end:%H:%M}" for entry in both]
    assert times == ["21:00–00:00", "00:00–06:00"]
    until_midnight = event("DTEND:20261126T230000Z", start="DTSTART:20261126T200000Z")
    assert starts(until_midnight) == ["26 Nov 21:00"]


def test_what_is_over_is_not_shown_and_what_goes_on_is():
    over = event("DTEND:20261125T113000Z", start="DTSTART:20261125T110000Z")
    going_on = event("DURATION:PT2H", start="DTSTART:20261125T110000Z", uid="2")
    weeks = event("DTEND;VALUE=DATE:20261127", start="DTSTART;VALUE=DATE:20261001", uid="3")
    assert starts(over, going_on, weeks) == ["25 Nov", "25 Nov 12:00", "26 Nov"]


def test_broken_events_do_not_take_others_along():
    bad = [
        event(start="DTSTART:nonsense"), event(start="X:y"), event("RRULE:FREQ=NEVER", uid="2"),
        event("DURATION:P999999999999D"), event("DTEND:20261126"), event("no colon"),
        event(start="DTSTART:00010101T000000Z"), event("EXDATE:x"), event("RDATE:x"),
        event("RRULE:FREQ=DAILY;INTERVAL=0"), event("RRULE:FREQ=DAILY;BYDAY=XX"),
        event("RRULE:FREQ=DAILY;RSCALE=HEBREW;SKIP=OMIT"), event("DTEND:20261101T000000Z"),
        "BEGIN:VEVENT", "BEGIN:VTODO\r\nUID:1\r\nEND:VTODO",
    ]  # fmt: skip
    shown = starts(*bad[:-2], event(uid="good", start="DTSTART:20261128T090000Z"), *bad[-2:])
    assert "28 Nov 10:00" in shown


def test_an_alarm_is_not_the_event():
    alarm = "BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nDURATION:PT9H\r\nSUMMARY:x\r\nEND:VALARM"
    [found] = read(event("SUMMARY:Meeting", alarm)).occurrences
    assert (found.summary, found.end - found.start) == ("Meeting", timedelta(0))


@pytest.mark.parametrize("text", ["", "<html>", "BEGIN:VEVENT\r\nEND:VEVENT", "/etc/passwd"])
def test_what_is_no_calendar_says_so(text):
    with pytest.raises(Unreadable, match="not a calendar"):
        read_calendar(Content(text.encode(), "text/plain", "", NOW))


# --- hostile ones ---


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=HOURLY", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;COUNT=2000000000",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6", "FREQ=MONTHLY;BYSETPOS=366;BYDAY=MO",
        "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;"
        "BYMINUTE=" + ",".join(map(str, range(60))) + ";BYSECOND=" + ",".join(map(str, range(60))),
    ],
)  # fmt: skip
def test_rules_that_could_be_counted_for_ever_are_not(rule):
    begun = time.thread_time()
    found = read(event(f"RRULE:{rule}", start="DTSTART:20000126T090000Z"), event(uid="2"))
    assert time.thread_time() - begun < 6
    assert len(found.occurrences) <= 2000
    assert any(one.start.date() == date(2026, 11, 26) for one in found.occurrences)


def test_what_is_not_followed_is_said():
    assert not read(event("RRULE:FREQ=SECONDLY")).is_whole
    assert read(event("RRULE:FREQ=DAILY")).is_whole


def test_many_endless_rules_share_one_budget():
    rules = [event("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", uid=str(at)) for at in range(300)]
    begun = time.thread_time()
    assert not read(*rules).is_whole
    assert time.thread_time() - begun < 6


def test_many_past_events_cost_next_to_nothing():
    past = [event(uid=str(at), start="DTSTART:20200101T090000Z") for at in range(30_000)]
    begun = time.thread_time()
    found = read(*past, event())
    assert (len(found.occurrences), found.is_whole) == (1, True)
    assert time.thread_time() - begun < 3


def test_a_hundred_thousand_events_are_bounded():
    many = [f"BEGIN:VEVENT\nDTSTART:20261126\nUID:{at}\nEND:VEVENT" for at in range(100_000)]
    begun = time.thread_time()
    found = read(*many)
    assert (len(found.occurrences), found.is_whole) == (2000, False)
    assert time.thread_time() - begun < 12


@pytest.mark.parametrize(
    "rule", ["FREQ=SECONDLY", "FREQ=YEARLY;BYYEARDAY=400", "FREQ=YEARLY;BYMONTH=13"]
)
def test_an_own_zone_with_another_rule_is_not_followed(rule):
    begun = time.thread_time()
    there = event(start="DTSTART;TZID=Own:20261126T090000")
    assert starts(OWN_ZONE.format("Own", rule), there) == ["26 Nov 09:00"]
    assert time.thread_time() - begun < 2


# --- properties ---


def year(number, month=1):
    return datetime(number, month, 1)  # noqa: DTZ001 - by any clock on a wall


PARTS = {
    "FREQ": st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    "INTERVAL": st.integers(1, 5),
    "BYDAY": st.lists(st.sampled_from(["MO", "TU", "SA"]), min_size=1, max_size=3, unique=True),
    "BYMONTH": st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True),
    "WKST": st.sampled_from(["MO", "SU"]),
}
RULES = st.fixed_dictionaries(
    {"FREQ": PARTS["FREQ"]}, optional={key: value for key, value in PARTS.items() if key != "FREQ"}
)


@settings(max_examples=80, deadline=None)
@given(
    rule=RULES,
    start=st.datetimes(year(2000), year(2027, 6)),
    low=st.datetimes(year(2026), year(2027)),
)
def test_counting_from_near_the_window_finds_what_counting_from_the_beginning_does(
    rule, start, low
):
    start, high = start.replace(microsecond=0), low + timedelta(days=60)
    parts = {key: value if isinstance(value, list) else [value] for key, value in rule.items()}
    text = ";".join(f"{key}={','.join(map(str, value))}" for key, value in parts.items())
    plain = [
        at for at in rrulestr(text, dtstart=start).xafter(low, inc=True, count=70) if at <= high
    ]
    period = {"DAILY": timedelta(1), "WEEKLY": timedelta(7)}.get(rule["FREQ"])
    near = _later(start, period * rule.get("INTERVAL", 1), low) if period else start
    assert [at for at in _counted(parts, near, high, Budget()) if at >= low] == plain


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(
        ["Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
    ),
    hour=st.integers(4, 23),  # no clock is changed at these hours
    now=st.datetimes(year(2026), year(2027, 12), timezones=st.just(UTC)),
)
def test_a_daily_meeting_is_at_its_hour_every_day_of_the_year(zone, hour, now):
    daily = event("RRULE:FREQ=DAILY", start=f"DTSTART;TZID={zone}:20251201T{hour:02}0000")
    home = ZoneInfo(zone)
    shown = starts(daily, now=now, days=5, zone=home)
    assert len(shown) in (4, 5)  # today's may be over
    assert {text.split()[-1] for text in shown} == {f"{hour:02}:00"}


# --- the application ---


class Kept:
    def __init__(self, source):
        self.source, self.asked = source, []

    def get(self, address, age, kind):
        self.asked.append(address)
        return self.source


def here(source, plugin=None, **config):
    kept = Kept(source)
    return kept, Placement(plugin or {}, config, NOW, lambda key: False, sources=kept)


def test_the_secret_address_comes_before_the_other_and_is_never_shown():
    known = Source(value=read(event("SUMMARY:Desk")), fetched_at=NOW)
    kept, placement = here(
        known, address="https://a.example/", secretAddress="https://b.example/s3"
    )
    shown = agenda.application(placement)
    assert kept.asked == ["https://b.example/s3"]
    assert "s3" not in str(shown)
    assert [day.words for day in shown["days"]] == ["Tomorrow, Thursday 26 Nov"]


def test_without_an_address_nothing_is_asked_for():
    kept, placement = here(Source())
    assert not agenda.application(placement)["has_address"]
    assert agenda.next_events(placement) == {}
    assert kept.asked == []


def test_others_are_shown_the_next_three():
    known = Source(value=read(event("SUMMARY:Desk", "RRULE:FREQ=DAILY")), fetched_at=NOW)
    _, placement = here(known, {"address": "https://a.example/", "timezone": "Europe/Stockholm"})
    shown = agenda.next_events(placement)
    assert [(words, f"{entry.begin:%H:%M}") for words, entry in shown["entries"]] == [
        ("Tomorrow, Thursday 26 Nov", "10:00"),
        ("Friday 27 Nov", "10:00"),
        ("Saturday 28 Nov", "10:00"),
    ]
