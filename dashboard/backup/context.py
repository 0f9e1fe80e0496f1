"""What every act needs to know, and how it is recorded when it does not end well."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from .. import db
from ..archive import ArchiveError, KdfCost
from ..models import BackupRun, RunState
from . import processes, runs
from .errors import BackupError, Cancelled, Interrupted
from .store import Folders


@dataclass(frozen=True, slots=True)
class Context:
    """What every act needs to know about the program it runs in."""

    folders: Folders
    app: str  # "Dashboard 1.0.0"
    cost: KdfCost
    password_min: int


@contextmanager
def recorded(run: BackupRun) -> Iterator[None]:
    """Record how *run* ended if it did not end well; success is recorded by the block itself."""
    try:
        yield
    except (ArchiveError, BackupError) as error:
        runs.end(run, _STATES.get(type(error), RunState.REFUSED), reason=str(error))
        raise
    except KeyboardInterrupt:
        runs.end(run, RunState.CANCELLED, reason=str(Cancelled()))
        raise
    except BaseException as error:
        with suppress(db.DatabaseError):
            runs.end(run, RunState.FAILED, reason=type(error).__name__)
        raise
    finally:
        processes.at_work.discard(run.uid)


_STATES: dict[type[Exception], RunState] = {
    Cancelled: RunState.CANCELLED,
    Interrupted: RunState.INTERRUPTED,
}
