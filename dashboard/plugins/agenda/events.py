"""From the bytes of a calendar to its events between two days: pure, and bounded in time.

What a calendar may ask for is a stranger's to decide: rules that repeat every second for ever, a
hundred thousand events, nonsense. One event that cannot be read never hides the others; where the
work ends before the calendar does, `is_whole` is false.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from urllib.parse import urlsplit

from .lengths import DAY, Length
from .lines import Component, read_components, unfold
from .recurrence import Effort, OutOfTime, TooMuch, expand
from .times import (
    Moment,
    Zones,
    clock_of,
    in_zone,
    read_moment,
    read_moments,
    settle,
)

SECONDS = 1.5  # for each of three passes: lines, series, occurrences
MAX_EVENTS = 5_000  # that come out
LONGEST = 200  # characters of a title or place
LONGEST_ADDRESS = 2_000
_DATE = re.compile("[0-9]{8}")
_ANY_ZONE = timedelta(hours=36)  # no two clocks on earth differ by more


class Event(NamedTuple):
    """What happens once. Times are in UTC, or float: without a zone, by the clock of who looks."""

    start: Moment
    end: Moment  # the first moment, or day, after it
    title: str
    place: str
    address: str

    @property
    def is_all_day(self) -> bool:
        """Return whether it has days instead of times."""
        return not isinstance(self.start, datetime)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What was found, and whether that is all of it."""

    events: tuple[Event, ...]
    is_whole: bool = True
    broken: int = 0  # events that could not be read


@dataclass(frozen=True, slots=True)
class _Span:
    """From when to when, by any clock."""

    first: datetime
    last: datetime


@dataclass(slots=True)
class _Found:
    events: list[Event] = field(default_factory=list)
    is_whole: bool = True
    broken: int = 0


@dataclass(slots=True)
class _Series:
    """The events of one UID: what repeats, and what is different some time."""

    masters: dict[Moment, Component] = field(default_factory=dict)
    changed: dict[Moment, Component] = field(default_factory=dict)


def read_calendar(data: bytes, first: date, last: date) -> Calendar:
    """Return the events of an .ics file that touch the days from *first* to *last*.

    Some that lie a day and a half before or after may be among them: which days those are depends
    on the time zone of who looks. Raise `sources.Unreadable`.
    """
    zones, found = Zones(), _Found()
    midnight = time()
    span = _Span(
        datetime.combine(first, midnight) - _ANY_ZONE,
        datetime.combine(last, midnight) + DAY + _ANY_ZONE,
    )
    past = f"{span.first - DAY:%Y%m%d}"
    lines = unfold(data)
    components: list[Component] = []
    try:
        for kind, component, zone in read_components(lines, Effort(SECONDS).begin):
            if kind == "VTIMEZONE":
                zones.define(zone)
            elif not _is_past(component, past):
                components.append(component)
    except OutOfTime:
        found.is_whole = False
    series = _in_series(components, zones, Effort(SECONDS), found)
    # What a rule costs nobody knows: so it may take time from other rules only.
    series.sort(key=lambda one: any(master.has("RRULE") for master in one.masters.values()))
    _read_all(series, zones, span, Effort(SECONDS), found)
    return Calendar(tuple(found.events), found.is_whole, found.broken)


def _is_past(component: Component, limit: str) -> bool:
    """Return whether a single event was over on a day, at a glance: most of a calendar is."""
    if component.has("RRULE", "RDATE", "RECURRENCE-ID", "DURATION"):
        return False
    lines = component.lines.get("DTSTART", []) + component.lines.get("DTEND", [])
    days = [line.rpartition(":")[2].strip()[:8] for line in lines]
    return bool(days) and all(day < limit and _DATE.fullmatch(day) for day in days)


def _in_series(
    components: Iterable[Component], zones: Zones, effort: Effort, found: _Found
) -> list[_Series]:
    """Put together what has the same UID; of the same event the newest version counts."""
    series: dict[str, _Series] = {}
    for number, component in enumerate(components):
        try:
            effort.begin()
            uid = component.get("UID")
            original = component.get("RECURRENCE-ID")
            value = original or component.get("DTSTART")
            if value is None:
                found.broken += 1
                continue
            moment = settle(read_moment(value.text, value.params, zones))
            here = series.setdefault(uid.text if uid and uid.text else f"\n{number}", _Series())
            places = here.changed if original is not None else here.masters
            if moment not in places or _version(component) >= _version(places[moment]):
                places[moment] = component
        except OutOfTime:
            found.is_whole = False
            break
        except Exception:  # whatever a stranger wrote: it hides no other event
            found.broken += 1
    return list(series.values())


