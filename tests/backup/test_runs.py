"""One run at a time in each unit, progress that may end it, and the traces of the dead."""

import io
import os
import subprocess
import sys

import pytest

from dashboard import backup
from dashboard.backup import errors, processes, runs
from dashboard.backup.progress import Stage
from dashboard.models import BackupRun, ImportTicket, RunKind, RunState
from tests.backup.conftest import PASSWORD, Unchanged, state, wipe_some


@pytest.fixture(autouse=True)
def _nobody_at_work():
    yield
    processes.at_work.clear()


@pytest.mark.parametrize("kind", RunKind)
def test_a_unit_has_one_running_run(cast, engine, kind, tmp_path):
    run = runs.begin(cast.daily, kind, cast.alice)
    for second in RunKind:
        with pytest.raises(errors.UnitBusy):
            runs.begin(cast.daily, second, cast.alice)
    with pytest.raises(errors.UnitBusy):
        backup.export_to_file(cast.daily, tmp_path / "x.dbk", PASSWORD, "command line", engine)
    with pytest.raises(errors.UnitBusy):
        backup.require_free(cast.daily)
    assert runs.begin(cast.weekly, kind, cast.mallory).state == "running"
    runs.end(run, RunState.DONE)
    assert runs.begin(cast.daily, kind, cast.alice).state == "running"


def test_an_upload_that_waits_keeps_nobody_from_anything(cast, engine, make_backup):
    data = make_backup(cast.daily)
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
    assert BackupRun.get(BackupRun.uid == uid).state == "uploaded"
    make_backup(cast.daily)
    assert backup.mark_interrupted() == 0


def test_a_running_unit_takes_no_validation_and_keeps_the_upload(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    run = runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    with pytest.raises(errors.UnitBusy):
        backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    runs.end(run, RunState.DONE)
    backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)


def test_the_run_of_a_dead_program_is_closed_by_the_next(cast):
    code = "from dashboard.backup.processes import this_process; print(this_process())"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for process in (dead.stdout.strip(), f"another-boot {processes.this_process()[37:]}"):
        run = runs.begin(cast.daily, RunKind.IMPORT, cast.alice)
        BackupRun.update(process=process).where(BackupRun.id == run.id).execute()
        second = runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
        assert BackupRun.get_by_id(run.id).state == "interrupted"
        runs.end(second, RunState.DONE)


def test_where_nobody_can_tell_an_hour_decides(cast):
    run = runs.begin(cast.daily, RunKind.IMPORT, cast.alice)
    rows = BackupRun.update(process="").where(BackupRun.id == run.id)
    rows.execute()
    with pytest.raises(errors.UnitBusy):
        runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    BackupRun.update(started_at=runs.now() - 3601).where(BackupRun.id == run.id).execute()
    runs.begin(cast.daily, RunKind.EXPORT, cast.alice)


def test_the_run_of_another_program_that_lives_stays(cast):
    run = runs.begin(cast.daily, RunKind.IMPORT, cast.alice)
    boot, namespace, *_ = processes.this_process().split()
    parent = f"{boot} {namespace} 1 {processes._started(1)}"
    BackupRun.update(process=parent).where(BackupRun.id == run.id).execute()
    assert backup.mark_interrupted() == 0
    with pytest.raises(errors.UnitBusy):
        runs.begin(cast.daily, RunKind.EXPORT, cast.alice)


@pytest.fixture
def hidden(cast, folders, monkeypatch):
    """A run of a command whose process /proc does not show, as it hides root's from a service."""

    def started(number):
        if number == 1:
            raise FileNotFoundError
        return really_started(number)

    def refuse(number, signal):
        assert (number, signal) == (1, 0)
        raise PermissionError

    run = runs.begin(cast.daily, RunKind.IMPORT, "command line")
    boot, namespace, *_ = processes.this_process().split()
    BackupRun.update(process=f"{boot} {namespace} 1 7").where(BackupRun.id == run.id).execute()
    (folders.safety / f"{run.uid}.part").write_bytes(b"half of it")
    really_started = processes._started
    monkeypatch.setattr(processes, "_started", started)
    monkeypatch.setattr(os, "kill", refuse)
    return BackupRun.get_by_id(run.id)


@pytest.mark.parametrize("starting", [False, True])
def test_a_command_that_is_hidden_from_the_server_goes_on(cast, folders, hidden, starting):
    if starting:
        assert backup.mark_interrupted() == 0
    assert backup.sweep(folders, 7, starting=starting) == 0
    with pytest.raises(errors.UnitBusy):
        backup.require_free(cast.daily)
    assert BackupRun.get_by_id(hidden.id) == hidden
    assert BackupRun.get_by_id(hidden.id).state == "running"
    assert (folders.safety / f"{hidden.uid}.part").exists()


