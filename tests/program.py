"""The single binary as a process, in an empty environment: no Python, no PATH, no variables."""

import http.client
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from tests import needs

BINARY = Path(__file__).resolve().parents[1] / "dist" / "dashboard"
# What a system has to have: the C library, and zlib for what unpacks the program.
SYSTEM_LIBRARIES = (
    "/lib64/ld-linux-x86-64.so.2",
    *(
        f"/lib/x86_64-linux-gnu/{name}"
        for name in (
            *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"),
            *("libutil.so.1", "libz.so.1"),
        )
    ),
)
PATIENCE_SECONDS = 60


def binary_or_skip() -> Path:
    """Return the binary that `make binary` built; without one skip, but never in CI."""
    if not BINARY.exists():
        needs.not_tested(f"{BINARY.name} is not built; `make binary` builds it")
    return BINARY


def free_port() -> int:
    """Return a port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Program:
    """The binary with a home and a data directory of its own; *root* is all that it sees."""

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder = folder
        self.temp = folder / "tmp"
        self.temp.mkdir(exist_ok=True)
        self.words = [str(binary_or_skip())]
        if root is not None:
            self.words = ["/usr/sbin/chroot", str(root), "/dashboard"]
        inside = Path("/") if root is not None else folder
        self.environ = {
            "HOME": str(inside),
            "TMPDIR": str(inside / "tmp"),
            "DASHBOARD_DATA_DIR": str(inside / "data"),
        }
        self.server: subprocess.Popen[str] | None = None
        self.address = ""

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [*self.words, *words],
            env=self.environ | more,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def serve(self) -> str:
        """Start the server; return what it said before its address."""
        self.server = subprocess.Popen(
            [*self.words, "serve", "--port", "0"],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        said = []
        for line in self.server.stdout:
            if found := re.match(r"Dashboard runs at (http://\S+)", line):
                self.address = found[1]
                return "".join(said)
            said.append(line)
        raise RuntimeError(f"the server does not start: {said}")

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a page."""
        link = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=30)
        try:
            link.request("GET", path)
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()

    def stop(self, *, by_ctrl_c: bool = False) -> int | None:
        """Stop the server as a service manager does, or a terminal; return its exit code."""
        if self.server is None:
            return None
        if self.server.poll() is None:
            if by_ctrl_c:
                os.killpg(self.server.pid, signal.SIGINT)
            else:
                self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(PATIENCE_SECONDS)
        self.server.stdout.close()
        self.server = None
        return code
