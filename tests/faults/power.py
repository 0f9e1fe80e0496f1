"""Cuts the power under an act, at a moment that chance chooses, and judges what is on the disk.

The act runs in a process of its own, made by a fork server so that all of its time is the act's.
"""

import multiprocessing
import os
import random
import statistics
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from dashboard import db
from tests.faults import runner
from tests.faults.disks import Ext4Disk
from tests.faults.site import Judgement, Site, judge

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.faults.power"])
AFTER_DONE = 0.25  # this part of the cuts comes as soon as "done" was said
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Cut:
    """What the act had said when the power went, and what was found when it came back."""

    done: bool
    found: Judgement


def act_in_child(act: str, data: Path, file: Path, synced: bool, to_parent: Connection) -> None:
    """Do *act*, and tell the parent when it begins and how it ends."""
    _be_quiet()
    if not synced:
        sync_nothing()
    to_parent.send("begun")
    try:
        runner.perform(act, data, file)
        to_parent.send("done")
    except BaseException:
        to_parent.send(traceback.format_exc())


def sync_nothing() -> None:
    """Break the program for the negative control."""
    db.SQLITE_PRAGMAS["synchronous"] = "off"
    os.fsync = lambda _descriptor: None


def _be_quiet() -> None:
    """Say nothing: an act that the power went from complains, as it should."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


class Act:
    """An act in a child: `wait` until it has said "done", `end` it."""

    def __init__(self, act: str, data: Path, file: Path, *, synced: bool) -> None:
        self._child_says, to_parent = _processes.Pipe(duplex=False)
        arguments = (act, data, file, synced, to_parent)
        self._process = _processes.Process(target=act_in_child, args=arguments, daemon=True)
        self._process.start()
        to_parent.close()
        assert self._said(PATIENCE_SECONDS) == "begun"

    def _said(self, seconds: float) -> str:
        return self._child_says.recv() if self._child_says.poll(seconds) else ""

    def wait(self, seconds: float) -> bool:
        """Wait at most *seconds* for the end; return whether it was done. Fail if it failed."""
        said = self._said(seconds)
        assert said in ("", "done"), said
        return said == "done"

    def end(self) -> None:
        """Kill what is left of it: it must not hold the disk."""
        self._process.kill()
        self._process.join()
        self._child_says.close()


def seconds_of(act: str, site: Site) -> float:
    """Return how long *act* takes on such a disk when nothing happens to it."""
    taken = []
    for _ in range(5):
        with Ext4Disk() as disk:
            data = site.copy(disk.root / "data", act)
            running = Act(act, data, _file(act, site, disk), synced=True)
            begun = time.monotonic()
            try:
                assert running.wait(PATIENCE_SECONDS)
            finally:
                running.end()
            taken.append(time.monotonic() - begun)
    return statistics.median(taken)


def _file(act: str, site: Site, disk: Ext4Disk) -> Path:
    return disk.root / "out.dbk" if act == "export" else site.backup


def run_until_cut(
    act: str, site: Site, disk: Ext4Disk, after: float | None, *, synced: bool = True
) -> bool:
    """Do *act* on *disk* and cut the power *after* seconds, or at once when it is done if None.

    Return whether "done" was said before. The disk is up again then.
    """
    data = site.copy(disk.root / "data", act)
    disk.settle()
    running = Act(act, data, _file(act, site, disk), synced=synced)
    try:
        done = running.wait(PATIENCE_SECONDS if after is None else after)
        disk.cut()
    finally:
        running.end()
    assert done or after is not None
    disk.power_up()
    return done


def moments(count: int, seconds: float, rng: random.Random) -> list[float | None]:
    """Return when to cut: spread over *seconds*, one somewhere in each part; some when done."""
    at_end = round(count * AFTER_DONE)
    parts = count - at_end
    spread = [1.2 * seconds * (part + rng.random()) / parts for part in range(parts)]
    return [*spread, *[None] * at_end]


def cut_and_judge(act: str, site: Site, after: float | None, *, synced: bool = True) -> Cut:
    """Cut the power under *act* once, on a disk of its own."""
    with Ext4Disk() as disk:
        done = run_until_cut(act, site, disk, after, synced=synced)
        return Cut(done, judge(disk.root / "data", *site.ends(act), acknowledged=done))
