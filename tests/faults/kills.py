"""Children that kill themselves at one line of the program.

A child counts the lines of `dashboard/` that it executes and ends by SIGKILL at one of them: no
clean-up, no buffer written, just what the kernel does to a process that has to go.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import dashboard
from tests.faults import breaks, runner
from tests.faults.children import in_child, judged, new_folder
from tests.faults.site import Judgement, Site

ROOM = str(Path(dashboard.__file__).parent)
DONE = "done"
Line = tuple[str, int]  # file, number


@dataclass(frozen=True)
class Kill:
    """An act, and where its process dies: at the first execution of a line, or at the n-th event.

    Without either it lives, and lists the events.
    """

    site: Site
    act: str
    at: Line | int = 0
    alive: bool = False  # judge with an export and an import at the end
    broken: str = ""  # a build of `breaks`


@dataclass(frozen=True)
class Outcome:
    """How the process ended, and what it left."""

    killed: bool
    done: bool
    lines: tuple[Line, ...]
    judgement: Judgement


def carry_out(kill: Kill) -> Outcome:
    """Do it in a child of this process, and judge."""
    folder = new_folder(kill.site)
    data, out = kill.site.copy(folder / "data", kill.act), folder / "out"
    code = in_child(lambda: _perform(kill, data, out))
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{kill.act} ended with exit code {code}")
    *events, end = (out.read_text() if out.exists() else "").split("\n")
    judgement = judged(kill.site, kill.act, data, acknowledged=end == DONE, alive=kill.alive)
    return Outcome(code != 0, end == DONE, tuple(map(_parsed, events)), judgement)


def _perform(kill: Kill, data: Path, out: Path) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    breaks.apply(kill.broken)
    events: list[str] = []
    with _noting(_killer(kill.at) if kill.at else _lister(events)):
        runner.perform(kill.act, data, kill.site.backup)
    out.write_text("".join(events) + DONE)


def _parsed(event: str) -> Line:
    name, _, number = event.rpartition(":")
    return name, int(number)


@contextlib.contextmanager
def _noting(note: Callable[[FrameType], None]) -> Iterator[None]:
    """Call *note* before every line of the program, in every thread that the block starts too."""

    def on_line(frame: FrameType, event: str, _arg: object) -> Any:
        if event == "line":
            note(frame)
        return on_line

    def on_call(frame: FrameType, _event: str, _arg: object) -> Any:
        return on_line if frame.f_code.co_filename.startswith(ROOM) else None

    threading.settrace(on_call)
    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(None)


def _killer(at: Line | int) -> Callable[[FrameType], None]:
    count = 0

    def note(frame: FrameType) -> None:
        nonlocal count
        count += 1
        if at in (count, _line(frame)):
            os.kill(os.getpid(), signal.SIGKILL)

    return note


def _lister(events: list[str]) -> Callable[[FrameType], None]:
    def note(frame: FrameType) -> None:
        name, number = _line(frame)
        events.append(f"{name}:{number}\n")

    return note


def _line(frame: FrameType) -> Line:
    return frame.f_code.co_filename.removeprefix(ROOM), frame.f_lineno
