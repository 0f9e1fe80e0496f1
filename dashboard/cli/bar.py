"""A line on the terminal that tells where an act is; nothing in a pipe or a file."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..backup.progress import Progress, Stage, silent

WIDTH = 24
SECONDS = 0.1  # between two drawings of one stage
_CLEAR = "\r\x1b[K"


@contextmanager
def bar() -> Iterator[Progress]:
    """Give a listener that draws on stderr if that is a terminal; the line goes with the block."""
    if not sys.stderr.isatty():
        yield silent
        return
    drawn: Stage | None = None
    drawn_at = 0.0

    def tell(stage: Stage, done: int, total: int) -> None:
        nonlocal drawn, drawn_at
        now = time.monotonic()
        if stage is not drawn or done == total or now - drawn_at > SECONDS:
            drawn, drawn_at = stage, now
            click.echo(_CLEAR + line(stage, done, total), err=True, nl=False)

    try:
        yield tell
    finally:
        click.echo(_CLEAR, err=True, nl=False)


def line(stage: Stage, done: int, total: int) -> str:
    """Return one drawing, under 80 columns: the stage, and a bar where rows are counted."""
    if total == 0:
        return f"{stage.label} …"
    full = WIDTH * done // total
    return f"{stage.label}  [{'#' * full:-<{WIDTH}}] {100 * done // total} %"
