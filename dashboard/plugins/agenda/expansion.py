"""When events happen: their repetitions, counted out between two days, within a budget.

Everything is counted by the clock on the wall of the event's own zone and put on the line of time
only then: a meeting at nine stays at nine when the clocks change.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from dateutil.rrule import rrulestr

from .events import Event, Moment

MAX_OCCURRENCES = 2_000
MAX_OF_EVENT = 400
MAX_STEPS = 200_000
MAX_SECONDS = 2.0  # of this thread, beside the requests
# By the hour, minute or second: nobody meets so, and counting could take for ever.
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PERIOD = {"DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}
# By any clock on a wall, before and after every event.
_LONG_AGO, _FAR = datetime(1000, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001
_SAME_CALENDAR_YEARS = 400  # after so many years every date is on the same weekday again


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Once that an event happens: on the line of time (UTC), floating, or for whole days."""

    start: Moment
    end: Moment  # the first moment or day after it
    summary: str
    place: str


@dataclass(slots=True)
class Budget:
    """How much may still be counted; `is_spent` says that something is missing because of it."""

    steps: int = MAX_STEPS
    until: float = field(default_factory=lambda: time.thread_time() + MAX_SECONDS)
    is_spent: bool = False

    def take(self) -> bool:
        """Take one step; return whether there was one left."""
        self.steps -= 1
        self.is_spent = self.is_spent or self.steps < 0 or time.thread_time() > self.until
        return not self.is_spent


def expand(
    events: Iterable[Event], begin: datetime, end: datetime, budget: Budget
) -> list[Occurrence]:
    """Return what happens between *begin* and *end* (UTC), in the order of the calendar."""
    found: list[Occurrence] = []
    events = list(events)
    replaced = _replaced(events)
    for event in events:
        if event.is_cancelled:
            continue
        for start in _starts(event, replaced[event.uid], begin, end, budget):
            found.append(_occurrence(event, start))
            if len(found) >= MAX_OCCURRENCES:
                budget.is_spent = True
                return found
    return found


def _replaced(events: list[Event]) -> Mapping[str, list[Moment]]:
    """Return by uid the repetitions that an event of their own stands for, cancelled or not."""
    found: dict[str, list[Moment]] = defaultdict(list)
    for event in events:
        if event.instead_of is not None:
            found[event.uid].append(event.instead_of)
    return found


def _starts(
    event: Event, replaced: list[Moment], begin: datetime, end: datetime, budget: Budget
) -> Iterator[datetime]:
    """Yield the starts in the window by the event's own clock, in order."""
    start = _on_wall(event.start, event.start)
    # The clock on the wall is at most a day away from UTC.
    low = begin.replace(tzinfo=None) - timedelta(days=1)
    high = end.replace(tzinfo=None) + timedelta(days=1)
    is_one = event.instead_of is not None
    starts = {start}
    if not is_one:
        starts |= {_on_wall(moment, event.start) for moment in event.more}
        # What began so long before is still going on at the beginning of the window.
        for rule in event.rules:
            starts.update(_repeated(rule, event, _minus(low, event.length), high, budget))
        without = {_on_wall(moment, event.start) for moment in [*event.without, *replaced]}
        days = {moment for moment in event.without if not isinstance(moment, datetime)}
        starts = {at for at in starts if at not in without and at.date() not in days}
    kept = 0
    for at in sorted(starts):
        if at <= high and _plus(at, event.length) >= low and kept < MAX_OF_EVENT:
            kept += 1
            yield at


def _repeated(
    rule: Mapping[str, list[Any]], event: Event, low: datetime, high: datetime, budget: Budget
) -> Iterator[datetime]:
    """Yield what *rule* gives from *low* to *high*, as far as the budget goes."""
    frequency = str(rule.get("FREQ", [""])[0]).upper()
    interval = int(rule.get("INTERVAL", [1])[0])
    if frequency not in _FREQUENCIES or interval < 1:
        budget.is_spent = True
        return
    start = _on_wall(event.start, event.start)
    last = high
    until = rule.get("UNTIL", [None])[0]
    if isinstance(until, date) and until.year < high.year + 2:  # 9999 is how some say "always"
        last = min(high, _last(until, event.start))
    if frequency in _PERIOD and "COUNT" not in rule:
        start = _later(start, _PERIOD[frequency] * interval, low)
    try:
        for at in _counted(rule, start, last, budget):
            if at >= low:
                yield at
    except (ValueError, TypeError, OverflowError):  # what dateutil says of rules it cannot count
        budget.is_spent = True


def _counted(
    rule: Mapping[str, list[Any]], start: datetime, last: datetime, budget: Budget
) -> Iterator[datetime]:
    # A rule that never fits takes no step, so it is asked here, too.
    if start > last or not budget.take():
        return
    # A rule that never fits is counted to the end of all years: it begins not far from there.
    years = (9999 - last.year) // _SAME_CALENDAR_YEARS * _SAME_CALENDAR_YEARS
    for far in rrulestr(_text(rule), dtstart=start.replace(year=start.year + years)):
        at = far.replace(year=far.year - years)
        if at > last or not budget.take():
            return
        yield at


def _text(rule: Mapping[str, list[Any]]) -> str:
    """Return the rule without its end, which is kept to by the caller."""
    parts = []
    for name, values in rule.items():
        if name != "UNTIL":
            parts.append(f"{name}={','.join(str(value) for value in values)}")
    return ";".join(parts)


def _later(start: datetime, period: timedelta, low: datetime) -> datetime:
    """Return a start in step with *start*, at most two periods before *low*."""
    behind = (low - start) // period - 1
    return start + behind * period if behind > 0 else start


def _last(until: Moment, start: Moment) -> datetime:
    if not isinstance(until, datetime):
        return datetime.combine(until, datetime.max.time())
    return _on_wall(until, start)


def _on_wall(moment: Moment, start: Moment) -> datetime:
    """Return *moment* by the clock of the event that begins with *start*, without a zone."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, datetime.min.time())
    zone = start.tzinfo if isinstance(start, datetime) else None
    if moment.tzinfo is not None and zone is not None and moment.tzinfo is not zone:
        moment = moment.astimezone(zone)
    if not isinstance(start, datetime):
        moment = datetime.combine(moment.date(), datetime.min.time())
    return moment.replace(tzinfo=None)


def _occurrence(event: Event, at: datetime) -> Occurrence:
    words = (event.summary, event.place)
    if not isinstance(event.start, datetime):
        return Occurrence(at.date(), _plus(at, event.length).date(), *words)
    zone = event.start.tzinfo
    return Occurrence(_in_time(at, zone), _in_time(_plus(at, event.length), zone), *words)


def _in_time(at: datetime, zone: tzinfo | None) -> datetime:
    # A time that the clocks skip is read by the clock from before, one that is twice as the first.
    return at if zone is None else at.replace(tzinfo=zone).astimezone(UTC)


def _plus(at: datetime, length: timedelta) -> datetime:
    return at + length if length < _FAR - at else _FAR


def _minus(at: datetime, length: timedelta) -> datetime:
    return at - length if length < at - _LONG_AGO else _LONG_AGO
