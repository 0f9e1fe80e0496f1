"""What every act needs to know, and how it is recorded when it does not end well."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from .. import db, disk
from ..archive import ArchiveError, KdfCost
from ..models import BackupRun, RunState
from . import processes, runs
from .errors import BackupError, Cancelled, DiskUnusable, Interrupted, OutcomeUnknown
from .store import Folders


@dataclass(frozen=True, slots=True)
class Context:
    """What every act needs to know about the program it runs in."""

    folders: Folders
    app: str  # "Dashboard 1.0.0"
    cost: KdfCost
    password_min: int
    max_upload_bytes: int = 1 << 30


@contextmanager
def recorded(run: BackupRun) -> Iterator[None]:
    """Record how *run* ended if it did not end well; success is recorded by the block itself.

    What is done stays done: nothing that comes after the record of it is told as "nothing was
    changed", and a Ctrl-C that comes too late to stop it stops nothing.

    Raise `DiskUnusable` instead of the errors that a full, read-only or failing disk gives.
    """
    try:
        yield
    except BaseException as error:
        if not runs.is_done(run):
            _record(run, error)
            raise
        if not isinstance(error, KeyboardInterrupt):
            raise
    finally:
        processes.at_work.discard(run.uid)


def _record(run: BackupRun, error: BaseException) -> None:
    """Record that *error* ended *run*; raise what says it better, if anything does."""
    if isinstance(error, OutcomeUnknown):
        cause = error.__cause__ or error
        sentence = disk.sentence(cause)
        if _end(run, RunState.FAILED, sentence or type(cause).__name__):
            # What was written now has taken the place of what that commit left half done.
            raise (DiskUnusable(sentence) if sentence else cause) from None
    elif isinstance(error, ArchiveError | BackupError):
        _end(run, _STATES.get(type(error), RunState.REFUSED), str(error))
    elif isinstance(error, KeyboardInterrupt):
        _end(run, RunState.CANCELLED, str(Cancelled()))
    else:
        sentence = disk.sentence(error)
        _end(run, RunState.FAILED, sentence or type(error).__name__)
        if sentence:
            raise DiskUnusable(sentence) from error


def _end(run: BackupRun, state: RunState, reason: str) -> bool:
    # Where not even this can be written, the next one to come closes the run as interrupted. What
    # went wrong first is what the user has to hear.
    with suppress(db.DatabaseError):
        runs.end(run, state, reason=reason)
        return True
    return False


_STATES: dict[type[Exception], RunState] = {
    Cancelled: RunState.CANCELLED,
    Interrupted: RunState.INTERRUPTED,
}
