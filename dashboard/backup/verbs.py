"""Export, validate, import and undo as whole acts: files, records and clean-up included.

Both doors call these. Every act has a `BackupRun` from before its first byte to its end. Who hands
the act to another thread begins the run himself (`runs.begin`), to know at once whether the unit is
free, and gives it as *run*. A *progress* that raises ends the act, with nothing changed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .. import db
from ..archive import (
    ArchiveError,
    KdfCost,
    WrongPassword,
    new_file_key,
    sealed_slot,
    with_file_key,
    with_key_pair,
    with_password,
)
from ..models import BackupRun, RunKind, RunState, SafetyCopy, Unit, User
from ..vault import vault
from . import processes, runs, store, tickets
from .compare import NAMES
from .errors import (
    BackupError,
    Cancelled,
    Interrupted,
    NoSafetyCopy,
    NothingToUndo,
    TicketUnusable,
    TooBusy,
    UploadGone,
    WrongUnit,
)
from .export import Lock, export, lock_with_password
from .gate import key_derivation
from .progress import Progress, Stage, as_saving, silent
from .report import Preview, Report, decrypt, preview_file, validate
from .restore import Plan, Restored, restore
from .store import Folders


@dataclass(frozen=True, slots=True)
class Context:
    """What every act needs to know about the program it runs in."""

    folders: Folders
    app: str  # "Dashboard 1.0.0"
    cost: KdfCost
    password_min: int


@contextmanager
def _recorded(run: BackupRun) -> Iterator[None]:
    """Record how *run* ended if it did not end well; success is recorded by the block itself."""
    try:
        yield
    except (ArchiveError, BackupError) as error:
        runs.end(run, _STATES.get(type(error), RunState.REFUSED), reason=str(error))
        raise
    except KeyboardInterrupt:
        runs.end(run, RunState.CANCELLED, reason=str(Cancelled()))
        raise
    except BaseException as error:
        with suppress(db.DatabaseError):
            runs.end(run, RunState.FAILED, reason=type(error).__name__)
        raise
    finally:
        processes.at_work.discard(run.uid)


_STATES: dict[type[Exception], RunState] = {
    Cancelled: RunState.CANCELLED,
    Interrupted: RunState.INTERRUPTED,
}


def export_for_download(
    unit: Unit,
    user: User,
    password: str,
    context: Context,
    *,
    progress: Progress = silent,
    run: BackupRun | None = None,
) -> BackupRun:
    """Make a backup in the exports folder; the run's uid names the file for an hour."""
    run = run or runs.begin(unit, RunKind.EXPORT, user)
    with _recorded(run):
        progress(Stage.UNLOCK, 0, 0)
        lock = lock_with_password(password, context.cost, least=context.password_min)
        with store.new_file(context.folders.exports, run.uid) as sink:
            report = export(unit, sink, lock, app=context.app, by=user.name, progress=progress)
        _end_export(run, report)
    return run


def export_to_file(
    unit: Unit,
    path: Path,
    password: str,
    by: str,
    context: Context,
    *,
    progress: Progress = silent,
) -> Report:
    """Make a backup at *path*; raise `FileExistsError` rather than overwrite."""
    run = runs.begin(unit, RunKind.EXPORT, by)
    with _recorded(run):
        progress(Stage.UNLOCK, 0, 0)
        lock = lock_with_password(password, context.cost, least=context.password_min)
        with store.new_output(path) as sink:
            report = export(unit, sink, lock, app=context.app, by=by, progress=progress)
        _end_export(run, report)
    return report


def _end_export(run: BackupRun, report: Report) -> None:
    runs.end(
        run,
        RunState.DONE,
        counts=report.counts,
        file_bytes=report.file_bytes,
        file_sha256=report.file_sha256,
        content=report.content,
    )


def decrypt_with_password(source: BinaryIO, password: str) -> Iterator[bytes]:
    """Yield the payload of *source* as text; it is proven whole when the iteration has ended."""
    with key_derivation():
        lines = decrypt(source, with_password(password), password=True)
        yield next(lines)
    yield from lines


def validate_with_password(
    source: BinaryIO, password: str, *, progress: Progress = silent
) -> Report:
    """Read *source* to its end with *password*; raise an `ArchiveError` at the first fault."""
    progress(Stage.UNLOCK, 0, 0)
    with key_derivation():
        return validate(source, with_password(password), password=True, progress=progress)


def preview_with_password(
    source: BinaryIO,
    password: str,
    unit: Unit,
    *,
    names: int = NAMES,
    progress: Progress = silent,
) -> Preview:
    """Validate *source* with *password* and compare it with *unit*, in one reading."""
    progress(Stage.UNLOCK, 0, 0)
    opener = with_password(password)
    with key_derivation():
        return preview_file(source, opener, unit, password=True, names=names, progress=progress)


