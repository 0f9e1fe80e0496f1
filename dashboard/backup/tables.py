"""How the rows of one section are read from their table, and written to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from ..archive import Lines, Row, Section, lines_of
from ..db import by_code_point, database
from ..models import Unit, UnitOwned
from ..vault import SealedField, vault

BATCH_ROWS = 500
BATCH_BYTES = 512 << 10  # text held at once, so that memory does not depend on the unit
INSERT_ROWS = 100  # rows of one INSERT; 10 and 1,000 were both slower
NO_LINE = b"\n"  # equal to no line of a file, not even an empty one


class Group(NamedTuple):
    """Some rows of a unit for a comparison, and the line that each is in a file.

    What stands for a row begins with its key; `Table.row` makes the row of it. The line is
    `NO_LINE` where no rule was asked about the row as it is now.
    """

    rows: Sequence[Row]
    lines: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Table:
    """A section of the file and the table its rows live in."""

    section: Section
    model: type[UnitOwned]

    @property
    def fields(self) -> list[Any]:
        """Return the model's fields in the order of the section's columns."""
        return [self.model._meta.fields[name] for name in self.section.columns]

    def batches(self, unit: Unit) -> Iterator[list[Row]]:
        """Yield the unit's rows in the order of the file, secrets opened, in small batches."""
        query = self.model.of(unit, *self.fields).order_by(*self.order())
        found: list[Row] = []
        size = 0
        for row in query.tuples().iterator():
            found.append(row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if size >= BATCH_BYTES or len(found) == BATCH_ROWS:
                yield found
                found, size = [], 0
        if found:
            yield found

    def groups(self, unit: Unit) -> Iterator[Group]:
        """Yield the same for a comparison."""
        return (Group(rows, [NO_LINE] * len(rows)) for rows in self.batches(unit))

    def row(self, grouped: Row) -> Row:
        """Return the row that *grouped* stands for in a `Group`."""
        return grouped

    def lines(self, unit: Unit) -> Iterator[Lines]:
        """Yield the same as the lines they are in the file."""
        return (lines_of(self.section, rows) for rows in self.batches(unit))

    def find(self, unit: Unit, key: Sequence[str | int]) -> Row | None:
        """Return the unit's row of *key*, secrets opened, or None."""
        row: Row | None = self.where(self.model.of(unit, *self.fields), key).tuples().first()
        return row

    def where(self, query: Any, key: Sequence[str | int]) -> Any:
        """Return *query* for the row of *key* alone."""
        fields = self.model._meta.fields
        for name, value in zip(self.section.key, key, strict=True):
            query = query.where(fields[name] == value)
        return query

    def order(self) -> list[Any]:
        """Return what a query is to be ordered by to give rows in the order of the file."""
        fields = self.model._meta.fields
        return [by_code_point(fields[name]) for name in self.section.key]

    def insert(self, unit: Unit, rows: Sequence[Row]) -> None:
        """Insert *rows* of the file for *unit*, secrets sealed."""
        sealed = [at for at, field in enumerate(self.fields) if isinstance(field, SealedField)]
        if sealed:
            rows = [_seal(row, sealed) for row in rows]
        insert_rows(self.model, unit, self.section.columns, rows)


def _seal(row: Row, sealed: list[int]) -> Row:
    values = list(row)
    for at in sealed:
        values[at] = vault.seal(values[at])
    return tuple(values)


def insert_rows(
    model: type[UnitOwned], unit: Unit, fields: Sequence[str], rows: Sequence[Row], **same: int
) -> None:
    """Insert many rows of *unit* by one statement for `INSERT_ROWS` of them.

    Peewee's own `insert_many` is about six times slower; the connection and transaction are its.
    """
    quote = "`" if database.quote[0] == "`" else '"'
    # What is the same in every row stands in the statement: so much less to bind for each.
    same = {"unit": int(unit.id), **same}
    columns = ", ".join(
        f"{quote}{model._meta.fields[name].column_name}{quote}" for name in (*same, *fields)
    )
    head = f"INSERT INTO {quote}{model._meta.table_name}{quote} ({columns}) VALUES "  # noqa: S608
    one = f"({', '.join([*map(str, same.values()), *[database.param] * len(fields)])})"
    cursor = database.cursor()
    for at in range(0, len(rows), INSERT_ROWS):
        some = rows[at : at + INSERT_ROWS]
        cursor.execute(head + ", ".join([one] * len(some)), list(chain.from_iterable(some)))
