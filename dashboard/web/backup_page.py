"""The Backup page and its fragments: what is shown, whoever asks for it."""

import calendar
import json
import time
from typing import Any

from flask import (
    Blueprint,
    Response,
    after_this_request,
    current_app,
    g,
    make_response,
    render_template,
    url_for,
)

from .. import __version__, backup
from ..archive import ArchiveError, KdfCost
from ..backup import BackupError, Context, Preview
from ..backup import errors as situations
from ..jobs import Jobs
from ..models import BackupRun
from . import access, errors, job_view
from .forms_backup import DiscardForm, ExportForm, ImportForm, UndoForm, UploadForm
from .htmx import answer, is_htmx, refresh, see_other
from .labels import HEADLINES, LABELS

bp = Blueprint("backups", __name__, url_prefix="/u/<slug>/admin/backup")

HISTORY_ROWS = 10
NOT_INCLUDED = (
    (
        "Users, passwords and roles of people",
        "an import can never let anybody in or lock anybody out",
    ),
    ("Sessions and log-ins", "nobody is logged in or out by an import"),
    ("Audit log and history of backups", "evidence is never replaced"),
    ("Server key and server settings", "they belong to this server; secrets travel without them"),
    ("Other units", "each unit has its own backup"),
)

errors.STATUS |= {
    ArchiveError: (422, None),
    BackupError: (409, None),
    situations.NoLongerAllowed: (403, None),
    situations.NoSpace: (503, None),
    situations.DiskUnusable: (503, None),
    situations.OutcomeUnknown: (503, None),
    situations.NoSafetyCopy: (503, None),
    situations.TooBusy: (429, None),
    situations.UploadsWaiting: (429, None),
}


@bp.app_template_filter("moment")
def moment(value: int | str) -> str:
    """Return seconds since 1970, or a manifest's time, as words: `23 Nov 2026, 06:45 UTC`."""
    at = value if isinstance(value, int) else _seconds(value)
    return time.strftime("%-d %b %Y, %H:%M UTC", time.gmtime(at))


@bp.app_template_filter()
def dated(source: str) -> str:
    """Return where a backup comes from, which a run says as "Harbour, 2026-11-23T06:45:12Z".

    The time follows the unit's name after the last comma; a part has none.
    """
    unit, comma, at = source.rpartition(", ")
    try:
        return f"{unit}{comma}{moment(at)}"
    except ValueError:
        return source


