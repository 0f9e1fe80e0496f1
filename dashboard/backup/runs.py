"""The record of what was exported and imported, and the clean-up that follows from it."""

import json
import secrets
import time
from collections.abc import Mapping

from ..db import write_transaction
from ..models import BackupRun, ImportTicket, RunKind, RunState, SafetyCopy, Unit, User, audit
from .store import Folders, listed

DAY_SECONDS = 86_400
EXPORT_KEPT_SECONDS = 3_600
UPLOAD_KEPT_SECONDS = 1_800


def now() -> int:
    """Return the time in whole seconds since 1970 (UTC)."""
    return int(time.time())


def begin(unit: Unit, kind: RunKind, by: User | str) -> BackupRun:
    """Record that *kind* was begun, before any file is made."""
    return BackupRun.create(
        uid=secrets.token_hex(16),
        unit=unit,
        user_email=by if isinstance(by, str) else by.email,
        kind=kind,
        state=RunState.RUNNING,
        started_at=now(),
    )


def end(
    run: BackupRun,
    state: RunState,
    *,
    reason: str = "",
    counts: Mapping[str, int] | None = None,
    **columns: object,
) -> None:
    """Record how *run* ended, in the audit log too, inside the caller's transaction if any."""
    columns |= {"state": state, "finished_at": now(), "reason": reason}
    columns["counts"] = json.dumps(counts or {})
    for name, value in columns.items():
        setattr(run, name, value)
    with write_transaction():
        BackupRun.update(**columns).where(BackupRun.id == run.id).execute()
        audit(
            f"backup.{run.kind}",
            by=run.user_email,
            unit=run.unit,
            outcome=str(state),
            reason=reason,
            counts=dict(counts or {}),
            file_sha256=run.file_sha256,
            content=run.content,
        )


def mark_interrupted() -> int:
    """At the start of a server: runs that nobody finished were interrupted, nothing changed.

    A command that is still at work in another process overwrites this when it ends.
    """
    unfinished = BackupRun.select().where(BackupRun.state == RunState.RUNNING)
    count = 0
    for run in list(unfinished):
        end(run, RunState.INTERRUPTED, reason="The program stopped. Nothing was changed.")
        count += 1
    return count


def sweep(folders: Folders, safety_days: int) -> int:
    """Delete files that nobody can ask for any more; return how many.

    Only names that are ids of runs, only in our own folders, never recursively.
    """
    removed = 0
    ImportTicket.delete().where(ImportTicket.expires_at < now()).execute()
    for folder, is_needed in (
        (folders.uploads, _is_upload_needed),
        (folders.exports, _is_export_needed),
        (folders.safety, lambda uid: _is_safety_needed(uid, safety_days)),
    ):
        for uid, path in listed(folder):
            # What is being written at this moment has no record yet.
            if is_needed(uid) or time.time() - path.stat().st_mtime < UPLOAD_KEPT_SECONDS:
                continue
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _is_upload_needed(uid: str) -> bool:
    return bool(ImportTicket.select().where(ImportTicket.upload == uid).exists())


def _is_export_needed(uid: str) -> bool:
    run = BackupRun.get_or_none(BackupRun.uid == uid)
    return (
        run is not None
        and run.state == RunState.DONE
        and (run.finished_at or 0) > now() - EXPORT_KEPT_SECONDS
    )


def _is_safety_needed(uid: str, days: int) -> bool:
    copy = SafetyCopy.get_or_none(SafetyCopy.uid == uid)
    if copy is None:
        return False
    newest = newest_safety_copy(copy.unit)
    if copy.created_at > now() - days * DAY_SECONDS or (newest and newest.id == copy.id):
        return True
    copy.delete_instance()
    return False


def newest_safety_copy(unit: Unit) -> SafetyCopy | None:
    """Return the copy that an undo would bring back, or None."""
    copies = SafetyCopy.select().where(SafetyCopy.unit == unit)
    found: SafetyCopy | None = copies.order_by(SafetyCopy.id.desc()).first()
    return found


def last_import(unit: Unit) -> BackupRun | None:
    """Return the newest import or undo of *unit* that was done."""
    done = BackupRun.select().where(
        BackupRun.unit == unit,
        BackupRun.kind.in_([RunKind.IMPORT, RunKind.UNDO]),
        BackupRun.state == RunState.DONE,
    )
    found: BackupRun | None = done.order_by(BackupRun.id.desc()).first()
    return found
