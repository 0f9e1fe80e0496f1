"""The last writes of an act, which nobody may lose for having come while an import is at work."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .. import db
from .progress import Progress, Stage

_ASK_SECONDS = 0.2


@contextmanager
def turn(progress: Progress) -> Iterator[None]:
    """Hold the write lock; wait for it as long as it takes, telling *progress*, which may end it.

    The database alone would wait for 15 seconds only, and deaf: an import of millions of rows
    holds the lock longer, and what an export or a validation has worked out would be thrown away.
    """
    with ExitStack() as held:
        while not _has_come(held):
            progress(Stage.WAIT, 0, 0)
        yield


def _has_come(held: ExitStack) -> bool:
    try:
        held.enter_context(db.write_transaction(wait_seconds=_ASK_SECONDS))
    except db.DatabaseBusy:
        return False
    return True
