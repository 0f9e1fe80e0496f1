"""Import: all of it or nothing, this unit only, never before the proof."""

import io
from contextlib import contextmanager

import peewee
import pytest

from dashboard import backup, db
from dashboard.archive import ArchiveError
from dashboard.backup import errors, imports, processes, restore, runs, tables
from dashboard.models import (
    AuditEvent,
    BackupRun,
    ConfigKey,
    ImportTicket,
    Membership,
    RunState,
    SafetyCopy,
    Session,
    Unit,
    User,
    Workspace,
)
from dashboard.vault import vault
from tests.backup.conftest import PASSWORD, Unchanged, state, tickets, wipe_some


def test_an_import_brings_back_the_very_same_state(cast, make_backup, bring_in):
    before, data = state(cast.daily), make_backup(cast.daily)
    wipe_some(cast.daily)
    assert state(cast.daily) != before
    run = bring_in(cast.daily, cast.alice, data)
    assert run.state == "done"
    assert state(cast.daily) == before == run.content


def test_an_import_leaves_the_unit_next_to_it_alone(cast, make_backup, bring_in):
    data = make_backup(cast.daily)
    before = state(cast.weekly), Unit.get_by_id(cast.weekly.id).revision
    bring_in(cast.daily, cast.alice, data)
    assert (state(cast.weekly), Unit.get_by_id(cast.weekly.id).revision) == before


def test_an_import_leaves_people_roles_and_sessions_alone(cast, make_backup, bring_in):
    def people():
        models = (User, Membership, Session)
        return [list(model.select().tuples()) for model in models]

    before, data = people(), make_backup(cast.daily)
    bring_in(cast.daily, cast.alice, data)
    assert people() == before


def test_an_import_raises_the_revision(cast, make_backup, bring_in):
    before = Unit.get_by_id(cast.daily.id).revision
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    assert Unit.get_by_id(cast.daily.id).revision == before + 1


def test_a_full_unit_can_be_set_up_from_another_units_backup(cast, make_backup, bring_in):
    before = state(cast.daily)
    bring_in(cast.weekly, cast.mallory, make_backup(cast.daily), typed_name=" Coast  Weekly ")
    assert state(cast.weekly) == before == state(cast.daily)


def test_another_units_backup_needs_the_units_name_typed(cast, make_backup, bring_in):
    data = make_backup(cast.daily)
    with Unchanged(cast.daily, cast.weekly), pytest.raises(errors.WrongUnit):
        bring_in(cast.weekly, cast.mallory, data, typed_name="Harbour Daily")


def test_secrets_survive_on_a_server_with_another_key(cast, make_backup, bring_in):
    data = make_backup(cast.daily)
    before = state(cast.daily)
    SafetyCopy.delete().execute()
    for unit in (cast.daily, cast.weekly):
        for model in backup.sections.WIPE_ORDER:
            model.delete().where(model.unit == unit).execute()
    vault.open(b"another server's key, 32 bytes..")
    bring_in(cast.daily, cast.alice, data)
    assert state(cast.daily) == before
    key = ConfigKey.get(ConfigKey.unit == cast.daily, ConfigKey.type == "secret")
    assert key.secret == "hush-key-store"


def test_a_secret_is_in_the_database_only_sealed(cast, folders, make_backup, bring_in):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    db.tidy()
    stored = b"".join(path.read_bytes() for path in folders.data.glob("dashboard.db*"))
    assert b"plain" in stored
    assert b"hush" not in stored


def test_a_wrong_password_is_said_and_the_upload_stays(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    with Unchanged(cast.daily), pytest.raises(ArchiveError) as caught:
        backup.validate_upload(cast.daily, cast.alice, uid, "not the password", engine)
    assert caught.value.code == "wrong_password"
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    assert backup.import_ticket(cast.daily, cast.alice, token, engine).state == "done"


@pytest.mark.parametrize("at", [5, 30, 200, 330, 400, 900, -1])
def test_a_changed_byte_is_refused_and_the_upload_is_deleted(
    cast, engine, make_backup, folders, at
):
    data = bytearray(make_backup(cast.daily))
    data[at] ^= 0xFF
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(bytes(data)), engine)
    with Unchanged(cast.daily), pytest.raises(ArchiveError):
        backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    assert list(folders.uploads.iterdir()) == []
    assert tickets() == 0


