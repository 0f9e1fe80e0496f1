"""`doctor`: each thing that can be wrong is found, said with what to do, and nothing is changed."""

import hashlib
import json
import os
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from dashboard import cli as door
from dashboard import db
from dashboard.cli import checkup
from dashboard.models import BackupRun, Installation, SafetyCopy
from tests import factories, needs, sqlite
from tests.backup.conftest import bring_in, engine, make_backup
from tests.test_cli_audit import drop_triggers, run

__all__ = ["bring_in", "engine", "make_backup", "run"]


@pytest.fixture
def found(run):
    """`found(code)`: run it; return {subject: (health, message)}."""

    def look(code=0):
        told = json.loads(run("doctor", "--json", code=code).stdout)
        return {line["subject"]: (line["health"], line["message"]) for line in told}

    return look


@pytest.fixture
def data(settings):
    return settings.data_dir


def of_database(data):
    return hashlib.sha256((data / "dashboard.db").read_bytes()).hexdigest()


def test_a_sound_installation_is_all_good_but_for_what_was_never_taken_home(found, run, cast):
    factories.make_unit("empty", "Empty")
    told = found()
    assert {health for health, _ in told.values()} == {"good", "warning"}
    assert told["backup of daily"] == (
        "warning",
        "never exported. `backup export` takes the unit home.",
    )
    assert told["backup of empty"][0] == "good"  # there is nothing in it
    lines = run("doctor").stdout.splitlines()
    assert f"warning backup of daily: {told['backup of daily'][1]}" in lines
    assert len(lines) == len(told)


def test_it_changes_nothing(found, cast, data):
    db.tidy()
    before = of_database(data), {path.name for path in data.iterdir()}
    found()
    db.tidy()
    assert (of_database(data), {path.name for path in data.iterdir()}) == before


def test_after_an_export_and_an_import_everything_is_good(found, cast, make_backup, bring_in):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    told = found()
    assert told["backup of daily"] == ("good", "0 days old")
    assert told["safety copies"] == ("good", "1, each as it was written")


def test_an_old_backup_is_a_warning(found, cast, make_backup):
    make_backup(cast.daily)
    BackupRun.update(finished_at=BackupRun.finished_at - 31 * checkup.DAY_SECONDS).execute()
    assert found()["backup of daily"] == (
        "warning",
        "31 days old. `backup export` makes a new one.",
    )


def test_a_directory_that_is_not_there_is_not_made(settings, tmp_path, monkeypatch, run):
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(door, "load", lambda _: replace(settings, data_dir=elsewhere))
    assert "is not there" in run("doctor", code=1).stdout
    assert not elsewhere.exists()


def test_files_that_others_can_read(found, cast, data):
    (data / "server.key").chmod(0o644)
    health, said = found(1)["data directory"]
    assert health == "bad"
    assert "server.key" in said
    assert "chmod" in said
    assert (data / "server.key").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("name", ["server.key", "safety/copy.dbk"])
def test_files_that_the_owner_of_the_directory_cannot_open(found, cast, data, name):
    if os.geteuid() != 0:
        needs.not_tested("only root can give files away")
    file = data / name
    file.touch(mode=0o600)
    os.chown(file, 65534, 65534)
    health, said = found(1)["data directory"]
    assert health == "bad"
    assert f"({file.name})" in said
    assert f"chown -R 0:0 {data}" in said
    assert file.stat().st_uid == 65534


@pytest.mark.parametrize("content", [None, b"", b"dashboard-key/1\nnonsense\n"])
def test_a_key_that_is_lost_or_damaged(found, cast, data, content):
    (data / "server.key").unlink()
    if content is not None:
        (data / "server.key").touch(mode=0o600)
        (data / "server.key").write_bytes(content)
    told = found(1)
    assert told["key and database"][0] == "bad"
    assert "audit log" not in told  # nothing that stands on it was looked at


def test_the_key_of_another_installation(found, cast, data):
    Installation.update(key_id="0" * 32).execute()
    assert "is not the key this database was made with" in found(1)["key and database"][1]


def test_a_database_that_is_lost(found, cast, data):
    db.database.close()
    for path in data.glob("dashboard.db*"):
        path.unlink()
    assert found(1)["key and database"][0] == "bad"
    assert db.database.get_tables() == []  # a file of this test's own connection, and no more


def test_a_database_that_is_damaged(found, cast, data):
    db.tidy()
    db.database.close()
    with (data / "dashboard.db").open("r+b") as file:
        file.seek(5 * 16384)
        file.write(b"\xff" * 3 * 16384)
    assert found(1)["key and database"][0] == "bad"


@pytest.mark.parametrize(("schema", "words"), [(3, "`serve` brings it up to date"), (99, "newer")])
def test_a_database_of_another_version_is_left_alone(found, cast, schema, words):
    Installation.update(schema=schema).execute()
    assert words in found(1)["key and database"][1]
    assert Installation.get().schema == schema


def test_rows_that_point_at_nothing(found, cast, data):
    db.database.close()
    sqlite.execute(data, "UPDATE config_key SET unit_id = 999 WHERE rowid = 1")
    assert "rows of config_key point at nothing" in found(1)["references"][1]


def test_an_audit_log_that_was_changed(found, run, cast, tmp_path):
    run("backup", "export", "--unit", "daily", "-o", tmp_path / "x.dbk")
    drop_triggers()
    db.database.execute_sql("UPDATE audit_event SET outcome = 'refused'")
    assert found(1)["audit log"][0] == "bad"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_safety_copy_that_is_gone_or_changed(found, cast, data, make_backup, bring_in, is_there):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    file = data / "safety" / f"{SafetyCopy.get().uid}.dbk"
    if is_there:
        saved = file.read_bytes()
        file.write_bytes(saved[:-1] + bytes([saved[-1] ^ 1]))
    else:
        file.unlink()
    health, said = found(1)["safety copies"]
    assert health == "bad"
    assert file.name in said


def test_little_room(found, cast, monkeypatch):
    full = SimpleNamespace(total=1 << 40, used=1 << 40, free=5 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert found()["disk"] == ("warning", "5 MiB free; an import may need 1024. Make room.")


def test_a_clock_that_was_set_back(found, run, cast, tmp_path, monkeypatch):
    run("backup", "export", "--unit", "daily", "-o", tmp_path / "x.dbk")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert found(1)["clock"][0] == "bad"


@pytest.mark.parametrize(
    ("host", "secure", "health"),
    [
        ("127.0.0.1", False, "good"),
        ("localhost", False, "good"),
        ("::1", False, "good"),
        ("0.0.0.0", False, "warning"),  # noqa: S104 - looked at, not bound
        ("192.0.2.1", True, "good"),
        ("dashboard.example", False, "warning"),
    ],
)
def test_passwords_that_can_be_read_on_the_way(
    found, settings, cast, monkeypatch, host, secure, health
):
    changed = replace(settings, host=host, secure_cookies=secure)
    monkeypatch.setattr(door, "load", lambda _: changed)
    assert found()["network"][0] == health
