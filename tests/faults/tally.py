"""Counts what came of many faults, fails on a bad verdict, and gives a row for the summary."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from tests.faults.site import Judgement, Verdict

T = TypeVar("T")
LONG = os.environ.get("FAULTS") == "long"
HEAD = f"{'fault':<44}{'runs':>7}{'before':>8}{'after':>7}{'mix':>5}{'lost':>6}{'broken':>8}"
ROWS: list[str] = []  # what this session has measured, for the summary at its end


def spread(choices: Sequence[T], count: int) -> list[T]:
    """Return *count* of *choices*, evenly spread, the first and the last among them."""
    count = min(count, len(choices))
    return [choices[round(at * (len(choices) - 1) / max(count - 1, 1))] for at in range(count)]


@dataclass
class Tally:
    """The verdicts of one kind of fault."""

    fault: str
    found: Counter[Verdict] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def add(self, judgement: Judgement, where: object) -> None:
        """Count *judgement*; *where* tells how to do it again."""
        self.found[judgement.verdict] += 1
        if not judgement.is_good:
            self.bad.append(f"{where}: {judgement.verdict}: {judgement.reason}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()

    def close(self) -> None:
        """Give the row; fail if any verdict was bad or none was reached."""
        ROWS.append(self.row())
        assert self.found, f"{self.fault}: nothing was tried"
        assert not self.bad, f"{len(self.bad)} bad:\n" + "\n".join(self.bad[:20])

    def row(self) -> str:
        """Return the counts as a line under `HEAD`."""
        counts = [sum(self.found.values()), *(self.found[verdict] for verdict in Verdict)]
        return f"{self.fault:<44}" + "".join(
            f"{count:>{width}}" for count, width in zip(counts, (7, 8, 7, 5, 6, 8), strict=True)
        )
