"""Time zones by the names that people type."""

from zoneinfo import ZoneInfo


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone *name*, like Europe/Stockholm, or None."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, or not a name of a zone at all
        return None
