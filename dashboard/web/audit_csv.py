"""The audit log as CSV: RFC 4180, UTF-8, and nothing that a spreadsheet would compute."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from ..models import AuditEvent
from ..models.events import detail_of
from .audit_words import WORDS, counts_in_words

HEADER = (
    "number",
    "time (UTC)",
    "who",
    "unit",
    "action",
    "what",
    "subject",
    "outcome",
    "reason",
    "source",
    "file SHA-256",
    "content digest",
    "counts",
    "more",
    "tag",
)
# What makes a spreadsheet compute a cell (OWASP, CSV injection); the wide forms do in East Asia.
FORMULA_SIGNS = tuple("=+-@\t\r\n＝＋－＠")
BUFFER_CHARACTERS = 16 * 1024


def lines(events: Iterable[AuditEvent]) -> Iterator[str]:
    """Yield the file in parts."""
    buffer = io.StringIO(newline="")
    # Everything in quotes: a sign after a semicolon begins no cell where that parts cells.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(HEADER)
    for event in events:
        writer.writerow([harmless(cell) for cell in _cells(event)])
        if buffer.tell() > BUFFER_CHARACTERS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def harmless(cell: str) -> str:
    """Return *cell* with an apostrophe before it if a spreadsheet might compute it."""
    is_formula = cell.startswith(FORMULA_SIGNS) or cell.lstrip().startswith(FORMULA_SIGNS)
    return f"'{cell}" if is_formula else cell


def _cells(event: AuditEvent) -> list[str]:
    detail = detail_of(event)
    known = [str(detail.pop(name, "")) for name in ("reason", "source", "file_sha256", "content")]
    counts = counts_in_words(detail.pop("counts", {}))
    return [
        str(event.id),
        datetime.fromtimestamp(event.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        event.user_email,
        event.unit_name,
        event.action,
        WORDS.get(event.action, ""),
        event.subject,
        event.outcome,
        *known,
        counts,
        ", ".join(f"{name}: {value}" for name, value in sorted(detail.items())),
        event.tag,
    ]
