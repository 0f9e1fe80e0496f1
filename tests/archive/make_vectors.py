"""Write the test vectors, or check that the files are what would be written.

    make vectors
    .venv/bin/python -m tests.archive.make_vectors --check

Every run gives the same bytes. A vector is one file with one fault (or none), and one line of
vectors/index.jsonl that tells the password, the class a reader must answer with, and why.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.archive.cases import header, lines, ok, payload, rows
from tests.archive.cases.case import Case
from tests.archive.cases.example import hello
from tests.archive.second_writer import Maker

HERE = Path(__file__).parent
VECTORS, EXAMPLE = HERE / "vectors", HERE / "example"


def cases() -> Iterator[Case]:
    """Return every case, in the order of the index."""
    for module in (ok, header, payload, lines, rows):
        yield from module.cases()


def files() -> dict[Path, bytes]:
    """Return every file that belongs to the vectors, by path."""
    made = {EXAMPLE / "hello.dbk": hello()}
    index: list[str] = []
    for case in cases():
        maker = Maker(case.name)
        path = VECTORS / f"{case.name}.dbk"
        assert path not in made, case.name
        made[path] = case.make(maker)
        entry: dict[str, object] = {
            "file": path.name,
            "password": case.password,
            "class": case.kind,
            "why": case.why,
        }
        if case.kind == "ok":
            entry |= {"content": maker.content, "counts": maker.counts}
        index.append(json.dumps(entry) + "\n")
    made[VECTORS / "index.jsonl"] = "".join(index).encode()
    return made


def check(made: dict[Path, bytes]) -> list[str]:
    """Return what differs between *made* and the disk."""
    present = {path for folder in (VECTORS, EXAMPLE) for path in folder.glob("*")}
    return sorted(
        [f"{path.name}: missing" for path in made if path not in present]
        + [f"{path.name}: nobody makes it" for path in present if path not in made]
        + [f"{p.name}: differs" for p in made if p in present and p.read_bytes() != made[p]]
    )


def write(made: dict[Path, bytes]) -> None:
    """Write what differs and remove vectors that nobody makes any more."""
    for folder in (VECTORS, EXAMPLE):
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*"):
            if path not in made:
                path.unlink()
    for path, data in made.items():
        path.write_bytes(data)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    checking = parser.parse_args().check
    made = files()
    if checking:
        faults = check(made)
        print("\n".join(faults) or f"{len(made)} files are as they should be")
        return 1 if faults else 0
    write(made)
    print(f"{len(made)} files, {sum(map(len, made.values())):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