@pytest.mark.parametrize("starting", [False, True])
def test_a_hidden_process_keeps_a_unit_busy_for_an_hour(cast, folders, hidden, starting):
    BackupRun.update(started_at=runs.now() - 3601).where(BackupRun.id == hidden.id).execute()
    assert backup.sweep(folders, 7, starting=starting) == 0  # it may still be at work
    if starting:
        assert backup.mark_interrupted() == 1
    else:
        backup.require_free(cast.daily)
    assert BackupRun.get_by_id(hidden.id).state == "interrupted"
    assert backup.sweep(folders, 7, starting=starting) == 1


def test_a_start_closes_what_is_somewhere_else(cast):
    run = runs.begin(cast.daily, RunKind.IMPORT, "command line")
    boot, _, *rest = processes.this_process().split()
    process = " ".join((boot, "pid:[1]", *rest))
    BackupRun.update(process=process).where(BackupRun.id == run.id).execute()
    with pytest.raises(errors.UnitBusy):
        backup.require_free(cast.daily)
    assert backup.mark_interrupted() == 1


def stop_at(stage, error):
    """A listener that ends the act at *stage*, and remembers what it heard."""

    def tell(now, done, total):
        heard.append(now)
        assert done <= total
        if now is stage:
            raise error

    heard = tell.heard = []
    return tell


@pytest.mark.parametrize(
    ("error", "ends"), [(errors.Cancelled(), "cancelled"), (errors.Interrupted(), "interrupted")]
)
@pytest.mark.parametrize("stage", [Stage.SAVE, Stage.LOAD, Stage.VERIFY, Stage.COMMIT])
def test_an_import_stops_at_any_stage_with_nothing_changed(
    cast, engine, make_backup, folders, stage, error, ends
):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    wipe_some(cast.daily)
    with Unchanged(cast.daily, cast.weekly), pytest.raises(type(error)):
        backup.import_ticket(cast.daily, cast.alice, token, engine, progress=stop_at(stage, error))
    assert BackupRun.select().order_by(BackupRun.id.desc()).first().state == ends
    assert [*folders.safety.iterdir(), *folders.uploads.iterdir()] == []


@pytest.mark.parametrize("stage", [Stage.UNLOCK, Stage.WRITE])
def test_an_export_stops_at_any_stage_and_leaves_no_file(cast, engine, folders, stage):
    with Unchanged(cast.daily), pytest.raises(errors.Cancelled):
        backup.export_for_download(
            cast.daily, cast.alice, PASSWORD, engine, progress=stop_at(stage, errors.Cancelled())
        )
    assert BackupRun.get().state == "cancelled"
    assert list(folders.exports.iterdir()) == []


@pytest.mark.parametrize("stage", [Stage.UNLOCK, Stage.CHECK])
def test_a_validation_stops_and_forgets_the_upload(cast, engine, folders, make_backup, stage):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    listener = stop_at(stage, errors.Cancelled())
    with Unchanged(cast.daily), pytest.raises(errors.Cancelled):
        backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine, progress=listener)
    assert list(folders.uploads.iterdir()) == []
    assert ImportTicket.select().count() == 0


def test_an_import_tells_every_stage_in_order(cast, engine, make_backup):
    before = state(cast.daily)
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    wipe_some(cast.daily)
    listener = stop_at(None, None)
    backup.import_ticket(cast.daily, cast.alice, token, engine, progress=listener)
    stages = list(dict.fromkeys(listener.heard))
    assert stages == [Stage.SAVE, Stage.LOAD, Stage.VERIFY, Stage.COMMIT]
    assert state(cast.daily) == before
    assert all(stage.label for stage in Stage)


def test_a_ticket_belongs_to_the_run_that_began_first(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    begin = backup.begin_import
    first, is_new = begin(cast.daily, cast.alice, token, engine)
    assert is_new
    assert begin(cast.daily, cast.alice, token, engine) == (first, False)
    assert BackupRun.select().where(BackupRun.kind == RunKind.IMPORT).count() == 1


def test_a_ticket_stays_good_while_something_else_is_running(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    run = runs.begin(cast.daily, RunKind.EXPORT, cast.alice)
    with pytest.raises(errors.UnitBusy):
        backup.begin_import(cast.daily, cast.alice, token, engine)
    runs.end(run, RunState.DONE)
    assert ImportTicket.get().run is None
    assert backup.begin_import(cast.daily, cast.alice, token, engine)[1]
