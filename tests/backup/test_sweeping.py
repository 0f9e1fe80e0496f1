"""The clean-up: what a crash left behind goes, what is wanted or foreign stays."""

import io
import os
import time

import pytest

from dashboard import backup
from dashboard.backup import processes, runs
from dashboard.backup.errors import TicketUnusable
from dashboard.models import BackupRun, ImportTicket, RunKind, RunState, SafetyCopy
from tests.backup.conftest import PASSWORD, Unchanged, state

FOREIGN = ("notes.txt", "f" * 32, f"{'e' * 32}.dbk", f"{'e' * 32}.part", f"{'d' * 32}.dbk.bak")


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def ours(cast, kind, run_state, **columns):
    """A run of ours whose process is gone, and its id."""
    uid = os.urandom(16).hex()
    BackupRun.create(
        uid=uid,
        unit=cast.daily,
        user_email=cast.alice.email,
        kind=kind,
        state=run_state,
        started_at=runs.now() - 10,
        process=processes.this_process() if run_state == RunState.RUNNING else "",
        **columns,
    )
    return uid


def left(folder, uid, ending):
    path = folder / f"{uid}.{ending}"
    path.write_bytes(b"ciphertext")
    return path


@pytest.mark.parametrize("starting", [False, True])
@pytest.mark.parametrize("folder", ["uploads", "exports", "safety"])
def test_what_is_not_of_our_runs_is_never_touched(folders, cast, folder, starting):
    places = [getattr(folders, folder) / name for name in FOREIGN]
    for path in places:
        path.write_bytes(b"x")
        age(path, 10**6)
    target = folders.data / "outside"
    target.write_bytes(b"x")
    uid = ours(cast, RunKind.EXPORT, RunState.FAILED)
    (getattr(folders, folder) / f"{uid}.dbk").symlink_to(target)
    assert backup.sweep(folders, 7, starting=starting) == 0
    assert all(path.exists() for path in (*places, target))


@pytest.mark.parametrize("ending", ["part", "dbk"])
@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("uploads", RunKind.VALIDATE),
        ("exports", RunKind.EXPORT),
        ("safety", RunKind.IMPORT),
        ("safety", RunKind.UNDO),
    ],
)
def test_a_start_sweeps_what_a_killed_server_or_command_left(folders, cast, folder, kind, ending):
    uid = ours(cast, kind, RunState.RUNNING)
    path = left(getattr(folders, folder), uid, ending)
    assert backup.mark_interrupted() == 1  # nobody in this process is at work on it
    assert backup.sweep(folders, 7, starting=True) == 1
    assert not path.exists()
    assert BackupRun.get(BackupRun.uid == uid).state == RunState.INTERRUPTED


@pytest.mark.parametrize("ending", ["part", "dbk"])
def test_an_upload_that_nobody_validated_goes_at_a_start_and_by_age_else(folders, cast, ending):
    uid = ours(cast, RunKind.VALIDATE, RunState.UPLOADED)
    path = left(folders.uploads, uid, ending)
    assert backup.sweep(folders, 7) == 0  # it comes in just now
    age(path, runs.UPLOAD_KEPT_SECONDS + 1)
    assert backup.sweep(folders, 7) == 1
    left(folders.uploads, uid, ending)
    assert backup.sweep(folders, 7, starting=True) == 1


def test_a_start_leaves_alone_what_a_command_is_at_work_on(folders, cast):
    run = runs.begin(cast.daily, RunKind.IMPORT, "command line")
    path = left(folders.safety, run.uid, "part")
    assert backup.mark_interrupted() == 0
    assert backup.sweep(folders, 7, starting=True) == 0
    assert path.exists()
    runs.abandon(run)


def test_a_validated_upload_outlives_a_start_and_is_imported(folders, cast, engine, make_backup):
    data = make_backup(cast.daily)
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    assert backup.sweep(folders, 7, starting=True) == 0
    assert backup.import_ticket(cast.daily, cast.alice, token, engine).state == RunState.DONE


