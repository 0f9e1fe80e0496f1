"""Time zones by the names that people type, and times in words."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone *name*, like Europe/Stockholm, or None."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, or not a name of a zone at all
        return None


def home_zone(config: Mapping[str, Any]) -> ZoneInfo:
    """Return the zone that a plugin's setting `timezone` names; UTC if it names none."""
    return find_zone(str(config.get("timezone") or "UTC")) or ZoneInfo("UTC")


def when(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Return *moment* as people say it at *now*, in *zone*."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    time = f"{local:%H:%M}"
    if local.date() == today:
        return time
    if local.date() == today - timedelta(days=1):
        return f"yesterday, {time}"
    return f"{local:%-d %b}, {time}" if local.year == today.year else f"{local:%-d %b %Y}, {time}"
