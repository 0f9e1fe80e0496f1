"""How an act tells where it is. Nothing here knows who listens: a job's row, a terminal, nobody.

A listener may raise to stop the act; then nothing was changed, as after any error. `COMMIT` is the
last that it hears: what has begun then is done.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from ..archive import Lines


class Stage(StrEnum):
    """What an act is doing. Counted in rows, where there is anything to count."""

    UNLOCK = "unlock"
    WAIT = "wait"
    WRITE = "write"
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
    """Tell *progress* of an export as the stage `SAVE` of an import."""
    return lambda _stage, done, total: progress(Stage.SAVE, done, total)


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

    def through(self, batches: Iterable[Lines]) -> Iterator[Lines]:
        """Pass *batches* on, counting their rows."""
        for lines in batches:
            yield lines
            self.add(len(lines.keys))
