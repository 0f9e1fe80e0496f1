"""Export: what is in the file, and what is not."""

import io

import pytest

from dashboard import backup, db
from dashboard.archive import NotExportable, read_back
from dashboard.backup import errors, export
from dashboard.backup.key_table import KeyTable
from dashboard.models import BackupRun, ConfigKey, Plugin, Unit
from tests.archive import second_reader
from tests.backup.conftest import PASSWORD, Unchanged, state


def test_the_second_reader_opens_an_export_and_finds_the_same_state(cast, make_backup):
    found = second_reader.read(make_backup(cast.daily), PASSWORD)
    assert found.content == state(cast.daily)
    assert found.manifest["unit"]["uid"] == cast.daily.uid
    names = [key.name for key in ConfigKey.of(cast.daily).order_by(ConfigKey.name)]
    assert [row["name"] for row in found.sections["config_keys"]] == names


def test_secrets_are_in_the_file_in_clear_so_that_another_server_can_have_them(cast, make_backup):
    found = second_reader.read(make_backup(cast.daily), PASSWORD)
    secret = next(row for row in found.sections["config_keys"] if row["type"] == "secret")
    assert secret["value"] == "hush-key-store"
    assert found.sections["plugins"][0]["secrets"] == {"apiKey": "hush-plugin"}
    assert found.sections["applications"][0]["secrets"] == {"token": "hush-application"}


def test_the_file_tells_nothing_without_the_password(cast, make_backup):
    data = make_backup(cast.daily)
    for word in (b"hush", b"Harbour", b"harbour", b"daily", b"K0001", cast.daily.uid.encode()):
        assert word not in data


def test_only_the_units_own_rows_are_exported(cast, make_backup):
    found = second_reader.read(make_backup(cast.weekly), PASSWORD)
    assert len(found.sections["config_keys"]) == 5
    assert found.manifest["unit"]["slug"] == "weekly"


def test_an_empty_unit_can_be_exported(cast, make_backup):
    unit = Unit.create(
        organisation=cast.daily.organisation, uid="e" * 32, slug="empty", name="E", created_at=""
    )
    assert second_reader.read(make_backup(unit), PASSWORD).content == state(unit)


def test_two_exports_of_one_state_share_no_key_but_the_content_digest(cast, make_backup):
    one, two = make_backup(cast.daily), make_backup(cast.daily)
    assert one[:400] != two[:400]
    assert second_reader.read(one, PASSWORD).content == second_reader.read(two, PASSWORD).content


@pytest.mark.parametrize("password", ["", "abc", "日本語"])
def test_a_short_password_makes_no_file(cast, engine, tmp_path, password):
    path = tmp_path / "short.dbk"
    with pytest.raises(errors.PasswordTooShort):
        backup.export_to_file(cast.daily, path, password, "test", engine)
    assert list(tmp_path.glob("short*")) == []
    assert BackupRun.select().order_by(BackupRun.id.desc()).first().state == "refused"


@pytest.mark.parametrize("password", ["x" * 1025, "\U0001f600" * 1025, "x" * 1500])
def test_a_password_that_no_page_would_take_makes_no_file(cast, engine, tmp_path, password):
    path = tmp_path / "long.dbk"
    with Unchanged(cast.daily), pytest.raises(errors.PasswordTooLong, match="at most 1024"):
        backup.export_to_file(cast.daily, path, password, "test", engine)
    with pytest.raises(errors.PasswordTooLong):
        backup.export_for_download(cast.daily, cast.alice, password, engine)
    assert list(tmp_path.glob("long*")) == []
    assert list(engine.folders.exports.iterdir()) == []
    assert {run.state for run in BackupRun.select()} == {"refused"}


@pytest.mark.parametrize(
    "password", ["abcd", "日本語の", "with\nline", "x" * 1024, "\U0001f600" * 4]
)
def test_any_password_of_four_characters_opens_what_it_made(cast, engine, tmp_path, password):
    path = tmp_path / "it.dbk"
    backup.export_to_file(cast.daily, path, password, "test", engine)
    with path.open("rb") as source:
        assert backup.validate_with_password(source, password).content == state(cast.daily)


