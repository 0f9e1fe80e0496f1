"""Another connection to the database of the product, as a shell or another program would have it.

By the SQLite that the product uses. A second copy of SQLite in one process would undo the locks of
the first: the system forgets all of a file as soon as any descriptor of it is closed
(https://sqlite.org/howtocorrupt.html#posix_close_bug).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

FILE_NAME = "dashboard.db"


@contextmanager
def opened(folder: Path, *, wait_seconds: float = 5) -> Iterator[apsw.Connection]:
    """Yield a connection to the database in *folder*; each statement is a transaction."""
    connection = apsw.Connection(str(folder / FILE_NAME))
    try:
        connection.set_busy_timeout(int(wait_seconds * 1000))
        yield connection
    finally:
        connection.close(True)


def execute(folder: Path, statements: str) -> None:
    """Execute *statements* in the database of *folder*."""
    with opened(folder) as connection:
        connection.execute(statements)


def everything(folder: Path) -> dict[str, list[dict[str, object]]]:
    """Return every row of every table, as column -> value."""
    with opened(folder) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name: rows_of(connection, name) for (name,) in tables}


def rows_of(connection: apsw.Connection, table: str) -> list[dict[str, object]]:
    """Return the rows of *table*, as column -> value."""
    columns = [
        name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", [table])
    ]
    rows = connection.execute(f'SELECT * FROM "{table}"')
    return [dict(zip(columns, row, strict=True)) for row in rows]