def test_a_ticket_is_for_its_user_and_its_unit_alone(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    for unit, user in ((cast.daily, cast.bob), (cast.weekly, cast.alice), (cast.weekly, cast.bob)):
        with Unchanged(cast.daily, cast.weekly), pytest.raises(errors.TicketUnusable):
            backup.import_ticket(unit, user, token, engine)
    with Unchanged(cast.daily), pytest.raises(errors.TicketUnusable):
        backup.import_ticket(cast.daily, cast.alice, token + "x", engine)
    with pytest.raises(errors.UploadGone):
        backup.validate_upload(cast.weekly, cast.alice, uid, PASSWORD, engine)


def test_a_ticket_expires(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    ImportTicket.update(expires_at=runs.now() - 1).execute()
    with Unchanged(cast.daily), pytest.raises(errors.TicketUnusable):
        backup.import_ticket(cast.daily, cast.alice, token, engine)


def test_a_ticket_is_good_for_one_import_and_then_shows_its_result(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    first = backup.import_ticket(cast.daily, cast.alice, token, engine)
    ConfigKey.delete().where(ConfigKey.unit == cast.daily).execute()
    with Unchanged(cast.daily):
        again = backup.import_ticket(cast.daily, cast.alice, token, engine)
    assert again == first


def test_the_database_keeps_neither_token_nor_file_key(cast, engine, make_backup, folders):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, found = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    db.tidy()
    stored = b"".join(path.read_bytes() for path in folders.data.glob("dashboard.db*"))
    assert token.encode() not in stored
    assert found.report.file_key not in stored


def test_a_unit_that_changed_since_the_preview_is_not_imported_into(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    Unit.update(revision=Unit.revision + 1).where(Unit.id == cast.daily.id).execute()
    with Unchanged(cast.daily), pytest.raises(errors.UnitChanged):
        backup.import_ticket(cast.daily, cast.alice, token, engine)


def test_a_file_swapped_on_the_disk_is_not_imported(cast, engine, make_backup, folders):
    data, other = make_backup(cast.daily), make_backup(cast.weekly)
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    (folders.uploads / f"{uid}.dbk").write_bytes(other)
    with Unchanged(cast.daily), pytest.raises(errors.FileChanged):
        backup.import_ticket(cast.daily, cast.alice, token, engine)


def test_without_a_safety_copy_there_is_no_import(cast, make_backup, bring_in, monkeypatch):
    data = make_backup(cast.daily)

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(imports, "export", full)
    with Unchanged(cast.daily), pytest.raises(errors.NoSafetyCopy, match="No space left"):
        bring_in(cast.daily, cast.alice, data)


def test_a_safety_copy_that_is_gone_again_ends_the_import(
    cast, make_backup, bring_in, monkeypatch, folders
):
    data, honest = make_backup(cast.daily), imports.restore

    def meanwhile(*args, **kwargs):
        for path in folders.safety.iterdir():
            path.unlink()
        return honest(*args, **kwargs)

    monkeypatch.setattr(imports, "restore", meanwhile)
    with Unchanged(cast.daily), pytest.raises(errors.NoSafetyCopy, match="gone again"):
        bring_in(cast.daily, cast.alice, data)


def test_the_room_that_the_wipe_needs_is_asked_for_too(
    cast, engine, make_backup, bring_in, monkeypatch, folders
):
    data, asked = make_backup(cast.daily), []
    monkeypatch.setattr(restore, "require_space", lambda folder, needed: asked.append(needed))
    ConfigKey.create(unit=cast.daily, name="LARGE", type="string", value="x" * 900_000)
    bring_in(cast.daily, cast.alice, data)
    assert asked[1] - asked[0] > 1_000_000


def test_without_room_there_is_no_import(cast, make_backup, bring_in, monkeypatch, folders):
    data = make_backup(cast.daily)
    monkeypatch.setattr(restore, "SPARE_BYTES", 1 << 60)
    monkeypatch.setattr(imports, "export", lambda *_: pytest.fail("it was saved all the same"))
    with Unchanged(cast.daily), pytest.raises(errors.NoSpace):
        bring_in(cast.daily, cast.alice, data)
    assert list(folders.safety.iterdir()) == []


@pytest.mark.parametrize("section", [table.section.name for table in backup.sections.TABLES])
def test_an_error_while_loading_any_section_leaves_the_unit_as_it_was(
    cast, make_backup, bring_in, monkeypatch, section, folders
):
    data = make_backup(cast.daily)
    table = backup.sections.TABLE_OF[section]

    def fail(self, *_):
        if self is table:
            raise RuntimeError("the disk is on fire")
        honest(self, *_)

    honest = type(table).insert
    monkeypatch.setattr(type(table), "insert", fail)
    with Unchanged(cast.daily, cast.weekly), pytest.raises(RuntimeError):
        bring_in(cast.daily, cast.alice, data)
    assert list(folders.safety.iterdir()) == []
    assert BackupRun.select().order_by(BackupRun.id.desc()).first().state == "failed"


def test_a_row_that_is_loaded_wrongly_is_noticed_before_the_commit(
    cast, make_backup, bring_in, monkeypatch
):
    """The negative control of the verified commit: one name is not what the file says."""
    data = make_backup(cast.daily)
    honest = tables.insert_rows

    def careless(model, unit, fields, rows, **same):
        if model is Workspace:
            at = fields.index("name")
            rows = [(*row[:at], row[at] + "!", *row[at + 1 :]) for row in rows]
        honest(model, unit, fields, rows, **same)

    monkeypatch.setattr(tables, "insert_rows", careless)
    with Unchanged(cast.daily), pytest.raises(errors.NotVerified):
        bring_in(cast.daily, cast.alice, data)


def test_an_undo_brings_back_what_the_import_replaced_and_can_be_undone(
    cast, engine, make_backup, bring_in
):
    saved, data = state(cast.daily), make_backup(cast.daily)
    wipe_some(cast.daily)
    poor = state(cast.daily)
    bring_in(cast.daily, cast.alice, data)
    for expected in (poor, saved, poor):
        token, _ = backup.prepare_undo(cast.daily, cast.alice, engine)
        assert backup.import_ticket(cast.daily, cast.alice, token, engine).kind == "undo"
        assert state(cast.daily) == expected


def test_there_is_nothing_to_undo_before_the_first_import(cast, engine):
    with pytest.raises(errors.NothingToUndo):
        backup.prepare_undo(cast.daily, cast.alice, engine)


def test_a_safety_copy_is_worthless_without_the_server_key(cast, make_backup, bring_in, folders):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    (copy,) = folders.safety.iterdir()
    with copy.open("rb") as source, pytest.raises(ArchiveError) as caught:
        backup.validate_with_password(source, PASSWORD)
    assert caught.value.code == "wrong_password"
    assert "sealed to a key" in str(caught.value)


def test_every_attempt_is_in_the_audit_log(cast, engine, make_backup, bring_in):
    data = make_backup(cast.daily)
    bring_in(cast.daily, cast.alice, data)
    with pytest.raises(ArchiveError):
        bring_in(cast.daily, cast.alice, data, password="wrong")
    events = [
        (event.action, event.outcome, event.user_email)
        for event in AuditEvent.select().order_by(AuditEvent.id)
    ]
    assert events == [
        ("backup.export", "done", "test"),
        ("backup.validate", "done", cast.alice.email),
        ("backup.import", "done", cast.alice.email),
        ("backup.validate", "refused", cast.alice.email),
    ]


def test_a_run_that_nobody_finished_reads_interrupted_after_a_start(cast):
    run = runs.begin(cast.daily, backup.RunKind.IMPORT, cast.alice)
    assert backup.mark_interrupted() == 0  # this process is at work on it
    processes.at_work.clear()
    assert backup.mark_interrupted() == 1
    again = BackupRun.get_by_id(run.id)
    assert again.state == "interrupted"
    assert "Nothing was changed" in again.reason


@pytest.mark.parametrize("is_written_down", [True, False])
def test_a_commit_that_fails_keeps_the_copy_that_its_undo_would_need(
    cast, engine, make_backup, folders, monkeypatch, is_written_down
):
    """What a database wrote of a commit it may take as done at its next start."""
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    whole, end = db.write_transaction, runs.end
    broken = peewee.OperationalError("the commit has failed")

    @contextmanager
    def failing(**how):
        with whole(**how):
            yield
            raise broken

    def end_on_a_dead_disk(run, state, **columns):
        if state is RunState.FAILED:
            raise peewee.OperationalError
        end(run, state, **columns)

    run, _ = backup.begin_import(cast.daily, cast.alice, token, engine)
    monkeypatch.setattr(db, "write_transaction", failing)
    if not is_written_down:
        monkeypatch.setattr(runs, "end", end_on_a_dead_disk)
    expected = "the commit has failed" if is_written_down else "it knows which"
    with Unchanged(cast.daily, cast.weekly), pytest.raises(Exception, match=expected):
        backup.import_ticket(cast.daily, cast.alice, token, engine, run=run)
    assert [path.stem for path in folders.safety.iterdir()] == [run.uid]
    assert BackupRun.get_by_id(run.id).state == ("failed" if is_written_down else "running")
    backup.mark_interrupted()
    assert backup.sweep(folders, 7) == 1
