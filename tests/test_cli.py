"""The commands: what they print where, how they end, and what they leave alone."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dashboard import cli as door
from dashboard import config, db
from dashboard.archive import SECTIONS, KdfCost
from dashboard.backup import Context, parts
from dashboard.backup.export import content_digest
from dashboard.backup.store import make_folders
from dashboard.models import AuditEvent, ConfigKey, Plugin, SafetyCopy, Unit, User, people
from tests.archive import second_reader

ROOT = Path(__file__).parents[1]
PASSWORD = "abcd"


@pytest.fixture
def run(settings, folders, monkeypatch):
    """Run a command on the test installation; the backup password is in the environment."""
    monkeypatch.setattr(door, "load", lambda _environ: settings)
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", PASSWORD)

    def invoke(*words: object, code: int = 0, stdin: str | bytes | None = None) -> Result:
        db.database.close()
        result = CliRunner().invoke(door.cli, [str(word) for word in words], input=stdin)
        db.database.connect(reuse_if_open=True)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return invoke


@pytest.fixture
def saved(run, cast, tmp_path) -> Path:
    """A backup of the unit `daily`."""
    path = tmp_path / "daily.dbk"
    run("backup", "export", "--unit", "daily", "-o", path)
    return path


def state(unit: Unit) -> str:
    return content_digest(unit)


def rows():
    """What there is of units, people, and attempts on backups."""
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    return (
        sorted(Unit.select().tuples()),
        sorted(User.select().tuples()),
        event and (event.action, event.outcome, json.loads(event.detail).get("reason")),
    )


def test_export_change_import_gives_identical_state(run, cast, saved, tmp_path):
    run("backup", "decrypt", saved, "-o", tmp_path / "before.ndjson")
    Plugin.delete().where(Plugin.unit == cast.daily).execute()
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    run("backup", "import", saved, "--unit", "daily", "--yes")
    run("backup", "export", "--unit", "daily", "-o", tmp_path / "again.dbk")
    run("backup", "decrypt", tmp_path / "again.dbk", "-o", tmp_path / "after.ndjson")
    before, after = (
        (tmp_path / name).read_bytes().splitlines()[1:]
        for name in ("before.ndjson", "after.ndjson")
    )
    assert before == after


def test_decrypt_gives_the_payload_as_lines(run, saved, tmp_path):
    result = run("backup", "decrypt", saved, "-o", "-")
    lines = result.stdout.removesuffix("\n").split("\n")
    counts = {head["name"]: head["count"] for head in json.loads(lines[0])["sections"]}
    assert len(lines) == 2 + sum(counts.values())
    assert set(counts) == {section.name for section in SECTIONS}
    assert (
        second_reader.read(saved.read_bytes(), PASSWORD).content == json.loads(lines[-1])["content"]
    )


def test_decrypt_tells_as_json_what_it_wrote(run, saved, tmp_path):
    out = tmp_path / "out.ndjson"
    told = json.loads(run("backup", "decrypt", saved, "-o", out, "--json").stdout)
    assert told == {"file": str(out), "bytes": out.stat().st_size}
    assert "name a file" in run("backup", "decrypt", saved, "-o", "-", "--json", code=2).stderr


def test_a_failed_decrypt_leaves_no_file(run, saved, tmp_path):
    cut = tmp_path / "cut.dbk"
    cut.write_bytes(saved.read_bytes()[:-1])
    run("backup", "decrypt", cut, "-o", tmp_path / "out.ndjson", code=1)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "cut.dbk",
        "daily.dbk",
    ]


def test_inspect_needs_no_password(run, saved, monkeypatch):
    monkeypatch.delenv("DASHBOARD_BACKUP_PASSWORD")
    data = json.loads(run("backup", "inspect", saved, "--json").stdout)
    assert data["format"] == 1
    assert data["slots"] == [{"type": "password", "ops": 1, "mem_bytes": 8 << 20}]
    assert "unit" not in data


def test_inspect_with_a_password_tells_what_is_inside(run, saved):
    data = json.loads(run("backup", "inspect", saved, "--json").stdout)
    assert data["unit"]["slug"] == "daily"
    assert data["counts"]["config_keys"] == 20


def test_verify_changes_nothing(run, cast, saved):
    before = state(cast.daily), Unit.get_by_id(cast.daily.id).revision
    data = json.loads(run("backup", "verify", saved, "--json").stdout)
    assert data["content"] == before[0]
    assert (state(cast.daily), Unit.get_by_id(cast.daily.id).revision) == before


def test_undo_brings_back_what_the_import_replaced(run, cast, saved):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    poor = state(cast.daily)
    run("backup", "import", saved, "--unit", "daily", "--yes")
    assert state(cast.daily) != poor
    run("backup", "undo", "--unit", "daily", "--yes")
    assert state(cast.daily) == poor


def test_an_undo_is_shown_before_it_is_done_and_can_be_undone(run, cast, saved):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    poor = state(cast.daily)
    run("backup", "import", saved, "--unit", "daily", "--yes")
    full = state(cast.daily)
    asked = run("backup", "undo", "--unit", "daily", stdin="not daily\n", code=1)
    assert "config_keys" in asked.stderr
    assert "20 now" in asked.stderr
    assert "0 then" in asked.stderr
    assert state(cast.daily) == full
    run("backup", "undo", "--unit", "daily", stdin="Harbour Daily\n")
    assert state(cast.daily) == poor
    shown = run("backup", "undo", "--unit", "daily", "--yes")
    assert "20 then" in shown.stderr
    assert state(cast.daily) == full


def test_an_undo_of_what_changed_meanwhile_is_refused(run, cast, saved, monkeypatch):
    run("backup", "import", saved, "--unit", "daily", "--yes")

    def change(*_args, **_kwargs):
        Unit.update(revision=Unit.revision + 1).where(Unit.id == cast.daily.id).execute()

    monkeypatch.setattr("dashboard.cli.backups._confirm", change)
    before = state(cast.daily), SafetyCopy.select().count()
    refused = run("backup", "undo", "--unit", "daily", "--json", code=1)
    assert json.loads(refused.stdout)["error"]["code"] == "unit_changed"
    assert (state(cast.daily), SafetyCopy.select().count()) == before


@pytest.fixture
def broken(saved, tmp_path):
    """The five kinds of file that are refused, each with its code and words of its sentence."""
    data = saved.read_bytes()
    kinds = {
        "damaged": (data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], "damaged"),
        "not_a_backup": (b"PK\x03\x04 some zip", "not a Dashboard backup"),
        "newer_version": (data.replace(b"dashboard-backup/1", b"dashboard-backup/2", 1), "newer"),
        "wrong_password": (data, "not the password"),
    }
    for name, (content, _) in kinds.items():
        (tmp_path / f"{name}.dbk").write_bytes(content)
    return {name: (tmp_path / f"{name}.dbk", words) for name, (_, words) in kinds.items()}


@pytest.mark.parametrize("kind", ["damaged", "not_a_backup", "newer_version", "wrong_password"])
@pytest.mark.parametrize("command", ["verify", "import", "decrypt"])
def test_a_bad_file_is_refused_by_one_sentence(run, cast, broken, monkeypatch, kind, command):
    file, words = broken[kind]
    if kind == "wrong_password":
        monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "another one")
    before = state(cast.daily)
    more = {
        "verify": ["--json"],
        "import": ["--unit", "daily", "--yes", "--json"],
        "decrypt": ["-o", "-"],
    }[command]
    result = run("backup", command, file, *more, code=1)
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output
    if "--json" in more:
        assert json.loads(result.stdout)["error"]["code"] == kind
    else:
        assert result.stdout == ""
    assert state(cast.daily) == before


@pytest.mark.slow
def test_every_truncation_and_fifty_bit_flips_are_refused(saved, tmp_path):
    from dashboard.archive import ArchiveError, read_header, unlock, with_file_key, with_password
    from dashboard.backup.report import validate

    data = saved.read_bytes()
    bad = tmp_path / "bad.dbk"
    with saved.open("rb") as source:
        file_key = unlock(read_header(source), with_password(PASSWORD))
    flips = [
        data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]
        for at in range(0, len(data), max(1, len(data) // 50))
    ]
    for number, content in enumerate([*flips, *(data[:size] for size in range(len(data)))]):
        bad.write_bytes(content)
        with bad.open("rb") as source, pytest.raises(ArchiveError):
            validate(source, with_file_key(file_key))
        assert number >= 0


def test_a_backup_of_another_unit_needs_the_option(run, cast, saved):
    before = state(cast.weekly)
    result = run("backup", "import", saved, "--unit", "weekly", "--yes", code=1)
    assert "Harbour Daily" in result.stderr
    assert "--into-other-unit" in result.stderr
    assert state(cast.weekly) == before
    run("backup", "import", saved, "--unit", "weekly", "--yes", "--into-other-unit")
    assert state(cast.weekly) == state(cast.daily)


def test_an_import_asks_for_the_units_name(run, cast, saved):
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    before = state(cast.daily)
    run("backup", "import", saved, "--unit", "daily", code=1, stdin="something else\n")
    assert state(cast.daily) == before
    run("backup", "import", saved, "--unit", "daily", stdin="Harbour Daily\n")
    assert state(cast.daily) != before


@pytest.mark.parametrize(
    ("name", "typed", "is_it"),
    [
        ("Cafe\u0301 Zoe\u0308", "Caf\u00e9 Zo\u00eb", True),
        ("Caf\u00e9 Zo\u00eb", "Cafe\u0301 Zoe\u0308", True),
        ("Harbour  Daily", " Harbour\u00a0Daily  ", True),
        ("Harbour Daily", "Harbour\t Daily", True),
        ("Harbour Daily", "harbour daily", False),
        ("Harbour Daily", "HarbourDaily", False),
        ("Caf\u00e9", "Cafe", False),
        ("Harbour \ufb01ve", "Harbour five", False),
        ("Harbour Daily", " ", False),
    ],
)
def test_a_name_that_looks_the_same_is_the_units_name(run, cast, saved, name, typed, is_it):
    Unit.update(name=name).where(Unit.id == cast.daily.id).execute()
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    poor = state(cast.daily)
    run("backup", "import", saved, "--unit", "daily", code=not is_it, stdin=f"{typed}\n")
    assert (state(cast.daily) == poor) is not is_it
    assert SafetyCopy.select().count() == is_it
    if is_it:
        run("backup", "undo", "--unit", "daily", stdin=f"{typed}\n")
        assert state(cast.daily) == poor
    assert Unit.get_by_id(cast.daily.id).name == name


def test_an_export_refuses_three_characters_and_what_is_there(run, cast, tmp_path, monkeypatch):
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "abc")
    out = tmp_path / "out.dbk"
    result = run("backup", "export", "--unit", "daily", "-o", out, code=1)
    assert "at least 4 characters" in result.stderr
    assert not out.exists()
    out.write_text("precious")
    assert "there already" in run("backup", "export", "--unit", "daily", "-o", out, code=1).stderr
    assert out.read_text() == "precious"


def test_an_export_larger_than_browsers_may_send_is_made_and_said_to_be(
    run, cast, tmp_path, monkeypatch, settings
):
    result = run("backup", "export", "--unit", "daily", "-o", tmp_path / "1.dbk")
    assert "Browsers may send" not in result.stderr
    small = replace(settings, max_upload_bytes=10)
    monkeypatch.setattr(door, "load", lambda _environ: small)
    result = run("backup", "export", "--unit", "daily", "-o", tmp_path / "2.dbk", "--json")
    assert "Browsers may send 10 bytes at most" in result.stderr
    assert json.loads(result.stdout)["file_bytes"] > 10
    assert (tmp_path / "2.dbk").stat().st_size > 10


def test_an_export_refuses_a_password_that_no_page_takes(run, cast, tmp_path, monkeypatch):
    out = tmp_path / "out.dbk"
    before = state(cast.daily), *rows()[:2]
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "x" * 1025)
    result = run("backup", "export", "--unit", "daily", "-o", out, "--json", code=1)
    assert json.loads(result.stdout)["error"]["code"] == "password_too_long"
    assert "Use at most 1024 characters for the backup password." in result.stderr
    assert rows()[2][:2] == ("backup.export", "refused")
    assert (state(cast.daily), *rows()[:2]) == before
    assert not out.exists()
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "x" * 1024)
    run("backup", "export", "--unit", "daily", "-o", out)


def test_a_file_made_elsewhere_opens_with_a_longer_password(run, cast, tmp_path, monkeypatch):
    file, out = tmp_path / "theirs.dbk", tmp_path / "out.ndjson"
    monkeypatch.setenv("DASHBOARD_BACKUP_PASSWORD", "x" * 1500)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("dashboard.backup.export.PASSWORD_MAX", 1500)
        run("backup", "export", "--unit", "daily", "-o", file)
    full = state(cast.daily)
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    run("backup", "inspect", file)
    run("backup", "verify", file)
    run("backup", "decrypt", file, "-o", out)
    run("backup", "diff", file, "--unit", "daily")
    run("backup", "import", file, "--unit", "daily", "--yes")
    assert state(cast.daily) == full


def test_two_sources_of_one_password_are_a_wrong_usage(run, cast, saved, tmp_path):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    run("backup", "verify", saved, "--password-file", file, code=2)


def test_a_password_file_gives_its_first_line(run, cast, saved, tmp_path, monkeypatch):
    monkeypatch.delenv("DASHBOARD_BACKUP_PASSWORD")
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\nsecond line")
    run("backup", "verify", saved, "--password-file", file)


def test_an_unknown_unit_is_refused_with_a_hint(run, cast, saved):
    result = run("backup", "import", saved, "--unit", "nowhere", "--yes", code=1)
    assert "no unit nowhere" in result.stderr
    assert "hint:" in result.stderr


def test_a_user_is_taken_out_of_a_unit_but_never_its_last_admin(run, cast):
    run("user", "remove", "Bob@harbour.example", "--unit", "daily")
    assert people.role_of(cast.bob, cast.daily) is None
    assert User.get_or_none(User.email == cast.bob.email)
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.subject, event.user_email) == (
        "member.remove", cast.bob.email, "command line",
    )  # fmt: skip
    for email in ("bob@harbour.example", "nobody@harbour.example"):
        assert (
            "is no member of daily"
            in run("user", "remove", email, "--unit", "daily", code=1).stderr
        )
    refused = run("user", "remove", cast.alice.email, "--unit", "daily", code=1)
    assert "A unit needs an admin." in refused.stderr
    assert people.role_of(cast.alice, cast.daily) is not None


def test_units_and_users_can_be_made_and_listed(run, cast, monkeypatch):
    told = json.loads(run("unit", "create", "night", "--name", "Night Shift", "--json").stdout)
    made = Unit.get(Unit.slug == "night")
    assert told == {"slug": "night", "name": "Night Shift", "uid": made.uid}
    monkeypatch.setenv("DASHBOARD_USER_PASSWORD", "a long enough one")
    run("user", "create", "New@Harbour.example", "--unit", "night", "--role", "admin")
    units = json.loads(run("unit", "list", "--json").stdout)
    assert {"night", "daily", "weekly"} == {unit["slug"] for unit in units}
    users = json.loads(run("user", "list", "--json").stdout)
    made = next(user for user in users if user["email"] == "new@harbour.example")
    assert made["roles"] == {"night": "admin"}
    assert people.is_password(User.get(User.email == made["email"]), "a long enough one")


def test_a_user_who_is_there_joins_another_unit(run, cast):
    run("user", "create", cast.alice.email, "--unit", "weekly", "--role", "user")
    assert people.role_of(cast.alice, cast.weekly) == "user"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["unit", "create", "Bad Slug", "--name", "x"], "slug"),
        (["unit", "create", "daily", "--name", "x"], "already"),
        (["user", "create", "nobody", "--unit", "daily", "--role", "user"], "e-mail"),
    ],
)
def test_a_broken_rule_is_refused(run, cast, monkeypatch, words, says):
    monkeypatch.setenv("DASHBOARD_USER_PASSWORD", "a long enough one")
    before = Unit.select().count(), User.select().count()
    assert says in run(*words, code=1).stderr
    assert (Unit.select().count(), User.select().count()) == before


def command(*words: str, data_dir: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if "DASHBOARD" not in name}
    return subprocess.run(
        [sys.executable, "app.py", *words],
        cwd=ROOT,
        env={**environ, "DASHBOARD_DATA_DIR": str(data_dir), **more},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.slow
def test_a_bad_setting_is_a_wrong_usage(tmp_path):
    result = command("unit", "list", data_dir=tmp_path / "d", DASHBOARD_PORT="eighty")
    assert result.returncode == 2
    assert "DASHBOARD_PORT" in result.stderr
    result = command("unit", "list", data_dir=tmp_path / "d", DASHBOARD_PROT="80")
    assert result.returncode == 0
    assert "warning: DASHBOARD_PROT" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["server.key", "dashboard.db"])
def test_half_an_installation_is_refused_not_begun_anew(tmp_path, lost):
    data = tmp_path / "data"
    assert command("unit", "list", data_dir=data).returncode == 0
    for path in data.glob(f"{lost}*"):
        path.unlink()
    result = command("unit", "list", data_dir=data)
    assert result.returncode == 1
    assert "server.key" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (data / lost).exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["server.key", "dashboard.db"])
def test_a_damaged_installation_is_refused(tmp_path, name):
    data = tmp_path / "data"
    assert command("unit", "list", data_dir=data).returncode == 0
    (data / name).write_bytes(b"garbage garbage garbage " * 500)
    result = command("unit", "list", data_dir=data)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("error: ")


def test_the_version_is_told(tmp_path):
    assert command("--version", data_dir=tmp_path).stdout == "dashboard 1.0.0\n"


def test_settings_have_a_default_each_and_a_field():
    for setting in config.SETTINGS:
        assert getattr(config.Settings(), setting.attribute) == setting.default


@pytest.mark.parametrize("kind", ["plugin", "workspace"])
def test_the_file_of_a_part_is_named_as_one_and_not_imported(run, cast, settings, tmp_path, kind):
    context = Context(make_folders(settings.data_dir), "Dashboard", KdfCost(1, 8 << 20), 4)
    make, what = {
        "plugin": (parts.export_plugin, "dashboard.core.notes"),
        "workspace": (parts.export_workspace, "ws-one"),
    }[kind]
    path = tmp_path / "part.dbk"
    path.write_bytes(make(cast.daily, what, PASSWORD, context, by=cast.alice))
    for command in ("inspect", "verify"):
        assert "a part of a unit only" in run("backup", command, path).stdout
    part = json.loads(run("backup", "inspect", path, "--json").stdout)["part"]
    assert kind in part
    run("backup", "decrypt", path, "-o", tmp_path / "part.ndjson")
    before = state(cast.daily)
    for command in (
        ("import", path, "--unit", "daily", "--yes"),
        ("diff", path, "--unit", "daily"),
    ):
        refused = run("backup", *command, code=1)
        assert "not a whole unit" in refused.stderr
        assert "Admin settings" in refused.stderr
    assert state(cast.daily) == before
    assert SafetyCopy.select().count() == 0