def _seconds(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def context() -> Context:
    """Return what the engine needs to know about this application."""
    settings = access.settings()
    return Context(
        folders=access.folders(),
        app=f"Dashboard {__version__}",
        cost=KdfCost(settings.kdf_ops, settings.kdf_mem_bytes),
        password_min=settings.backup_password_min,
        max_upload_bytes=settings.max_upload_bytes,
    )


def page(**replaced: Any) -> str:
    """Return the Backup page; a form in *replaced* stands where a job might."""
    after_this_request(_sweep)
    history = (
        BackupRun.select()
        .where(BackupRun.unit == g.unit)
        .order_by(BackupRun.id.desc())
        .limit(HISTORY_ROWS)
    )
    return render_template(
        "backups/index.html",
        section="Backup",
        history=list(history),
        last_import=_result(),
        copies=copies(),
        labels=LABELS,
        not_included=NOT_INCLUDED,
        **{
            "export_form": ExportForm(formdata=None),
            **upload_context(),
            **_jobs_in_place(replaced),
            **replaced,
        },
    )


def _sweep(response: Response) -> Response:
    backup.sweep_beside(access.folders(), access.settings().safety_copy_days)
    return response


def _jobs_in_place(replaced: dict[str, Any]) -> dict[str, Any]:
    """Return the job to show instead of either form: one that runs, or one's own unseen end."""
    shown = [
        job_view.view_of(job, g.user)
        for job in jobs().of_unit(g.unit)
        if not job.has_ended or (job.user_id == g.user.id and not job.seen)
    ]
    run = BackupRun.running(g.unit)
    if run is not None and jobs().find(run.uid, g.unit) is None:
        shown.append(job_view.view_of_run(run, g.user))
    places = {view.place: view for view in reversed(shown)}
    return {
        "export_job": None if "export_form" in replaced else places.get("backup-export"),
        "import_job": None if "upload_form" in replaced else places.get("backup-import"),
    }


def jobs() -> Jobs:
    """Return the jobs of the running application."""
    found: Jobs = current_app.extensions["jobs"]
    return found


def _result() -> dict[str, Any] | None:
    """Return what the newest import of the unit brought, for as long as it can be undone."""
    run, copy = backup.last_import(g.unit), backup.newest_safety_copy(g.unit)
    if run is None or copy is None or copy.uid != run.uid:  # deleted: what is left is older
        return None
    counts = json.loads(run.counts)
    return {
        "run": run,
        "counts": [(LABELS[name], counts.get(name, 0)) for name in HEADLINES],
        "undo_form": UndoForm(formdata=None),
    }


def copies() -> list[backup.StandingCopy]:
    """Return the safety copies of the unit that stand."""
    return backup.standing_copies(g.unit, access.settings().safety_copy_days)


def exported(run: BackupRun, *, direct: bool) -> Response:
    """Answer with a backup that is ready; its download starts by itself."""
    link = url_for(".download", slug=g.unit.slug, uid=run.uid)
    shown: dict[str, Any] = {
        "export_form": ExportForm(formdata=None),
        "ready": run,
        "ready_url": link,
    }
    if direct or is_htmx():
        return answer("backups/_export_form.html", link, **shown)
    return make_response(page(**shown))


def imported() -> Response:
    """Have the browser load the page anew: everything on it has become old."""
    return refresh() if is_htmx() else see_other(url_for(".index", slug=g.unit.slug))


def export_refused(form: ExportForm) -> Response:
    """Answer with the form and what is wrong with it."""
    if is_htmx():
        return answer("backups/_export_form.html", "", status=422, export_form=form)
    return make_response(page(export_form=form), 422)


def validate_refused(sentence: str, *, field: str = "file", kept: str = "") -> Response:
    """Answer with the form to upload, and *sentence* at its *field*."""
    form = UploadForm(formdata=None)
    form[field].errors = [sentence]
    return upload_again(form, kept)


def upload_again(form: UploadForm, kept: str = "") -> Response:
    """Answer with the form and what is wrong with it; the upload *kept* need not be sent again."""
    form.upload.data = kept
    if is_htmx():
        return answer("backups/_upload_form.html", "", status=422, upload_form=form)
    return make_response(page(upload_form=form), 422)


def show_preview(
    token: str, found: Preview, *, undo: bool, form: ImportForm | None = None, status: int = 200
) -> Response:
    """Answer with the preview: in place for htmx, as a page otherwise.

    Not a redirect: the token must not stand in an address, and only the browser may have it.
    """
    form = form or ImportForm(formdata=None, ticket=token)
    changes = {change.section: change for change in found.changes}
    shown = {
        "found": found,
        "manifest": found.report.manifest,
        "undo": undo,
        "import_form": form,
        "discard_form": DiscardForm(formdata=None, ticket=token),
        "headlines": [(LABELS[name], changes[name]) for name in HEADLINES],
        "changes": [(label, changes[name]) for name, label in LABELS.items()],
        "age_days": _age_days(found.report.manifest.created_at),
    }
    template = "backups/_preview.html" if is_htmx() else "backups/preview.html"
    return make_response(render_template(template, section="Backup", **shown), status)


def _age_days(created_at: str) -> int:
    return max(0, int((time.time() - _seconds(created_at)) // 86_400))


def upload_context() -> dict[str, Any]:
    """Return what the form to upload needs."""
    return {"upload_form": UploadForm(formdata=None)}
