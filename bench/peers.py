"""Other tools on the same rows: what a careful operator would type instead.

    dump     sqlite3 .dump | zstd -3 | age -r KEY        age -d | zstd -d | sqlite3 new.db
    restic   the same dump on standard input, into a new repository
    django   loaddata of a fixture with the same config keys (`loaddata.py`)

`peer.db` holds the rows of one unit and nothing else, in tables made by the same statements, so the
dump has no more to do than we have. What each of them does not do is in README.md.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from shlex import quote

from . import stopwatch
from .stopwatch import Sample

TOOLS = {
    "sqlite3": ("sqlite3", "--version"),
    "zstd": ("zstd", "--version"),
    "age": ("age", "--version"),
    "restic": ("restic", "version"),
}
DUMP_NEEDS = ("sqlite3", "zstd", "age")
RESTIC_NEEDS = ("sqlite3", "restic")
# Tables that have a unit_id and yet are not what a backup of the unit holds.
_NOT_STATE = {"membership", "backup_run", "import_ticket", "safety_copy", "audit_event"}
_RESTIC = {"RESTIC_PASSWORD": "made up", "RESTIC_PROGRESS_FPS": "0.01"}
_FULL = "-cmd 'PRAGMA synchronous=FULL'"


def versions() -> dict[str, str]:
    """Return {tool: version} of the peers that are installed."""
    found = {}
    for tool, command in TOOLS.items():
        if shutil.which(tool):
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            words = text.replace(",", " ").split()
            found[tool] = next(word for word in words if word.lstrip("v")[:1].isdigit()).lstrip("v")
    for path in django_folder().glob("[dD]jango-*.dist-info"):
        found["django"] = path.name.split("-")[1].removesuffix(".dist")
    return found


def django_folder() -> Path:
    """Return where `make bench` installs Django, apart from what the product needs."""
    return Path(sys.prefix) / "bench"


def state_tables(database: sqlite3.Connection) -> dict[str, str]:
    """Return {name: statement} of every table that holds the state of units."""
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid"
    return {
        name: sql
        for name, sql in database.execute(query).fetchall()
        if name not in _NOT_STATE
        and "unit_id" in {row[1] for row in database.execute(f'PRAGMA table_info("{name}")')}
    }


def statement(source: Path, table: str) -> str:
    """Return the statement that made *table* in *source*."""
    with closing(sqlite3.connect(source)) as database:
        query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
        return str(database.execute(query, [table]).fetchone()[0])


def make_database(source: Path, target: Path, slug: str) -> int:
    """Copy the rows of the unit *slug* to a new database *target*; return how many they are."""
    with closing(sqlite3.connect(source)) as full:
        tables = state_tables(full)
        query = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        indexes = [
            (sql,)
            for name in tables
            for (sql,) in full.execute(f"{query} AND tbl_name = ?", [name])
        ]
        (unit,) = full.execute("SELECT id FROM unit WHERE slug = ?", [slug]).fetchone()
    with closing(sqlite3.connect(target, isolation_level=None)) as database:
        database.execute("ATTACH ? AS full", [str(source)])
        database.execute("BEGIN")
        for name, sql in tables.items():
            database.execute(sql)
            select = f'SELECT * FROM full."{name}" WHERE unit_id = ?'  # noqa: S608
            database.execute(f'INSERT INTO main."{name}" {select}', [unit])
        for (sql,) in indexes:
            database.execute(sql)
        database.execute("COMMIT")
        return count_rows(database)


def change_some_keys(path: Path, slug: str) -> None:
    """Change, remove and add some of the made-up config keys (`DEMO.AAAAA.…`) of the unit *slug*.

    Four in a hundred are changed; one or two in a thousand go, and as many come.
    """
    with closing(sqlite3.connect(path)) as database, database:
        (unit,) = database.execute("SELECT id FROM unit WHERE slug = ?", [slug]).fetchone()
        columns = "type, value, secret, description, checked"
        insert = f"INSERT INTO config_key (unit_id, name, {columns})"
        for act, letters in (
            ("UPDATE config_key SET description = description || '!'", "_B"),
            ("DELETE FROM config_key", "AA"),
            (f"{insert} SELECT unit_id, name || '.NEW', {columns} FROM config_key", "AC"),  # noqa: S608
        ):
            where = "WHERE unit_id = ? AND name LIKE ?"
            database.execute(f"{act} {where}", [unit, f"DEMO.___{letters}.%"])


def count_rows(database: sqlite3.Connection) -> int:
    """Return the number of rows of the state in *database*."""
    names = state_tables(database)
    query = "SELECT count(*) FROM main."
    return sum(database.execute(f'{query}"{name}"').fetchone()[0] for name in names)


class Dump:
    """The pipe of sqlite3, zstd and age; `peer.db` is in *folder*."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._rows = rows
        self._database = quote(str(folder / "peer.db"))
        self._new = folder / "new.db"
        self._key, self._out = folder / "age.key", folder / "peer.age"
        self._key.unlink(missing_ok=True)
        subprocess.run(["age-keygen", "-o", self._key], check=True, capture_output=True)
        self._public = self._key.read_text().split("public key: ")[1].split()[0]

    def export(self) -> Sample:
        """Dump, compress, encrypt, and flush the file to disk as ours is."""
        self._out.unlink(missing_ok=True)
        out = quote(str(self._out))
        return stopwatch.run(
            f"sqlite3 {self._database} .dump | zstd -q -3 | age -r {self._public} -o {out}"
            f" && sync {out}"
        )

    def load(self) -> Sample:
        """Decrypt, unpack, and load into a new database file."""
        self._new.unlink(missing_ok=True)
        key, out = quote(str(self._key)), quote(str(self._out))
        sample = stopwatch.run(
            f"age -d -i {key} {out} | zstd -dq | sqlite3 {_FULL} {quote(str(self._new))}"
        )
        with closing(sqlite3.connect(self._new)) as database:
            assert count_rows(database) == self._rows
        self._new.unlink()
        return sample

    @property
    def file_bytes(self) -> int:
        """Return the size of the file that `export` made last."""
        return self._out.stat().st_size


