"""The database handle, its pragmas, and the few words of SQL that differ between engines.

Nothing outside this module may use what only one engine understands.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import peewee
from playhouse.apsw_ext import APSWDatabase
from playhouse.db_url import connect as connect_url
from playhouse.db_url import register_database

database = peewee.DatabaseProxy()
DatabaseError = peewee.DatabaseError
OperationalError = peewee.OperationalError  # the situation, not the file: locked, full, failing

SQLITE_PRAGMAS = {
    # Before everything else, since it cannot change later. A million config keys load and go a
    # fifth faster than on pages of 4 KiB, and more of a large value fits on its own page.
    "page_size": 16 * 1024,
    "journal_mode": "wal",
    # With NORMAL a power cut loses commits that were already answered with "done".
    "synchronous": "full",
    "foreign_keys": 1,
    "trusted_schema": 0,
    # What is deleted or replaced is overwritten with zeros. The default depends on who built
    # SQLite. An import into a unit of 100,000 keys took no longer with it.
    "secure_delete": 1,
    "temp_store": "memory",
    "cache_size": -16 * 1024,  # 16 MiB; a larger cache gave nothing on a million rows
}
BUSY_TIMEOUT_SECONDS = 15
# APSW brings its own SQLite, the same everywhere: that of many a distribution can damage a file in
# WAL mode (https://sqlite.org/wal.html#walresetbug, mended in 3.51.3). It also reads a million rows
# in seven tenths of the time of Python's `sqlite3`. Never both: two copies of SQLite in one process
# undo each other's locks (https://sqlite.org/howtocorrupt.html#posix_close_bug).
register_database(APSWDatabase, "sqlite")
FILE_NAME = "dashboard.db"  # of the SQLite file in the data directory; its log is beside it


class DatabaseUnusable(Exception):
    """The database cannot be opened or is not ours; the message says what to do."""


class DatabaseBusy(peewee.OperationalError):
    """Others held the write lock for longer than somebody wanted to wait."""


class BaseModel(peewee.Model):
    """A table of this program."""

    class Meta:
        database = database
        legacy_table_names = False


class NumberedModel(BaseModel):
    """A table whose rows are known by a number that means nothing outside this database."""

    id = peewee.AutoField()


def bind(url: str, data_dir: Path) -> None:
    """Point `database` at *url*, or at the SQLite file of *data_dir* when *url* is empty."""
    if url == "":
        handle: peewee.Database = APSWDatabase(
            str(data_dir / FILE_NAME), pragmas=SQLITE_PRAGMAS, timeout=BUSY_TIMEOUT_SECONDS
        )
    else:
        handle = connect_url(url)
    database.initialize(handle)


def size(data_dir: Path) -> int:
    """Return how many bytes the SQLite file of *data_dir* has, with its log."""
    return sum(file.stat().st_size for file in data_dir.glob(f"{FILE_NAME}*"))


def check(*, thorough: bool = False) -> list[str]:
    """Return the tables of the database; raise `DatabaseUnusable` with a way on if it is damaged.

    A disk that is full or a lock that is held is no damage: `OperationalError`, and it passes.
    Nothing is written. *thorough* reads every page (about a second for 400 MB): for the start of a
    server.
    """
    try:
        if is_sqlite():
            return _check_sqlite(thorough=thorough)
        with database.connection_context():
            return list(database.get_tables())
    except peewee.OperationalError:
        raise
    except peewee.DatabaseError as error:
        raise DatabaseUnusable(damaged(str(error))) from None


def _check_sqlite(*, thorough: bool) -> list[str]:
    # Without our pragmas: to set WAL mode would write into a file that may not be ours.
    plain = APSWDatabase(database.obj.database, timeout=BUSY_TIMEOUT_SECONDS)
    with plain.connection_context():
        question = "PRAGMA quick_check(1)" if thorough else "PRAGMA schema_version"
        answer = plain.execute_sql(question).fetchone()[0]
        if thorough and answer != "ok":
            raise DatabaseUnusable(damaged(str(answer)))
        return [name for (name,) in plain.execute_sql("SELECT name FROM sqlite_master")]


def create_tables(models: Sequence[type[peewee.Model]]) -> None:
    """Create the missing tables of *models*, in order, in one transaction.

    A model whose Meta says `append_only` gets a table that refuses UPDATE, DELETE, and an INSERT
    before or in the place of what is there. One that names a `proof_field` gets a table that sets
    this field to false in a row of which any other column is written.
    """
    with write_transaction():
        database.create_tables(list(models))
        for model in models if is_sqlite() else ():
            if getattr(model._meta, "append_only", False):
                _refuse_changes(model._meta.table_name)
            if proof := getattr(model._meta, "proof_field", ""):
                _withdraw_on_change(model, proof)


def add_column(field: peewee.Field) -> None:
    """Add the column of *field*, which has a default in the database, to a table that has rows."""
    table = peewee.Entity(field.model._meta.table_name)
    context = database.get_sql_context().literal("ALTER TABLE ").sql(table).literal(" ADD COLUMN ")
    database.execute_sql(context.sql(field.ddl(context)).query()[0])


def _refuse_changes(table: str) -> None:
    # A REPLACE deletes without asking the trigger on DELETE; the one on INSERT comes first.
    before = f"NEW.id <= (SELECT MAX(id) FROM {table})"  # noqa: S608 - a name of our own
    for event, condition in (("UPDATE", "1"), ("DELETE", "1"), ("INSERT", before)):
        database.execute_sql(
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{event.lower()} BEFORE {event} ON {table} "
            f"WHEN {condition} BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _withdraw_on_change(model: type[peewee.Model], proof: str) -> None:
    table, flag = model._meta.table_name, model._meta.fields[proof].column_name
    others = ", ".join(name for name in model._meta.columns if name != flag)
    keys = model._meta.get_primary_keys()  # type: ignore[no-untyped-call]
    same_row = " AND ".join(f"{key.column_name} = NEW.{key.column_name}" for key in keys)
    withdraw = f"UPDATE {table} SET {flag} = 0 WHERE {same_row}"  # noqa: S608 - names of our own
    database.execute_sql(
        f"CREATE TRIGGER IF NOT EXISTS {table}_changed AFTER UPDATE OF {others} ON {table} "
        f"WHEN NEW.{flag} BEGIN {withdraw}; END"
    )


def damaged(reason: str) -> str:
    """Return what to say of a database that cannot be read for *reason*."""
    return (
        f"the database cannot be used ({reason}). Nothing was changed. Restore the data directory "
        "from a copy, or move it away and import your units' backups into a new installation."
    )


def is_sqlite() -> bool:
    """Return whether the bound engine is SQLite."""
    return isinstance(database.obj, peewee.SqliteDatabase)


@contextmanager
def write_transaction(*, wait_seconds: float | None = None) -> Iterator[None]:
    """Hold the write lock from the first statement on, commit at the end, roll back on error.

    Raise `DatabaseBusy` if others hold it for *wait_seconds* (else for `BUSY_TIMEOUT_SECONDS`).
    """
    with ExitStack() as stack:
        with _patience(wait_seconds):
            # SQLite: a transaction that reads first and writes later can fail half way as "busy".
            atomic = database.atomic("IMMEDIATE") if is_sqlite() else database.atomic()
            stack.enter_context(atomic)
        yield


@contextmanager
def _patience(wait_seconds: float | None) -> Iterator[None]:
    """Wait for the write lock for so long, inside the block."""
    is_other = wait_seconds is not None and is_sqlite() and not database.in_transaction()
    try:
        if is_other:
            _set_patience(wait_seconds or 0)
        yield
    except peewee.OperationalError as error:
        if not is_locked(error):
            raise
        raise DatabaseBusy(*error.args) from None
    finally:
        if is_other:
            _set_patience(BUSY_TIMEOUT_SECONDS)


def _set_patience(seconds: float) -> None:
    database.execute_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


def is_locked(error: peewee.OperationalError) -> bool:
    """Return whether the database only waited for others in vain."""
    return "locked" in str(error)


def is_full(error: peewee.OperationalError) -> bool:
    """Return whether there is no room for the database to grow."""
    return "is full" in str(error)


@contextmanager
def read_snapshot() -> Iterator[None]:
    """See one state of the database for as long as the block lasts, whatever others write."""
    with database.atomic():
        if not is_sqlite():
            database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def stored_rows(query: peewee.Select) -> list[Any]:
    """Return the rows of *query* just as they are stored, past what the models make of a value.

    What is stored as text and is none comes as bytes.
    """
    try:
        return list(database.execute(query).fetchall())
    except UnicodeDecodeError:  # by the driver
        rows = database.execute(_with_types(query)).fetchall()
        return [tuple(map(_as_stored, row[::2], row[1::2])) for row in rows]


def _with_types(query: peewee.Select) -> peewee.Select:
    """Return *query* with the stored type of each column before it, and text as its bytes."""
    columns: list[Any] = []
    for column in query._returning:  # type: ignore[attr-defined]
        kind = peewee.fn.TYPEOF(column)
        columns += [kind, peewee.Case(None, [(kind == "text", column.cast("BLOB"))], column)]
    return query.columns(*columns)


def _as_stored(kind: str, value: Any) -> Any:
    if kind != "text":
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def as_json(columns: Sequence[str]) -> str:
    """Return SQL for a JSON array of *columns*, which hold text.

    SQLite spells it as `msgspec` does (tests/backup/test_key_lines.py); others put blanks in.
    """
    return f"json_array({', '.join(columns)})"


def by_code_point(field: peewee.Field) -> Any:
    """Return *field* as an ordering by Unicode code point, whatever the database's collation."""
    if is_sqlite() or not isinstance(field, peewee.CharField | peewee.TextField):
        return field  # SQLite compares UTF-8 bytes, which is code point order
    return peewee.NodeList((field, peewee.SQL('COLLATE "C"')))


def broken_references() -> list[str]:
    """Return the tables with rows whose parent is missing, inside the open transaction."""
    if not is_sqlite():
        return []  # checked by the engine as the rows come in
    rows = database.execute_sql("PRAGMA foreign_key_check")
    return sorted({str(row[0]) for row in islice(rows, 100)})


def tidy() -> None:
    """Give back what a large transaction left behind: SQLite's write-ahead log."""
    if is_sqlite():
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
