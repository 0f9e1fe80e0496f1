"""Who is at work: how a run that is under way is told from one whose program has died.

A process is known by boot, process namespace, number and start time (a number alone is used again).
Where there is no /proc, nobody can tell. Nor does it tell all where it shows everybody his own
processes only (`hidepid`): by `ProtectProc=invisible` the service sees no command of root.
"""

import os
from functools import lru_cache
from pathlib import Path

PROC = Path("/proc")

# The runs that a thread of this process is at work on.
at_work: set[str] = set()


def this_process() -> str:
    """Return what this process is known by; empty where that cannot be told."""
    try:
        return f"{_world()} {os.getpid()} {_started(os.getpid())}"
    except OSError:
        return ""


def is_alive(process: str, uid: str) -> bool | None:
    """Return whether *process* is still at work on the run *uid*; None if nobody can tell."""
    if process == "":
        return None
    if process == this_process():
        return uid in at_work
    boot, namespace, number, started = process.split()
    try:
        our_boot, our_namespace = _world().split()
    except OSError:
        return None
    if boot != our_boot:
        return False
    if namespace != our_namespace:
        return None
    try:
        return _started(int(number)) == started  # a number may have been given anew
    except OSError:  # it is gone, or not shown to us
        return None if _is_given(int(number)) else False


def is_near(process: str) -> bool:
    """Return whether *process* is, or was, where this one is: of the same boot and namespace."""
    try:
        return process.startswith(f"{_world()} ")
    except OSError:
        return False


def _is_given(number: int) -> bool:
    """Return whether any process has this number; since when, only /proc could tell.

    It asks the kernel whether a signal could be sent, and sends none. Whatever /proc hides, the
    answer for another user's process is that it may not, and not that there is none.
    """
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@lru_cache(maxsize=1)
def _world() -> str:
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {(PROC / 'self/ns/pid').readlink()}"


def _started(number: int) -> str:
    # The name of the program, in parentheses, may hold anything; field 22 counts from the first.
    return (PROC / str(number) / "stat").read_text().rpartition(")")[2].split()[19]