def keep_upload(unit: Unit, user: User, upload: BinaryIO, context: Context) -> str:
    """Copy *upload* to disk, still encrypted, and return the id it can be validated by.

    A wrong password must not cost a second upload, so it stays for half an hour.
    """
    run = runs.begin_upload(unit, user)
    with _recorded(run), store.new_file(context.folders.uploads, run.uid) as sink:
        store.copy_in(upload, sink)
    return run.uid


def begin_validation(unit: Unit, user: User, uid: str, context: Context) -> BackupRun:
    """Begin the run that validates the kept upload *uid*."""
    run: BackupRun | None = BackupRun.get_or_none(
        BackupRun.uid == uid,
        BackupRun.unit == unit,
        BackupRun.user_email == user.email,
        BackupRun.kind == RunKind.VALIDATE,
    )
    path = store.file_path(context.folders.uploads, run.uid) if run else None
    if run is None or path is None or not path.exists():
        raise UploadGone
    runs.begin_again(run)
    return run


def validate_upload(
    unit: Unit,
    user: User,
    uid: str,
    password: str,
    context: Context,
    *,
    progress: Progress = silent,
    run: BackupRun | None = None,
) -> tuple[str, Preview]:
    """Validate the kept upload *uid* to its end; return a ticket's token and the preview.

    It is deleted when it is refused for anything but the password.
    """
    run = run or begin_validation(unit, user, uid, context)
    path = store.file_path(context.folders.uploads, run.uid)
    with _recorded(run):
        try:
            with path.open("rb") as source:
                found = preview_with_password(source, password, unit, progress=progress)
        except (WrongPassword, TooBusy):
            raise
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        token = tickets.issue(run.uid, unit, user, found, RunKind.IMPORT)
        _end_validation(run, found)
    return token, found


def _end_validation(run: BackupRun, found: Preview) -> None:
    runs.end(
        run,
        RunState.DONE,
        counts=found.report.counts,
        file_bytes=found.report.file_bytes,
        file_sha256=found.report.file_sha256,
        content=found.report.content,
        source=tickets.source_of(found),
    )


def prepare_undo(
    unit: Unit,
    user: User,
    context: Context,
    *,
    progress: Progress = silent,
    run: BackupRun | None = None,
) -> tuple[str, Preview]:
    """Validate the newest safety copy of *unit* and return a ticket's token and the preview."""
    run = run or runs.begin(unit, RunKind.VALIDATE, user)
    with _recorded(run), open_safety_copy(unit, context, progress=progress) as (uid, _, found):
        token = tickets.issue(uid, unit, user, found, RunKind.UNDO)
        _end_validation(run, found)
    return token, found


def preview_again(unit: Unit, user: User, token: str, context: Context) -> tuple[Preview, bool]:
    """Return the preview of a ticket once more, and whether it is an undo; the ticket stays."""
    claimed = tickets.peek(token, tickets.find(token, unit, user), context.folders)
    with claimed.path.open("rb") as source:
        found = preview_file(source, with_file_key(claimed.plan.file_key), unit)
    return found, claimed.kind is RunKind.UNDO


def discard_ticket(unit: Unit, user: User, token: str, context: Context) -> None:
    """Forget what was validated and delete the upload; nothing happens if it is gone already."""
    with suppress(TicketUnusable):
        tickets.discard(tickets.find(token, unit, user), context.folders)


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
    return runs.begin(unit, claimed.kind, user), True


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
    with _recorded(run):
        ticket = tickets.find(token, unit, user)
        claimed = tickets.peek(token, ticket, context.folders)
        run.source = claimed.source
        if not tickets.use_up(ticket, run):
            raise TicketUnusable
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
    with _recorded(run):
        _replace_from(run, source, plan, by, context, progress)
    return run


@contextmanager
def open_safety_copy(
    unit: Unit, context: Context, *, progress: Progress = silent
) -> Iterator[tuple[str, BinaryIO, Preview]]:
    """Open and validate the newest safety copy of *unit*: what an undo would import.

    Give its id, the open file, and the preview.
    """
    copy = runs.newest_safety_copy(unit)
    if copy is None:
        raise NothingToUndo
    opener = with_key_pair(*vault.key_pair())
    with store.file_path(context.folders.safety, copy.uid).open("rb") as source:
        yield copy.uid, source, preview_file(source, opener, unit, progress=progress)


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
    saved = _safety_copy(run, by, context, progress)
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
    except BaseException:
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
