"""Which table is which section of a backup. This one list drives every verb.

Column names of a section are field names of its model; `ConfigKey` alone keeps one column of the
file in two columns of the table, because secrets are sealed there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

from ..archive import SECTION_BY_NAME, Row, Section
from ..db import by_code_point, database
from ..models import (
    Application,
    Asset,
    ConfigKey,
    Plugin,
    PluginMapping,
    PluginPermission,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    ToolbarItem,
    Unit,
    UnitOwned,
    Workspace,
)
from ..vault import SealedField, vault

BATCH_ROWS = 500
FETCH_ROWS = 20  # at once; together they may have 20 MiB
BATCH_BYTES = 512 << 10  # text held at once, so that memory does not depend on the unit
INSERT_ROWS = 100  # rows of one INSERT; 10 and 1,000 were both slower


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
        query = self.model.of(unit, *self.fields).order_by(*self._order())
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

    def find(self, unit: Unit, key: Sequence[str | int]) -> Row | None:
        """Return the unit's row of *key*, secrets opened, or None."""
        row: Row | None = self._where(self.model.of(unit, *self.fields), key).tuples().first()
        return row

    def _where(self, query: Any, key: Sequence[str | int]) -> Any:
        fields = self.model._meta.fields
        for name, value in zip(self.section.key, key, strict=True):
            query = query.where(fields[name] == value)
        return query

    def _order(self) -> list[Any]:
        fields = self.model._meta.fields
        return [by_code_point(fields[name]) for name in self.section.key]

    def insert(self, unit: Unit, rows: Sequence[Row]) -> None:
        """Insert *rows* of the file for *unit*, secrets sealed."""
        sealed = [at for at, field in enumerate(self.fields) if isinstance(field, SealedField)]
        if sealed:
            rows = [_seal(row, sealed) for row in rows]
        _insert(self.model, unit, self.section.columns, rows)


_VALUE = itemgetter(2)


class KeyTable(Table):
    """The config keys: up to millions, so read and written through the connection's cursor."""

    def batches(self, unit: Unit) -> Iterator[list[Row]]:
        """Yield the unit's config keys by name, secrets opened, in small batches."""
        query = self._of(unit).order_by(*self._order())
        found: list[Row] = []
        size = 0
        cursor = database.execute_sql(*query.sql())
        while some := cursor.fetchmany(FETCH_ROWS):
            found += some
            size += sum(map(len, map(_VALUE, some)))
            if size >= BATCH_BYTES or len(found) >= BATCH_ROWS:
                yield _open_secrets(found)
                found, size = [], 0
        if found:
            yield _open_secrets(found)

    def find(self, unit: Unit, key: Sequence[str | int]) -> Row | None:
        """Return the config key of that name, its secret opened, or None."""
        row = database.execute_sql(*self._where(self._of(unit), key).sql()).fetchone()
        return None if row is None else _open_secrets([row])[0]

    def _of(self, unit: Unit) -> Any:
        return ConfigKey.of(
            unit,
            ConfigKey.name,
            ConfigKey.type,
            ConfigKey.value,
            ConfigKey.description,
            ConfigKey.secret,
        )

    def insert(self, unit: Unit, rows: Sequence[Row]) -> None:
        """Insert config keys; the value of a secret goes into the sealed column alone."""
        _insert(ConfigKey, unit, self.section.columns, [row for row in rows if row[1] != "secret"])
        secrets = [
            (name, kind, "", description, vault.seal(value))
            for name, kind, value, description in rows
            if kind == "secret"
        ]
        _insert(ConfigKey, unit, (*self.section.columns, "secret"), secrets)


TABLES = (
    Table(SECTION_BY_NAME["plugins"], Plugin),
    Table(SECTION_BY_NAME["plugin_permissions"], PluginPermission),
    Table(SECTION_BY_NAME["plugin_mappings"], PluginMapping),
    Table(SECTION_BY_NAME["assets"], Asset),
    Table(SECTION_BY_NAME["workspaces"], Workspace),
    Table(SECTION_BY_NAME["applications"], Application),
    Table(SECTION_BY_NAME["profiles"], Profile),
    Table(SECTION_BY_NAME["profile_workspaces"], ProfileWorkspace),
    Table(SECTION_BY_NAME["profile_roles"], ProfileRole),
    Table(SECTION_BY_NAME["toolbar"], ToolbarItem),
    KeyTable(SECTION_BY_NAME["config_keys"], ConfigKey),
)
TABLE_OF = {table.section.name: table for table in TABLES}

# Plugins first, config key store last, and children always before their parents.
WIPE_ORDER: tuple[type[UnitOwned], ...] = (
    PluginMapping,
    PluginPermission,
    Plugin,
    ToolbarItem,
    ProfileRole,
    ProfileWorkspace,
    Profile,
    Application,
    Workspace,
    Asset,
    ConfigKey,
)


def count_rows(unit: Unit) -> dict[str, int]:
    """Return how many rows of each section *unit* has now."""
    return {table.section.name: table.model.of(unit).count() for table in TABLES}


def _open_secrets(found: list[Row]) -> list[Row]:
    """Return rows of the file for rows whose fifth value is the sealed secret, or NULL."""
    return [
        row[:4] if row[4] is None else (row[0], row[1], vault.unseal(row[4]), row[3])
        for row in found
    ]


def _seal(row: Row, sealed: list[int]) -> Row:
    values = list(row)
    for at in sealed:
        values[at] = vault.seal(values[at])
    return tuple(values)


def _insert(model: type[UnitOwned], unit: Unit, fields: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert many rows of *unit* by one statement for `INSERT_ROWS` of them.

    Peewee's own `insert_many` is about six times slower; the connection and transaction are its.
    """
    quote = "`" if database.quote[0] == "`" else '"'
    names = ["unit", *fields]
    columns = ", ".join(f"{quote}{model._meta.fields[f].column_name}{quote}" for f in names)
    head = f"INSERT INTO {quote}{model._meta.table_name}{quote} ({columns}) VALUES "  # noqa: S608
    # The unit's number stands in the statement: one value less to bind for each row.
    one = f"({int(unit.id)}, " + ", ".join([database.param] * len(fields)) + ")"
    cursor = database.cursor()
    for at in range(0, len(rows), INSERT_ROWS):
        some = rows[at : at + INSERT_ROWS]
        cursor.execute(head + ", ".join([one] * len(some)), list(chain.from_iterable(some)))
