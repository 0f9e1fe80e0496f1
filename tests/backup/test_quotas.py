"""What waits on the disk for nobody stays within its bounds, and goes by itself."""

import io
import os
import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dashboard import backup, db
from dashboard.backup import quotas, runs, store
from dashboard.backup.errors import NoSpace, SafetyCopiesFull, UnitBusy, UploadsWaiting
from dashboard.models import AuditEvent, BackupRun, ImportTicket, RunState, SafetyCopy
from tests.backup.conftest import PASSWORD, Unchanged
from tests.factories import make_user

MIB = 1 << 20
LONG = 30


def keep(engine, unit, user, data=b"x" * 100):
    return backup.keep_upload(unit, user, io.BytesIO(data), engine)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def age(folder, seconds):
    """Let what is in *folder* be older by *seconds*."""
    for path in folder.iterdir():
        at = path.stat().st_mtime - seconds
        os.utime(path, (at, at))


def test_a_user_has_so_many_uploads_of_scripts_waiting_and_no_more(cast, engine, folders):
    cast.alice.via = "nightly (3f2a9c1e)"
    for _ in range(quotas.UPLOADS_OF_USER):
        keep(engine, cast.daily, cast.alice)
    before = files(folders.uploads)
    with Unchanged(cast.daily), pytest.raises(UploadsWaiting) as refused:
        keep(engine, cast.daily, cast.alice)
    assert files(folders.uploads) == before
    assert "8 uploads of yours wait on the server already" in str(refused.value)
    assert "Import or discard one that you validated, or try again at " in str(refused.value)
    assert 0 < refused.value.retry_after <= runs.UPLOAD_KEPT_SECONDS + 1
    assert BackupRun.select().order_by(BackupRun.id.desc()).first().state == RunState.REFUSED
    last = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (last.action, last.outcome) == ("backup.validate", "refused")
    keep(engine, cast.weekly, cast.mallory)  # somebody else has places of his own


def test_what_came_by_hand_gives_way_the_oldest_first(cast, engine, folders, make_backup):
    """Who reloads the page of a preview cannot discard it: eight of them would lock him out."""
    cast.alice.via = "nightly (3f2a9c1e)"
    scripts = keep(engine, cast.daily, cast.alice)
    cast.alice.via = ""
    data = make_backup(cast.daily)
    imported = keep(engine, cast.daily, cast.alice, data)
    token, _ = backup.validate_upload(cast.daily, cast.alice, imported, PASSWORD, engine)
    backup.begin_import(cast.daily, cast.alice, token, engine)
    oldest = keep(engine, cast.weekly, cast.alice)
    age(folders.uploads, 60)
    others = [keep(engine, cast.daily, cast.alice) for _ in range(quotas.UPLOADS_OF_USER - 3)]
    newest = keep(engine, cast.daily, cast.alice)
    uids = {path.stem for path in folders.uploads.iterdir()}
    assert uids == {scripts, imported, *others, newest}
    assert oldest not in uids


def test_a_file_gives_way_to_a_larger_one(cast, engine, folders):
    engine = replace(engine, max_upload_bytes=MIB)
    first = keep(engine, cast.daily, cast.alice, b"x" * (MIB - 1))
    age(folders.uploads, 60)
    second = keep(engine, cast.daily, cast.alice, b"x" * MIB)
    assert files(folders.uploads) == sorted([f"{first}.dbk", f"{second}.dbk"])
    age(folders.uploads, 60)
    third = keep(engine, cast.daily, cast.alice, b"xx")
    assert files(folders.uploads) == sorted([f"{second}.dbk", f"{third}.dbk"])


def test_the_bytes_of_a_user_are_bounded_too(cast, engine, folders):
    engine = replace(engine, max_upload_bytes=MIB)
    cast.alice.via = "nightly (3f2a9c1e)"
    keep(engine, cast.daily, cast.alice, b"x" * MIB)
    keep(engine, cast.daily, cast.alice, b"x" * (MIB - 1))
    with pytest.raises(UploadsWaiting, match="2 uploads of yours wait"):
        keep(engine, cast.daily, cast.alice, b"xx")
    keep(engine, cast.daily, cast.alice, b"x")
    assert sum(path.stat().st_size for path in folders.uploads.iterdir()) == 2 * MIB


