"""The record of what was exported and imported, and the clean-up that follows from it."""

import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..db import write_transaction
from ..models import BackupRun, ImportTicket, RunKind, RunState, SafetyCopy, Unit, User, audit
from . import processes
from .errors import Interrupted, UnitBusy
from .store import PART, Folders, listed

DAY_SECONDS = 86_400
EXPORT_KEPT_SECONDS = 3_600
UPLOAD_KEPT_SECONDS = 1_800
FORGOTTEN_SECONDS = 3_600  # a run of this age whose process nobody can see is over


def now() -> int:
    """Return the time in whole seconds since 1970 (UTC)."""
    return int(time.time())


def begin(unit: Unit, kind: RunKind, by: User | str) -> BackupRun:
    """Record that *kind* was begun, before any file is made.

    Raise `UnitBusy` while something else is running in *unit*, whoever runs it.
    """
    return _start(unit, None, {"unit": unit, "kind": kind, "user_email": _email(by)})


def begin_again(run: BackupRun) -> None:
    """Record that the validation of an upload was begun; raise `UnitBusy` like `begin`."""
    _start(run.unit, run, {"uid": run.uid})


def begin_upload(unit: Unit, by: User) -> BackupRun:
    """Record that an upload comes in: it waits to be validated, and keeps nobody from anything."""
    run = BackupRun.create(
        uid=secrets.token_hex(16),
        unit=unit,
        user_email=by.email,
        kind=RunKind.VALIDATE,
        state=RunState.UPLOADED,
        started_at=now(),
        process=processes.this_process(),
    )
    processes.at_work.add(run.uid)
    return run


def _email(by: User | str) -> str:
    return by if isinstance(by, str) else str(by.email)


def _start(unit: Unit, run: BackupRun | None, columns: dict[str, object]) -> BackupRun:
    uid = str(columns.setdefault("uid", secrets.token_hex(16)))
    columns |= {"started_at": now(), "finished_at": None, "process": processes.this_process()}
    processes.at_work.add(uid)  # before its row can be seen
    try:
        started = BackupRun.start(run, **columns)
        if started is None and _end_if_dead(unit):
            started = BackupRun.start(run, **columns)
    except BaseException:
        processes.at_work.discard(uid)
        raise
    if started is None:
        processes.at_work.discard(uid)
        raise UnitBusy
    return started


def _end_if_dead(unit: Unit) -> bool:
    """Close the running run of *unit* if whoever ran it is gone for certain."""
    other = BackupRun.running(unit)
    if other is None:
        return True
    alive = processes.is_alive(other.process, other.uid)
    if alive is None:  # nobody can tell
        alive = other.started_at > now() - FORGOTTEN_SECONDS
    if not alive:
        _interrupt(other)
    return not alive


def require_free(unit: Unit) -> None:
    """Raise `UnitBusy` if something is running in *unit*: said before an upload is taken in."""
    if BackupRun.running(unit) is not None and not _end_if_dead(unit):
        raise UnitBusy


def end(
    run: BackupRun,
    state: RunState,
    *,
    reason: str = "",
    counts: Mapping[str, int] | None = None,
    **columns: object,
) -> None:
    """Record how *run* ended, in the audit log too, inside the caller's transaction if any."""
    columns |= {"state": state, "finished_at": now(), "reason": reason, "process": ""}
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

    Only what is known to be at work stays: a command in another process. If nobody can tell (one
    in another container), it is closed, so that no crash can keep a unit busy over a new start;
    that command overwrites this when it ends.
    """
    unfinished = BackupRun.select().where(BackupRun.state == RunState.RUNNING)
    dead = [run for run in unfinished if not processes.is_alive(run.process, run.uid)]
    for run in dead:
        _interrupt(run)
    return len(dead)


def _interrupt(run: BackupRun) -> None:
    with write_transaction():  # waiting for it, the run may have ended after all
        if BackupRun.running(run.unit) == run:
            end(run, RunState.INTERRUPTED, reason=str(Interrupted()))


def abandon(run: BackupRun) -> None:
    """Close a run that was begun and that nobody came to work on."""
    processes.at_work.discard(run.uid)
    _interrupt(run)


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
            # In this order: a run that ends in between has its record by then.
            if _is_in_hand(uid, path) or is_needed(uid):
                continue
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _is_in_hand(uid: str, path: Path) -> bool:
    """Return whether *path* is being written, or is an upload that may be validated once more."""
    run = BackupRun.get_or_none(BackupRun.uid == uid)
    if run is not None:
        is_coming_in = run.state == RunState.UPLOADED and path.suffix == PART
        if run.state == RunState.RUNNING or is_coming_in:
            alive = processes.is_alive(run.process, uid)
            return _is_young(path) if alive is None else alive
        if run.kind != RunKind.VALIDATE or path.suffix == PART:
            return False  # whoever wrote it has gone
    return _is_young(path)


def _is_young(path: Path) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime < UPLOAD_KEPT_SECONDS
    return False


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
