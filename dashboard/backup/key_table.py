"""The config keys: up to millions, so read and written through the connection's cursor."""

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from ..archive import Row
from ..archive.limits import PIECE_BYTES
from ..db import database
from ..models import Unit
from ..vault import vault
from .tables import Group, Table, insert_rows

FETCH_ROWS = 20  # at once; together they may have 20 MiB
AROUND_VALUE = 64  # bytes of a line beside its value, about
_UNCHECKED = "?"  # before the type of a row that was not checked since it was written
# The value of a secret is in the column `secret`, sealed. As few columns as can be: each of them
# costs a tenth of the time.
_ROW = (
    f"SELECT name, CASE WHEN checked THEN type ELSE '{_UNCHECKED}' || type END, "  # noqa: S608
    "coalesce(secret, value), description FROM config_key WHERE unit_id = ?"
)
_TYPE, _VALUE = itemgetter(1), itemgetter(2)
_AS_STORED = {"string", "number", "boolean", "json"}  # types of rows that go out as they are


class KeyTable(Table):
    """The config keys of a unit."""

    def groups(self, unit: Unit) -> Iterator[Group]:
        """Yield the unit's config keys by name; marked are those checked when they were written."""
        for found in _fetched(unit):
            yield Group(_opened(found), _unchecked(found))

    def find(self, unit: Unit, key: Sequence[str | int]) -> Row | None:
        """Return the config key of that name, its secret opened, or None."""
        row = database.execute_sql(f"{_ROW} AND name = ?", [unit.id, *key]).fetchone()
        return None if row is None else _opened([row])[0]

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


def _fetched(unit: Unit) -> Iterator[list[Row]]:
    """Yield the keys as they are stored, by name, as many at once as can be held."""
    found: list[Row] = []
    size = 0
    cursor = database.execute_sql(f"{_ROW} ORDER BY name", [unit.id])
    while some := list(islice(cursor, FETCH_ROWS)):
        found += some
        size += sum(map(len, map(_VALUE, some))) + AROUND_VALUE * len(some)
        if size >= PIECE_BYTES:
            yield found
            found, size = [], 0
    if found:
        yield found


def _unchecked(found: list[Row]) -> list[int]:
    kinds = list(map(_TYPE, found))
    if not any(kind[0] == _UNCHECKED for kind in set(kinds)):
        return []
    return [at for at, kind in enumerate(kinds) if kind[0] == _UNCHECKED]


def _opened(found: list[Row]) -> list[Row]:
    return [row if row[1] in _AS_STORED else _open(*row) for row in found]


def _open(name: str, kind: str, value: Any, description: str) -> Row:
    kind = kind.removeprefix(_UNCHECKED)
    return (name, kind, vault.unseal(value) if kind == "secret" else value, description)
