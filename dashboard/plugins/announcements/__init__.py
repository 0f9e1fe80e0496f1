"""Announcements: the unit's short messages, as an application and as a widget in the toolbar."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..acts import Act, Action, ActProblem, Called, Changes, Config, Doing
from ..render import Placement
from ..zones import find_zone

LONGEST_MESSAGE = 500
KEPT_MESSAGES = 200
_DATED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) \| (.+)")


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and when it was announced; one that an admin typed may have no time."""

    text: str
    at: datetime | None = None


def application(here: Placement) -> dict[str, Any]:
    """Show every message, the newest first."""
    return {
        "messages": [read_message(line) for line in _lines(here.plugin)],
        "year": here.now.year,
        "may_announce": here.may("ANNOUNCE"),
        "longest": LONGEST_MESSAGE,
    }


def widget(here: Placement) -> dict[str, Any] | None:
    """Show the newest message; nothing when there is none."""
    lines = _lines(here.plugin)
    return {"message": read_message(lines[0]), "others": len(lines) - 1} if lines else None


def announce(doing: Doing, form: Mapping[str, str]) -> Changes:
    """Put `form["text"]` on top of the messages."""
    return Changes(plugin=_with_message(doing.plugin, doing.here, form.get("text", "")))


def notify(called: Called) -> Config:
    """Put the argument `text` on top of the messages."""
    return _with_message(called.config, called.here, called.arguments.get("text", ""))


ACTS = {"announce": Act("ANNOUNCE", announce)}
ACTIONS = {"notify": Action("ANNOUNCE", notify)}


def read_message(line: str) -> Message:
    """Return the message that *line* holds: `2026-11-25 12:10 | words`, or only words."""
    found = _DATED.fullmatch(line)
    try:
        return Message(found[2], datetime.fromisoformat(found[1])) if found else Message(line)
    except ValueError:  # digits that are no date
        return Message(line)


def _lines(config: Config) -> list[str]:
    lines = str(config.get("messages", "")).splitlines()
    return [line.strip() for line in lines if line.strip()]


def _with_message(config: Config, here: Placement, typed: str) -> Config:
    words = " ".join(typed.split())
    if not words:
        raise ActProblem("Write what to announce.")
    if len(words) > LONGEST_MESSAGE:
        raise ActProblem(f"Write at most {LONGEST_MESSAGE} characters.")
    zone = find_zone(str(here.plugin.get("timezone") or "UTC")) or UTC
    line = f"{here.now.astimezone(zone):%Y-%m-%d %H:%M} | {words}"
    return {"messages": "\n".join([line, *_lines(config)][:KEPT_MESSAGES])}
