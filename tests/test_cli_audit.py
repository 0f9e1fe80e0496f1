"""The commands about the audit log, and what all commands leave in it."""

import json

import pytest
from click.testing import CliRunner

from dashboard import cli as door
from dashboard import db
from dashboard.models import AuditEvent, audit, chain
from tests.backup.conftest import Unchanged


@pytest.fixture
def run(settings, folders, monkeypatch):
    """Run a command on the test installation; the backup password is in the environment."""
    monkeypatch.setattr(door, "load", lambda _environ: settings)
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "abcd")

    def invoke(*words, code=0, stdin=None):
        db.database.close()
        result = CliRunner().invoke(door.cli, [str(word) for word in words], input=stdin)
        db.database.connect(reuse_if_open=True)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return invoke


@pytest.fixture
def saved(run, cast, tmp_path):
    """A backup of the unit `daily`."""
    path = tmp_path / "daily.dbk"
    run("backup", "export", "--unit", "daily", "-o", path)
    return path


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.select().where(AuditEvent.action == action).order_by(AuditEvent.id))


def drop_triggers() -> None:
    for event in ("update", "delete", "insert"):
        db.database.execute_sql(f"DROP TRIGGER audit_event_no_{event}")


@pytest.fixture
def log(run, cast):
    """Five events, some of them of the unit daily."""
    for number in range(5):
        unit = (cast.daily, cast.weekly)[number % 2]
        audit("key.create", by=cast.alice, unit=unit, subject=f"K{number}")
    return run


def test_a_whole_log(log):
    result = log("audit", "verify")
    head = AuditEvent.get_by_id(5).tag
    assert result.stdout.splitlines() == ["audit log: whole, 5 events", f"head {head}"]
    data = json.loads(log("audit", "verify", "--json").stdout)
    assert data == {"whole": True, "events": 5, "head": head}


def test_an_empty_log_is_whole(run):
    assert json.loads(run("audit", "verify", "--json").stdout)["events"] == 0


@pytest.mark.parametrize(
    ("statement", "code", "row", "words"),
    [
        ("UPDATE audit_event SET outcome = 'refused' WHERE id = 3", "changed", 3, "was changed"),
        ("DELETE FROM audit_event WHERE id = 2", "missing", 2, "is missing"),
        ("DELETE FROM audit_event WHERE id > 3", "cut_off", 4, "cut off at its end"),
        ("UPDATE installation SET audit_events = 4", "head", 5, "where the log ends"),
    ],
)
def test_a_broken_log_says_where_and_what(log, statement, code, row, words):
    drop_triggers()
    db.database.execute_sql(statement)
    result = log("audit", "verify", code=1)
    assert words in result.stderr
    assert str(row) in result.stderr
    data = json.loads(log("audit", "verify", "--json", code=1).stdout)
    assert data["whole"] is False
    assert (data["error"]["code"], data["error"]["row"]) == (code, row)
    assert data["error"]["message"] in result.stderr


def test_events_that_changed_places(log):
    drop_triggers()
    for source, target in ((2, 9), (4, 2), (9, 4)):
        db.database.execute_sql("UPDATE audit_event SET id = ? WHERE id = ?", (target, source))
    data = json.loads(log("audit", "verify", "--json", code=1).stdout)
    assert (data["error"]["code"], data["error"]["row"]) == ("reordered", 2)


def test_the_newest_are_listed_first_of_a_unit_or_of_all(log):
    everything = json.loads(log("audit", "list", "--json").stdout)
    assert [event["number"] for event in everything] == [5, 4, 3, 2, 1]
    assert everything[0]["detail"] == {}
    weekly = json.loads(log("audit", "list", "--unit", "weekly", "--json").stdout)
    assert [event["subject"] for event in weekly] == ["K3", "K1"]
    lines = log("audit", "list", "--unit", "daily", "--last", 2).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["5", "3"]
    assert "no unit nowhere" in log("audit", "list", "--unit", "nowhere", code=1).stderr


