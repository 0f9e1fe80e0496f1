"""The last writes of an act, which nobody may lose for having come while an import is at work."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .. import db
from .attempts import PATIENCE_SECONDS
from .progress import Progress, Stage

_ASK_SECONDS = 0.2


@contextmanager
def turn(progress: Progress) -> Iterator[None]:
    """Hold the write lock, having waited as long as an import may take; *progress* may end that.

    The database alone would wait for 15 seconds only, and deaf: an import of millions of rows
    holds the lock longer, and what an export or a validation has worked out would be thrown away.
    Raise `DatabaseBusy` after a quarter of an hour: no import takes that, so it is somebody else.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    with ExitStack() as held:
        while not _has_come(held, time.monotonic() > until):
            progress(Stage.WAIT, 0, 0)
        yield


def _has_come(held: ExitStack, is_last: bool) -> bool:
    try:
        held.enter_context(db.write_transaction(wait_seconds=_ASK_SECONDS))
    except db.DatabaseBusy:
        if is_last:
            raise
        return False
    return True
