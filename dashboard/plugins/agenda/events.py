"""From the text of a calendar to its events: only what can matter in the window is parsed.

The calendar is cut into events before icalendar sees it. So one broken event does not take the
others along, the many past ones cost next to nothing, and what calendars say of time zones never
reaches the cache that icalendar has for all of them (`zones` reads that).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import icalendar

from ..sources import Unreadable
from ..texts import one_line
from ..zones import find_zone

MAX_EVENTS = 5_000  # that are parsed: about two seconds, beside the requests
LONGEST_SUMMARY, LONGEST_PLACE = 200, 120
Moment = datetime | date  # with a zone, or floating without one; or a whole day

_LINE_END = re.compile(r"\r\n|\n|\r")
_DAY = re.compile(r"(DTSTART|DTEND|RECURRENCE-ID)[;:](?:.*:)?(\d{8})")
_KEPT_WHENEVER = ("RRULE", "RDATE", "DURATION")
_OWN_NAME = re.compile(r'TZID="?/([^":;,\r\n]+)"?')
_YEARS = range(1600, 9000)  # beyond them no zone can be added, and nobody meets


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the calendar has it, before its repetitions are counted out."""

    uid: str
    start: Moment
    length: timedelta
    summary: str = ""
    place: str = ""
    is_cancelled: bool = False
    instead_of: Moment | None = None  # the repetition that this replaces
    rules: tuple[Mapping[str, list[Any]], ...] = ()
    more: tuple[Moment, ...] = ()
    without: tuple[Moment, ...] = ()


@dataclass(slots=True)
class Blocks:
    """The lines of a calendar, sorted: a list of lines for each event and for each zone."""

    name: str = ""
    events: list[list[str]] = field(default_factory=list)
    zones: list[list[str]] = field(default_factory=list)


def read_blocks(text: str) -> Blocks:
    """Cut the *text* of a calendar; raise `Unreadable` if it is none."""
    if "BEGIN:VCALENDAR" not in text[:2000].upper():
        raise Unreadable("This is not a calendar: it has to be an .ics file.")
    found = Blocks()
    kept: list[str] | None = None
    inside: list[str] = []
    for line in _LINE_END.split(text):
        word = line[:40].upper().rstrip()
        if word.startswith("BEGIN:"):
            inside.append(word[6:])
            if word[6:] in ("VEVENT", "VTIMEZONE"):
                kept = []
        if kept is not None and inside[-1:] != ["VALARM"]:
            kept.append(line)
        if word.startswith("X-WR-CALNAME:") and kept is None:
            found.name = one_line(line[13:].replace("\\", ""), LONGEST_SUMMARY)
        if word.startswith("END:"):
            if kept is not None and word[4:] in ("VEVENT", "VTIMEZONE"):
                (found.events if word == "END:VEVENT" else found.zones).append(kept)
                kept = None
            if inside and inside[-1] == word[4:]:
                inside.pop()
    return found


def read_events(
    blocks: list[list[str]], zones: Mapping[str, tzinfo], begin: date, end: date
) -> tuple[list[Event], bool]:
    """Return the events that may have something between *begin* and *end*, and whether all."""
    relevant = [block for block in blocks if _may_matter(block, begin, end)]
    events = [_read(block, zones) for block in relevant[:MAX_EVENTS]]
    return [event for event in events if event is not None], len(relevant) <= MAX_EVENTS


def _may_matter(block: list[str], begin: date, end: date) -> bool:
    """Return whether an event can reach into the window, as far as its digits tell."""
    days = []
    for line in block:
        if line.startswith(_KEPT_WHENEVER):
            return True
        found = _DAY.match(line)
        if found is not None:
            days.append(found[2])
    # A day more on each side: the digits are those of some time zone.
    first, last = (f"{day:%Y%m%d}" for day in (begin - timedelta(2), end + timedelta(2)))
    return not days or (max(days) >= first and min(days) <= last)


def _read(block: list[str], zones: Mapping[str, tzinfo]) -> Event | None:
    text = _OWN_NAME.sub(_without_maker, "\r\n".join(block))
    try:
        parsed = icalendar.Event.from_ical(f"{text}\r\n")
        start = _moment(parsed.get("DTSTART"), zones)
        if start is None:
            return None
        instead_of = _moment(parsed.get("RECURRENCE-ID"), zones)
        return Event(
            uid=str(parsed.get("UID", "")),
            start=start,
            length=_length(start, parsed, zones),
            summary=one_line(str(_one(parsed.get("SUMMARY")) or ""), LONGEST_SUMMARY),
            place=one_line(str(_one(parsed.get("LOCATION")) or ""), LONGEST_PLACE),
            is_cancelled=str(parsed.get("STATUS", "")).upper() == "CANCELLED",
            instead_of=instead_of,
            rules=tuple(rule for rule in _all(parsed.get("RRULE")) if isinstance(rule, Mapping)),
            more=tuple(_moments(parsed.get("RDATE"), zones)),
            without=tuple(_moments(parsed.get("EXDATE"), zones)),
        )
    except (ValueError, AttributeError, OverflowError):  # what icalendar says of broken ones
        return None


def _without_maker(found: re.Match[str]) -> str:
    """Return the zone in `/maker.example/20070129_1/Europe/London`: Europe/London."""
    parts = found[1].split("/")[:10]
    for at in range(len(parts)):
        name = "/".join(parts[at:])
        if find_zone(name) is not None:
            return f'TZID="{name}"'
    return found[0]


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _all(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _moment(value: Any, zones: Mapping[str, tzinfo]) -> Moment | None:
    value = _one(value)
    return None if value is None else _in_zone(value.dt, value.params, zones)


def _in_zone(found: Any, parameters: Any, zones: Mapping[str, tzinfo]) -> Moment | None:
    if isinstance(found, tuple):  # a period
        found = found[0]
    if isinstance(found, datetime) and found.tzinfo is None and "TZID" in parameters:
        found = found.replace(tzinfo=zones.get(str(parameters["TZID"])))
    return found if isinstance(found, date) and found.year in _YEARS else None


def _moments(value: Any, zones: Mapping[str, tzinfo]) -> Iterator[Moment]:
    for listed in _all(value):
        for item in getattr(listed, "dts", ()):
            found = _in_zone(item.dt, getattr(listed, "params", {}), zones)
            if found is not None:
                yield found


def _length(start: Moment, parsed: Any, zones: Mapping[str, tzinfo]) -> timedelta:
    is_day = not isinstance(start, datetime)
    length = timedelta(days=1) if is_day else timedelta(0)
    end = _moment(parsed.get("DTEND"), zones)
    if end is not None and isinstance(end, datetime) is isinstance(start, datetime):
        length = _between(start, end)
    elif "DURATION" in parsed and isinstance(_one(parsed["DURATION"]).dt, timedelta):
        length = _one(parsed["DURATION"]).dt
    return max(length, timedelta(days=1) if is_day else timedelta(0))


def _between(start: Any, end: Any) -> timedelta:
    """Return the length: by the clock on the wall in one zone, else as it passes."""
    if isinstance(start, datetime) and (start.tzinfo is None) is not (end.tzinfo is None):
        start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
    found: timedelta = end - start
    return found
