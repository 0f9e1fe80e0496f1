"""Keep the smallest inputs that together reach all that is reached: `tests/fuzz/corpus`.

    python -m tests.fuzz.minimise [--work FOLDER] [TARGET...]

Takes the seeds, what is kept already, and what a campaign found. Reached means: a step from one
line of code to the next, in the product or the second reader, a class, or the words of a refusal.
Needs no fuzzer. A file is named after its class, which the tests hold it to.
"""

import argparse
import hashlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.targets import TARGETS, Target, differ

CORPUS = Path(__file__).parent / "corpus"
WATCHED = ("dashboard/archive/", "tests/archive/second_")
MOST_BYTES = 4_096  # of one input: the tests have other ways to large ones

Feature = tuple[Any, ...]


def features(target: Target, data: bytes) -> set[Feature]:
    """Return what *data* reaches."""
    found: set[Feature] = set()
    before: dict[int, int] = {}

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "call" and not any(part in frame.f_code.co_filename for part in WATCHED):
            return None
        line = frame.f_lineno
        found.add((frame.f_code.co_filename, before.get(id(frame), 0), line))
        before[id(frame)] = line
        if event == "exception":
            words = re.sub(r"[0-9]+|'[^']*'|\".*\"", "#", str(argument[1]))
            found.add((argument[0].__name__, words[:80]))
        return step

    sys.settrace(step)
    try:
        ours, theirs = target.product(data), target.second(data)
    finally:
        sys.settrace(None)
    return found | {ours[:1], (theirs[0], "second")}


def chosen(target: Target, inputs: Iterable[bytes]) -> list[bytes]:
    """Return the inputs that reach something the smaller ones before them do not."""
    seen: set[Feature] = set()
    kept = []
    for data in sorted(set(inputs), key=lambda data: (len(data), data)):
        if len(data) > min(MOST_BYTES, target.max_bytes):
            continue
        new = features(target, data) - seen
        if new:
            seen |= new
            kept.append(data)
    return kept


def name_of(target: Target, data: bytes) -> str:
    return f"{target.second(data)[0]}-{hashlib.sha256(data).hexdigest()[:12]}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"), help="what was found")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], help="all, unless named")
    asked = parser.parse_args()
    for name in asked.targets or TARGETS:
        target, folder = TARGETS[name], CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        paths = [*folder.glob("*"), *(asked.work / name / "found").glob("*")]
        kept = chosen(target, [*target.seeds(), *(path.read_bytes() for path in paths)])
        names = {name_of(target, data): data for data in kept}
        for path in folder.glob("*"):
            if path.name not in names:
                path.unlink()
        for file, data in names.items():
            (folder / file).write_bytes(data)
            if found := differ(target, data):
                print(f"{name}/{file}: {found}")
        print(
            f"{name:26} {len(paths):>6} found, {len(kept):>4} kept, {sum(map(len, kept)):>8} bytes"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
