"""Import as a whole act: safety copy, restore and records, for a ticket or for a file.

See `verbs` for what all acts have in common.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .. import db
from ..archive import ArchiveError, NotExportable, new_file_key, sealed_slot
from ..models import BackupRun, RunKind, RunState, SafetyCopy, Unit, User, revision_of
from ..models.people import is_named
from ..vault import vault
from . import quotas, runs, store, tickets
from .attempts import attempted
from .context import Context, recorded
from .errors import (
    BackupError,
    Cancelled,
    Interrupted,
    NoSafetyCopy,
    OutcomeUnknown,
    TicketUnusable,
    UnitChanged,
    WrongUnit,
)
from .export import Lock, export
from .progress import Progress, Stage, as_saving, silent
from .report import Preview, Report
from .restore import Plan, Restored, require_disk_room, restore
from .turn import turn

# Asked from the thread that imports, the last time when nobody can change the answer any more: it
# raises `NoLongerAllowed` unless whoever asked for the import still may.
StillAllowed = Callable[[], None]


def by_operator() -> None:
    """Allow it: who runs commands on the server needs nobody's leave."""


def begin_import(
    unit: Unit,
    user: User,
    token: str,
    context: Context,
    *,
    typed_name: str = "",
    only: RunKind | None = None,
) -> tuple[BackupRun, bool]:
    """Begin the run that imports what *token* stands for; give the first one if it was used.

    The second value says whether it was begun now. A backup of another unit needs the name of
    *unit* typed. With *only*, a ticket for anything else counts as none. Raise `BackupError` with
    nothing begun: `UnitChanged` is in the records.
    """
    with attempted(unit, only or RunKind.IMPORT, user):
        ticket = tickets.find(token, unit, user)
        if only not in (None, RunKind(ticket.kind)):
            raise TicketUnusable
    # In one transaction, so that of two presses one finds the run of the other.
    with (
        attempted(unit, RunKind(ticket.kind), user, file_sha256=ticket.file_sha256),
        db.write_transaction(),
    ):
        ticket = tickets.find(token, unit, user)
        if ticket.run is not None:
            return ticket.run, False
        claimed = tickets.peek(token, ticket, context.folders)
        is_current = _is_current(unit, claimed.plan)
        if is_current and not ticket.same_unit and not is_named(unit, typed_name):
            raise WrongUnit("another name", unit.name, f"Type {unit.name} to confirm.")
        quotas.require_room_for_copy(unit, claimed.kind, context)
        digest = claimed.plan.file_sha256
        run = runs.begin(unit, claimed.kind, user, source=claimed.source, file_sha256=digest)
        if is_current:
            tickets.use_up(ticket, run)
    if not is_current:
        with recorded(run):
            raise UnitChanged(claimed.plan.unit_revision, token)
    return run, True


def _is_current(unit: Unit, plan: Plan) -> bool:
    revision = revision_of(unit)
    return bool(revision == plan.unit_revision)


def import_ticket(
    unit: Unit,
    user: User,
    token: str,
    context: Context,
    *,
    typed_name: str = "",
    still_allowed: StillAllowed = by_operator,
    progress: Progress = silent,
    run: BackupRun | None = None,
) -> BackupRun:
    """Import what *token* stands for; a second call with it returns the first one's run.

    A backup of another unit needs the name of *unit* typed. Raise `BackupError` or `ArchiveError`
    with the unit unchanged; after `UnitChanged` the upload stays, to be previewed again.
    """
    if run is None:
        run, is_new = begin_import(unit, user, token, context, typed_name=typed_name)
        if not is_new:
            return run
    with recorded(run):
        ticket = tickets.find(token, unit, user)
        if ticket.run != run:
            raise TicketUnusable
        claimed = tickets.peek(token, ticket, context.folders, run=run)
        is_kept = claimed.kind is RunKind.UNDO
        try:
            _replace(run, claimed.path, claimed.plan, user.name, context, progress, still_allowed)
        except UnitChanged as error:
            is_kept, error.token = True, token
            raise
        finally:
            if not is_kept:
                with suppress(OSError):  # else the next sweep finds it: what was done is done
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
    source_words = tickets.source_of(found)
    run = runs.begin(unit, kind, by, source=source_words, file_sha256=report.file_sha256)
    with recorded(run):
        _replace_from(run, source, plan, by, context, progress, by_operator)
    return run


def _replace(
    run: BackupRun,
    path: Path,
    plan: Plan,
    by: str,
    context: Context,
    progress: Progress,
    still_allowed: StillAllowed,
) -> None:
    try:
        source = path.open("rb")
    except FileNotFoundError:
        raise TicketUnusable from None
    with source:
        _replace_from(run, source, plan, by, context, progress, still_allowed)


def _replace_from(
    run: BackupRun,
    source: BinaryIO,
    plan: Plan,
    by: str,
    context: Context,
    progress: Progress,
    still_allowed: StillAllowed,
) -> Restored:
    """Safety copy, then restore and its records in one transaction."""
    still_allowed()
    if not _is_current(run.unit, plan):
        raise UnitChanged(plan.unit_revision)
    require_disk_room(context.folders.data, plan)  # before the work of the safety copy, too
    saved = _safety_copy(run, by, context, progress)
    is_commit = False
    try:
        require_disk_room(context.folders.data, plan, wiped_bytes=saved.payload_bytes)
        with turn(progress):
            still_allowed()
            restored = restore(run.unit, source, plan, context.folders.data, progress=progress)
            if not store.file_path(context.folders.safety, run.uid).exists():
                raise NoSafetyCopy("it is gone again", step="Keep others off the data directory")
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
                content=restored.content,
                revision=restored.revision,
            )
            run.unit.revision = restored.revision
            progress(Stage.COMMIT, 0, 0)
            is_commit = True
    except BaseException as error:
        if not is_commit:
            with suppress(OSError):  # else the next sweep finds it
                store.remove(context.folders.safety, run.uid)
        elif isinstance(error, db.DatabaseError):
            raise OutcomeUnknown from error
        raise  # from the commit on the copy may be what an undo needs: else a sweep finds it
    with suppress(db.DatabaseError):  # only gives disk space back; the import is done
        db.tidy()
    return restored


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
    except NotExportable as error:
        raise NoSafetyCopy(error.reason, step="Mend or delete what it names") from error
    except (OSError, BackupError, ArchiveError) as error:
        reason = error.strerror or "disk error" if isinstance(error, OSError) else str(error)
        raise NoSafetyCopy(reason) from error
