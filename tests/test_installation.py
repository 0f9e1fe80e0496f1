"""A start on a damaged data directory: refused with a way on, nothing written, never begun anew."""

import os

import pytest

from dashboard import create_app, db
from dashboard.installation import InstallationUnusable, open_installation
from dashboard.models import Unit
from tests import factories, sqlite


@pytest.fixture
def data(tmp_path):
    """The data directory of a stopped server with a unit in it."""
    data = tmp_path / "data"
    open_installation(data)
    with db.database.connection_context():
        factories.make_full_unit("daily", "Harbour Daily", keys=400)
    return data


def contents(data):
    return {path.name: path.read_bytes() for path in data.iterdir() if path.is_file()}


def truncate(data):
    os.truncate(data / "dashboard.db", (data / "dashboard.db").stat().st_size // 2)


def cut_within_the_first_page(data):
    os.truncate(data / "dashboard.db", 50)


def empty(data):
    os.truncate(data / "dashboard.db", 0)


def empty_and_lose_the_key(data):
    empty(data)
    (data / "server.key").unlink()


def garbage(data):
    (data / "dashboard.db").write_bytes(b"garbage garbage garbage " * 5000)


def garble_the_middle(data):
    with (data / "dashboard.db").open("r+b") as file:
        file.seek((data / "dashboard.db").stat().st_size // 2)
        file.write(os.urandom(40_000))


def another_programs_database(data):
    (data / "dashboard.db").unlink()
    sqlite.execute(data, "CREATE TABLE bookmarks (address TEXT)")


def another_programs_database_without_a_key(data):
    another_programs_database(data)
    (data / "server.key").unlink()


def lose_the_database(data):
    (data / "dashboard.db").unlink()


def lose_the_key(data):
    (data / "server.key").unlink()


def foreign_key(data):
    open_installation(data.with_name("other"))
    (data / "server.key").write_bytes((data.with_name("other") / "server.key").read_bytes())


def garbage_key(data):
    (data / "server.key").write_bytes(b"\xff\x00 not a key")


def empty_key(data):
    (data / "server.key").write_bytes(b"")


def misspelled_key(data):
    text = (data / "server.key").read_text()
    other = "A" if text[20] != "A" else "B"
    (data / "server.key").write_text(text[:20] + other + text[21:])


def lose_the_record(data):
    sqlite.execute(data, "DELETE FROM installation")


def another_version(data):
    sqlite.execute(data, "UPDATE installation SET schema = schema + 1")


DAMAGES = {
    truncate: "Restore the data directory",
    cut_within_the_first_page: "Restore the data directory",
    empty: "there but empty",
    empty_and_lose_the_key: "there but empty",
    garbage: "Restore the data directory",
    garble_the_middle: "Restore the data directory",
    another_programs_database: "not one of this program",
    another_programs_database_without_a_key: "not one of this program",
    lose_the_database: "Put the database back",
    lose_the_key: "Put it back",
    foreign_key: "Put the right one back",
    garbage_key: "server.key",
    empty_key: "Put it back",
    misspelled_key: "Put it back",
    lose_the_record: "Restore the data directory",
    another_version: "Use the version that made it",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_installation_is_refused_and_left_as_it_is(data, settings, damage):
    damage(data)
    before = contents(data)
    with pytest.raises(InstallationUnusable, match=DAMAGES[damage]):
        create_app(settings)
    after = contents(data)
    assert {name: after[name] for name in before} == before
    # SQLite may have looked for these; a key or a database was not made.
    assert set(after) - set(before) <= {"dashboard.db-wal", "dashboard.db-shm"}


def test_a_key_that_others_may_read_is_closed_again(data, settings):
    (data / "server.key").chmod(0o644)
    data.chmod(0o755)
    create_app(settings)
    assert (data / "server.key").stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o777 == 0o700


def test_what_is_whole_starts(data, settings):
    create_app(settings)
    with db.database.connection_context():
        assert Unit.select().count() == 1
