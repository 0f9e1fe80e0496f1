"""Who is alive: told by /proc, past it where it hides others, and left open where nobody can."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.backup import processes
from tests import needs

SOMEBODY = 65534
NEW_MOUNTS = 0x20000  # CLONE_NEWNS


def known_as(number, started="7"):
    boot, namespace, *_ = processes.this_process().split()
    return f"{boot} {namespace} {number} {started}"


@pytest.mark.parametrize("of_proc", [FileNotFoundError, ProcessLookupError, PermissionError])
@pytest.mark.parametrize(
    ("of_signal", "alive"),
    [(ProcessLookupError, False), (PermissionError, None), (None, None)],
)
def test_what_proc_does_not_show_is_asked_for_by_a_signal(monkeypatch, of_proc, of_signal, alive):
    def started(number):
        if number == os.getpid():
            return "1"
        raise of_proc

    def kill(number, signal):
        assert (number, signal) == (4711, 0)
        if of_signal is not None:
            raise of_signal

    monkeypatch.setattr(processes, "_started", started)
    monkeypatch.setattr(os, "kill", kill)
    assert processes.is_alive(known_as(4711), "uid") is alive


def test_without_proc_nobody_can_tell(monkeypatch, tmp_path):
    process = known_as(1)
    assert processes.is_near(process)
    monkeypatch.setattr(processes, "PROC", tmp_path)
    processes._world.cache_clear()
    assert processes.this_process() == ""
    assert processes.is_alive(process, "uid") is None
    assert not processes.is_near(process)


def as_service(ask):
    """Return what *ask* tells in a process of somebody who sees only his own in /proc."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if ctypes.CDLL(None).unshare(NEW_MOUNTS) != 0:
                os.write(writer, b"no namespace")
                os._exit(0)
            for words in ("--make-rprivate /", "-t proc -o hidepid=2 proc /proc"):
                subprocess.run(["mount", *words.split()], check=True, capture_output=True)
            os.setgroups([])
            os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
            os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
            os.write(writer, ask().encode())
        except BaseException as error:  # nothing of this process may go on as a test
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        answer = said.read()
    os.waitpid(child, 0)
    return answer


def test_a_service_takes_no_command_of_root_for_dead():
    if os.geteuid() != 0:
        needs.not_tested("only root can hide processes")
    command = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = known_as(command.pid, processes._started(command.pid))
    assert processes.is_alive(process, "uid") is True

    def ask():
        is_shown = Path(f"/proc/{command.pid}").exists()
        return f"shown {is_shown}, alive {processes.is_alive(process, 'uid')}"

    try:
        said = as_service(ask)
    finally:
        command.communicate(b"\n")
    if not said.startswith("shown"):
        needs.not_tested(f"no /proc can be mounted here: {said}")
    assert said == "shown False, alive None"
    assert as_service(ask) == "shown False, alive False"  # it has ended
