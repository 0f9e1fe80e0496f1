"""The log of the server on stderr: lines for a person at a terminal, JSON for everything else.

A record may carry `facts`, a dictionary of what its words say: JSON has them by name.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from .common import plain


def begin(request_id: Callable[[], str], stream: TextIO = sys.stderr) -> None:
    """Write the log to *stream*, each line with the id of the request that it is about."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Words(request_id) if stream.isatty() else Json(request_id))
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.INFO
    # It tells of each request that finds no idle thread for a moment.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class _Lines(logging.Formatter):
    """What both have: they know whose request a line is about."""

    def __init__(self, request_id: Callable[[], str]) -> None:
        super().__init__()
        self.request_id = request_id

    def trace(self, record: logging.LogRecord) -> str:
        """Return the trace of the error, "" if there is none."""
        return self.formatException(record.exc_info) if record.exc_info else ""


class Words(_Lines):
    """`22:31:05 3f2a9c1d GET backups.index 200 12 ms`; what is wrong says so."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the trace below it."""
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        said = f"{level}{plain(record.getMessage())}"
        line = f"{_time(record):%H:%M:%S} {self.request_id() or '-':8} {said}"
        return "\n".join([line, *map(plain, self.trace(record).split("\n"))]).rstrip("\n")


class Json(_Lines):
    """One JSON object for each line: time (UTC), level, logger, request, message, facts, trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, object] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": self.request_id() or None,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
            "trace": self.trace(record) or None,
        }
        return json.dumps({key: value for key, value in entry.items() if value is not None})


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
