"""Fuzz every target for a while and tell how much was done: `make fuzz`.

    python -m tests.fuzz.campaign [--runs N] [--seconds N] [--work FOLDER] [TARGET...]

Each target gets a process of its own, bounded in memory and in the time of one input. Inputs that
reached something new stay in FOLDER for the next time. Ends with 1 when there was a finding.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"
TIME_LIMIT = 20  # seconds for one input
MEMORY_LIMIT = 2_048  # MiB


def seeded(target: Target, folder: Path) -> Path:
    """Write the seeds of *target* into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in target.seeds():
        if len(data) <= target.max_bytes:
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return folder


def fuzz(name: str, work: Path, runs: int, seconds: int) -> tuple[int, bool]:
    """Fuzz one target; return how many inputs were run, and whether there was a finding."""
    found, log = work / name / "found", work / name / "log.txt"
    found.mkdir(parents=True, exist_ok=True)
    folders = [found, seeded(TARGETS[name], work / name / "seeds")]
    kept = CORPUS / name
    folders += [kept] if kept.exists() else []
    options = [f"-runs={runs}", f"-max_total_time={seconds}", f"-timeout={TIME_LIMIT}"]
    options += [f"-rss_limit_mb={MEMORY_LIMIT}", f"-artifact_prefix={work / name}/"]
    command = [sys.executable, "-m", "tests.fuzz.run", name, *options, *map(str, folders)]
    with log.open("w") as sink:
        # Instrumentation is for the code that is asked, not for what only checks it.
        done = subprocess.run(command, stdout=sink, stderr=sink, env=os.environ)
    text = log.read_text(errors="replace")
    counts = re.findall(r"^#(\d+)\b", text, re.MULTILINE)
    if "run interrupted" in text:
        sys.exit(f"{name}: interrupted")
    ended = re.search(r"Done (\d+) runs", text)
    return int(ended[1] if ended else (counts or ["0"])[-1]), done.returncode != 0


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs for each target")
    parser.add_argument("--seconds", type=int, default=900, help="at most, for each target")
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"), help="where inputs stay")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], help="all, unless named")
    asked = parser.parse_args()
    findings = 0
    for name in asked.targets or TARGETS:
        start = time.monotonic()
        count, bad = fuzz(name, asked.work, asked.runs, asked.seconds)
        findings += bad
        spent = time.monotonic() - start
        told = f"A FINDING: see {asked.work / name}" if bad else "nothing found"
        short = "" if count >= asked.runs or bad else " (time was up)"
        print(f"{name:26} {count:>10,} inputs in {spent:6.0f} s{short}, {told}", flush=True)
    print(f"{findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
