"""When an event comes again, with an end to the work whatever the rule says."""

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from dateutil.rrule import rrule, rrulestr

MAX_STEPS = 250_000  # days looked at for one event; enough for every year since 1400
MAX_OCCURRENCES = 500  # of one event
EVENT_SECONDS = 0.75
MAX_RULE = 1_000  # characters
_STEP = {"DAILY": 86_400, "HOURLY": 3_600, "MINUTELY": 60, "SECONDLY": 1, "WEEKLY": 7 * 86_400}
_PARTS = re.compile(r"([A-Z]+)=([^;]+)")


class TooMuch(Exception):
    """The rule asks for more than an agenda needs."""


class OutOfTime(TooMuch):
    """The pass has had its time."""


class Effort:
    """What a pass over a calendar, and each event in it, may cost: the time of this thread."""

    def __init__(self, seconds: float) -> None:
        self._end = time.thread_time() + seconds
        self._steps = 0
        self._event_end = self._end

    def begin(self) -> None:
        """Begin the next event."""
        self._steps = 0
        now = time.thread_time()
        self._event_end = now + EVENT_SECONDS
        if now > self._end:
            raise OutOfTime

    def step(self) -> None:
        """Count a step; raise `TooMuch`."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooMuch
        if self._steps % 512 == 0 and (now := time.thread_time()) > self._event_end:
            raise OutOfTime if now > self._end else TooMuch


class _CountedMonths(tuple[int, ...]):
    """The months of a rule. A rule asks for every day whether its month is among them.

    This is where a rule that never comes true, like the 30th of February, can be stopped: it
    gives nothing that could be counted, and dateutil goes on to the year 9999.
    """

    effort: Effort

    def __contains__(self, month: object) -> bool:
        self.effort.step()
        return super().__contains__(month)


def expand(
    text: str, start: datetime, until: datetime | None, window: tuple[datetime, datetime],
    effort: Effort,
) -> Iterator[datetime]:  # fmt: skip
    """Yield when a rule comes true between two times, all by the clock on site.

    *until* stands for the rule's own, which may be in another zone. Raise `ValueError` for a rule
    that cannot be read, and `TooMuch`, also after some have come.
    """
    begin, end = window
    parts = dict(_PARTS.findall(text.upper()))
    if len(text) > MAX_RULE or "BYEASTER" in parts or int(parts.get("INTERVAL", "1")) < 1:
        raise ValueError("not a rule for an agenda")
    parts.pop("UNTIL", None)
    first = start if "COUNT" in parts else _nearer(start, begin, parts)
    rule = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=first)
    end = end if until is None else min(end, until)
    given = 0
    for local in _counted(rule, parts["FREQ"], effort):
        effort.step()
        if local > end:
            return
        if local >= begin:
            given += 1
            if given > MAX_OCCURRENCES:
                raise TooMuch
            yield local


def _counted(rule: Any, frequency: str, effort: Effort) -> Iterable[datetime]:
    if not isinstance(rule, rrule):
        raise ValueError("not one rule")
    months = rule._bymonth or (() if frequency == "YEARLY" else tuple(range(1, 13)))
    # A yearly rule without months means something else; it is at its end in a second.
    if months:
        counted = _CountedMonths(months)
        counted.effort = effort
        rule._bymonth = counted
    found: Iterable[datetime] = rule
    return found


def _nearer(start: datetime, begin: datetime, parts: dict[str, str]) -> datetime:
    """Return a start that gives the same times from *begin* on: whole steps of the rule later."""
    seconds = _STEP.get(parts.get("FREQ", ""), 0) * int(parts.get("INTERVAL", "1"))
    away = (begin - start).total_seconds()
    # One step less: what the first one's week or day has before it must not be lost.
    steps = int(away // seconds) - 1 if seconds else 0
    return start + timedelta(seconds=steps * seconds) if steps > 0 else start
