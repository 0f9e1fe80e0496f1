"""How an act tells where it is. Nothing here knows who listens: a job's row, a terminal, nobody.

A listener may raise to stop the act; then nothing was changed, as after any error. `COMMIT` is the
last that it hears: what has begun then is done.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

from ..archive import Row


class Stage(StrEnum):
    """What an act is doing. Counted in rows, where there is anything to count."""

    UNLOCK = "unlock"
    WAIT = "wait"
    WRITE = "write"
    READ_BACK = "read_back"
    CHECK = "check"
    COMPARE = "compare"
    SAVE = "save"
    LOAD = "load"
    VERIFY = "verify"
    COMMIT = "commit"

    @property
    def label(self) -> str:
        """Return the words shown on screens and terminals."""
        return _LABELS[self]


_LABELS = {
    Stage.UNLOCK: "Working out the key",
    Stage.WAIT: "Waiting for another import to end",
    Stage.WRITE: "Writing the backup",
    Stage.READ_BACK: "Reading it back",
    Stage.CHECK: "Checking every record",
    Stage.COMPARE: "Comparing with the unit",
    Stage.SAVE: "Saving the present state",
    Stage.LOAD: "Loading the backup",
    Stage.VERIFY: "Comparing what was loaded with the file",
    Stage.COMMIT: "Making it final",
}

# stage, rows done, rows in all
Progress = Callable[[Stage, int, int], None]


def silent(_stage: Stage, _done: int, _total: int) -> None:
    """Tell nobody."""


def as_saving(progress: Progress) -> Progress:
    """Tell *progress* of an export, and of its reading back, as the one stage `SAVE`."""

    def tell(stage: Stage, done: int, total: int) -> None:
        progress(Stage.SAVE, done + (total if stage is Stage.READ_BACK else 0), 2 * total)

    return tell


class Counter:
    """Adds up the rows of one stage, over all its sections, and tells *progress*."""

    def __init__(self, progress: Progress, stage: Stage, total: int) -> None:
        self._progress, self._stage, self._total = progress, stage, total
        self._done = 0
        progress(stage, 0, total)

    def add(self, rows: int) -> None:
        """Count *rows* more."""
        self._done += rows
        self._progress(self._stage, self._done, self._total)

    def through(self, batches: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
        """Pass *batches* on, counting them."""
        for rows in batches:
            yield rows
            self.add(len(rows))
