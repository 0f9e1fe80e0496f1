"""Time zones that a calendar describes itself, where it uses a name that nobody else knows."""

import io
import re
from collections.abc import Mapping
from datetime import tzinfo

from dateutil.tz import tzical

from ..zones import find_zone

MAX_ZONES = 10
MAX_LINES = 100
# Only the rules by which clocks are really changed: once a year, on a weekday of a month. Others
# could be counted for a long time.
_RULE = re.compile(
    r"RRULE:(?:(?:FREQ=YEARLY|INTERVAL=1|BYMONTH=(?:0?[1-9]|1[0-2])|BYDAY=-?[1-4]?(?:MO|TU|WE|TH|FR|SA|SU)"
    r"|UNTIL=\d{8}(?:T\d{6}Z?)?|WKST=(?:MO|SU))(?:;|$))+"
)
_LINE = re.compile(r"BEGIN:(?:VTIMEZONE|STANDARD|DAYLIGHT)|END:(?:VTIMEZONE|STANDARD|DAYLIGHT)"
                   r"|TZID[:;].*|DTSTART:\d{8}T\d{6}|RDATE:[\dT,]+|TZOFFSET(?:FROM|TO):[+-]\d{4,6}"
                   r"|TZNAME[:;].*")  # fmt: skip
_TZID = re.compile(r"TZID(?:;[^:]*)?:(.*)")
_LIKE = re.compile(r"X-LIC-LOCATION(?:;[^:]*)?:(.*)")


def read_zones(blocks: list[list[str]]) -> Mapping[str, tzinfo]:
    """Return the zones that are described in a calendar, by their names."""
    found: dict[str, tzinfo] = {}
    for block in blocks[:MAX_ZONES]:
        name = next((match[1].strip() for line in block if (match := _TZID.match(line))), "")
        like = next((match[1].strip() for line in block if (match := _LIKE.match(line))), "")
        zone = find_zone(name) or find_zone(like) or _described(block, name)
        if name and zone is not None:
            found[name] = zone
    return found


def _described(block: list[str], name: str) -> tzinfo | None:
    lines = [line.strip() for line in block]
    if any(line.startswith("RRULE") and not _RULE.fullmatch(line) for line in lines):
        return None
    kept = [line for line in lines if _LINE.fullmatch(line) or _RULE.fullmatch(line)][:MAX_LINES]
    try:
        zone: tzinfo | None = tzical(io.StringIO("\n".join(kept))).get(name)
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return zone