def test_two_spellings_of_one_password_are_the_same(cast, engine, tmp_path):
    path = tmp_path / "it.dbk"
    backup.export_to_file(cast.daily, path, "Zo\u0065\u0308 etc", "test", engine)
    with path.open("rb") as source:
        assert backup.validate_with_password(source, "Zo\u00eb etc").counts["plugins"] == 2


def test_an_export_never_overwrites(cast, engine, tmp_path):
    path = tmp_path / "there.dbk"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        backup.export_to_file(cast.daily, path, PASSWORD, "test", engine)
    assert path.read_bytes() == b"precious"


def test_an_export_that_does_not_read_back_is_no_export(cast, engine, tmp_path, monkeypatch):
    """The negative control of the read-back: a byte that changes on its way to the disk."""

    class Rotten(io.BufferedRandom):
        def write(self, data):
            if len(data) > 1000:
                data = data[:500] + bytes([data[500] ^ 1]) + data[501:]
            return super().write(data)

    honest = export.export

    def onto_bad_disk(unit, sink, *args, **kwargs):
        with Rotten(io.FileIO(sink.fileno(), "r+", closefd=False)) as rotten:
            return honest(unit, rotten, *args, **kwargs)

    monkeypatch.setattr("dashboard.backup.verbs.export", onto_bad_disk)
    path = tmp_path / "rotten.dbk"
    with pytest.raises(backup.ArchiveError):
        backup.export_to_file(cast.daily, path, PASSWORD, "test", engine)
    assert not path.exists()
    assert list(tmp_path.glob("rotten*")) == []


def test_an_export_sees_one_moment_while_others_write(cast, engine, tmp_path, monkeypatch):
    """Another connection deletes keys between two batches; the file holds them all."""
    import threading

    before = state(cast.daily)
    honest = KeyTable.lines
    done = []

    def meddle():
        with db.database.connection_context():
            ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
        done.append(True)

    def interrupted(table, unit):
        if not done:
            thread = threading.Thread(target=meddle)
            thread.start()
            thread.join()
        yield from honest(table, unit)

    monkeypatch.setattr(KeyTable, "lines", interrupted)
    path = tmp_path / "moment.dbk"
    report = backup.export_to_file(cast.daily, path, PASSWORD, "test", engine)
    assert done
    assert report.content == before
    assert ConfigKey.of(cast.daily).count() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("config_key SET value = 'x' WHERE name = 'N'", 'config_keys, row {n} ("N"): not a number'),
        (
            "config_key SET name = 'é' WHERE name = 'N'",
            r'config_keys, row {last} ("\u00e9"): not a name of a config key',
        ),
        ("plugin SET config = '[]'", 'plugins, row 1 ("{bundle}"): config is not a JSON object'),
        (
            "plugin SET config = json_object('a', hex(zeroblob(524288)))",
            'plugins, row 1 ("{bundle}"): config of more than 1 MiB',
        ),
        (
            "plugin_permission SET role = 'king' WHERE role = 'user'",
            '"king"): Invalid enum value',
        ),
    ],
)
def test_what_could_not_be_imported_is_named_and_not_exported(cast, engine, tmp_path, change, said):
    ConfigKey.create(unit=cast.daily, name="N", type="number", value="1")
    names = [key.name for key in ConfigKey.of(cast.daily).order_by(ConfigKey.name)]
    places = {"n": names.index("N") + 1, "last": len(names)}
    bundle = Plugin.of(cast.daily).order_by(Plugin.bundle).get().bundle
    db.database.execute_sql(f"UPDATE {change}")
    with pytest.raises(NotExportable) as refusal:
        backup.export_to_file(cast.daily, tmp_path / "it.dbk", PASSWORD, "test", engine)
    assert said.format(bundle=bundle, **places) in str(refusal.value)
    assert list(tmp_path.glob("it*")) == []


