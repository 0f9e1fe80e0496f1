"""System calls that end the process or fail, by `strace`, one at a time or all from then on.

A child waits until strace is attached to it, so only what the act itself does is counted. Strace
counts for each name of call (and thread, but at this size one thread does it all).
"""

import contextlib
import ctypes
import io
import os
import re
import signal
import subprocess
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import breaks, runner
from tests.faults.children import in_child, judged, new_folder
from tests.faults.site import Judgement, Site

# What changes a file or a folder, or makes sure of it. Of openat only what may create a file.
NAMES = (
    *("pwrite64", "write", "fsync", "fdatasync", "ftruncate"),
    *("openat", "rename", "unlink", "mkdir", "chmod"),
)
SYNCS = ("fsync", "fdatasync")
DONE = b"done\n"
_CALL = re.compile(r"\d+ +(\w+)\((.*)")
_PATH = re.compile(r'<([^>]*)>|"([^"]*)"')
_PR_SET_PTRACER = 0x59616D61


@dataclass(frozen=True)
class Call:
    """A system call of an act: the n-th of its name. *path* is relative to the data directory."""

    name: str
    number: int
    path: str
    injected: bool = False


@dataclass(frozen=True)
class Fault:
    """An act, and what strace does to its calls; nothing for an undisturbed run."""

    site: Site
    act: str
    does: tuple[str, ...] = ()  # "pwrite64:error=EIO:when=3+"
    alive: bool = False
    broken: str = ""


@dataclass(frozen=True)
class Outcome:
    """How the act ended, what it did, and what it left."""

    code: int  # negative for a signal, 70 for an exception that nobody caught
    done: bool
    output: str
    calls: tuple[Call, ...]
    judgement: Judgement

    @property
    def hit(self) -> Call | None:
        """Return the first call that was injected, None if the act did not come so far."""
        return next((call for call in self.calls if call.injected), None)


def kill_at(call: Call) -> tuple[str]:
    """Return the order to kill the process as it enters *call*."""
    return (f"{call.name}:signal=KILL:when={call.number}",)


def fail_at(call: Call, error: str) -> tuple[str]:
    """Return the order to let *call* alone fail."""
    return (f"{call.name}:error={error}:when={call.number}",)


def fail_from(call: Call, error: str, calls: Sequence[Call]) -> tuple[str, ...]:
    """Return the order to let *call* and all later ones of *calls* fail.

    Not openat, which is needed to read too.
    """
    past = Counter(each.name for each in calls[: calls.index(call)])
    names = [name for name in NAMES if name != "openat"]
    return tuple(f"{name}:error={error}:when={past[name] + 1}+" for name in names)


def inject(fault: Fault) -> Outcome:
    """Do it, in a child of this process, and judge."""
    folder = new_folder(fault.site)
    data, out = fault.site.copy(folder / "data", fault.act), folder / "out"
    # Opened before strace comes, so that the child's first call is the act's.
    told, log, (gate, key) = os.open(out, os.O_WRONLY | os.O_CREAT), folder / "log", os.pipe()
    tracer: list[subprocess.Popen[bytes]] = []

    def attach(child: int) -> None:
        tracer.append(_attached(child, log, fault.does))
        os.write(key, b"!")

    code = in_child(lambda: _perform(fault, data, told, gate), begun=attach)
    tracer[0].wait()
    tracer[0].stderr.close()
    for descriptor in (told, gate, key):
        os.close(descriptor)
    output = out.read_bytes()
    done = output.endswith(DONE)
    calls = tuple(_read(log.read_text(), data))
    verdict = judged(fault.site, fault.act, data, acknowledged=done, alive=fault.alive)
    return Outcome(code, done, output.decode(), calls, verdict)


def _attached(child: int, log: Path, does: Iterable[str]) -> "subprocess.Popen[bytes]":
    """Return the strace that has come to *child*."""
    words = ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={','.join(NAMES)}"]
    for each in does:
        words += ["-e", f"inject={each}"]
    tracer = subprocess.Popen([*words, "-p", str(child)], stderr=subprocess.PIPE)
    said = tracer.stderr.readline()
    if b"attached" not in said:
        os.kill(child, signal.SIGKILL)
        raise RuntimeError(f"strace: {said.decode()}")
    return tracer


def _perform(fault: Fault, data: Path, told: int, gate: int) -> None:
    # Any process of this user may trace this one, where the kernel asks.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_long(-1), 0, 0, 0)
    breaks.apply(fault.broken)
    screen = io.StringIO()
    os.read(gate, 1)
    try:
        with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
            runner.perform(fault.act, data, fault.site.backup)
        screen.write(DONE.decode())
    except Exception:
        screen.write(traceback.format_exc())
        raise
    finally:
        os.writev(told, [screen.getvalue().encode()])  # not one of `NAMES`


def _read(log: str, data: Path) -> Iterable[Call]:
    """Yield the calls of a log that concern files below *data*."""
    count: Counter[str] = Counter()
    for line in log.splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        name, rest = found.groups()
        count[name] += 1
        paths = [one or other for one, other in _PATH.findall(rest)]
        inside = [path for path in paths if path.startswith(str(data))]
        if inside and (name != "openat" or "O_CREAT" in rest):
            path = str(Path(inside[-1]).relative_to(data))
            yield Call(name, count[name], path, "(INJECTED)" in rest)
