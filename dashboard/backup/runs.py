"""The record of what was exported and imported."""

import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress

from ..db import DatabaseError, write_transaction
from ..models import BackupRun, RunKind, RunState, SafetyCopy, Unit, User, audit
from . import processes
from .attempts import attempted
from .errors import Interrupted, UnitBusy

DAY_SECONDS = 86_400
EXPORT_KEPT_SECONDS = 3_600
UPLOAD_KEPT_SECONDS = 1_800
FORGOTTEN_SECONDS = 3_600  # a run of this age whose process nobody can see is over


def now() -> int:
    """Return the time in whole seconds since 1970 (UTC)."""
    return int(time.time())


def begin(
    unit: Unit, kind: RunKind, by: User | str, *, source: str = "", file_sha256: str | None = None
) -> BackupRun:
    """Record that *kind* was begun, before any file is made, and what is known of its file.

    Raise `UnitBusy` while something else is running in *unit*, whoever runs it.
    """
    columns = {"unit": unit, "kind": kind, "user_email": _email(by), "token": _token(by)}
    with attempted(unit, kind, by, file_sha256=file_sha256):
        return _start(unit, None, columns | {"source": source, "file_sha256": file_sha256})


def begin_again(run: BackupRun, by: User) -> None:
    """Record that *by* begins to validate an upload of his; raise `UnitBusy` like `begin`."""
    kind = RunKind(run.kind)
    with attempted(run.unit, kind, by, file_sha256=run.file_sha256):
        _start(run.unit, run, {"uid": run.uid, "token": _token(by)})


def begin_upload(unit: Unit, by: User) -> BackupRun:
    """Record that an upload comes in: it waits to be validated, and keeps nobody from anything."""
    run = BackupRun.create(
        uid=secrets.token_hex(16),
        unit=unit,
        user_email=by.email,
        token=by.via,
        kind=RunKind.VALIDATE,
        state=RunState.UPLOADED,
        started_at=now(),
        process=processes.this_process(),
    )
    processes.at_work.add(run.uid)
    return run


def _email(by: User | str) -> str:
    return by if isinstance(by, str) else str(by.email)


def _token(by: User | str) -> str:
    return "" if isinstance(by, str) else by.via


def _start(unit: Unit, run: BackupRun | None, columns: dict[str, object]) -> BackupRun:
    require_free(unit)  # only reads: while an import holds the write lock, this is known at once
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
        alive = _is_young(other)
    if not alive:
        _interrupt(other)
    return not alive


def _is_young(run: BackupRun) -> bool:
    return bool(run.started_at > now() - FORGOTTEN_SECONDS)


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
    revision: int | None = None,
    **columns: object,
) -> None:
    """Record how *run* ended, in the audit log too, inside the caller's transaction if any.

    *revision* is the one that it gave the unit, if it changed the unit.
    """
    columns |= {"state": state, "finished_at": now(), "reason": reason, "process": ""}
    columns["counts"] = json.dumps(counts or {})
    columns.setdefault("source", run.source)  # what was refused has one, too
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
            source=run.source,
            file_sha256=run.file_sha256,
            content=run.content,
            revision=revision,
            token=run.token,
        )


def is_done(run: BackupRun) -> bool:
    """Return whether the database has it, and says so, that *run* did what it was begun for."""
    done = BackupRun.select().where(BackupRun.id == run.id, BackupRun.state == RunState.DONE)
    with suppress(DatabaseError):
        return bool(done.exists())
    return False


def mark_interrupted() -> int:
    """At the start of a server: runs that nobody finished were interrupted, nothing changed.

    Only what is known to be at work stays: a command in another process. If nobody can tell (one
    in another container), it is closed, so that no crash can keep a unit busy over a new start;
    that command overwrites this when it ends. What seems to live and is only hidden from us, as a
    command of root is from the service, stays for an hour: its safety copy must not be swept.
    """
    unfinished = BackupRun.select().where(BackupRun.state == RunState.RUNNING)
    dead = [run for run in unfinished if not _outlives_start(run)]
    for run in dead:
        _interrupt(run)
    return len(dead)


def _outlives_start(run: BackupRun) -> bool:
    alive = processes.is_alive(run.process, run.uid)
    if alive is None and processes.is_near(run.process):
        return _is_young(run)
    return bool(alive)


def _interrupt(run: BackupRun) -> None:
    with write_transaction():  # waiting for it, the run may have ended after all
        if BackupRun.running(run.unit) == run:
            end(run, RunState.INTERRUPTED, reason=str(Interrupted()))


def abandon(run: BackupRun) -> None:
    """Close a run that was begun and that nobody came to work on."""
    processes.at_work.discard(run.uid)
    _interrupt(run)


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
