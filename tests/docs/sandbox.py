"""A place where the words of a page are typed: a checkout, or the binary alone; data of its own."""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.program import free_port

from .pages import ROOT

PASSWORD = "four words make it"
PATIENCE_SECONDS = 120
# What a command asks at a terminal, and what the reader types.
ANSWERS = {
    "assword: ": PASSWORD,
    "confirmation: ": PASSWORD,
    "name to go on: ": "Harbour Daily",
}
_CLEARED = re.compile(r".*\x1b\[K|\r")  # what a progress bar drew and wiped away


class Sandbox:
    """The folder of a reader who has just cloned the project or fetched the binary."""

    def __init__(self, folder: Path, *, checkout: bool) -> None:
        self.place = folder / "here"
        tools = folder / "bin"
        for made in (self.place, tools, folder / "home", folder / "tmp"):
            made.mkdir(parents=True)
        program = f'#!/bin/sh\nexec {sys.executable} {ROOT}/app.py "$@"\n'
        # The environment of the tests is the one that `make` would make: it stays as it is.
        stamps = " ".join(f"-o .venv/.stamp{kind}" for kind in ("", "-dev"))
        self._write(tools / "make", f'#!/bin/sh\nexec {shutil.which("make")} {stamps} "$@"\n')
        self._write(tools / "dashboard", program)
        self._write(tools / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        if checkout:
            self._link_checkout()
            self._write(self.place / "dist" / "dashboard", program)
        else:
            self._write(self.place / "dashboard", program)
        self.environ = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "TERM": "dumb",
            "PYTHONPATH": "",
            "DASHBOARD_PORT": str(free_port()),
        }

    def _link_checkout(self) -> None:
        for name in ("app.py", "dashboard", "templates", "static", "Makefile", "packaging"):
            (self.place / name).symlink_to(ROOT / name)
        for pins in ROOT.glob("requirements*"):
            (self.place / pins.name).symlink_to(pins)
        (self.place / ".venv").symlink_to(sys.prefix)

    @staticmethod
    def _write(file: Path, text: str) -> None:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def run(self, words: str, **more: str) -> str:
        """Run *words* as a script; return what they say. Whatever does not end with 0 fails."""
        done = subprocess.run(
            ["/bin/sh", "-ec", words],
            cwd=self.place,
            env=self.environ | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}"
        return done.stdout

    def run_until(self, words: str, sign: str) -> str:
        """Start what does not end by itself, wait for *sign*, and stop it as a terminal does."""
        with self._started(words) as (started, terminal):
            said = _read(terminal, sign)
            os.killpg(started.pid, signal.SIGINT)
            _read(terminal, None)
            assert started.wait(PATIENCE_SECONDS) in (0, 130, -signal.SIGINT), said
        return said

    def type(self, words: str) -> str:
        """Type *words* at a terminal, answer what is asked, and return what is on the screen."""
        with self._started(words) as (started, terminal):
            said = _read(terminal, None)
            assert started.wait(PATIENCE_SECONDS) == 0, said
        lines = said.replace("\r\n", "\n").split("\n")
        return "\n".join(_CLEARED.sub("", line).rstrip() for line in lines).strip("\n")

    @contextmanager
    def _started(self, words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
        ours, theirs = pty.openpty()
        started = subprocess.Popen(
            ["/bin/sh", "-c", 'exec 0<>"$0"; eval "$1"', os.ttyname(theirs), words],
            cwd=self.place,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            yield started, ours
        finally:
            os.close(ours)
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()


def _read(terminal: int, sign: str | None) -> str:
    """Return what comes until *sign*, or to the end; answer the questions on the way."""
    said, end, answered = "", time.monotonic() + PATIENCE_SECONDS, 0
    while sign is None or sign not in said:
        ready, _, _ = select.select([terminal], [], [], max(end - time.monotonic(), 0))
        assert ready, f"nothing more comes after: {said}"
        try:
            came = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            came = b""
        if not came:
            assert sign is None, f"no {sign!r} in: {said}"
            break
        said += came.decode()
        for question, answer in ANSWERS.items():
            if said.endswith(question) and len(said) > answered:
                os.write(terminal, f"{answer}\n".encode())
                answered = len(said)
    return said
