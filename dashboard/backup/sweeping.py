"""Clean-up: which of our files nobody can ask for any more.

Only files that carry the id of a `BackupRun` of ours, only in our own folders, never recursively:
a file that somebody else put there stays, whatever its name.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from ..db import OperationalError
from ..models import BackupRun, ImportTicket, RunState, SafetyCopy, being_restored
from . import processes
from .runs import DAY_SECONDS, EXPORT_KEPT_SECONDS, UPLOAD_KEPT_SECONDS, newest_safety_copy, now
from .store import PART, Folders, file_path, listed

# Sent again, a ticket shows what came of it the first time, to a script that lost the answer, too.
USED_TICKET_KEPT_SECONDS = 30 * DAY_SECONDS


def sweep(folders: Folders, safety_days: int, *, starting: bool = False) -> int:
    """Delete files and tickets that nobody can ask for any more; return how many files.

    *starting*: no server is at work, so an upload that no ticket names was left by a crash.
    """
    is_used = ImportTicket.run.is_null(False)
    ImportTicket.delete().where(ImportTicket.expires_at < now(), ~is_used).execute()
    ImportTicket.delete().where(
        ImportTicket.expires_at < now() - USED_TICKET_KEPT_SECONDS
    ).execute()
    if starting:
        _drop_empty_tickets(folders)
    return (
        _sweep(listed(folders.uploads), lambda run, path: _is_upload_needed(run, path, starting))
        + _sweep(listed(folders.exports), lambda run, _: _is_export_needed(run))
        + _sweep(listed(folders.safety), lambda run, _: _is_safety_needed(run, safety_days))
    )


def sweep_beside(folders: Folders, safety_days: int) -> None:
    """Sweep, unless an import holds the write lock: nobody must wait for a clean-up."""
    if not being_restored().exists():
        with suppress(OperationalError):
            sweep(folders, safety_days)


def sweep_uploads(folders: Folders) -> int:
    """Delete uploads whose time is over; return how many. Writes nothing to the database."""
    old = (found for found in listed(folders.uploads) if not _is_young(found[1]))
    return _sweep(old, lambda run, path: _is_upload_needed(run, path, False))


def _drop_empty_tickets(folders: Folders) -> None:
    """Forget the tickets whose upload or safety copy is not there: they can bring nothing back."""
    for ticket in ImportTicket.select().where(ImportTicket.run.is_null()):
        places = (folders.uploads, folders.safety)
        if not any(file_path(folder, ticket.upload).exists() for folder in places):
            ticket.delete_instance()


def _sweep(files: Iterable[tuple[str, Path]], is_needed: Callable[[BackupRun, Path], bool]) -> int:
    removed = 0
    for uid, path in files:
        run = _settled(uid)  # it was there before the file
        if run is None or _is_at_work(run) or is_needed(run, path):
            continue
        path.unlink(missing_ok=True)
        removed += 1
    return removed


def _settled(uid: str) -> BackupRun | None:
    """Return the run of *uid*; if it ended while one looked whether it is alive, as it ended."""
    run: BackupRun | None = BackupRun.get_or_none(BackupRun.uid == uid)
    if run is None or run.state != RunState.RUNNING or _is_at_work(run):
        return run
    again: BackupRun | None = BackupRun.get_or_none(BackupRun.uid == uid)
    return again


def _is_at_work(run: BackupRun) -> bool:
    is_running = run.state == RunState.RUNNING
    return is_running and processes.is_alive(run.process, run.uid) is not False


def _is_upload_needed(run: BackupRun, path: Path, starting: bool) -> bool:
    if path.suffix == PART:  # it comes in just now, or whoever took it in is gone
        alive = processes.is_alive(run.process, run.uid)
        if alive is not None:
            return alive
    is_of_it = ImportTicket.upload == run.uid
    tickets = ImportTicket.select().where(is_of_it, ImportTicket.expires_at >= now())
    if starting:
        return bool(tickets.where(ImportTicket.run.is_null()).exists())
    return _is_young(path) or bool(tickets.exists())


def _is_young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < UPLOAD_KEPT_SECONDS
    except FileNotFoundError:
        return True  # gone by itself


def _is_export_needed(run: BackupRun) -> bool:
    is_done = run.state == RunState.DONE
    return is_done and (run.finished_at or 0) > now() - EXPORT_KEPT_SECONDS


def _is_safety_needed(run: BackupRun, days: int) -> bool:
    copy = SafetyCopy.get_or_none(SafetyCopy.uid == run.uid)
    if copy is None:
        return False  # the import did not come to its end, or the copy was deleted by hand
    newest = newest_safety_copy(copy.unit)
    if copy.created_at > now() - days * DAY_SECONDS or (newest and newest.id == copy.id):
        return True
    copy.delete_instance()
    return False
