"""The rows of a unit from where a merge with a backup stands: as rows, and as the lines they are.

What is written as the same line is the same row, and comparing bytes costs a tenth of decoding.
"""

from collections.abc import Iterator, Sequence
from itertools import compress
from operator import eq, not_

from ..archive import Row
from ..models import Unit
from .tables import Group, Table

MAX_SHIFTS = 16  # in one look: where more came or went, decoding costs less than searching
_NO_ROWS = Group((), ())


class UnitRows:
    """Rows of *table* that are at hand: those from `at` on are still to be merged."""

    def __init__(self, table: Table, unit: Unit) -> None:
        self.row = table.row  # what one of `rows` is, which all begin with their key
        self._groups: Iterator[Group] = table.groups(unit)
        self._lines: list[bytes] = []  # of `rows`
        self.rows: list[Row] = []
        self.at = 0

    def more(self) -> bool:
        """Have a row at hand; return whether there is one."""
        return self.at < len(self.rows) or self._fetch()

    def proven(self, lines: Sequence[bytes]) -> list[Row | None]:
        """Return, for each of *lines*, the checked row that it is; None where none is found.

        They are looked for where they would be if little has changed.
        """
        while len(self.rows) - self.at < len(lines) and self._fetch():
            pass
        end = self.at + len(lines)
        if self._lines[self.at : end] == lines:
            return list(self.rows[self.at : end])
        return self._search(lines)

    def _search(self, lines: Sequence[bytes]) -> list[Row | None]:
        found: list[Row | None] = []
        at = self.at
        for _ in range(MAX_SHIFTS):
            done = len(found)
            end = at + len(lines) - done
            same = bytes(map(eq, self._lines[at:end], lines[done:]))
            # One that differs is changed. Two in a row: behind what came or is gone all differ.
            stop = same.find(b"\0\0")
            aligned = same if stop < 0 else same[:stop]
            found += self.rows[at : at + len(aligned)]
            for differs in compress(range(done, len(found)), map(not_, aligned)):
                found[differs] = None
            at += len(aligned)
            if stop < 0:
                break
            if self._lines[at + 1] == lines[len(found)]:
                at += 1
            else:
                at += self._lines[at] != lines[len(found) + 1]
                found.append(None)
        return found + [None] * (len(lines) - len(found))

    def _fetch(self) -> bool:
        """Have more rows at hand; return whether there were any."""
        found, lines = next(self._groups, _NO_ROWS)
        self.rows = [*self.rows[self.at :], *found]
        self._lines = [*self._lines[self.at :], *lines]
        self.at = 0
        return bool(found)