def test_one_upload_is_taken_in_whatever_its_size(cast, engine):
    keep(replace(engine, max_upload_bytes=10), cast.daily, cast.alice)


def test_the_uploads_of_all_are_bounded(cast, engine, folders):
    engine = replace(engine, max_upload_bytes=MIB)
    for number in range(quotas.UPLOADS_OF_ALL_FILES):
        keep(engine, cast.daily, make_user(f"admin{number}"), b"x" * MIB)
    before = files(folders.uploads)
    with pytest.raises(UploadsWaiting, match="Too many uploads wait on this server"):
        keep(engine, cast.daily, cast.alice)
    assert files(folders.uploads) == before


@pytest.mark.slow
def test_a_thousand_uploads_that_nobody_comes_back_for(cast, engine, folders):
    """R6: within the quota at every moment, and gone when their time is over."""
    engine = replace(engine, max_upload_bytes=1000)
    people = [make_user(f"admin{number}") for number in range(20)]
    taken = refused = most = 0
    for number in range(1000):
        try:
            keep(engine, cast.daily, people[number % len(people)])
            taken += 1
        except UploadsWaiting:
            refused += 1
        sizes = [path.stat().st_size for path in folders.uploads.iterdir()]
        most = max(most, sum(sizes))
        assert len(sizes) <= quotas.UPLOADS_OF_ALL
    assert most <= quotas.UPLOADS_OF_ALL_FILES * engine.max_upload_bytes
    assert (taken, refused) == (40, 960)
    age(folders.uploads, runs.UPLOAD_KEPT_SECONDS)
    keep(engine, cast.daily, cast.alice)  # room is made before anybody is refused
    assert len(files(folders.uploads)) == 1
    age(folders.uploads, runs.UPLOAD_KEPT_SECONDS)
    assert backup.sweep(folders, 7) == 1
    assert files(folders.uploads) == []


def test_a_ticket_keeps_its_upload_as_long_as_it_is_good(cast, engine, folders, make_backup):
    uid = keep(engine, cast.daily, cast.alice, make_backup(cast.daily))
    backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    age(folders.uploads, runs.UPLOAD_KEPT_SECONDS)
    keep(engine, cast.daily, cast.alice)
    assert f"{uid}.dbk" in files(folders.uploads)
    ImportTicket.update(expires_at=runs.now() - 1).execute()
    keep(engine, cast.daily, cast.alice)
    assert f"{uid}.dbk" not in files(folders.uploads)


def test_uploads_at_the_same_moment_share_the_places(cast, engine, folders):
    cast.alice.via = "nightly (3f2a9c1e)"
    together = threading.Barrier(16)

    def bring(_):
        with db.database.connection_context():
            together.wait(LONG)
            try:
                keep(engine, cast.daily, cast.alice)
            except UploadsWaiting:
                return False
            return True

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(bring, range(16)))
    assert done.count(True) == quotas.UPLOADS_OF_USER == len(files(folders.uploads))
    assert quotas._coming == {}


def test_what_is_coming_in_counts_as_a_whole(cast, engine, folders):
    """A second upload that would fit beside the half that is there already does not come in."""
    engine = replace(engine, max_upload_bytes=MIB)

    class Slow(io.BytesIO):
        def read(self, *size):
            block = super().read(1000)
            if block:
                with pytest.raises(UploadsWaiting):
                    quotas.require_place(cast.alice.email, MIB, engine, by_token=True)
            return block

    data = b"x" * 2000
    keep(engine, cast.daily, cast.alice, b"x" * (MIB - 1000))
    backup.keep_upload(cast.daily, cast.alice, Slow(data), engine)
    assert len(files(folders.uploads)) == 2