def _version(component: Component) -> int:
    value = component.get("SEQUENCE")
    return int(value.text) if value is not None and value.text.isdecimal() else 0


def _read_all(
    series: Iterable[_Series], zones: Zones, span: _Span, effort: Effort, found: _Found
) -> None:
    for one in series:
        jobs: list[tuple[Component, Iterable[Moment] | None]] = [
            *((component, one.changed) for component in one.masters.values()),
            *((component, None) for component in one.changed.values()),
        ]
        for component, replaced in jobs:
            try:
                effort.begin()
                for event in _occurrences(component, replaced, zones, span, effort):
                    if len(found.events) >= MAX_EVENTS:
                        raise OutOfTime
                    found.events.append(event)
            except OutOfTime:
                found.is_whole = False
                return
            except TooMuch:
                found.is_whole = False
            except Exception:  # whatever a stranger wrote: it hides no other event
                found.broken += 1


def _occurrences(
    component: Component,
    replaced: Iterable[Moment] | None,
    zones: Zones,
    span: _Span,
    effort: Effort,
) -> Iterator[Event]:
    """Yield when an event happens; one that stands for a changed occurrence happens once."""
    status = component.get("STATUS")
    value = component.get("DTSTART")
    if value is None:
        raise ValueError("it has no beginning")
    if status is not None and status.text.upper() == "CANCELLED":
        return
    start = read_moment(value.text, value.params, zones)
    length = Length.of(component, start, zones)
    words = (
        component.words("SUMMARY", LONGEST),
        component.words("LOCATION", LONGEST),
        _address(component),
    )
    window = _Span(span.first - length.duration, span.last)
    if replaced is None:
        moments: Iterable[Moment] = [start]
    else:
        moments = _moments(component, start, set(replaced), zones, window, effort)
    for moment in moments:
        event = Event(settle(moment), length.end_of(moment), *words)
        if window.first <= clock_of(event.start) <= window.last:
            yield event


def _moments(
    component: Component,
    start: Moment,
    replaced: set[Moment],
    zones: Zones,
    window: _Span,
    effort: Effort,
) -> Iterator[Moment]:
    """Yield when an event begins each time, but for what is taken out or changed."""
    taken = replaced | {
        settle(moment) for value in component.all("EXDATE") for moment in read_moments(value, zones)
    }
    zone = start.tzinfo if isinstance(start, datetime) else None
    given: set[Moment] = set()
    for moment in _candidates(component, start, zones, window, effort):
        effort.step()
        key = settle(moment)
        day = moment.astimezone(zone).date() if isinstance(moment, datetime) and zone else None
        day = day or clock_of(moment).date()
        # A date takes out whatever is on that day.
        if key not in given and not {key, day} & taken:
            yield moment
        given.add(key)


def _candidates(
    component: Component, start: Moment, zones: Zones, window: _Span, effort: Effort
) -> Iterator[Moment]:
    yield start  # it counts even where its rule does not name it
    for value in component.all("RDATE"):
        yield from read_moments(value, zones)
    zone = start.tzinfo if isinstance(start, datetime) else None
    bounds = (window.first, window.last)
    for rule in component.all("RRULE"):
        until = _until(rule.text, zone, zones)
        for local in expand(rule.text, clock_of(start), until, bounds, effort):
            if not isinstance(start, datetime):
                yield local.date()
            else:
                yield in_zone(local, zone)


def _until(rule: str, zone: tzinfo | None, zones: Zones) -> datetime | None:
    """Return the last time of a rule by the clock on site, wherever it is written in UTC."""
    parts = dict(part.partition("=")[::2] for part in rule.upper().split(";"))
    if "UNTIL" not in parts:
        return None
    until = read_moment(parts["UNTIL"], {}, zones)
    if not isinstance(until, datetime):
        return clock_of(until) + DAY - timedelta(seconds=1)
    return clock_of(until.astimezone(zone) if until.tzinfo is not None and zone else until)


def _address(component: Component) -> str:
    """Return where more is written: on the web, or nowhere."""
    for name in ("URL", "LOCATION"):
        value = component.get(name)
        address = value.text if value is not None else ""
        if is_web_address(address):
            return address
    return ""


def is_web_address(text: str) -> bool:
    """Return whether *text* is a whole address that a link may lead to."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_one = len(text) <= LONGEST_ADDRESS and len(text.split()) == 1
    return is_one and parts.scheme in ("http", "https") and bool(parts.hostname)
