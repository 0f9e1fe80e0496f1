"""Runs one child process at a time on a machine that others use too, and tells what it took."""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
QUIET_SHARE = 0.10  # of all processors busy: less than this counts as quiet
LOOK_SECONDS = 0.25
PRIORITY = -15
_TICKS = os.sysconf("SC_CLK_TCK")
_chosen = {"first": False}


class Failed(Exception):
    """A child ended with an error; the message holds the last lines it wrote."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run took, in seconds; CPU is user and system time, of its children too."""

    wall: float
    cpu: float
    peak_kib: int
    others: float  # share of all processors that others used meanwhile
    told: dict[str, Any] = field(default_factory=dict)  # the JSON of its last line, if it wrote any


def go_first() -> None:
    """Let what is measured from now on go before what others run; only root may."""
    os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    _chosen["first"] = True


def run(
    command: Sequence[str | os.PathLike[str]] | str,
    *,
    env: Mapping[str, str] | None = None,
    told: bool = False,
) -> Sample:
    """Run *command* (a string: by bash, a failure anywhere in a pipe counts) and measure it.

    With *told* the last line it prints is JSON and belongs to the sample.
    """
    words = ["bash", "-o", "pipefail", "-c", command] if isinstance(command, str) else command
    # Settings of the person who measures must not lead us to his data.
    ours = {name: text for name, text in os.environ.items() if not name.startswith("DASHBOARD_")}
    busy = _busy_seconds()
    begin = time.perf_counter()
    # The output of everything measured here is short, so it cannot fill the pipe.
    child = subprocess.Popen(
        words,
        cwd=ROOT,
        env=ours | dict(env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=_chosen["first"],
    )
    assert child.stdout is not None
    try:
        if _chosen["first"]:
            _raise_session(child.pid)
        output = child.stdout.read().decode(errors="replace")
    except BaseException:
        child.kill()
        raise
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stdout.close()
    if child.returncode != 0:
        last = "\n".join(output.splitlines()[-15:])
        raise Failed(f"exit {child.returncode}: {' '.join(map(str, words))}\n{last}")
    cpu = usage.ru_utime + usage.ru_stime
    others = max(0.0, _busy_seconds() - busy - cpu) / (wall * (os.cpu_count() or 1))
    found = json.loads(output.splitlines()[-1]) if told else {}
    return Sample(wall, cpu, usage.ru_maxrss, round(others, 3), found)


def _raise_session(pid: int) -> None:
    """Raise the priority of the session of *pid*: Linux may share time out by session first."""
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(PRIORITY))


def wait_until_quiet(at_most: float) -> None:
    """Write out what is dirty, then wait for others to rest, *at_most* this many seconds."""
    os.sync()
    deadline = time.monotonic() + at_most
    while time.monotonic() < deadline:
        busy = _busy_seconds()
        time.sleep(LOOK_SECONDS)
        share = (_busy_seconds() - busy) / (LOOK_SECONDS * (os.cpu_count() or 1))
        if share < QUIET_SHARE:
            return


def _busy_seconds() -> float:
    """Return the processor time that this machine spent on anything, stolen time included."""
    try:
        words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    except OSError:
        return 0.0
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, words[:8])
    return (user + nice + system + irq + softirq + steal) / _TICKS