def test_uploads_leave_room_on_the_disk_to_the_database(cast, engine, folders, monkeypatch):
    usage = namedtuple("usage", "total used free")(1000 * MIB, 979 * MIB, 21 * MIB)
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: usage)
    keep(engine, cast.daily, cast.alice, b"x" * MIB)
    with pytest.raises(NoSpace):
        keep(engine, cast.daily, cast.alice, b"x" * (MIB + 1))
    assert len(files(folders.uploads)) == 1


def test_many_exports_in_a_row_leave_the_newest(cast, engine, folders):
    made = []
    for number in range(quotas.EXPORTS_OF_USER + 3):
        run = backup.export_for_download(cast.daily, cast.alice, PASSWORD, engine)
        at = time.time() - 100 + number
        os.utime(folders.exports / f"{run.uid}.dbk", (at, at))
        made.append(run.uid)
    other = backup.export_for_download(cast.weekly, cast.mallory, PASSWORD, engine)
    kept = [f"{uid}.dbk" for uid in made[-quotas.EXPORTS_OF_USER :]]
    assert files(folders.exports) == sorted([*kept, f"{other.uid}.dbk"])


def test_large_exports_leave_the_last(cast, engine, folders):
    tiny = replace(engine, max_upload_bytes=1)
    backup.export_for_download(cast.daily, cast.alice, PASSWORD, tiny)
    last = backup.export_for_download(cast.daily, cast.alice, PASSWORD, tiny)
    assert files(folders.exports) == [f"{last.uid}.dbk"]


def test_safety_copies_are_never_deleted_for_room(cast, engine, make_backup, bring_in, folders):
    data = make_backup(cast.daily)
    bring_in(cast.daily, cast.alice, data)
    copy = SafetyCopy.get()
    full = replace(engine, max_upload_bytes=copy.file_bytes // quotas.SAFETY_COPIES_FILES)
    uid = keep(engine, cast.daily, cast.alice, data)
    token, _ = backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)
    with Unchanged(cast.daily), pytest.raises(SafetyCopiesFull, match="Delete those that you"):
        backup.import_ticket(cast.daily, cast.alice, token, full)
    assert files(folders.safety) == [f"{copy.uid}.dbk"]
    backup.delete_copy(cast.daily, copy.uid, cast.alice, engine)
    assert backup.import_ticket(cast.daily, cast.alice, token, full).state == RunState.DONE


def test_the_only_copy_can_be_undone_however_large_it_is(cast, engine, bring_in, make_backup):
    bring_in(cast.daily, cast.alice, make_backup(cast.daily))
    full = replace(engine, max_upload_bytes=1)
    token, _ = backup.prepare_undo(cast.daily, cast.alice, full)
    assert backup.import_ticket(cast.daily, cast.alice, token, full).state == RunState.DONE
    token, _ = backup.prepare_undo(cast.daily, cast.alice, full)  # now there is another one
    with Unchanged(cast.daily), pytest.raises(SafetyCopiesFull):
        backup.import_ticket(cast.daily, cast.alice, token, full)


def test_a_clock_that_is_put_back_does_not_take_the_newest_export(cast, engine, folders):
    for _ in range(quotas.EXPORTS_OF_USER):
        run = backup.export_for_download(cast.daily, cast.alice, PASSWORD, engine)
    age(folders.exports, -1800)
    run = backup.export_for_download(cast.daily, cast.alice, PASSWORD, engine)
    assert f"{run.uid}.dbk" in files(folders.exports)
    assert len(files(folders.exports)) == quotas.EXPORTS_OF_USER


def test_an_upload_is_not_discarded_under_an_import_of_another_of_its_tickets(
    cast, engine, make_backup
):
    uid = keep(engine, cast.daily, cast.alice, make_backup(cast.daily))
    tokens = [
        backup.validate_upload(cast.daily, cast.alice, uid, PASSWORD, engine)[0] for _ in range(4)
    ]
    for token in tokens:
        run, _ = backup.begin_import(cast.daily, cast.alice, token, engine)
        with Unchanged(cast.daily), pytest.raises(UnitBusy):
            backup.discard_upload(cast.daily, cast.alice, uid, engine)
        runs.end(run, RunState.CANCELLED)
