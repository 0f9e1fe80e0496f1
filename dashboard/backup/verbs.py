"""Export, validate and preview as whole acts: files, records and clean-up included.

Both doors call these. Every act has a `BackupRun` from before its first byte to its end. Who hands
the act to another thread begins the run himself (`runs.begin`), to know at once whether the unit is
free, and gives it as *run*. A *progress* that raises ends the act, with nothing changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .. import db
from ..archive import WrongPassword, with_key_pair, with_password
from ..models import BackupRun, RunKind, RunState, Unit, User
from ..vault import vault
from . import quotas, runs, store, tickets
from .attempts import attempted
from .compare import NAMES
from .context import Context, recorded
from .errors import NothingToUndo, TooBusy, UploadGone
from .export import export, lock_with_password
from .gate import key_derivation
from .parts import refuse_open_part
from .progress import Progress, Stage, silent
from .report import Preview, Report, decrypt, preview_file, validate
from .turn import turn


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
    with recorded(run):
        progress(Stage.UNLOCK, 0, 0)
        lock = lock_with_password(password, context.cost, least=context.password_min)
        with store.new_file(context.folders.exports, run.uid) as sink:
            report = export(unit, sink, lock, app=context.app, by=user.name, progress=progress)
        _end_export(run, report, progress)
        quotas.drop_older_exports(run, context)
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
    with recorded(run):
        progress(Stage.UNLOCK, 0, 0)
        lock = lock_with_password(password, context.cost, least=context.password_min)
        with store.new_output(path) as sink:
            report = export(unit, sink, lock, app=context.app, by=by, progress=progress)
        try:
            _end_export(run, report, progress)
        except BaseException:
            if not runs.is_done(run):
                path.unlink()  # an export that was refused leaves nothing
            raise
    return report


def _end_export(run: BackupRun, report: Report, progress: Progress) -> None:
    with turn(progress):
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
        try:
            return preview_file(source, opener, unit, password=True, names=names, progress=progress)
        except WrongPassword:
            refuse_open_part(source)
            raise


def keep_upload(
    unit: Unit, user: User, upload: BinaryIO, context: Context, *, size: int | None = None
) -> str:
    """Copy *upload* to disk, still encrypted, and return the id it can be validated by.

    *size* is for what cannot be measured beforehand: a body that is still read. A wrong password
    must not cost a second upload, so it stays for half an hour. Raise
    `UploadsWaiting` or `NoSpace` before anything is written if there is no room for it.
    """
    run = runs.begin_upload(unit, user)
    with recorded(run):
        with (
            quotas.place_for_upload(run, store.size(upload) if size is None else size, context),
            store.new_file(context.folders.uploads, run.uid) as sink,
        ):
            digest = store.copy_in(upload, sink)
        # Known from here on, so that a refusal tells which file it was.
        BackupRun.update(file_sha256=digest).where(BackupRun.id == run.id).execute()
    return run.uid


def begin_validation(unit: Unit, user: User, uid: str, context: Context) -> BackupRun:
    """Begin the run that validates the kept upload *uid*."""
    with attempted(unit, RunKind.VALIDATE, user):
        run = find_upload(unit, user, uid, context)
    runs.begin_again(run, user)
    return run


def find_upload(unit: Unit, user: User, uid: str, context: Context) -> BackupRun:
    """Return the run of the upload *uid* that *user* keeps for *unit*; raise `UploadGone`."""
    run: BackupRun | None = BackupRun.get_or_none(
        BackupRun.uid == uid,
        BackupRun.unit == unit,
        BackupRun.user_email == user.email,
        BackupRun.kind == RunKind.VALIDATE,
    )
    path = store.file_path(context.folders.uploads, run.uid) if run else None
    if run is None or path is None or not path.exists():
        raise UploadGone
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

    It is deleted when it is refused for what is in it, or given up.
    """
    run = run or begin_validation(unit, user, uid, context)
    path = store.file_path(context.folders.uploads, run.uid)
    with recorded(run):
        try:
            with path.open("rb") as source:
                found = preview_with_password(source, password, unit, progress=progress)
            with turn(progress):
                token = tickets.issue(run.uid, unit, user, found, RunKind.IMPORT)
                end_validation(run, found)
        except (WrongPassword, TooBusy, db.DatabaseError):
            raise
        except BaseException:
            with suppress(OSError):  # else a sweep finds it
                path.unlink(missing_ok=True)
            raise
    return token, found


def end_validation(run: BackupRun, found: Preview) -> None:
    """Record that *run* read a backup to its end, and what it found."""
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
    with (
        recorded(run),
        open_safety_copy(unit, context, progress=progress) as (uid, _, found),
        turn(progress),
    ):
        token = tickets.issue(uid, unit, user, found, RunKind.UNDO)
        end_validation(run, found)
    return token, found


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
    try:
        source = store.file_path(context.folders.safety, copy.uid).open("rb")
    except FileNotFoundError:  # somebody took it out of the folder
        raise NothingToUndo from None
    with source:
        yield copy.uid, source, preview_file(source, opener, unit, progress=progress)