class Restic:
    """restic, with a new repository each time; `peer.db` is in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._database = quote(str(folder / "peer.db"))
        self._repository = folder / "restic"
        self._command = f"restic -q --no-cache -r {quote(str(self._repository))}"

    def export(self) -> Sample:
        """Back up the dump; making the empty repository before is not in the time."""
        shutil.rmtree(self._repository, ignore_errors=True)
        stopwatch.run(f"{self._command} init", env=_RESTIC)
        return stopwatch.run(
            f"sqlite3 {self._database} .dump | {self._command} backup --stdin", env=_RESTIC
        )

    def open(self) -> Sample:
        """Only open the repository: process start and key derivation."""
        return stopwatch.run(f"{self._command} cat config", env=_RESTIC)

    @property
    def file_bytes(self) -> int:
        """Return the size of the repository."""
        return sum(path.stat().st_size for path in self._repository.rglob("*") if path.is_file())


class Django:
    """`loaddata` of config keys into a new database; the fixture is in *folder*."""

    def __init__(self, folder: Path, payload: Path) -> None:
        self._database, self._fixture = folder / "django.db", folder / "keys.jsonl"
        self._rows = _write_fixture(payload, self._fixture)

    def load(self) -> Sample:
        """Make the table, then time `loaddata` alone, in process."""
        self._database.unlink(missing_ok=True)
        files = (str(self._database), str(self._fixture))
        words = [sys.executable, "-m", "bench.loaddata", *files]
        sample = stopwatch.run(words, env={"PYTHONPATH": str(django_folder())}, told=True)
        assert sample.told["rows"] == self._rows
        self._database.unlink()
        return sample


def _write_fixture(payload: Path, fixture: Path) -> int:
    """Turn the config keys of a decrypted backup into a fixture; return how many they are."""
    with payload.open(encoding="utf-8") as lines, fixture.open("w", encoding="utf-8") as sink:
        heads = json.loads(next(lines))["sections"]
        for _ in range(sum(head["count"] for head in heads[:-1])):
            next(lines)
        for _ in range(heads[-1]["count"]):
            fields = dict(zip(heads[-1]["columns"], json.loads(next(lines)), strict=True))
            item = {"model": "peer.configkey", "fields": {"unit": 1} | fields}
            sink.write(json.dumps(item) + "\n")
    return int(heads[-1]["count"])
