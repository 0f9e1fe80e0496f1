"""What to say when the disk does not do it (full, read-only, failing); whose a new file is."""

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

import apsw

from . import db

FULL = "The disk is full. Nothing was changed. Make room on it, then try again."
READ_ONLY = (
    "The disk can only be read just now. Nothing was changed. Have it made writable, then try "
    "again."
)
FAILING = (
    "The disk does not read and write as it should. Nothing was changed. Have it checked, then try "
    "again."
)
_OF_SYSTEM = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EROFS: READ_ONLY,
    errno.EIO: FAILING,
}
_OF_SQLITE = {apsw.SQLITE_FULL: FULL, apsw.SQLITE_READONLY: READ_ONLY}
# Said for many reasons: the disk itself tells which.
_VAGUE = {apsw.SQLITE_IOERR, apsw.SQLITE_CANTOPEN}
# What SQLite makes to open a database: log and index. Below that it does not even read.
_LEAST_BYTES = 256 << 10


def sentence(error: BaseException) -> str | None:
    """Return what to say if the disk is behind *error*, None if it is not."""
    if isinstance(error, OSError):
        return _OF_SYSTEM.get(error.errno or 0)
    cause: BaseException | None = error
    while isinstance(cause, db.DatabaseError):  # Peewee's own, around that of the engine
        cause = cause.__cause__ or cause.__context__
    if not isinstance(cause, apsw.Error):
        return None
    code = getattr(cause, "result", 0)
    return _look() if code in _VAGUE else _OF_SQLITE.get(code)


def give_to_owner(made: int | Path, folder: Path) -> None:
    """Let what was *made* in *folder*, an open file or a path, belong to whom the folder belongs.

    Only root can leave anything that is somebody else's: by commands on the data of a service that
    has a user of its own and must be able to open it. SQLite does so for the files it makes.
    """
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    with suppress(PermissionError):  # root without that right, as in a container; `doctor` tells
        if isinstance(made, int):
            os.fchown(made, owner.st_uid, owner.st_gid)
        else:
            os.lchown(made, owner.st_uid, owner.st_gid)  # never through a link


def _look() -> str:
    """Return what is wrong with the disk of the SQLite file."""
    folder = Path(db.database.database).parent
    try:
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            return READ_ONLY
        return FULL if shutil.disk_usage(folder).free < _LEAST_BYTES else FAILING
    except OSError:
        return FAILING
