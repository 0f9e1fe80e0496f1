"""The lines of an iCalendar file (RFC 5545), as far as an agenda needs them.

Only what is wanted is read, component by component, so that nonsense in one event is no matter of
the others; and so that a large file costs little for the events that are long past.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ..sources import Unreadable

WANTED = frozenset(
    ("UID", "SUMMARY", "LOCATION", "URL", "STATUS", "SEQUENCE", "DTSTART", "DTEND", "DURATION",
     "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
)  # fmt: skip
MAX_VALUES = 2_000  # lines of RDATE or EXDATE in one event
_FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]")
_END_OF_LINE = re.compile(r"[\r\n]+")
_NAME = re.compile(r"[A-Za-z-]+")
_HEAD = re.compile(r'[A-Za-z-]+((?:;[^;:="]*=(?:"[^"]*"|[^;:"])*)*):')
_PARAM = re.compile(r';([^;:="]*)=((?:"[^"]*"|[^;:"])*)')
_FIRST = frozenset("BbEe \t")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a property as it is written, and its parameters."""

    text: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Component:
    """An event: its lines by name. They are taken apart when they are asked for."""

    lines: dict[str, list[str]] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Keep *line* if its property is wanted."""
        found = _NAME.match(line)
        name = found[0].upper() if found else ""
        if name in WANTED:
            kept = self.lines.setdefault(name, [])
            if len(kept) < MAX_VALUES:
                kept.append(line)

    def has(self, *names: str) -> bool:
        """Return whether one of the properties is there."""
        return any(name in self.lines for name in names)

    def get(self, name: str) -> Value | None:
        """Return the first value of a property; raise `ValueError` if it cannot be read."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Value]:
        """Yield the values of a property, a line each."""
        for line in self.lines.get(name, ()):
            yield _split(line)

    def words(self, name: str, longest: int) -> str:
        """Return a text as one line."""
        value = self.get(name)
        # What is cut away is not unescaped first: there may be megabytes of it.
        raw = value.text[: 4 * longest] if value is not None else ""
        words = " ".join(_ESCAPED.sub(_unescaped, raw).split())
        return words if len(words) <= longest else f"{words[: longest - 1].rstrip()}…"


def _unescaped(found: re.Match[str]) -> str:
    return " " if found[1] in "nN" else found[1]


def _split(line: str) -> Value:
    found = _HEAD.match(line)
    if found is None:
        raise ValueError("not a line with a value")
    params = {key.strip().upper(): value.strip('"') for key, value in _PARAM.findall(found[1])}
    return Value(line[found.end() :].strip(), params)


def unfold(data: bytes) -> list[str]:
    """Return the lines of a calendar; raise `Unreadable` for anything else."""
    text = data.decode("utf-8-sig", "replace")
    lines = _END_OF_LINE.split(_FOLD.sub("", text).strip())
    if lines[0].strip().upper() != "BEGIN:VCALENDAR":
        raise Unreadable("What this address answers is not a calendar (.ics).")
    return lines


def read_components(
    lines: list[str], check: Callable[[], None]
) -> Iterator[tuple[str, Component, list[str]]]:
    """Yield the events and time zones in *lines*: kind, the event, the lines of the zone.

    An event that does not end before the next begins is left out. *check* may raise to end it.
    """
    kind, component, inside, zone = "", Component(), 0, list[str]()
    for line in lines:
        # Most lines are neither: this is asked half a million times.
        head = line[:40].strip().upper() if line[:1] in _FIRST else ""
        if head in ("BEGIN:VEVENT", "BEGIN:VTIMEZONE"):
            check()
            kind, component, inside, zone = head[6:], Component(), 0, [line]
        elif not kind:
            continue
        elif head == f"END:{kind}":
            yield kind, component, [*zone, line]
            kind = ""
        elif kind == "VTIMEZONE":
            zone.append(line)
        elif head.startswith("BEGIN:"):
            inside += 1  # an alarm: it has a description and a duration of its own
        elif head.startswith("END:"):
            inside -= 1
        elif inside == 0:
            component.add(line)
