"""Import as a whole act: safety copy, restore and records, for a ticket or for a file.

See `verbs` for what all acts have in common.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .. import db
from ..archive import ArchiveError, new_file_key, sealed_slot
from ..models import BackupRun, RunKind, RunState, SafetyCopy, Unit, User
from ..vault import vault
from . import runs, store, tickets
from .context import Context, recorded
from .errors import (
    BackupError,
    Cancelled,
    Interrupted,
    NoSafetyCopy,
    OutcomeUnknown,
    TicketUnusable,
    WrongUnit,
)
from .export import Lock, export
from .progress import Progress, Stage, as_saving, silent
from .report import Preview, Report
from .restore import Plan, Restored, require_room, restore


def begin_import(
    unit: Unit, user: User, token: str, context: Context, *, typed_name: str = ""
) -> tuple[BackupRun, bool]:
    """Begin the run that imports what *token* stands for; give the first one if it was used.

    The second value says whether it was begun now. A backup of another unit needs the name of
    *unit* typed. Raise `BackupError` with nothing begun.
    """
    ticket = tickets.find(token, unit, user)
    if ticket.run is not None:
        return ticket.run, False
    if not ticket.same_unit and typed_name.strip() != unit.name:
        raise WrongUnit("another name", unit.name, f"Type {unit.name} to confirm.")
    claimed = tickets.peek(token, ticket, context.folders)
    with db.write_transaction():
        # Both at once: a second click finds either the ticket unused or the run of the first.
        first = tickets.find(token, unit, user).run
        if first is not None:
            return first, False
        run = runs.begin(unit, claimed.kind, user)
        tickets.use_up(ticket, run)
    return run, True


def import_ticket(
    unit: Unit,
    user: User,
    token: str,
    context: Context,
    *,
    typed_name: str = "",
    progress: Progress = silent,
    run: BackupRun | None = None,
) -> BackupRun:
    """Import what *token* stands for; a second call with it returns the first one's run.

    A backup of another unit needs the name of *unit* typed. Raise `BackupError` or `ArchiveError`
    with the unit unchanged.
    """
    if run is None:
        run, is_new = begin_import(unit, user, token, context, typed_name=typed_name)
        if not is_new:
            return run
    with recorded(run):
        ticket = tickets.find(token, unit, user)
        claimed = tickets.peek(token, ticket, context.folders)
        run.source = claimed.source
        try:
            _replace(run, claimed.path, claimed.plan, user.name, context, progress)
        finally:
            if claimed.kind is RunKind.IMPORT:
                claimed.path.unlink(missing_ok=True)
    return run


def import_file(
    unit: Unit,
    source: BinaryIO,
    found: Preview,
    by: str,
    context: Context,
    *,
    kind: RunKind = RunKind.IMPORT,
    progress: Progress = silent,
) -> BackupRun:
    """Import the open file that *found* previews."""
    report = found.report
    plan = Plan(report.file_key, report.file_sha256, report.payload_bytes, found.unit_revision)
    run = runs.begin(unit, kind, by)
    run.source = tickets.source_of(found)
    with recorded(run):
        _replace_from(run, source, plan, by, context, progress)
    return run


def _replace(
    run: BackupRun, path: Path, plan: Plan, by: str, context: Context, progress: Progress
) -> None:
    try:
        source = path.open("rb")
    except FileNotFoundError:
        raise TicketUnusable from None
    with source:
        _replace_from(run, source, plan, by, context, progress)


def _replace_from(
    run: BackupRun, source: BinaryIO, plan: Plan, by: str, context: Context, progress: Progress
) -> Restored:
    """Safety copy, then restore and its records in one transaction."""
    require_room(context.folders.data, plan)  # before the work of the safety copy, too
    saved = _safety_copy(run, by, context, progress)
    is_commit = False
    try:
        with _turn(progress), db.write_transaction():
            restored = restore(run.unit, source, plan, context.folders.data, progress=progress)
            SafetyCopy.create(
                uid=run.uid,
                unit=run.unit,
                run=run,
                created_at=runs.now(),
                file_bytes=saved.file_bytes,
                file_sha256=saved.file_sha256,
                content=saved.content,
            )
            runs.end(
                run,
                RunState.DONE,
                counts=restored.counts,
                file_sha256=plan.file_sha256,
                content=restored.content,
                source=run.source,
            )
            progress(Stage.COMMIT, 0, 0)
            is_commit = True
    except BaseException as error:
        if is_commit and isinstance(error, db.DatabaseError):
            raise OutcomeUnknown from error  # and the copy stays: it may be needed for the undo
        with suppress(OSError):  # else the next start sweeps it
            store.remove(context.folders.safety, run.uid)
        raise
    run.unit.revision = restored.revision
    with suppress(db.DatabaseError):  # only gives disk space back; the import is done
        db.tidy()
    return restored


_writing = threading.Lock()
_TURN_SECONDS = 0.2


@contextmanager
def _turn(progress: Progress) -> Iterator[None]:
    """Wait for the imports of other units, for as long as it takes.

    The database would wait for its write lock 15 seconds only, and deaf to *progress*.
    """
    while not _writing.acquire(timeout=_TURN_SECONDS):
        progress(Stage.WAIT, 0, 0)
    try:
        yield
    finally:
        _writing.release()


def _safety_copy(run: BackupRun, by: str, context: Context, progress: Progress) -> Report:
    """Write the present state, sealed to the server's key pair, and read it back."""
    file_key = new_file_key()
    lock = Lock(file_key, (sealed_slot(file_key, vault.key_pair()[0]),))
    note = f"Safety copy before the {run.kind} of {run.source}"
    try:
        with store.new_file(context.folders.safety, run.uid) as sink:
            saving = as_saving(progress)
            return export(run.unit, sink, lock, app=context.app, by=by, note=note, progress=saving)
    except (Cancelled, Interrupted):
        raise
    except (OSError, BackupError, ArchiveError) as error:
        reason = error.strerror or "disk error" if isinstance(error, OSError) else str(error)
        raise NoSafetyCopy(reason) from error
