"""Runs one command of the product in this fresh process and tells where its time went.

    python -m bench.ours [--kdf-mib N] [--write-only] backup export --unit SLUG -o FILE --json

The command is the one a person types, called in process, so that the start of the interpreter can
be told from the work. Phases are found by wrapping functions while they run; one that is no longer
there is left out of the answer, never guessed. The last line printed is JSON.
"""

import sys
import time

_BORN = time.perf_counter()

import importlib  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import redirect_stdout, suppress  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

# phase -> the places where what it calls is looked up, newest name first
PHASES = {
    "kdf": ("nacl.pwhash.argon2id.kdf",),
    "fsync": ("os.fsync",),
    "safety_copy": ("dashboard.backup.imports._safety_copy",),
    "import_file": ("dashboard.backup.import_file",),
    "tidy": ("dashboard.db.tidy",),
}


class Clock:
    """Sums the time spent inside the functions it wraps."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def wrap(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return *function*, timed as part of *phase*."""
        self.wall[phase] = self.cpu[phase] = 0.0

        def timed(*args: Any, **kwargs: Any) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.wall[phase] += time.perf_counter() - wall
                self.cpu[phase] += time.process_time() - cpu

        return timed

    def watch(self) -> None:
        """Wrap every phase that can be found."""
        for phase, places in PHASES.items():
            for place in places:
                module_name, _, name = place.rpartition(".")
                with suppress(ImportError, AttributeError):
                    module = importlib.import_module(module_name)
                    setattr(module, name, self.wrap(phase, getattr(module, name)))
                    break


class NoReadBack:
    """Stands in for the reading back of an export, to see what it costs."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "NoReadBack":
        return self

    def __exit__(self, *_: object) -> None: ...

    def expect(self, _lines: bytes) -> None: ...

    def grown(self, size: int) -> None:
        self._size = size

    def finish(self) -> Any:
        from dashboard.archive import Proof

        return Proof(self._size, "", 0)


def peak_kib() -> int:
    """Return the most memory that this process ever held; the parent's does not count."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    raise RuntimeError("no VmHWM: this needs Linux")


def main(words: list[str]) -> None:
    """Run the command in *words* and print what it took."""
    cost: dict[str, int] = {}
    if words[0] == "--kdf-mib":
        cost = {"kdf_ops": 1, "kdf_mem_bytes": int(words[1]) << 20}
        words = words[2:]
    if words[0] == "--write-only":
        words = words[1:]
        setattr(importlib.import_module("dashboard.backup.export"), "ReadBack", NoReadBack)  # noqa: B010
    from dashboard import cli as door
    from dashboard.config import load

    settings = load(os.environ)
    if cost:
        from dataclasses import replace

        settings = replace(settings, **cost)  # type: ignore[arg-type]
    setattr(door, "load", lambda _environ: settings)  # noqa: B010 - as the tests do
    clock = Clock()
    clock.watch()
    start = time.perf_counter() - _BORN

    printed = io.StringIO()
    wall, cpu = time.perf_counter(), time.process_time()
    with redirect_stdout(printed):
        door.cli.main(words, standalone_mode=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    data = json.loads(printed.getvalue() or "{}")
    told = {
        "start": start,
        "wall": wall,
        "cpu": cpu,
        "phase_wall": clock.wall,
        "phase_cpu": clock.cpu,
        "peak_kib": peak_kib(),
        "content": data.get("content") if isinstance(data, dict) else None,
        "counts": data.get("counts") if isinstance(data, dict) else None,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