def test_nothing_in_an_event_is_obeyed_by_the_terminal(log, cast):
    audit("key.create", by="a\x1b[2Jb", unit=cast.daily, subject="x\ny\tz", reason="\x07")
    line = log("audit", "list", "--last", 1).stdout
    assert line.count("\n") == 1
    assert not set(line) & {"\x1b", "\x07"}
    assert line.count("\t") == 7


def test_a_unit_or_user_made_by_a_command_is_in_the_log(run, cast, monkeypatch):
    monkeypatch.setenv("DASHBOARD_USER_PASSWORD", "a long enough one")
    run("unit", "create", "night", "--name", "Night Shift")
    run("user", "create", "New@Harbour.example", "--unit", "night", "--role", "admin")
    run("user", "create", "alice@harbour.example", "--unit", "night", "--role", "readonly")
    found = [
        (event.action, event.user_email, event.unit_name, event.subject, event.detail)
        for event in AuditEvent.select().order_by(AuditEvent.id)
    ]
    by, night, new = "command line", "Night Shift", "new@harbour.example"
    assert found == [
        ("unit.create", by, night, night, "{}"),
        ("user.create", by, night, new, "{}"),
        ("member.role", by, night, new, '{"role": "admin"}'),
        ("member.role", by, night, "alice@harbour.example", '{"role": "readonly"}'),
    ]


def test_a_unit_or_user_that_was_refused_leaves_no_event(run, cast, monkeypatch):
    monkeypatch.setenv("DASHBOARD_USER_PASSWORD", "short")
    run("unit", "create", "daily", "--name", "Again", code=1)
    run("user", "create", "new@harbour.example", "--unit", "daily", "--role", "user", code=1)
    assert AuditEvent.select().count() == 0


def test_a_refused_import_says_which_file_it_was(run, cast, saved, tmp_path, monkeypatch):
    import_saved = ("backup", "import", saved, "--unit")
    with Unchanged(cast.daily, cast.weekly):
        monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "another one")
        run(*import_saved, "daily", "--yes", code=1)
        monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "abcd")
        run(*import_saved, "weekly", "--yes", code=1)
        run(*import_saved, "daily", stdin="something else\n", code=1)
        run(*import_saved, "daily", stdin="", code=1)
    found = events("backup.import")
    assert [event.outcome for event in found] == ["refused", "refused", "refused", "cancelled"]
    details = [json.loads(event.detail) for event in found]
    (exported,) = events("backup.export")
    digest = json.loads(exported.detail)["file_sha256"]
    assert [detail["file_sha256"] for detail in details] == [digest] * 4
    words = ("not the password", "not of Coast Weekly", "not the unit's name", "Cancelled")
    assert all(word in detail["reason"] for word, detail in zip(words, details, strict=True))
    assert {event.unit_name for event in found} == {"Harbour Daily", "Coast Weekly"}
    assert chain.verify().fault is None


def test_a_refused_export_and_undo(run, cast, tmp_path, monkeypatch):
    out = tmp_path / "out.dbk"
    out.write_text("precious")
    run("backup", "export", "--unit", "daily", "-o", out, code=1)
    run("backup", "undo", "--unit", "daily", "--yes", code=1)
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "abc")
    run("backup", "export", "--unit", "daily", "-o", tmp_path / "new.dbk", code=1)
    found = [
        (event.action, event.outcome, json.loads(event.detail)["reason"])
        for event in AuditEvent.select().order_by(AuditEvent.id)
    ]
    assert [event[:2] for event in found] == [
        ("backup.export", "refused"),
        ("backup.undo", "refused"),
        ("backup.export", "refused"),
    ]
    assert "there already" in found[0][2]
    assert "at least 4 characters" in found[2][2]
    assert str(tmp_path) not in str(found)


def test_an_import_and_an_undo_by_command_are_in_the_log_once(run, cast, saved):
    run("backup", "import", saved, "--unit", "daily", "--yes")
    run("backup", "undo", "--unit", "daily", "--yes")
    for action in ("backup.import", "backup.undo"):
        (event,) = events(action)
        assert (event.outcome, event.user_email) == ("done", "command line")
        assert json.loads(event.detail)["counts"]["config_keys"] == 20
