"""The config keys: up to millions, so read and written through the connection's cursor."""

from collections.abc import Iterator, Sequence
from operator import itemgetter

from ..archive import Lines, Row, lines_of
from ..db import database
from ..models import Unit
from ..vault import vault
from .tables import BATCH_BYTES, BATCH_ROWS, Table, insert_rows

FETCH_ROWS = 20  # at once; together they may have 20 MiB
# The value of a secret is in the column `secret`, sealed.
_ROW = (
    "SELECT name, type, coalesce(secret, value), description, checked "
    "FROM config_key WHERE unit_id = ?"
)
_VALUE, _CHECKED = itemgetter(2), itemgetter(4)


class KeyTable(Table):
    """The config keys of a unit."""

    def batches(self, unit: Unit) -> Iterator[list[Row]]:
        """Yield the unit's config keys by name, secrets opened, in small batches."""
        return (list(map(_opened, found)) for found in _fetched(unit))

    def lines(self, unit: Unit) -> Iterator[Lines]:
        """Yield the same as lines; marked are those that were checked when they were written."""
        for found in _fetched(unit):
            rows = list(map(_opened, found))
            yield lines_of(self.section, rows, checked=all(map(_CHECKED, found)))

    def find(self, unit: Unit, key: Sequence[str | int]) -> Row | None:
        """Return the config key of that name, its secret opened, or None."""
        row = database.execute_sql(f"{_ROW} AND name = ?", [unit.id, *key]).fetchone()
        return None if row is None else _opened(row)

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
    while some := cursor.fetchmany(FETCH_ROWS):
        found += some
        size += sum(map(len, map(_VALUE, some)))
        if size >= BATCH_BYTES or len(found) >= BATCH_ROWS:
            yield found
            found, size = [], 0
    if found:
        yield found


def _opened(row: Row) -> Row:
    name, kind, value, description, _ = row
    return (name, kind, vault.unseal(value) if kind == "secret" else value, description)
