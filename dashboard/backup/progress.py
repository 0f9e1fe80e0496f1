"""How an act tells where it is. Nothing here knows who listens: a job's row, a terminal, nobody.

A listener may raise to stop the act; then nothing was changed, as after any error.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum

from ..archive import Row


class Stage(StrEnum):
    """What an act is doing. Counted in rows."""

    WRITE = "write"
    READ_BACK = "read_back"
    CHECK = "check"
    COMPARE = "compare"
    LOAD = "load"
    VERIFY = "verify"


# stage, rows done, rows in all
Progress = Callable[[Stage, int, int], None]


def silent(_stage: Stage, _done: int, _total: int) -> None:
    """Tell nobody."""


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
