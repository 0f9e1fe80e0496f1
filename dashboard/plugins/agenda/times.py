"""Dates and times of iCalendar values, and the time zones that they name.

A moment is a `date` (all-day), a `datetime` in a zone, or a `datetime` without: a floating time
that is by the clock of whoever looks.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, TypeAlias

from icalendar import Timezone, vDuration
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from ..zones import find_zone
from .lines import Value

Moment: TypeAlias = date | datetime
MAX_ZONES = 20  # that a calendar defines by itself
MAX_ZONE_LINES = 500
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z?))?", re.IGNORECASE)
# What changes between summer and winter need; other rules could keep a server busy.
_RULE_OF_ZONE = re.compile(
    r"RRULE(;[^:]*)?:(?=[^:]*FREQ=YEARLY)"
    r"((FREQ=YEARLY|BYMONTH=\d+|BYDAY=[-+]?\d?[A-Z]{2}|UNTIL=\w+|INTERVAL=1|WKST=[A-Z]{2});?)+",
    re.IGNORECASE,
)


class Zones:
    """The zones of one calendar: those of the world by name, or what it defines itself."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._found: dict[str, tzinfo | None] = {}

    def define(self, lines: list[str]) -> None:
        """Take in a VTIMEZONE; it is read only if an event needs it."""
        tzid = next((line[5:].strip() for line in lines if line[:5].upper() == "TZID:"), "")
        rules = [line for line in lines if line[:5].upper() == "RRULE"]
        is_sound = len(lines) <= MAX_ZONE_LINES and all(map(_RULE_OF_ZONE.fullmatch, rules))
        if tzid and is_sound and len(self._texts) < MAX_ZONES:
            self._texts[tzid] = lines

    def find(self, tzid: str) -> tzinfo | None:
        """Return the zone *tzid*; None if nobody knows it: its times float."""
        if tzid not in self._found:
            self._found[tzid] = _named(tzid) or self._defined(tzid)
        return self._found[tzid]

    def _defined(self, tzid: str) -> tzinfo | None:
        lines = self._texts.get(tzid)
        if lines is None:
            return None
        try:
            read: Any = Timezone.from_ical("\r\n".join(lines))
            zone: tzinfo = read.to_tz(lookup_tzid=False)
            zone.utcoffset(datetime(2026, 1, 1))  # noqa: DTZ001 - one that breaks does it here
        except Exception:  # a stranger's definition, read by two libraries
            return None
        return zone


def _named(tzid: str) -> tzinfo | None:
    """Return a zone of the world by its name, also as Windows or with a maker's prefix has it."""
    tail = "/".join(tzid.split("/")[-2:])
    for name in (tzid, WINDOWS_TO_OLSON.get(tzid, ""), tail):
        if name and (zone := find_zone(name)):
            return zone
    return None


def read_moment(text: str, params: Mapping[str, str], zones: Zones) -> Moment:
    """Return what is written like `20261125` or `20261125T090000Z`; raise `ValueError`."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise ValueError("neither a date nor a time")
    day = date(int(found[1]), int(found[2]), int(found[3]))
    if found[4] is None:
        return day
    # A leap second is the last one of its minute.
    clock = time(int(found[4]), int(found[5]), min(int(found[6] or 0), 59))
    zone = UTC if found[7] else zones.find(params.get("TZID", ""))
    return datetime.combine(day, clock, zone)


def read_moments(value: Value, zones: Zones) -> list[Moment]:
    """Return the moments of a list; of a period its beginning. What cannot be read is left out."""
    moments = []
    for text in value.text.split(","):
        try:
            moments.append(read_moment(text.partition("/")[0], value.params, zones))
        except ValueError:
            continue
    return moments


def read_duration(text: str) -> timedelta:
    """Return what is written like `PT1H30M`; raise `ValueError`."""
    duration = vDuration.from_ical(text)  # type: ignore[no-untyped-call]
    if not isinstance(duration, timedelta):
        raise ValueError("not a duration")
    return max(duration, timedelta(0))


def clock_of(moment: Moment) -> datetime:
    """Return what a clock on site shows: without its zone, midnight for a date."""
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime.combine(moment, time())


def in_zone(local: datetime, zone: tzinfo | None) -> datetime:
    """Return the moment at which clocks in *zone* show *local*; floating without a zone.

    A time that is left out when the clocks go forward is as long after midnight as it says.
    """
    return local if zone is None else local.replace(tzinfo=zone).astimezone(UTC)


def settle(moment: Moment) -> Moment:
    """Return the same moment in a form that can be compared: in UTC if it has a zone."""
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(UTC)
    return moment
