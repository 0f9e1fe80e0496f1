"""Clock: the time in several places, and a countdown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ..render import Placement
from ..zones import find_zone

REFRESH_SECONDS = 30
MAX_PLACES = 50


@dataclass(frozen=True, slots=True)
class Place:
    """A place and its time; `time` is None where the zone is not known."""

    name: str
    zone: str
    time: datetime | None


def application(here: Placement) -> dict[str, Any]:
    """Show every place, or the unit's own time when none is chosen, and the countdown."""
    home = _home(here)
    title = str(here.application.get("countdownTitle", "")).strip()
    target = str(here.application.get("countdownTo", "")).strip()
    return {
        "places": _places(here, here.application.get("zones", "")),
        "countdown_title": title or target,
        "countdown": time_left(target, home, here.now) if target else None,
    }


def time_line(here: Placement) -> dict[str, Any]:
    """Show the plugin's own places to others, as one line."""
    return {"places": _places(here, here.plugin.get("line", ""))}


PORTALS = {"time-line": time_line}


def _home(here: Placement) -> str:
    return str(here.plugin.get("timezone") or "UTC")


def _places(here: Placement, chosen: object) -> list[Place]:
    lines = [line for line in str(chosen).splitlines() if line.strip()] or [_home(here)]
    return [read_place(line, here.now) for line in lines[:MAX_PLACES]]


def read_place(line: str, now: datetime) -> Place:
    """Return the place that *line* describes: `words | zone`, or only the zone."""
    words, bar, zone = (part.strip() for part in line.rpartition("|"))
    found = find_zone(zone)
    name = words if bar and words else zone.rpartition("/")[2].replace("_", " ")
    return Place(name, zone, now.astimezone(found) if found else None)


def time_left(target: str, home: str, now: datetime) -> str:
    """Return the time until *target* in words."""
    try:
        moment = datetime.fromisoformat(target)
    except ValueError:
        return "This is not a date. Write it like 2027-01-31 18:00."
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=find_zone(home) or ZoneInfo("UTC"))
    minutes = int((moment - now).total_seconds() // 60)
    if minutes < 0:
        return "It is past."
    days, minutes = divmod(minutes, 24 * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if days or hours else "", f"{minutes} min"]
    return " ".join(part for part in parts if part)
