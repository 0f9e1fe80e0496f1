"""How long events are."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from .lines import Component
from .times import Moment, Zones, clock_of, in_zone, read_duration, read_moment, settle

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Length:
    """How long an event is: by the clock on site, or exactly where it says a number of hours."""

    duration: timedelta
    is_exact: bool
    zone: tzinfo | None

    @classmethod
    def of(cls, component: Component, start: Moment, zones: Zones) -> "Length":
        """Return the length of an event that begins at *start*; nothing is shorter than nothing."""
        zone = start.tzinfo if isinstance(start, datetime) else None
        is_day = not isinstance(start, datetime)
        end, duration = component.get("DTEND"), component.get("DURATION")
        if end is not None:
            moment = read_moment(end.text, end.params, zones)
            if isinstance(moment, datetime) and moment.tzinfo is not None and zone is not None:
                moment = moment.astimezone(zone)
            length = clock_of(moment) - clock_of(start)
        else:
            length = read_duration(duration.text) if duration is not None else timedelta(0)
        is_exact = end is None and duration is not None and "T" in duration.text.upper()
        length = max(length, timedelta(0))
        return cls(max(timedelta(days=length.days), DAY) if is_day else length, is_exact, zone)

    def end_of(self, start: Moment) -> Moment:
        """Return when it ends if it begins at *start*."""
        if not isinstance(start, datetime):
            return start + self.duration
        if self.is_exact or start.tzinfo is None:
            return settle(start) + self.duration
        return in_zone(clock_of(start.astimezone(self.zone)) + self.duration, self.zone)
