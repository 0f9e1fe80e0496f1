"""The calendar behind an address, as far as it is known just now."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from ..render import Placement
from .events import Calendar, is_web_address, read_calendar
from .lines import NotACalendar

MOST_DAYS = 90
LEAST_MINUTES = 5
MOST_BYTES = 5 << 20
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Known:
    """What there is to show, and what is wrong; both if only an old copy is there."""

    calendar: Calendar | None = None
    fetched_at: datetime | None = None
    problem: str = ""
    is_loading: bool = False


def ask(here: Placement, address: str) -> Known:
    """Return what is known of the calendar at *address*. Never waits for another server."""
    address = _web_address(address)
    if not is_web_address(address):
        return Known(problem="The address of a calendar begins with https:// or http://.")
    # A placement that was made without them has nobody to ask.
    sources: Any = getattr(here, "sources", None)
    if sources is None:
        return Known(problem="Nothing is fetched here.")
    minutes = number_of(here.plugin.get("refreshMinutes"), 30, LEAST_MINUTES, 24 * 60)
    source = sources.get(address, 60 * minutes)
    if source.content is None:
        return Known(problem=source.problem, is_loading=source.loading)
    try:
        calendar = _read(source.content, here.now.date())
    except NotACalendar as error:
        return Known(problem=str(error))
    return Known(calendar, source.fetched_at, source.problem)


@lru_cache(maxsize=16)
def _read(content: bytes, today: date) -> Calendar:
    """Return the calendar; what is shown does not change within a day."""
    if len(content) > MOST_BYTES:
        raise NotACalendar(f"This calendar is larger than {MOST_BYTES // _MIB} MiB.")
    return read_calendar(content, today - timedelta(days=1), today + timedelta(days=MOST_DAYS + 1))


def number_of(value: object, default: int, least: int, most: int) -> int:
    """Return a number of a config, within its bounds."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return default
    return int(min(max(value, least), most))


def _web_address(typed: str) -> str:
    """Return an address to fetch: `webcal:` is what some calendars call https."""
    scheme, colon, rest = typed.strip().partition("://")
    return f"https://{rest}" if colon and scheme.lower() in ("webcal", "webcals") else typed.strip()
