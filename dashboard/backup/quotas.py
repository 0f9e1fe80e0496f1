"""How much of the server's disk backups may take that nobody has to keep: uploads, exports, copies.

Bytes are counted in largest backup files (the setting MAX_UPLOAD_BYTES), so that whoever takes in
larger ones need set nothing else. What is coming in counts from its first byte on.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..models import BackupRun, ImportTicket, RunKind, RunState, SafetyCopy, Unit
from . import runs, store
from .context import Context
from .errors import SafetyCopiesFull, UploadsWaiting
from .sweeping import sweep_uploads

# One waits from its upload until its import or half an hour: more than anybody has previews open.
UPLOADS_OF_USER, UPLOADS_OF_ALL = 8, 64
UPLOADS_OF_USER_FILES = 2  # a largest one may be validated while another waits
UPLOADS_OF_ALL_FILES = 4
# A download waits an hour. Making another is no reason to refuse: the oldest gives way.
EXPORTS_OF_USER = 8
EXPORTS_OF_USER_FILES = 2
# A safety copy is never deleted for room. When a unit has so much of them, imports wait.
SAFETY_COPIES_FILES = 16
# Of the disk, what uploads leave to the database: a fiftieth, or this if that is less.
RESERVE_BYTES = 256 << 20

_lock = threading.Lock()
_coming: dict[str, int] = {}  # run id -> bytes of an upload that is being copied in


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that waits for somebody."""

    uid: str
    run: BackupRun | None
    file_bytes: int
    at: float  # when it was written

    @property
    def owner(self) -> str:
        """Return who made or brought it; empty if nobody knows."""
        return self.run.user_email if self.run is not None else ""


@contextmanager
def place_for_upload(run: BackupRun, size: int, context: Context) -> Iterator[None]:
    """Hold the place of an upload of *size* bytes while it is copied in; see `require_place`."""
    with _lock:
        require_place(run.user_email, size, context, by_token=bool(run.token))
        if not run.token:
            _drop_older_uploads(run.user_email, size, context)
        _coming[run.uid] = size
    try:
        yield
    finally:
        with _lock:
            del _coming[run.uid]


def require_place(email: str, size: int, context: Context, *, by_token: bool) -> None:
    """Raise `UploadsWaiting` or `NoSpace` unless *email* may bring in *size* bytes more.

    What was uploaded by hand before gives way to another one: whoever reloads the page of a preview
    cannot discard it any more. A script is told to wait, and none of its uploads is taken from it.
    """
    folder = context.folders.uploads
    sweep_uploads(context.folders)
    waiting = _kept(folder)
    own = [kept for kept in waiting if kept.owner == email]
    staying = own if by_token else [kept for kept in own if not _gives_way(kept)]
    most = context.max_upload_bytes
    if _are_too_many(staying, size, UPLOADS_OF_USER, UPLOADS_OF_USER_FILES * most):
        raise UploadsWaiting(len(own), _first_end(own))
    if _are_too_many(waiting, size, UPLOADS_OF_ALL, UPLOADS_OF_ALL_FILES * most):
        raise UploadsWaiting(None, _first_end(waiting))
    reserve = min(RESERVE_BYTES, shutil.disk_usage(folder).total // 50)
    store.require_space(folder, size + reserve)


def _gives_way(upload: Kept) -> bool:
    """Return whether *upload* came by hand, and is neither coming in nor validated or imported."""
    if upload.uid in _coming:
        return False
    of_it = ImportTicket.select().where(ImportTicket.upload == upload.uid)
    using = [upload.run, *(ticket.run for ticket in of_it)]
    return not any(run.token or run.state == RunState.RUNNING for run in using if run is not None)


def _drop_older_uploads(email: str, size: int, context: Context) -> None:
    """Make the place of *size* bytes; their tickets find no file any more, and go by themselves."""
    folder, most_bytes = context.folders.uploads, UPLOADS_OF_USER_FILES * context.max_upload_bytes
    own = [kept for kept in _kept(folder) if kept.owner == email]
    for kept in [kept for kept in own if _gives_way(kept)]:
        if not _are_too_many(own, size, UPLOADS_OF_USER, most_bytes):
            break
        store.remove(folder, kept.uid)
        own.remove(kept)


def _are_too_many(kept: list[Kept], size: int, most: int, most_bytes: int) -> bool:
    if not kept:
        return False  # a single one is as large as the server takes in
    return len(kept) >= most or sum(file.file_bytes for file in kept) + size > most_bytes


def _kept(folder: Path) -> list[Kept]:
    """Return the files of *folder*, the oldest first, with those that are coming in."""
    coming = _coming.copy()  # others come and go meanwhile, and not everybody here has the lock
    found = {uid: (size, time.time()) for uid, size in coming.items()}
    for uid, path in store.listed(folder):
        with suppress(FileNotFoundError):  # gone by itself
            status = path.stat()
            found[uid] = max(status.st_size, coming.get(uid, 0)), status.st_mtime
    rows = {run.uid: run for run in BackupRun.select().where(BackupRun.uid.in_(list(found)))}
    kept = [Kept(uid, rows.get(uid), size, at) for uid, (size, at) in found.items()]
    return sorted(kept, key=lambda file: file.at)


def _first_end(waiting: list[Kept]) -> int:
    """Return when the first of *waiting* goes by itself."""
    uids = [kept.uid for kept in waiting]
    tickets = ImportTicket.select().where(ImportTicket.upload.in_(uids))
    ends: dict[str, int] = {ticket.upload: ticket.expires_at for ticket in tickets}
    return min(
        max(int(kept.at) + runs.UPLOAD_KEPT_SECONDS, ends.get(kept.uid, 0)) for kept in waiting
    )


def drop_older_exports(run: BackupRun, context: Context) -> None:
    """Delete what the user of the export *run* made before, the oldest first, if it is too much."""
    folder, most_bytes = context.folders.exports, EXPORTS_OF_USER_FILES * context.max_upload_bytes
    own = [kept for kept in _kept(folder) if kept.owner == run.user_email and kept.uid != run.uid]
    total = run.file_bytes or 0
    for number, kept in enumerate(reversed(own), start=1):
        total += kept.file_bytes
        if number >= EXPORTS_OF_USER or total > most_bytes:
            with suppress(OSError):  # a sweep finds it: the export is done
                store.remove(folder, kept.uid)


def require_room_for_copy(unit: Unit, kind: RunKind, context: Context) -> None:
    """Raise `SafetyCopiesFull` if the copies of *unit* take so much that none may be added.

    The one that an undo brings back is no reason to refuse it: nobody could delete that before.
    """
    copies = SafetyCopy.select().where(SafetyCopy.unit == unit).order_by(SafetyCopy.id.desc())
    others = list(copies)[1 if kind is RunKind.UNDO else 0 :]
    taken: int = sum(copy.file_bytes for copy in others)
    if taken >= SAFETY_COPIES_FILES * context.max_upload_bytes:
        raise SafetyCopiesFull(taken)
