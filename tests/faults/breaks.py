"""Builds that are broken on purpose: a harness that does not catch them proves nothing.

Each is put in place inside a child process, before the act; the product has no switch for any.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dashboard import db
from dashboard.backup import imports, restore, runs
from dashboard.models import RunState


def no_transaction() -> None:
    """Commit each statement of an import by itself."""

    @contextmanager
    def nothing(**_how: object) -> Iterator[None]:
        yield

    db.write_transaction = runs.write_transaction = nothing


def no_unit_in_the_wipe() -> None:
    """Delete the rows of every unit."""

    class Unfiltered:
        def __init__(self, model: Any) -> None:
            self.model, self.unit = model, model.unit

        def delete(self) -> "Unfiltered":
            return self

        def where(self, _this_unit: object) -> Any:
            return self.model.delete()

    restore.WIPE_ORDER = tuple(Unfiltered(model) for model in restore.WIPE_ORDER)  # type: ignore[misc]


def done_too_early() -> None:
    """Say that it is done, and do nothing."""

    def pretend(run: Any, *_: object) -> None:
        runs.end(run, RunState.DONE)

    imports._replace_from = pretend  # type: ignore[assignment]


BREAKS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (no_transaction, no_unit_in_the_wipe, done_too_early)
}


def apply(name: str) -> None:
    """Break the program in this process as *name* says; do nothing for an empty name."""
    if name:
        BREAKS[name]()
