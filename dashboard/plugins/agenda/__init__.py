"""Agenda: the next days of a calendar (.ics), in the unit's own time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..render import Placement
from ..sources import Content, Kind, Source
from ..texts import decode
from ..zones import home_zone, when
from .events import read_blocks, read_events
from .expansion import Budget, Occurrence, expand
from .own_zones import read_zones

FRESH_SECONDS = 600
REFRESH_SECONDS = 300  # what is over leaves the list
DAYS = range(1, 32)
USUAL_DAYS = 7
KEPT_DAYS = 45  # counted out: more than is ever shown, so it lasts while the source is down
MAX_SHOWN = 200
LINE_EVENTS, LINE_DAYS = 3, 14


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a calendar has in the next days."""

    name: str = ""
    occurrences: tuple[Occurrence, ...] = ()
    is_whole: bool = True  # everything in it could be read and counted


@dataclass(frozen=True, slots=True)
class Entry:
    """An event on one day, by the unit's clock. Without times it is the whole day."""

    day: date
    summary: str
    place: str
    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day that has something."""

    date: date
    words: str
    entries: tuple[Entry, ...]


def read_calendar(content: Content) -> Calendar:
    """Return what is in a calendar around the moment it was fetched."""
    blocks = read_blocks(decode(content.data, content.charset))
    begin, end = content.now - timedelta(days=1), content.now + timedelta(days=KEPT_DAYS)
    zones = read_zones(blocks.zones)
    events, is_whole = read_events(blocks.events, zones, begin.date(), end.date())
    budget = Budget()
    found = expand(events, begin, end, budget)
    return Calendar(blocks.name, tuple(found), is_whole and not budget.is_spent)


CALENDAR = Kind(
    frozenset({"text/calendar", "text/plain", "application/octet-stream", "application/ics"}),
    4 << 20,
    read_calendar,
)


def application(here: Placement) -> dict[str, Any]:
    """Show the next days that have something."""
    own = here.application
    address = str(own.get("secretAddress") or own.get("address", "")).strip()
    found = here.sources.get(address, FRESH_SECONDS, CALENDAR) if address else Source()
    days = own.get("days")
    days = days if isinstance(days, int) and days in DAYS else USUAL_DAYS
    calendar, zone = _calendar(found), home_zone(here.plugin)
    return {
        "has_address": bool(address),
        "source": found,
        "calendar": calendar,
        "days": by_day(calendar.occurrences, here.now, zone, days),
        "count": days,
        "time": lambda moment: when(moment, here.now, zone),
        "refresh_seconds": found.look_again(REFRESH_SECONDS) if address else 0,
    }


def next_events(here: Placement) -> dict[str, Any]:
    """Show to others the next events of the plugin's own calendar."""
    address = str(here.plugin.get("address", "")).strip()
    if not address:
        return {}
    found = here.sources.get(address, FRESH_SECONDS, CALENDAR)
    zone = home_zone(here.plugin)
    days = by_day(_calendar(found).occurrences, here.now, zone, LINE_DAYS)
    entries = [(day.words, entry) for day in days for entry in day.entries]
    return {
        "source": found,
        "entries": entries[:LINE_EVENTS],
        "refresh_seconds": found.look_again(REFRESH_SECONDS),
    }


PORTALS = {"next-events": next_events}


def by_day(
    occurrences: tuple[Occurrence, ...], now: datetime, zone: ZoneInfo, days: int
) -> list[Day]:
    """Return the *days* from today on that have something which is not over yet."""
    today = now.astimezone(zone).date()
    entries = [
        entry
        for occurrence in occurrences
        for entry in _entries(occurrence, zone, today, days)
        if entry.end is None or entry.end > now or entry.begin == entry.end > now
    ]
    entries.sort(key=lambda entry: (entry.day, str(entry.begin or ""), entry.summary))
    found: dict[date, list[Entry]] = {}
    for entry in entries[:MAX_SHOWN]:
        found.setdefault(entry.day, []).append(entry)
    return [Day(day, _words(day, today), tuple(on)) for day, on in found.items()]


def _entries(occurrence: Occurrence, zone: ZoneInfo, today: date, days: int) -> Iterator[Entry]:
    """Yield one entry for each shown day that the event touches."""
    begin, end = (_at_home(moment, zone) for moment in (occurrence.start, occurrence.end))
    first = _day(begin)
    # The end is the first moment that does not belong to it any more: midnight is the day before.
    last = max(first, _day(end - timedelta(microseconds=1)) if isinstance(end, datetime)
               else end - timedelta(days=1))  # fmt: skip
    day = max(first, today)
    while day <= min(last, today + timedelta(days=days - 1)):
        is_whole = not isinstance(begin, datetime) or (day not in (first, last))
        if is_whole or not isinstance(begin, datetime) or not isinstance(end, datetime):
            yield Entry(day, occurrence.summary, occurrence.place)
        else:
            midnight = datetime.combine(day, datetime.min.time(), zone)
            next_midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), zone)
            yield Entry(day, occurrence.summary, occurrence.place,
                        max(begin, midnight), min(end, next_midnight))  # fmt: skip
        day += timedelta(days=1)


def _at_home(moment: datetime | date, zone: ZoneInfo) -> datetime | date:
    """Return *moment* by the unit's clock; a floating one is meant so."""
    if not isinstance(moment, datetime):
        return moment
    return moment.astimezone(zone) if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _day(moment: datetime | date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _words(day: date, today: date) -> str:
    away = (day - today).days
    named = f"{day:%A %-d %b}"
    return f"Today, {named}" if away == 0 else f"Tomorrow, {named}" if away == 1 else named


def _calendar(found: Source) -> Calendar:
    return found.value if isinstance(found.value, Calendar) else Calendar()
