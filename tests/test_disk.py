"""What is said when the disk does not do it: never "busy", and never an incident."""

import errno
import io
import os
import shutil
from types import SimpleNamespace

import apsw
import peewee
import pytest
from playhouse.apsw_ext import APSWDatabase

from dashboard import backup, db, disk
from dashboard.backup import errors, store
from dashboard.installation import InstallationUnusable, open_installation
from dashboard.models import BackupRun, RunState
from tests.backup.conftest import Unchanged
from tests.backup.conftest import engine as engine


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, disk.FULL),
        (errno.EDQUOT, disk.FULL),
        (errno.EROFS, disk.READ_ONLY),
        (errno.EIO, disk.FAILING),
        (errno.ENOENT, None),
        (None, None),
    ],
)
def test_the_system_tells_which(number, said):
    assert disk.sentence(OSError(number, "words of the system")) == said


def wrapped(code: int) -> peewee.OperationalError:
    """Return an error of SQLite as Peewee passes it on."""
    inner, outer = apsw.exception_for(code), peewee.OperationalError("the same")
    outer.__context__ = peewee.OperationalError("once more")  # as it does where it connects
    outer.__context__.__context__ = inner
    return outer


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (apsw.SQLITE_FULL, disk.FULL),
        (apsw.SQLITE_READONLY_DIRECTORY, disk.READ_ONLY),
        (apsw.SQLITE_IOERR_FSYNC, disk.FAILING),
        (apsw.SQLITE_BUSY, None),
        (apsw.SQLITE_CORRUPT, None),
    ],
)
def test_sqlite_tells_which(folders, code, said):
    assert disk.sentence(wrapped(code)) == said


def test_what_sqlite_does_not_tell_is_looked_up(folders, monkeypatch):
    error = wrapped(apsw.SQLITE_CANTOPEN)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _folder: SimpleNamespace(total=4 << 20, free=4096)
    )
    assert disk.sentence(error) == disk.FULL
    monkeypatch.setattr(os, "statvfs", lambda _folder: SimpleNamespace(f_flag=os.ST_RDONLY))
    assert disk.sentence(error) == disk.READ_ONLY


def test_other_errors_are_none_of_the_disks():
    assert disk.sentence(ValueError()) is None
    assert disk.sentence(peewee.OperationalError("database is locked")) is None


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_an_act_that_the_disk_ends_says_so_and_is_recorded(
    cast, engine, folders, monkeypatch, number
):
    def fail(*_):
        raise OSError(number, "words of the system")

    monkeypatch.setattr(store, "copy_in", fail)
    said = disk.sentence(OSError(number, ""))
    with Unchanged(cast.daily), pytest.raises(errors.DiskUnusable, match=said):
        backup.keep_upload(cast.daily, cast.alice, io.BytesIO(b"x"), engine)
    assert list(folders.uploads.iterdir()) == []
    run = BackupRun.get()
    assert (run.state, run.reason) == (RunState.FAILED, said)


def test_an_upload_that_has_no_room_is_refused_before_it_is_written(
    cast, engine, folders, monkeypatch
):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _folder: SimpleNamespace(total=4 << 20, free=3 << 20)
    )
    monkeypatch.setattr(store, "copy_in", lambda *_: pytest.fail("it was written"))
    upload = io.BytesIO(bytes((3 << 20) + 1))
    says = "needs 4 MiB on the server's disk and 3 MiB are free"
    with Unchanged(cast.daily), pytest.raises(errors.NoSpace, match=says):
        backup.keep_upload(cast.daily, cast.alice, upload, engine)
    assert list(folders.uploads.iterdir()) == []


def test_the_first_error_is_what_the_user_hears_though_it_cannot_be_recorded(
    cast, engine, monkeypatch
):
    def full(*_, **__):
        raise wrapped(apsw.SQLITE_FULL)

    monkeypatch.setattr(
        shutil, "disk_usage", lambda _folder: SimpleNamespace(total=4 << 20, free=0)
    )
    monkeypatch.setattr("dashboard.backup.runs.end", full)
    with Unchanged(cast.daily), pytest.raises(errors.NoSpace):
        backup.keep_upload(cast.daily, cast.alice, io.BytesIO(b"x"), engine)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (wrapped(apsw.SQLITE_FULL), disk.FULL),
        (peewee.OperationalError("database is locked"), "is locked.*Try again"),
        (peewee.DatabaseError("file is not a database"), "Restore the data directory from a copy"),
    ],
)
def test_only_a_damaged_database_is_to_be_replaced(folders, monkeypatch, error, says):
    def fail(*_):
        raise error

    db.database.close()
    monkeypatch.setattr(APSWDatabase, "_connect", fail)
    with pytest.raises(InstallationUnusable, match=says):
        open_installation(folders.data)


def test_an_export_that_cannot_be_recorded_leaves_no_file(cast, engine, tmp_path, monkeypatch):
    def full(*_, **__):
        raise wrapped(apsw.SQLITE_FULL)

    monkeypatch.setattr("dashboard.backup.runs.end", full)
    file = tmp_path / "daily.dbk"
    with Unchanged(cast.daily), pytest.raises(errors.DiskUnusable, match=disk.FULL):
        backup.export_to_file(cast.daily, file, "four words", "test", engine)
    assert not file.exists()
