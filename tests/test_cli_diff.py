"""`backup diff`: what an import would do, in words and as JSON, and never a secret."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dashboard import cli as door
from dashboard import db
from dashboard.models import ConfigKey, Plugin
from tests.backup.conftest import Unchanged


@pytest.fixture
def run(settings, folders, monkeypatch):
    """Run a command on the test installation; the backup password is in the environment."""
    monkeypatch.setattr(door, "load", lambda _environ: settings)
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "abcd")

    def invoke(*words, code=0):
        db.database.close()
        result = CliRunner().invoke(door.cli, ["backup", *map(str, words)])
        db.database.connect(reuse_if_open=True)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return invoke


@pytest.fixture
def saved(run, cast, tmp_path) -> Path:
    """A backup of the unit `daily`."""
    path = tmp_path / "daily.dbk"
    run("export", "--unit", "daily", "-o", path)
    return path


@pytest.fixture
def changed(cast, saved):
    """The unit is not what it was: one key more, two fewer, a secret and a plugin changed."""
    mine = ConfigKey.unit == cast.daily
    ConfigKey.create(
        unit=cast.daily, name="New", type="string", value="\x1b[31mred\n\x9b1m", description="ä"
    )
    ConfigKey.delete().where(mine, ConfigKey.name.in_(["K0000", "K0001"])).execute()
    ConfigKey.update(secret="hush-other").where(mine, ConfigKey.name == "K0004").execute()
    Plugin.update(config='{"a": "${DBKS:K0001}", "b": 2}', secrets='{"apiKey":"hush-other"}').where(
        Plugin.unit == cast.daily, Plugin.bundle == "example.desk.ghost"
    ).execute()
    return saved


def row(text, name):
    return next(line.split() for line in text.splitlines() if line.startswith(name))[1:]


def test_the_same_state_has_no_differences(run, saved):
    result = run("diff", saved, "--unit", "daily")
    assert row(result.stdout, "config_keys") == ["20", "20", "0", "0", "0"]
    assert len(result.stdout.splitlines()) == 12
    assert result.stderr == ""
    assert json.loads(run("diff", saved, "--unit", "daily", "--json").stdout)["same"] is True


def test_differences_are_counted_and_named_and_nothing_changes(run, cast, changed):
    with Unchanged(cast.daily, cast.weekly):
        result = run("diff", changed, "--unit", "daily")
    assert row(result.stdout, "config_keys") == ["19", "20", "2", "1", "1"]
    assert row(result.stdout, "plugins ") == ["2", "2", "0", "0", "1"]
    lines = result.stdout.splitlines()
    for line in ("  - New", "  + K0000", "  + K0001", "  ~ K0004"):
        assert line in lines
    assert "  ~ Plugin example.desk.ghost (example.desk.ghost)" in lines
    assert "hush" not in result.output


def test_fields_are_shown_before_and_after_and_secrets_never(run, changed):
    result = run("diff", changed, "--unit", "daily", "--fields")
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert 'config.b: "2" -> "1"' in lines
    assert "secrets.apiKey: secret, different" in lines
    assert "value: secret, different" in lines
    assert 'value: "-12.50e+3"' in lines
    assert "hush" not in result.output
    assert 'value: "\\u001b[31mred\\n\\u009b1m"' in lines
    assert 'description: "ä"' in lines
    assert "hush" not in run("diff", changed, "--unit", "daily", "--fields", "--json").output


def test_json_has_everything(run, changed):
    data = json.loads(run("diff", changed, "--unit", "daily", "--fields", "--json").stdout)
    assert (data["unit"], data["same"], data["same_unit"]) == ("daily", False, True)
    keys = next(at for at in data["sections"] if at["section"] == "config_keys")
    assert (keys["come"], keys["gone"], keys["change"], keys["more"]) == (2, 1, 1, 0)
    changed_key = keys["names"][-1]
    assert changed_key["key"] == ["K0004"]
    assert [(at["field"], at["state"]) for at in changed_key["fields"]] == [("value", "different")]


def test_so_many_names_as_are_asked_for(run, changed):
    lines = run("diff", changed, "--unit", "daily", "--names", 1).stdout.splitlines()
    assert "  + K0000" in lines
    assert "  + K0001" not in lines
    assert "  and 1 more" in lines
    result = run("diff", changed, "--unit", "daily", "--names", 0)
    assert len(result.stdout.splitlines()) == 12


def test_another_units_backup_is_compared_and_told(run, saved):
    result = run("diff", saved, "--unit", "weekly")
    assert "another unit: Harbour Daily" in result.stderr
    assert row(result.stdout, "config_keys") == ["5", "20", "15", "0", "0"]


def test_a_file_that_is_not_whole_has_no_differences_to_tell(run, cast, saved):
    saved.write_bytes(saved.read_bytes()[:-1])
    result = run("diff", saved, "--unit", "daily", "--json", code=1)
    assert json.loads(result.stdout)["error"]["code"] == "damaged"
