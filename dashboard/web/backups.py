"""Admin settings, Backup: export, validate, preview, import, undo."""

from flask import Response, abort, g, url_for
from flask_wtf import FlaskForm

from .. import backup
from ..backup import Preview
from ..backup import errors as situations
from ..jobs import Act
from ..models import BackupRun, RunKind, RunState
from . import access, backup_acts, backup_jobs, backup_page, copies, job_view, stale
from .backup_page import bp, context
from .downloads import send_backup
from .forms_backup import DiscardForm, ExportForm, ImportForm, PreviewForm, UploadForm
from .htmx import answer

__all__ = ["bp", "copies"]  # copies adds its routes to bp

bp.register_error_handler(situations.UnitChanged, stale.answer)


@bp.get("")
@access.requires(*access.ADMIN)
@access.fresh
def index(slug: str) -> str:
    """Show the Backup page."""
    return backup_page.page()


@bp.post("/export")
@access.requires(*access.ADMIN)
@access.fresh
def export(slug: str) -> Response:
    """Make a backup; its download starts by itself."""
    form = ExportForm()
    if not form.validate_on_submit():
        _note_refusal(form, RunKind.EXPORT)
        return backup_page.export_refused(form)
    return backup_jobs.answer_job(backup_acts.export(form.password.data or ""))


@bp.get("/exports/<uid>")
@access.requires(*access.ADMIN)
def download(slug: str, uid: str) -> Response:
    """Send a backup that this admin made within the last hour."""
    found = backup_acts.find_export(uid)
    if found is None:
        abort(404, "This backup is not kept here any more. Download a new one.")
    return send_backup(*found)


@bp.post("/validate")
@access.requires(*access.ADMIN)
@access.fresh
@access.large_body
def validate(slug: str) -> Response:
    """Check an uploaded backup to its last byte and show what an import would do."""
    form = UploadForm()
    if not form.validate_on_submit():
        _note_refusal(form, RunKind.VALIDATE)
        return backup_page.upload_again(form)
    with backup.attempted(g.unit, RunKind.VALIDATE, g.user):
        backup.require_free(g.unit)
    try:
        with backup_acts.taking_in():
            upload = form.upload.data or ""
            if form.file.data:
                upload = backup_acts.keep_upload(form.file.data.stream)
            job = backup_acts.validate(upload, form.password.data or "")
    except situations.UploadGone as error:
        return backup_page.validate_refused(str(error))
    return backup_jobs.answer_job(job)


def _note_refusal(form: FlaskForm, kind: RunKind) -> None:
    """Write down what a form refuses: an attempt like any other."""
    reason = " ".join(str(error) for errors in form.errors.values() for error in errors)
    backup.refused(g.unit, kind, g.user, reason)


@bp.post("/undo")
@access.requires(*access.ADMIN)
@access.fresh
def undo(slug: str) -> Response:
    """Show what an undo of the last import would bring back."""
    return backup_jobs.answer_job(backup_acts.prepare_undo())


@bp.post("/import")
@access.requires(*access.ADMIN)
@access.fresh_preview
def import_(slug: str) -> Response:
    """Wipe the unit's state and load what was validated; then the browser reloads."""
    form = ImportForm()
    if not form.validate_on_submit():
        abort(400)
    token, typed = form.ticket.data or "", form.unit_name.data or ""
    try:
        run, job = backup_acts.import_(token, typed)
    except situations.WrongUnit:
        form.unit_name.errors = [f"Type the unit's name, {g.unit.name}, to confirm."]
        found, undo = _preview_again(token)
        return backup_page.show_preview(token, found, undo=undo, form=form, status=422)
    return backup_jobs.answer_job(job) if job is not None else _import_again(run)


def _import_again(run: BackupRun) -> Response:
    """Answer a second press of Import with what became of the first."""
    job = backup_page.jobs().find(run.uid, g.unit)
    if job is not None:
        return backup_jobs.answer_job(job)
    if run.state == RunState.RUNNING:
        return backup_jobs.show_progress(job_view.view_of_run(run, g.user), status=202)
    if run.state != RunState.DONE:
        abort(409, run.reason or "This import did not happen. Validate the file again.")
    return backup_page.imported()


def _preview_again(token: str) -> tuple[Preview, bool]:
    """Return the preview of a ticket, without reading the file again if it is still known."""
    for job in backup_page.jobs().of_unit(g.unit):
        if job.user_id == g.user.id and job.act in (Act.VALIDATE, Act.PREPARE_UNDO) and job.result:
            known, found = job.result
            if known == token:
                return found, job.act is Act.PREPARE_UNDO
    return backup.preview_again(g.unit, g.user, token, context())


@bp.post("/preview")
@access.requires(*access.ADMIN)
@access.fresh_preview
def renew(slug: str) -> Response:
    """Preview the same file again, after the unit has changed: a new ticket for the old one."""
    form = PreviewForm()
    if not form.validate_on_submit():
        abort(400)
    return backup_jobs.answer_job(backup_acts.renew(form.ticket.data or ""))


@bp.post("/discard")
@access.requires(*access.ADMIN)
def discard(slug: str) -> Response:
    """Forget what was validated, and delete the upload."""
    form = DiscardForm()
    if form.validate_on_submit():
        backup.discard_ticket(g.unit, g.user, form.ticket.data or "", context())
    return answer(
        "backups/_upload_form.html", url_for(".index", slug=slug), **backup_page.upload_context()
    )
