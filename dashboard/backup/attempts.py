"""Attempts that were turned away before they were begun: they have no run, but an audit event."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .. import db
from ..archive import ArchiveError
from ..models import RunKind, RunState, Unit, User, audit
from .errors import BackupError

PATIENCE_SECONDS = 15 * 60  # longer than any import holds the write lock
RETRY_SECONDS = 1  # beside the 15 that the database itself waits

log = logging.getLogger(__name__)


@contextmanager
def attempted(
    unit: Unit, kind: RunKind, by: User | str, *, file_sha256: str | None = None
) -> Iterator[None]:
    """Write down that *kind* was refused to *by*, if the block does.

    Not for what is begun already: a run records its own end.
    """
    try:
        yield
    except (ArchiveError, BackupError) as error:
        refused(unit, kind, by, str(error), file_sha256=file_sha256)
        raise


def refused(
    unit: Unit,
    kind: RunKind,
    by: User | str,
    reason: str,
    *,
    state: RunState = RunState.REFUSED,
    file_sha256: str | None = None,
) -> None:
    """Write the event of an attempt that ended before it was begun.

    Who is refused because an import runs must not wait for it, as its write lock would have him
    do: then the event is written as soon as that has ended.
    """
    at = int(time.time())

    def write() -> None:
        audit(
            f"backup.{kind}",
            by=by,
            unit=unit,
            at=at,
            outcome=str(state),
            reason=reason,
            file_sha256=file_sha256,
        )

    try:
        with db.without_waiting():
            write()
    except db.DatabaseError:
        threading.Thread(target=_patiently, args=(write,), name="audit").start()


def _patiently(write: Callable[[], None]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    with db.database.connection_context():
        while True:
            try:
                return write()
            except db.DatabaseError as error:
                if time.monotonic() > end:
                    log.error("an audit event could not be written (%s)", error)
                    return None
                time.sleep(RETRY_SECONDS)
