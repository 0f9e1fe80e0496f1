"""The config keys: up to millions, so read and written through the connection's cursor.

SQLite spells each as the line it is in the file. That takes four fifths of the time of reading its
values and spelling them here, most of it without the interpreter, and what is compared as a line
needs no values.
"""

from collections.abc import Iterator, Sequence
from itertools import compress, filterfalse
from operator import itemgetter

from ..archive import Lines, Row, read_texts, with_value
from ..archive.limits import PIECE_BYTES
from ..db import as_json, database
from ..models import Unit
from ..vault import vault
from .tables import NO_LINE, Group, Table, insert_rows

# Before the line of a row that was not checked since it was written. In JSON it would be escaped.
_MARK = b"\x01"
_FIRST, _LINE, _BOX = map(itemgetter, range(3))


class KeyTable(Table):
    """The config keys of a unit. In a `Group` each begins with name and line, or is the row."""

    def batches(self, unit: Unit) -> Iterator[list[Row]]:
        """Yield the unit's config keys by name."""
        for lines in self.lines(unit):
            yield read_texts(lines.text)

    def groups(self, unit: Unit) -> Iterator[Group]:
        """Yield the same for a comparison."""
        for rows in self._read(unit, "ORDER BY name"):
            lines = list(map(_LINE, rows))
            marked = list(_places(_MARK, bytes(map(_FIRST, lines))))
            if marked:
                text = b"\n".join([*(lines[at][1:] for at in marked), b""])
                for at, row in zip(marked, read_texts(text), strict=True):
                    rows[at], lines[at] = row, NO_LINE
            yield Group(rows, lines)

    def row(self, grouped: Row) -> Row:
        """Return the row that *grouped* stands for in a `Group`."""
        is_row = len(grouped) == len(self.section.columns)
        return grouped if is_row else _read_row(grouped[1])

    def lines(self, unit: Unit) -> Iterator[Lines]:
        """Yield the same as the lines they are in the file, all checked or none."""
        for rows in self._read(unit, "ORDER BY name"):
            names, lines = list(map(_FIRST, rows)), list(map(_LINE, rows))
            text = b"\n".join([*lines, b""])
            if _MARK in text:
                yield Lines(text.replace(_MARK, b""), names)
            else:
                yield Lines(text, names, checked=text.isascii() or _are_utf8(lines))

    def find(self, unit: Unit, key: Sequence[str | int]) -> Row | None:
        """Return the config key of that name, its secret opened, or None."""
        for ((_, line, *_rest),) in self._read(unit, "AND name = ?", *key):
            return _read_row(line.removeprefix(_MARK))
        return None

    def _read(self, unit: Unit, which: str, *values: str | int) -> Iterator[list[Row]]:
        """Yield name and line, and maybe more, of some keys, as many at once as can be held."""
        line = as_json(self.section.columns)
        # As few columns as can be: each of them costs a tenth of the time.
        query = (
            f"SELECT name, CAST(CASE WHEN checked THEN {line} ELSE char({_MARK[0]}) || {line} END "  # noqa: S608
            f"AS BLOB), secret FROM config_key WHERE unit_id = ? {which}"
        )
        cursor = database.execute_sql(query, [unit.id, *values])
        for found in _pieces(cursor):
            for at in compress(range(len(found)), map(_BOX, found)):
                name, line, box = found[at]
                mark, bracket, rest = line.partition(b"[")
                value = vault.unseal(box)
                line = mark + with_value(self.section, bracket + rest, "value", value)
                found[at] = (name, line)
            yield found

    def insert(self, unit: Unit, rows: Sequence[Row]) -> None:
        """Insert config keys; the value of a secret goes into the sealed column alone.

        They come from a file that passed every check, which the table remembers.
        """
        columns = self.section.columns
        plain = [row for row in rows if row[1] != "secret"]
        insert_rows(self.model, unit, columns, plain, checked=1)
        secrets = [
            (name, kind, "", description, vault.seal(value))
            for name, kind, value, description in rows
            if kind == "secret"
        ]
        insert_rows(self.model, unit, (*columns, "secret"), secrets, checked=1)


def _read_row(line: bytes) -> Row:
    return read_texts(line + b"\n")[0]


def _pieces(cursor: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield the rows of *cursor*, some at once, of about `PIECE_BYTES`."""
    found: list[Row] = []
    size = 0
    for row in cursor:
        found.append(row)
        size += len(row[1])
        if size >= PIECE_BYTES:
            yield found
            found, size = [], 0
    if found:
        yield found


def _places(byte: bytes, text: bytes) -> Iterator[int]:
    """Yield where *byte* stands in *text*."""
    at = text.find(byte)
    while at >= 0:
        yield at
        at = text.find(byte, at + 1)


def _are_utf8(lines: Sequence[bytes]) -> bool:
    """Return whether *lines* are UTF-8, as everything is that was checked and is not damaged."""
    try:
        others: Iterator[bytes] = filterfalse(bytes.isascii, lines)
        b"".join(others).decode()
    except UnicodeDecodeError:
        return False
    return True
