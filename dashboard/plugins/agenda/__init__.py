"""Agenda: the next days of a calendar (.ics) that another server publishes."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from ..render import Placement
from ..zones import find_zone
from .days import by_day, name_of, next_of
from .source import MOST_DAYS, ask, number_of

REFRESH_SECONDS, LOADING_SECONDS = 60, 3
DAYS = 7
NEXT = 3


def application(here: Placement) -> dict[str, Any]:
    """Show the next days, and how fresh that is."""
    address = str(here.application.get("url") or "").strip()
    if not address:
        return {"has_address": False}
    known, zone = ask(here, address), _zone(here.plugin)
    count = number_of(here.application.get("days"), DAYS, 1, MOST_DAYS)
    calendar = known.calendar
    days, has_all = by_day(calendar.events if calendar else (), zone, here.now, count)
    return {
        "has_address": True,
        "refresh_seconds": LOADING_SECONDS if known.is_loading else REFRESH_SECONDS,
        "is_known": calendar is not None,
        "is_loading": known.is_loading,
        "problem": known.problem,
        "fetched": _moment_words(known.fetched_at, zone, here.now),
        "days": days,
        "count": count,
        "is_whole": has_all and (calendar is None or calendar.is_whole),
        "broken": calendar.broken if calendar else 0,
    }


def next_events(here: Placement) -> dict[str, Any]:
    """Show to others what comes next in the plugin's own calendar; nothing without one."""
    address = str(here.plugin.get("portalAddress") or "").strip()
    if not address:
        return {}
    known, zone = ask(here, address), _zone(here.plugin)
    events = known.calendar.events if known.calendar else ()
    return {
        "refresh_seconds": LOADING_SECONDS if known.is_loading else REFRESH_SECONDS,
        "events": next_of(events, zone, here.now, NEXT),
        "is_known": known.calendar is not None,
        "is_loading": known.is_loading,
    }


PORTALS = {"next-events": next_events}


def _zone(config: Mapping[str, Any]) -> tzinfo:
    return find_zone(str(config.get("timezone") or "UTC")) or ZoneInfo("UTC")


def _moment_words(moment: datetime | None, zone: tzinfo, now: datetime) -> str:
    if moment is None:
        return ""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    clock = f"{local:%H:%M}"
    return clock if local.date() == today else f"{name_of(local.date(), today)}, {clock}"
