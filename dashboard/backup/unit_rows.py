"""The rows of a unit from where a merge with a backup stands: as rows, and as the lines they are.

Two runs of rows that are written as the same lines are equal, and comparing bytes costs a tenth of
decoding them first.
"""

from collections.abc import Iterator

from ..archive import Row, encode_rows
from ..models import Unit
from .tables import Group, Table

_NO_ROWS = Group([], checked=True)


class UnitRows:
    """Rows of *table* that are at hand: those from `at` on are still to be merged."""

    def __init__(self, table: Table, unit: Unit) -> None:
        self._section = table.section
        self._groups: Iterator[Group] = table.groups(unit)
        self._checked = True  # the rows from `at` on
        self._lines: bytes | None = b""  # those rows as lines, or not known
        self.rows: list[Row] = []
        self.at = 0

    def more(self) -> bool:
        """Have a row at hand; return whether there is one. Whoever asks goes on by rows."""
        if self.at == len(self.rows):
            self._fetch()
        self._lines = None
        return self.at < len(self.rows)

    def pass_lines(self, lines: bytes, count: int) -> bool:
        """Go on by *count* rows if the next ones are checked, and written as *lines*."""
        own = self._lines_of(len(lines))
        if not own.startswith(lines):
            return False
        self._lines = own[len(lines) :]
        self.at += count
        return True

    def _lines_of(self, size: int) -> bytes:
        """Return the lines of the next rows, of *size* bytes or more; none of unchecked rows."""
        if not self._checked:
            return b""
        own = self._lines
        if own is None:
            own = encode_rows(self._section, self.rows[self.at :])
        while len(own) < size and (found := self._fetch()):
            if not self._checked:
                self._lines = None
                return b""
            own += encode_rows(self._section, found)
        self._lines = own
        return own

    def _fetch(self) -> list[Row]:
        """Have more rows at hand; return those."""
        rest = self.rows[self.at :]
        found, checked = next(self._groups, _NO_ROWS)
        self.rows, self.at = rest + found, 0
        self._checked = checked and (self._checked or not rest)
        return found
