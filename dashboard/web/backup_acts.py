"""The acts on backups, begun as jobs: what the Backup page and the API both call.

Each asks first whether there is a place for it, and what is turned away is in the audit log.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from flask import g

from .. import backup
from ..backup import errors as situations
from ..jobs import Act, Job
from ..models import BackupRun, RunKind, RunState
from ..models.turns import Turns
from . import access
from .backup_page import context, jobs
from .permits import import_permit

INTAKE_AT_ONCE, INTAKE_WAITING = 2, 4
_intake = Turns(INTAKE_AT_ONCE, INTAKE_WAITING, situations.TooBusy)


def _require_place(kind: RunKind) -> None:
    """Raise `TooBusy`, with that in the audit log, if no more jobs may wait."""
    with backup.attempted(g.unit, kind, g.user):
        jobs().require_place(g.user)


@contextmanager
def taking_in() -> Iterator[None]:
    """Have one's turn to store an upload and begin its job; see `_require_place`.

    They all want the database's one write lock, so more of them at once would only hold threads.
    """
    with ExitStack() as held:
        with backup.attempted(g.unit, RunKind.VALIDATE, g.user):
            held.enter_context(_intake.turn())
            jobs().require_place(g.user)
        yield


def _start(run: BackupRun, act: Act, work: Callable[..., object]) -> Job:
    return jobs().start(run, act, g.user, work)


def export(password: str) -> Job:
    """Make a backup under *password*, to be downloaded within the hour."""
    _require_place(RunKind.EXPORT)
    work = partial(backup.export_for_download, g.unit, g.user, password, context())
    return _start(backup.begin(g.unit, RunKind.EXPORT, g.user), Act.EXPORT, work)


def find_export(uid: str) -> tuple[Path, str] | None:
    """Return the file of a backup that this admin made within the last hour, and its name."""
    run = BackupRun.get_or_none(
        BackupRun.uid == uid,
        BackupRun.unit == g.unit,
        BackupRun.user_email == g.user.email,
        BackupRun.kind == RunKind.EXPORT,
        BackupRun.state == RunState.DONE,
    )
    path = access.folders().exports / f"{run.uid}.dbk" if run else None
    if run is None or path is None or not path.exists():
        return None
    made = time.strftime("%Y-%m-%d-%H%M", time.gmtime(run.started_at))
    return path, f"{g.unit.slug}-{made}.dbk"


def keep_upload(upload: BinaryIO, size: int | None = None) -> str:
    """Store an upload within `taking_in`, and return the id it can be validated by."""
    return backup.keep_upload(g.unit, g.user, upload, context(), size=size)


def validate(upload: str, password: str) -> Job:
    """Read a stored upload to its end and compare it with the unit; see `taking_in`."""
    run = backup.begin_validation(g.unit, g.user, upload, context())
    work = partial(backup.validate_upload, g.unit, g.user, upload, password, context())
    return _start(run, Act.VALIDATE, work)


def prepare_undo() -> Job:
    """Read the newest safety copy to its end and compare it with the unit."""
    _require_place(RunKind.VALIDATE)
    run = backup.begin(g.unit, RunKind.VALIDATE, g.user)
    return _start(run, Act.PREPARE_UNDO, partial(backup.prepare_undo, g.unit, g.user, context()))


def import_(
    ticket: str, typed_name: str, *, only: RunKind | None = None
) -> tuple[BackupRun, Job | None]:
    """Wipe the unit's state and load what *ticket* stands for; for one of the kind *only*, if any.

    Give the run, and no job if the ticket was used before: then it is the run of that time.
    """
    if BackupRun.running(g.unit) is None:  # else it may be the first press of the same button
        _require_place(RunKind.IMPORT)
    run, is_new = backup.begin_import(
        g.unit, g.user, ticket, context(), typed_name=typed_name, only=only
    )
    if not is_new:
        return run, None
    work = partial(
        backup.import_ticket,
        g.unit,
        g.user,
        ticket,
        context(),
        typed_name=typed_name,
        still_allowed=import_permit(),
    )
    return run, _start(run, Act.IMPORT, work)


def renew(ticket: str) -> Job:
    """Preview the same file again, after the unit has changed: a new ticket for the old one."""
    _require_place(RunKind.VALIDATE)
    run, kind = backup.begin_renewal(g.unit, g.user, ticket, context())
    act = Act.PREPARE_UNDO if kind is RunKind.UNDO else Act.VALIDATE
    return _start(run, act, partial(backup.renew, g.unit, g.user, ticket, context()))
