"""A database of an earlier version: brought up in place, whole, or left exactly as it was."""

import shutil
import threading
from pathlib import Path

import pytest

from dashboard import create_app, db, upgrades
from dashboard.installation import InstallationUnusable, open_installation
from dashboard.models import ALL_TABLES, AuditEvent, Installation, Invite, Role, Unit, User, chain
from dashboard.models.invites import accept_as_new, invite
from dashboard.models.people import is_password
from tests import factories, sqlite

# Made by the last program that knew the version: a full unit, an admin, a reader, two events; and
# since 3 an invite and somebody who is logged in.
OLD = Path(__file__).parent / "installations"


def installation(settings, version):
    """Return the data directory of an installation of *version*."""
    data = settings.data_dir
    data.mkdir(mode=0o700)
    shutil.copy(OLD / f"schema-{version}.key", data / "server.key")
    (data / "server.key").chmod(0o600)
    sqlite.execute(data, "PRAGMA page_size = 16384")
    sqlite.execute(data, (OLD / f"schema-{version}.sql").read_text())
    return data


@pytest.fixture(params=[2, 3])
def data(settings, request):
    return installation(settings, request.param)


def schema(data):
    with sqlite.opened(data) as database:
        rows = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return sorted((kind, name, sql or "") for kind, name, sql in rows)


def dump(data):
    return schema(data), sqlite.everything(data)


def set_schema(data, number):
    sqlite.execute(data, f"UPDATE installation SET schema = {number}")


def test_a_version_before_becomes_4_and_keeps_everything_but_sessions(data, settings):
    before = sqlite.everything(data)
    create_app(settings)
    after = sqlite.everything(data)
    with db.database.connection_context():
        assert Installation.get().schema == upgrades.SCHEMA == 4
        alice = User.get(User.email == "alice@harbour.example")
        assert is_password(alice, factories.PASSWORD)
        assert chain.verify().fault is None
        assert AuditEvent.select().count() == 2
    assert after.pop("session") == []
    del before["session"]
    before["installation"][0]["schema"] = 4
    for table, old in before.items():
        columns = old[0] if old else {}
        assert [{name: row[name] for name in columns} for row in after[table]] == old, table
    new = {table for table in after if after[table]} - {table for table in before if before[table]}
    assert new == set()
    assert [unit["admins_need_second_factor"] for unit in after["unit"]] == [0]


def test_an_upgraded_database_has_the_tables_of_a_new_one(data, settings, tmp_path):
    create_app(settings)
    open_installation(tmp_path / "new")
    db.database.close()

    assert schema(data) == schema(tmp_path / "new")
    assert {name for kind, name, _ in schema(data) if kind == "table"} >= {
        model._meta.table_name for model in ALL_TABLES
    }


def test_what_the_new_version_brings_works(data, settings):
    create_app(settings)
    with db.database.connection_context():
        unit, alice = Unit.get(), User.get(User.email == "alice@harbour.example")
        _, token = invite(unit, "new@harbour.example", Role.USER, by=alice)
        accept_as_new(token, "New", "a long enough password")
        assert Invite.select().count() == 0


def test_it_is_done_once(data, settings):
    create_app(settings)
    before = dump(data)
    create_app(settings)
    assert dump(data) == before


@pytest.mark.parametrize("number", [0, 1, 5, 99])
def test_other_versions_are_refused_and_left_as_they_are(data, settings, number):
    set_schema(data, number)
    before = dump(data)
    with pytest.raises(InstallationUnusable, match="Use the version that made it"):
        create_app(settings)
    assert dump(data) == before


def test_a_step_that_fails_leaves_the_old_version(data, settings, monkeypatch):
    before, honest = dump(data), upgrades.STEPS[3]

    def half():
        honest()
        raise db.DatabaseError("the disk was torn out")

    monkeypatch.setitem(upgrades.STEPS, 3, half)
    with pytest.raises(InstallationUnusable):
        create_app(settings)
    assert dump(data) == before


def test_a_foreign_key_is_refused_before_anything_is_upgraded(data, settings, tmp_path):
    open_installation(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "server.key", data / "server.key")
    before = dump(data)
    with pytest.raises(InstallationUnusable, match="Put the right one back"):
        create_app(settings)
    assert dump(data) == before


def test_two_programs_that_start_at_once_upgrade_once(settings, monkeypatch):
    db.bind("", installation(settings, 3))  # both threads come with the old number
    steps, honest, together = [], upgrades.STEPS[3], threading.Barrier(2)

    def step():
        steps.append(1)
        honest()

    def start():
        with db.database.connection_context():
            together.wait(10)
            upgrades.upgrade(3)

    monkeypatch.setitem(upgrades.STEPS, 3, step)
    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert steps == [1]
    with db.database.connection_context():
        assert Installation.get().schema == 4
