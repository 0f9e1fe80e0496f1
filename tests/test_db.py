"""The database handle, where it differs from Peewee's."""

import traceback

import apsw
import peewee
import pytest

from dashboard import db
from dashboard.models import ConfigKey
from tests import factories


def test_the_error_after_which_sqlite_has_rolled_back_by_itself_is_the_one_that_is_told(folders):
    """As it does when the disk is full: a second ROLLBACK would fail, and hide that."""
    factories.make_organisation()

    def fail():
        with db.write_transaction():
            factories.make_unit()
            db.database.execute_sql("ROLLBACK")
            raise ValueError("full")

    with pytest.raises(ValueError, match="full"):
        fail()
    assert not db.database.in_transaction()
    factories.make_unit()  # which the failed transaction did not leave


@pytest.mark.parametrize(("overwrites", "remains"), [(1, False), (0, True)])
def test_what_is_deleted_is_overwritten(folders, settings, monkeypatch, overwrites, remains):
    """Whatever the SQLite at hand does by itself. The second case: the search finds it."""
    db.database.close()
    monkeypatch.setitem(db.SQLITE_PRAGMAS, "secure_delete", overwrites)
    db.bind("", settings.data_dir)
    file, mark = settings.data_dir / "dashboard.db", "a-value-of-before"
    with db.database.connection_context():
        unit = factories.make_unit()
        values = {"small": mark, "large": mark * 10_000}
        for name, value in values.items():
            ConfigKey.create(unit=unit, name=name, type="string", value=value)
    assert mark.encode() in file.read_bytes()
    with db.database.connection_context():
        ConfigKey.delete().execute()
    assert (mark.encode() in file.read_bytes()) is remains
    assert list(settings.data_dir.glob("dashboard.db-*")) == []


@pytest.mark.parametrize("wrong", [{"name": "taken"}, {"type": None}, {"unit": 99}, {"value": {}}])
def test_an_error_of_the_database_tells_no_value(folders, wrong):
    """It goes into the log. The parameters of its statement would be secrets, sealed or not."""
    unit = factories.make_unit()
    good = {"unit": unit, "name": "taken", "type": "string", "value": "v", "description": ""}
    ConfigKey.create(**good)
    hush = {"name": "new", "value": "hush-value", "secret": "hush-secret", "description": "hush"}
    with pytest.raises((peewee.PeeweeException, apsw.Error)) as caught:
        ConfigKey.create(**{**good, **hush, **wrong})
    said = "".join(traceback.format_exception(caught.value))
    assert "hush-" not in said


def test_sqlite_is_one_that_cannot_damage_a_file_in_wal_mode(folders):
    """https://sqlite.org/wal.html#walresetbug: up to 3.51.2, with two connections that write."""
    (version,) = db.database.execute_sql("SELECT sqlite_version()").fetchone()
    assert tuple(map(int, version.split("."))) >= (3, 51, 3)


def test_there_is_one_copy_of_sqlite(folders, tmp_path):
    """However it is named: a second one would undo the locks of the first."""
    db.database.close()
    db.bind(f"sqlite:///{tmp_path}/other.db", folders.data)
    with db.database.connection_context():
        assert isinstance(db.database.connection(), apsw.Connection)