@pytest.mark.slow
def test_a_state_that_compresses_too_well_can_be_exported_all_the_same(cast, make_backup):
    """A reader refuses what unpacks to more than 200 times its size, beyond 64 MiB."""
    for number in range(80):
        ConfigKey.create(
            unit=cast.weekly, name=f"Z{number:02}", type="string", value="0" * (1 << 20)
        )
    data = make_backup(cast.weekly)
    assert len(data) < 8 << 20
    with io.BytesIO(data) as source:
        found = backup.validate_with_password(source, PASSWORD)
    assert found.counts["config_keys"] == 85
    assert second_reader.read(data, PASSWORD).content == state(cast.weekly)


@pytest.mark.parametrize("at", [0, 5, 40, 300, 500, 900, -40, -1])
def test_a_file_that_changes_under_the_pen_is_noticed_wherever_it_does(
    cast, engine, tmp_path, monkeypatch, at
):
    honest = read_back.ReadBack.finish

    def spoiled(self):
        path = next(tmp_path.glob("it.part"))
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)
        self._source.grow(len(data))
        return honest(self)

    monkeypatch.setattr(read_back.ReadBack, "grown", lambda *_: None)  # it reads at the end
    monkeypatch.setattr(read_back.ReadBack, "finish", spoiled)
    with pytest.raises(backup.ArchiveError):
        backup.export_to_file(cast.daily, tmp_path / "it.dbk", PASSWORD, "test", engine)
    assert list(tmp_path.glob("it*")) == []


def test_lines_that_were_not_those_written_are_noticed(cast, engine, tmp_path, monkeypatch):
    """The negative control of the comparison: the file is sound, but holds something else."""
    honest = read_back.ReadBack.expect
    monkeypatch.setattr(
        read_back.ReadBack, "expect", lambda self, lines: honest(self, lines.replace(b"K0", b"K1"))
    )
    with pytest.raises(backup.ArchiveError, match="read back"):
        backup.export_to_file(cast.daily, tmp_path / "it.dbk", PASSWORD, "test", engine)
    assert list(tmp_path.glob("it*")) == []


def checked(unit: Unit) -> set[bool]:
    """Return whether the unit's keys are marked as checked."""
    return {key.checked for key in ConfigKey.of(unit)}


def test_an_import_marks_what_it_brings_as_checked(cast, make_backup, bring_in):
    data = make_backup(cast.daily)
    ConfigKey.update(description="other").execute()
    assert checked(cast.daily) == {False}
    bring_in(cast.daily, cast.alice, data)
    assert checked(cast.daily) == {True}
    assert checked(cast.weekly) == {False}


BAD_ROWS = {
    "value": '{"a":1,"a":2}',
    "type": "'number'",
    "description": "x" * 2_001,
    "name": "1st",
}


@pytest.mark.parametrize("column", BAD_ROWS)
def test_a_row_changed_behind_our_back_is_checked_again_and_refused(
    cast, engine, make_backup, bring_in, tmp_path, column
):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    sql = f"UPDATE config_key SET {column} = ? WHERE unit_id = ? AND name = 'K0003'"
    db.database.execute_sql(sql, [BAD_ROWS[column], cast.daily.id])
    assert checked(cast.daily) == {True, False}
    with pytest.raises(backup.ArchiveError, match="config_keys"):
        backup.export_to_file(cast.daily, tmp_path / "it.dbk", PASSWORD, "test", engine)
    assert list(tmp_path.glob("it*")) == []


def test_what_is_marked_as_checked_is_taken_for_granted(cast, engine, tmp_path):
    """The negative control of the test above: without the trigger, nobody would notice."""
    db.database.execute_sql("DROP TRIGGER config_key_changed")
    ConfigKey.update(checked=True).execute()
    ConfigKey.update(value='{"a":1,"a":2}').where(ConfigKey.type == "json").execute()
    path = tmp_path / "it.dbk"
    backup.export_to_file(cast.daily, path, PASSWORD, "test", engine)
    with path.open("rb") as source, pytest.raises(backup.ArchiveError, match="a key twice"):
        backup.validate_with_password(source, PASSWORD)
