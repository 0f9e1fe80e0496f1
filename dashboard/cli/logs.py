"""The log of the server on stderr: lines for a person at a terminal, JSON for everything else."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from .common import plain

# What `web.request_log` tells of a request, beside the words.
FACTS = ("method", "endpoint", "status", "milliseconds")


def begin(request_id: Callable[[], str], stream: TextIO = sys.stderr) -> None:
    """Write the log to *stream*, each line with the id of the request that it is about."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Words(request_id) if stream.isatty() else Json(request_id))
    root = logging.getLogger()
    root.handlers, root.level = [handler], logging.INFO
    # It tells of each request that finds no idle thread for a moment.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class Words(logging.Formatter):
    """`22:31:05 3f2a9c1d GET backups.index 200 12 ms`; what is wrong says so."""

    def __init__(self, request_id: Callable[[], str]) -> None:
        super().__init__()
        self.request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the trace below it."""
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        said = f"{level}{plain(record.getMessage())}"
        line = f"{_time(record):%H:%M:%S} {self.request_id() or '-':8} {said}"
        return "\n".join([line, *_trace(self, record).splitlines()])


class Json(logging.Formatter):
    """One JSON object for each line: time (UTC), level, logger, request, message, facts, trace."""

    def __init__(self, request_id: Callable[[], str]) -> None:
        super().__init__()
        self.request_id = request_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, object] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": self.request_id() or None,
            "message": record.getMessage(),
        }
        entry |= {fact: getattr(record, fact) for fact in FACTS if hasattr(record, fact)}
        entry["trace"] = _trace(self, record) or None
        return json.dumps({key: value for key, value in entry.items() if value is not None})


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
