"""Files: private, whole or not there, and swept by their own ids alone."""

import os
import time

import pytest

from dashboard import backup
from dashboard.backup import processes, runs, store
from dashboard.models import BackupRun, RunKind, SafetyCopy
from tests.backup.conftest import state

UID = "0123456789abcdef" * 2


def test_files_are_for_the_owner_alone(cast, make_backup, bring_in, folders):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    for path in folders.data.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert folders.data.stat().st_mode & 0o777 == 0o700


def test_a_file_that_fails_leaves_nothing(folders):
    def fail():
        with store.new_file(folders.exports, UID) as sink:
            sink.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(folders.exports.iterdir()) == []


@pytest.mark.parametrize("uid", ["", "..", "../" * 10 + "x", "A" * 32, "0" * 31, "0" * 33])
def test_a_name_that_is_no_id_is_never_a_path(folders, uid):
    with pytest.raises(ValueError, match="not the id"):
        store.file_path(folders.exports, uid)


def age(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_the_sweep_takes_only_what_is_ours_and_old(folders):
    strange = [folders.uploads / "notes.txt", folders.uploads / f"{UID}.dbk.bak"]
    young, old = folders.uploads / f"{UID}.part", folders.uploads / f"{'e' * 32}.dbk"
    for path in (*strange, young, old):
        path.write_bytes(b"x")
        age(path, 10**6)
    age(young, 10)
    (folders.uploads / ("f" * 32)).mkdir()
    assert backup.sweep(folders, 7) == 1
    assert not old.exists()
    assert young.exists()
    assert all(path.exists() for path in strange)


def dead() -> str:
    """What a process was known by that is no more."""
    boot, namespace, *_ = processes.this_process().split()
    return f"{boot} {namespace} 1 0"


@pytest.mark.parametrize("kind", RunKind)
def test_what_a_dead_program_was_writing_is_swept_at_once(cast, folders, kind):
    run = runs.begin(cast.daily, kind, cast.alice)
    files = [folders.exports / f"{run.uid}.part", folders.safety / f"{run.uid}.dbk"]
    for path in files:
        path.write_bytes(b"x")
        age(path, 10**6)  # an import may take long
    assert backup.sweep(folders, 7) == 0
    BackupRun.update(process=dead()).execute()
    assert backup.mark_interrupted() == 1
    assert backup.sweep(folders, 7) == 2
    assert not any(path.exists() for path in files)


def test_an_upload_that_is_coming_in_stays_while_its_program_lives(cast, folders):
    run = runs.begin_upload(cast.daily, cast.alice)
    path = folders.uploads / f"{run.uid}.part"
    path.write_bytes(b"x")
    age(path, 10**6)
    assert backup.sweep(folders, 7) == 0
    BackupRun.update(process=dead()).execute()
    assert backup.sweep(folders, 7) == 1


def test_an_upload_whose_validation_was_interrupted_is_kept_for_half_an_hour(cast, folders):
    run = runs.begin_upload(cast.daily, cast.alice)
    path = folders.uploads / f"{run.uid}.dbk"
    path.write_bytes(b"x")
    runs.begin_again(run)
    BackupRun.update(process=dead()).execute()
    backup.mark_interrupted()
    assert backup.sweep(folders, 7) == 0
    age(path, 1900)
    assert backup.sweep(folders, 7) == 1


def test_the_newest_safety_copy_stays_and_others_go_by_age(
    cast, make_backup, bring_in, folders, engine
):
    data = make_backup(cast.daily)
    for _ in range(3):
        bring_in(cast.daily, cast.alice, data)
    SafetyCopy.update(created_at=runs.now() - 8 * runs.DAY_SECONDS).execute()
    for path in folders.safety.iterdir():
        age(path, 8 * runs.DAY_SECONDS)
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
