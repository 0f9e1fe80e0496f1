"""Events as they are shown: day by day, by the clock of one time zone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo

from .events import Event

MAX_SHOWN = 200  # lines; what comes later is left out
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a day."""

    time: str  # in words; empty: all day
    title: str
    place: str
    address: str
    is_now: bool


@dataclass(slots=True)
class Day:
    """A day with something on it."""

    date: date
    name: str
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Next:
    """An event that is still to come, or not over yet, for a short line."""

    when: str
    title: str
    is_now: bool


@dataclass(frozen=True, slots=True, order=True)
class _Local:
    """An event by the clock of the zone; all-day ones come first on their day."""

    start: datetime
    is_timed: bool
    end: datetime
    event: Event

    def is_on(self, day: datetime) -> bool:
        ends_later = self.end > day or self.end == self.start
        return self.start < day + _DAY and self.end >= day and ends_later

    def words_on(self, day: datetime) -> str:
        """Return its time on a day; what began earlier or ends later has only one end there."""
        begins, ends = self.start >= day, self.end <= day + _DAY
        if not self.is_timed or not (begins or ends):
            return ""
        if not begins:
            return "" if self.end == day + _DAY else f"until {self.end:%H:%M}"
        return (
            f"{self.start:%H:%M}–{self.end:%H:%M}" if self._has_end(day) else f"{self.start:%H:%M}"
        )

    def _has_end(self, day: datetime) -> bool:
        # A night until six in the morning is read as such; a conference of three days is not.
        return self.start < self.end <= day + _DAY + timedelta(hours=12)


def by_day(
    events: Iterable[Event], zone: tzinfo, now: datetime, days: int
) -> tuple[list[Day], bool]:
    """Return the days that have something, beginning today, and whether that is all of it.

    What is over already is left out.
    """
    here = now.astimezone(zone).replace(tzinfo=None)
    today = datetime.combine(here.date(), time())
    coming = _coming(events, zone, here)
    found, shown = [], 0
    for number in range(days):
        begin = today + number * _DAY
        day = Day(begin.date(), name_of(begin.date(), today.date()))
        on_it = [local for local in coming if local.is_on(begin)]
        # What goes on from yesterday comes before what begins.
        for local in sorted(on_it, key=lambda one: (bool(one.words_on(begin)), one)):
            if shown == MAX_SHOWN:
                found += [day] if day.entries else []
                return found, False
            shown += 1
            event = local.event
            is_now = number == 0 and local.is_timed and local.start <= here < local.end
            day.entries.append(
                Entry(local.words_on(begin), event.title, event.place, event.address, is_now)
            )
        if day.entries:
            found.append(day)
    return found, True


def next_of(events: Iterable[Event], zone: tzinfo, now: datetime, count: int) -> list[Next]:
    """Return the next events, those that go on just now included."""
    here = now.astimezone(zone).replace(tzinfo=None)
    found = []
    for local in _coming(events, zone, here)[:count]:
        is_now = local.start <= here
        name = name_of(max(local.start, here).date(), here.date())
        when = f"{name}, {local.start:%H:%M}" if local.is_timed and not is_now else name
        found.append(Next("Now" if is_now and local.is_timed else when, local.event.title, is_now))
    return found


def name_of(day: date, today: date) -> str:
    """Return what people call a day."""
    away = (day - today).days
    date_words = f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if day.year != today.year else "")
    return {0: "Today", 1: "Tomorrow"}.get(away, date_words)


def _coming(events: Iterable[Event], zone: tzinfo, here: datetime) -> list[_Local]:
    found = [_local(event, zone) for event in events]
    return sorted(local for local in found if local.end > here or local.start >= here)


def _local(event: Event, zone: tzinfo) -> _Local:
    start, end = _clock(event.start, zone), _clock(event.end, zone)
    # In the night when the clocks go back, an end may read earlier than its beginning.
    return _Local(start, not event.is_all_day, max(start, end), event)


def _clock(moment: date | datetime, zone: tzinfo) -> datetime:
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    return (moment if moment.tzinfo is None else moment.astimezone(zone)).replace(tzinfo=None)
