"""The calendar behind an address, as far as it is known just now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..render import Placement
from ..sources import MIB, Content, Kind
from .events import Calendar, is_web_address, read_calendar

MOST_DAYS = 90
LEAST_MINUTES, MOST_MINUTES, MINUTES = 5, 24 * 60, 30
MOST_BYTES = 4 * MIB


def _read(content: Content) -> Calendar:
    # It is read anew several times a day, so a day more than is shown is enough.
    today = content.now.date()
    return read_calendar(
        content.data, today - timedelta(days=1), today + timedelta(days=MOST_DAYS + 1)
    )


# What servers call a calendar that they were not told about is plain text, or just bytes.
CALENDAR = Kind(
    frozenset({"text/calendar", "text/plain", "application/octet-stream", "application/ics"}),
    MOST_BYTES,
    _read,
)


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
    minutes = number_of(here.plugin.get("refreshMinutes"), MINUTES, LEAST_MINUTES, MOST_MINUTES)
    source = here.sources.get(address, 60 * minutes, CALENDAR)
    problem = f"{source.problem} {source.hint}".strip()
    return Known(source.value, source.fetched_at, problem, source.loading)


def number_of(value: object, default: int, least: int, most: int) -> int:
    """Return a number of a config, within its bounds."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return default
    return int(min(max(value, least), most))


def _web_address(typed: str) -> str:
    """Return an address to fetch: `webcal:` is what some calendars call https."""
    scheme, colon, rest = typed.strip().partition("://")
    return f"https://{rest}" if colon and scheme.lower() in ("webcal", "webcals") else typed.strip()
