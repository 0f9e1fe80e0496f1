"""Export, validate, import and undo: each a job, begun as the Backup page begins it."""

from flask import Response, g, request, url_for

from ... import backup
from ...backup.errors import PasswordTooShort, UploadGone
from ...jobs import Job as RunningJob
from ...models import BackupRun, RunKind
from ...models.tokens import Scope
from .. import access, backup_acts, backup_page
from ..downloads import send_backup
from ..refusals import WORDS, refuse
from .answers import job_of, job_under_way
from .operations import FILE, operation, respond
from .shapes import Job, NewExport, NewImport, NewUndo, NewValidation, Upload

BUSY = (409, 429, 503)
GONE = "This backup is not kept here any more. Make a new one."


def _begun(job: RunningJob) -> Response:
    where = url_for("api.job", uid=job.uid)
    return respond(job_under_way(job), 202, Location=where)


@operation(
    "POST",
    "/units/<slug>/exports",
    scope=Scope.EXPORT,
    takes=NewExport,
    gives=Job,
    status=202,
    refuses=BUSY,
)
def export(slug: str, sent: NewExport) -> Response:
    """Make a backup of the unit.

    When its job is done, the file is there for an hour.
    """
    least = access.settings().backup_password_min
    with backup.attempted(g.unit, RunKind.EXPORT, g.user):
        if len(sent.password) < least:
            raise PasswordTooShort(least)
    return _begun(backup_acts.export(sent.password))


@operation("GET", "/units/<slug>/exports/<uid>", scope=Scope.EXPORT, gives=FILE)
def download(slug: str, uid: str) -> Response:
    """Download a backup that the token's user made within the last hour."""
    found = backup_acts.find_export(uid)
    if found is None:
        refuse(404, WORDS[404][0], GONE)
    return send_backup(*found)


@operation(
    "POST",
    "/units/<slug>/uploads",
    scope=Scope.VALIDATE,
    takes=FILE,
    gives=Upload,
    status=201,
    refuses=(411, 413, *BUSY),
)
@access.large_body
def upload(slug: str) -> Response:
    """Upload a backup file, to be validated within half an hour."""
    if request.mimetype != FILE:
        refuse(415, WORDS[415][0], f"This address takes {FILE}.")
    size = request.content_length
    if size is None:
        refuse(411, *WORDS[411])
    if size > access.settings().max_upload_bytes:
        refuse(413, *WORDS[413])
    with backup_acts.taking_in():
        uid = backup_acts.keep_upload(request.stream, size)  # type: ignore[arg-type]  # only read
    run = BackupRun.get(BackupRun.uid == uid)
    return respond(Upload(uid, size, run.file_sha256 or ""), 201)


@operation(
    "DELETE", "/units/<slug>/uploads/<uid>", scope=Scope.VALIDATE, status=204, refuses=(409,)
)
def discard(slug: str, uid: str) -> None:
    """Delete an upload of the token's user, and the ticket that came of it."""
    try:
        backup.discard_upload(g.unit, g.user, uid, backup_page.context())
    except UploadGone as error:
        refuse(404, error.code, str(error))


@operation(
    "POST",
    "/units/<slug>/uploads/<uid>/validation",
    scope=Scope.VALIDATE,
    takes=NewValidation,
    gives=Job,
    status=202,
    refuses=BUSY,
)
def validate(slug: str, uid: str, sent: NewValidation) -> Response:
    """Read an upload to its end, and preview its import.

    The job's preview has the ticket that imports it.
    """
    try:
        with backup_acts.taking_in():
            job = backup_acts.validate(uid, sent.password)
    except UploadGone as error:
        refuse(404, error.code, str(error))
    return _begun(job)


@operation(
    "POST",
    "/units/<slug>/imports",
    scope=Scope.IMPORT,
    takes=NewImport,
    gives=Job,
    status=202,
    refuses=BUSY,
)
def import_(slug: str, sent: NewImport) -> Response:
    """Replace the unit's state by the backup that was validated.

    All or nothing, after a safety copy. The same ticket again answers with the first import.
    """
    return _import(sent.ticket, sent.unit_name, RunKind.IMPORT)


def _import(ticket: str, unit_name: str, kind: RunKind) -> Response:
    run, job = backup_acts.import_(ticket, unit_name, only=kind)
    if job is not None:
        return _begun(job)
    where = url_for("api.job", uid=run.uid)  # what it came to, or where it is
    return respond(job_of(run), 202, Location=where)


@operation(
    "POST",
    "/units/<slug>/undo/validation",
    scope=Scope.UNDO,
    gives=Job,
    status=202,
    refuses=BUSY,
)
def prepare_undo(slug: str) -> Response:
    """Read the newest safety copy to its end, and preview the undo of the last import.

    The job's preview has the ticket that undoes it.
    """
    return _begun(backup_acts.prepare_undo())


@operation(
    "POST",
    "/units/<slug>/undo",
    scope=Scope.UNDO,
    takes=NewUndo,
    gives=Job,
    status=202,
    refuses=BUSY,
)
def undo(slug: str, sent: NewUndo) -> Response:
    """Bring back the state from before the last import, as it was previewed.

    Itself an import, and undoable.
    """
    return _import(sent.ticket, "", RunKind.UNDO)
