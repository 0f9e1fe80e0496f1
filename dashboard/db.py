"""The database handle, its pragmas, and the few words of SQL that differ between engines.

Nothing outside this module may use what only one engine understands.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import peewee
from playhouse.db_url import connect as connect_url

database = peewee.DatabaseProxy()
DatabaseError = peewee.DatabaseError

SQLITE_PRAGMAS = {
    # Before everything else, since it cannot change later. A million config keys load and go a
    # fifth faster than on pages of 4 KiB, and more of a large value fits on its own page.
    "page_size": 16 * 1024,
    "journal_mode": "wal",
    # With NORMAL a power cut loses commits that were already answered with "done".
    "synchronous": "full",
    "foreign_keys": 1,
    "trusted_schema": 0,
    "temp_store": "memory",
    "cache_size": -16 * 1024,  # 16 MiB; a larger cache gave nothing on a million rows
}
BUSY_TIMEOUT_SECONDS = 15


class DatabaseUnusable(Exception):
    """The database cannot be opened or is not ours; the message says what to do."""


class _Sqlite(peewee.SqliteDatabase):
    """SQLite, which ends a transaction by itself when the disk is full or fails."""

    def rollback(self) -> None:
        """Roll back what is still open; else the error that ended it would be hidden by another."""
        if self.connection().in_transaction:  # type: ignore[no-untyped-call]
            super().rollback()


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
        handle: peewee.Database = _Sqlite(
            str(data_dir / "dashboard.db"), pragmas=SQLITE_PRAGMAS, timeout=BUSY_TIMEOUT_SECONDS
        )
    else:
        handle = connect_url(url)
    database.initialize(handle)


def check(*, thorough: bool = False) -> None:
    """Open the database once; raise `DatabaseUnusable` with a way on if it is damaged.

    A disk that is full or a lock that is held is no damage: `OperationalError`, and it passes.
    *thorough* reads every page (about a second for 400 MB): for the start of a server.
    """
    try:
        with database.connection_context():
            if is_sqlite():
                question = "PRAGMA quick_check(1)" if thorough else "PRAGMA schema_version"
                answer = database.execute_sql(question).fetchone()[0]
                if thorough and answer != "ok":
                    raise DatabaseUnusable(_damaged(str(answer)))
            else:
                database.execute_sql("SELECT 1")
    except peewee.OperationalError:
        raise
    except peewee.DatabaseError as error:
        raise DatabaseUnusable(_damaged(str(error))) from None


def create_tables(models: Sequence[type[peewee.Model]]) -> None:
    """Create the missing tables of *models*, in order, in one transaction."""
    with write_transaction():
        database.create_tables(list(models))


def _damaged(reason: str) -> str:
    return (
        f"the database cannot be used ({reason}). Nothing was changed. Restore the data directory "
        "from a copy, or move it away and import your units' backups into a new installation."
    )


def is_sqlite() -> bool:
    """Return whether the bound engine is SQLite."""
    return isinstance(database.obj, peewee.SqliteDatabase)


@contextmanager
def write_transaction() -> Iterator[None]:
    """Hold the write lock from the first statement on, commit at the end, roll back on error."""
    # SQLite: a transaction that reads first and writes later can fail half way as "busy".
    with database.atomic("IMMEDIATE") if is_sqlite() else database.atomic():
        yield


@contextmanager
def read_snapshot() -> Iterator[None]:
    """See one state of the database for as long as the block lasts, whatever others write."""
    with database.atomic():
        if not is_sqlite():
            database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def by_code_point(field: peewee.Field) -> Any:
    """Return *field* as an ordering by Unicode code point, whatever the database's collation."""
    if is_sqlite() or not isinstance(field, peewee.CharField | peewee.TextField):
        return field  # SQLite compares UTF-8 bytes, which is code point order
    return peewee.NodeList((field, peewee.SQL('COLLATE "C"')))


def broken_references() -> list[str]:
    """Return the tables with rows whose parent is missing, inside the open transaction."""
    if not is_sqlite():
        return []  # checked by the engine as the rows come in
    rows = database.execute_sql("PRAGMA foreign_key_check").fetchmany(100)
    return sorted({str(row[0]) for row in rows})


def tidy() -> None:
    """Give back what a large transaction left behind: SQLite's write-ahead log."""
    if is_sqlite():
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
