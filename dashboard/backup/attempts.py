"""Attempts that were turned away before they were begun: they have no run, but an audit event."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from .. import db
from ..archive import ArchiveError
from ..models import RunKind, RunState, Unit, User, audit
from .errors import BackupError

PATIENCE_SECONDS = 15 * 60  # longer than any import holds the write lock
RETRY_SECONDS = 1  # beside the 15 that the database itself waits
NOT_WRITTEN = "an event could not be written into the audit log: %s"

log = logging.getLogger(__name__)
_later = ThreadPoolExecutor(1, thread_name_prefix="audit")  # one: they come in order


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


@contextmanager
def attempted_part(
    unit: Unit,
    action: str,
    by: User | str,
    *,
    subject: str = "",
    file_sha256: str | None = None,
    refusals: tuple[type[Exception], ...] = (ArchiveError, BackupError),
) -> Iterator[None]:
    """Write down that *action*, about the file of a part, was refused to *by*, if the block does.

    What is done writes its own event.
    """
    try:
        yield
    except refusals as error:
        event = {"subject": subject, "outcome": str(RunState.REFUSED), "reason": str(error)}
        at = int(time.time())
        soon(partial(audit, action, by=by, unit=unit, at=at, file_sha256=file_sha256, **event))
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
    """Write the event of an attempt that ended before it was begun."""
    soon(
        partial(
            audit,
            f"backup.{kind}",
            by=by,
            unit=unit,
            at=int(time.time()),
            outcome=str(state),
            reason=reason,
            file_sha256=file_sha256,
        )
    )


def soon(write: Callable[[], None]) -> None:
    """Write an event now, or beside the caller as soon as nobody holds the write lock.

    Who is refused while an import runs must not wait for its end to be told so. A database that
    cannot be written to keeps nobody from the refusal either; then it is in the server's log.
    """
    try:
        with db.write_transaction(wait_seconds=0):
            write()
    except db.DatabaseBusy:
        _later.submit(_patiently, write)
    except db.DatabaseError as error:
        log.error(NOT_WRITTEN, error)


def _patiently(write: Callable[[], None]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    with db.database.connection_context():
        while True:
            try:
                with db.write_transaction():
                    return write()
            except db.DatabaseError as error:
                if not isinstance(error, db.DatabaseBusy) or time.monotonic() > end:
                    log.error(NOT_WRITTEN, error)
                    return None
                time.sleep(RETRY_SECONDS)