def test_a_start_forgets_tickets_that_bring_nothing_back(folders, cast, engine, make_backup):
    data = make_backup(cast.daily)
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    (folders.uploads / f"{uid}.dbk").unlink()
    backup.sweep(folders, 7)
    assert ImportTicket.select().count() == 1
    backup.sweep(folders, 7, starting=True)
    assert ImportTicket.select().count() == 0
    with Unchanged(cast.daily), pytest.raises(backup.BackupError):
        backup.import_ticket(cast.daily, cast.alice, token, engine)


def test_an_expired_ticket_goes_and_its_upload_with_it(folders, cast, engine, make_backup):
    data = make_backup(cast.daily)
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
    backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    ImportTicket.update(expires_at=runs.now() - 1).execute()
    assert backup.sweep(folders, 7, starting=True) == 1
    assert ImportTicket.select().count() == 0


def test_a_used_ticket_shows_for_a_month_what_came_of_it(folders, cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    first = backup.import_ticket(cast.daily, cast.alice, token, engine)
    ImportTicket.update(expires_at=runs.now() - 29 * runs.DAY_SECONDS).execute()
    backup.sweep(folders, 7)
    with Unchanged(cast.daily):
        assert backup.import_ticket(cast.daily, cast.alice, token, engine) == first
    with Unchanged(cast.daily), pytest.raises(TicketUnusable):
        backup.preview_again(cast.daily, cast.alice, token, engine)
    ImportTicket.update(expires_at=runs.now() - 31 * runs.DAY_SECONDS).execute()
    backup.sweep(folders, 7)
    with Unchanged(cast.daily), pytest.raises(TicketUnusable):
        backup.import_ticket(cast.daily, cast.alice, token, engine)


def test_an_import_that_was_begun_in_time_may_wait_for_its_turn(cast, engine, make_backup):
    uid = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(make_backup(cast.daily)), engine)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    run, _ = backup.begin_import(cast.daily, cast.alice, token, engine)
    ImportTicket.update(expires_at=runs.now() - 1).execute()
    backup.import_ticket(cast.daily, cast.alice, token, engine, run=run)
    assert BackupRun.get_by_id(run.id).state == RunState.DONE


def test_an_export_that_ends_while_the_sweep_looks_is_kept(folders, cast, engine, monkeypatch):
    run = backup.begin(cast.daily, RunKind.EXPORT, cast.alice)
    backup.export_for_download(cast.daily, cast.alice, PASSWORD, engine, run=run)
    BackupRun.update(state=RunState.RUNNING).where(BackupRun.id == run.id).execute()

    def ends_meanwhile(process, uid):
        BackupRun.update(state=RunState.DONE).where(BackupRun.id == run.id).execute()
        return False

    monkeypatch.setattr(processes, "is_alive", ends_meanwhile)
    assert backup.sweep(folders, 7) == 0
    assert [path.stem for path in folders.exports.iterdir()] == [run.uid]


def test_a_safety_copy_that_lost_its_file_is_nothing_to_undo(
    folders, cast, engine, make_backup, bring_in
):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    for path in folders.safety.iterdir():
        path.unlink()
    with Unchanged(cast.daily), pytest.raises(backup.BackupError, match="could be undone"):
        backup.prepare_undo(cast.daily, cast.alice, engine)


def test_the_newest_safety_copy_stays_and_others_go_by_age(
    cast, make_backup, bring_in, folders, engine
):
    data = make_backup(cast.daily)
    for _ in range(3):
        bring_in(cast.daily, cast.alice, data)
    SafetyCopy.update(created_at=runs.now() - 8 * runs.DAY_SECONDS).execute()
    assert backup.sweep(folders, 7) == 2
    before = state(cast.daily)
    token, _ = backup.prepare_undo(cast.daily, cast.alice, engine)
    assert backup.import_ticket(cast.daily, cast.alice, token, engine).content == before


def test_a_download_is_kept_for_an_hour(cast, engine, folders):
    run = backup.export_for_download(cast.daily, cast.alice, "abcd", engine)
    path = folders.exports / f"{run.uid}.dbk"
    age(path, 1900)
    backup.sweep(folders, 7)
    assert path.exists()
    type(run).update(finished_at=runs.now() - 3700).execute()
    backup.sweep(folders, 7)
    assert not path.exists()
