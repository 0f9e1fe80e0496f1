"""The program in processes of its own, and what can be seen of them from outside."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60
_RUNS = re.compile(r"Dashboard runs at http://127\.0\.0\.1:(\d+) ")
_SETUP = re.compile(r"/setup/([A-Za-z0-9_-]{43})\b")


class Home:
    """Folders of one run: everything that the program can write to without being told where."""

    def __init__(self, root: Path, *, umask: str = "022", leaky: bool = False) -> None:
        self.root = root
        self.data, self.tmp, self.home = (root / name for name in ("data", "tmp", "home"))
        self.out, self.log = root / "out", root / "log"
        for folder in (self.tmp, self.home, self.out, self.log):
            folder.mkdir(mode=0o700)
        self._more = {"UMASK": umask} | ({"LEAKY": "yes"} if leaky else {})
        self.commands = 0

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a process; nothing of ours gets in."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "DASHBOARD_DATA_DIR": str(self.data),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._more,
        }

    def run(
        self, *words: str, typed: str = "", code: int = 0, before: tuple[str, ...] = (), **more: str
    ) -> bytes:
        """Run a command to its end, with *more* variables; return what it wrote."""
        self.commands += 1
        said = self.log / f"command-{self.commands}"
        with (
            (said.with_suffix(".out")).open("wb") as out,
            said.with_suffix(".err").open("wb") as err,
        ):
            process = subprocess.Popen(
                [*before, *START, *words], cwd=ROOT, env=self.environ | more,
                stdin=subprocess.PIPE, stdout=out, stderr=err,
            )  # fmt: skip
            line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            (said.with_suffix(".cmdline")).write_bytes(line)
            process.communicate(typed.encode(), timeout=PATIENCE_SECONDS)
        assert process.returncode == code, (words, said.with_suffix(".err").read_text())
        return said.with_suffix(".out").read_bytes()


START = (sys.executable, "-m", "tests.residue.start")


class Server:
    """`serve`, until `stop`; what it says goes to files."""

    def __init__(self, home: Home, before: tuple[str, ...] = (), number: str = "1") -> None:
        self.home = home
        self.out, self.err = (home.log / f"serve-{number}.{end}" for end in ("out", "err"))
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*before, *START, "serve", "--port", "0"],
                cwd=ROOT, env=home.environ, stdout=out, stderr=err,
            )  # fmt: skip
        self.port = int(self._wait_for(_RUNS))

    def _wait_for(self, pattern: re.Pattern[str]) -> str:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := pattern.search(self.out.read_text())):
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < end, "the server does not start"
            time.sleep(0.02)
        return found[1]

    @property
    def setup_token(self) -> str:
        """What the first start has printed."""
        return self._wait_for(_SETUP)

    def pids(self) -> list[int]:
        """Return the process and all that came of it."""
        found = [self.process.pid]
        for pid in found:
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def shown_of_processes(self) -> bytes:
        """Return title, name and environment of every process."""
        return b"\n".join(
            Path(f"/proc/{pid}/{name}").read_bytes()
            for pid in self.pids()
            for name in ("cmdline", "comm", "environ")
        )

    def unnamed_files(self) -> Iterator[bytes]:
        """Yield what is in the open files that have no name any more."""
        for pid in self.pids():
            for link in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if str(link.readlink()).endswith(" (deleted)") and link.is_file():
                        yield link.read_bytes()
                except FileNotFoundError:
                    continue

    def stop(self) -> None:
        """Stop it as an operator does."""
        for pid in reversed(self.pids()):
            os.kill(pid, 15)
        try:
            self.process.wait(PATIENCE_SECONDS)
        finally:
            self.process.kill()
            self.process.wait()


@contextmanager
def serving(home: Home, **more: object) -> Iterator[Server]:
    """Serve until the block ends."""
    server = Server(home, **more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()


def headers_of(headers: Mapping[str, str]) -> str:
    """Return the headers as they went over the wire."""
    return "\n".join(f"{name}: {value}" for name, value in headers.items())
