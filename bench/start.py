"""How long until the first page: the single binary against the source, in turns.

python -m bench.start           needs `make binary`
"""

import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from .stopwatch import ROOT

ROUNDS = 9
BINARY = ROOT / "dist" / "dashboard"
WAYS = {"source": [sys.executable, str(ROOT / "app.py")], "binary": [str(BINARY)]}


def seconds_to_first_page(words: list[str], data_dir: Path) -> float:
    """Start the server, ask for the log-in page; return the seconds until it is there."""
    environ = os.environ | {"DASHBOARD_DATA_DIR": str(data_dir)}
    begun = time.perf_counter()
    with subprocess.Popen(
        [*words, "serve", "--port", "0"], env=environ, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://(\S+)", server.stdout.readline())
        if found is None:
            raise SystemExit("the server does not start")
        link = http.client.HTTPConnection(found[1], timeout=60)
        link.request("GET", "/login")
        if link.getresponse().status != 200:
            raise SystemExit("the log-in page does not come")
        seconds = time.perf_counter() - begun
        link.close()
        server.terminate()
    return seconds


def main() -> None:
    """Measure in turns and print the medians and their ratio."""
    if not BINARY.exists():
        raise SystemExit("dist/dashboard is missing: `make binary` builds it")
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        environ = os.environ | {"DASHBOARD_DATA_DIR": folder}
        subprocess.run([*WAYS["source"], "demo"], env=environ, check=True, capture_output=True)
        taken: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            for way, words in WAYS.items():
                taken[way].append(seconds_to_first_page(words, data_dir))
    for way, seconds in taken.items():
        print(f"{way}: median {median(seconds):.2f} s of {ROUNDS}, lowest {min(seconds):.2f} s")
    ratios = [b / s for b, s in zip(taken["binary"], taken["source"], strict=True)]
    print(f"binary / source: {median(taken['binary']) / median(taken['source']):.2f}", end=" ")
    print(f"(rounds {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
