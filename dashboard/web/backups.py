"""Admin settings, Backup: export, validate, preview, import, undo."""

import calendar
import json
import time
from typing import Any

from flask import Blueprint, Response, abort, g, make_response, render_template, send_file, url_for

from .. import __version__, backup
from ..archive import ArchiveError, KdfCost, WrongPassword
from ..backup import BackupError, Context, Preview
from ..backup import errors as situations
from ..models import BackupRun, RunKind, RunState
from . import access, errors
from .forms_backup import DiscardForm, ExportForm, ImportForm, UndoForm, UploadForm
from .htmx import answer, is_htmx, refresh, see_other

bp = Blueprint("backups", __name__, url_prefix="/u/<slug>/admin/backup")

HISTORY_ROWS = 10
# Section of the file -> the word on the screen, in the order of the screen.
LABELS = {
    "plugins": "Plugins",
    "profiles": "Profiles",
    "config_keys": "Config keys",
    "workspaces": "Workspaces",
    "applications": "Applications",
    "plugin_permissions": "Plugin permissions",
    "plugin_mappings": "Plugin mappings",
    "profile_workspaces": "Workspaces in profiles",
    "profile_roles": "Roles on profiles",
    "toolbar": "Toolbar entries",
    "assets": "Icon images",
}
HEADLINES = ("plugins", "profiles", "config_keys", "workspaces", "applications")
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
    situations.NoSpace: (503, None),
    situations.NoSafetyCopy: (503, None),
    situations.TooBusy: (429, None),
}


@bp.app_template_filter("moment")
def moment(value: int | str) -> str:
    """Return seconds since 1970, or a manifest's time, as words: `23 Nov 2026, 06:45 UTC`."""
    at = value if isinstance(value, int) else _seconds(value)
    return time.strftime("%-d %b %Y, %H:%M UTC", time.gmtime(at))


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
    )


@bp.get("")
@access.requires(*access.ADMIN)
@access.fresh
def index(slug: str) -> str:
    """Show the Backup page."""
    return _page()


def _page(**replaced: Any) -> str:
    backup.sweep(access.folders(), access.settings().safety_copy_days)
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
        labels=LABELS,
        not_included=NOT_INCLUDED,
        **{"export_form": ExportForm(formdata=None), **_upload_context(), **replaced},
    )


def _result() -> dict[str, Any] | None:
    """Return what the newest import of the unit brought, for as long as it can be undone."""
    run, copy = backup.last_import(g.unit), backup.newest_safety_copy(g.unit)
    if run is None or copy is None:
        return None
    counts = json.loads(run.counts)
    return {
        "run": run,
        "counts": [(LABELS[name], counts.get(name, 0)) for name in HEADLINES],
        "undo_form": UndoForm(formdata=None),
    }


@bp.post("/export")
@access.requires(*access.ADMIN)
@access.fresh
def export(slug: str) -> Response:
    """Make a backup; its download starts by itself."""
    form = ExportForm()
    if not form.validate_on_submit():
        return _export_refused(form)
    try:
        run = backup.export_for_download(g.unit, g.user, form.password.data, context())
    except situations.PasswordTooShort as error:
        form.password.errors = [str(error)]
        return _export_refused(form)
    link = url_for(".download", slug=slug, uid=run.uid)
    fresh = ExportForm(formdata=None)
    return answer("backups/_export_form.html", link, export_form=fresh, ready=run, ready_url=link)


def _export_refused(form: ExportForm) -> Response:
    if is_htmx():
        return answer("backups/_export_form.html", "", status=422, export_form=form)
    return make_response(_page(export_form=form), 422)


@bp.get("/exports/<uid>")
@access.requires(*access.ADMIN)
def download(slug: str, uid: str) -> Response:
    """Send a backup that this admin made within the last hour."""
    run = BackupRun.get_or_none(
        BackupRun.uid == uid,
        BackupRun.unit == g.unit,
        BackupRun.user_email == g.user.email,
        BackupRun.kind == RunKind.EXPORT,
        BackupRun.state == RunState.DONE,
    )
    path = access.folders().exports / f"{run.uid}.dbk" if run else None
    if run is None or path is None or not path.exists():
        abort(404, "This backup is not kept here any more. Download a new one.")
    made = time.strftime("%Y-%m-%d-%H%M", time.gmtime(run.started_at))
    return send_file(
        path,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=f"{g.unit.slug}-{made}.dbk",
        max_age=0,
    )


@bp.post("/validate")
@access.requires(*access.ADMIN)
@access.fresh
@access.large_body
def validate(slug: str) -> Response:
    """Check an uploaded backup to its last byte and show what an import would do."""
    form = UploadForm()
    if not form.validate_on_submit():
        return _validate_refused(form)
    kept = form.upload.data or ""
    try:
        if form.file.data:
            kept = backup.keep_upload(g.unit, g.user, form.file.data.stream, context())
        token, found = backup.validate_upload(g.unit, g.user, kept, form.password.data, context())
    except WrongPassword as error:
        form.password.errors = [str(error)]
        return _validate_refused(form, kept=kept)
    except (ArchiveError, BackupError) as error:
        form.file.errors = [str(error)]
        return _validate_refused(form)
    return _show_preview(token, found, undo=False)


def _validate_refused(form: UploadForm, kept: str = "") -> Response:
    form.upload.data = kept
    if is_htmx():
        return answer("backups/_upload_form.html", "", status=422, upload_form=form)
    return make_response(_page(upload_form=form), 422)


@bp.post("/undo")
@access.requires(*access.ADMIN)
@access.fresh
def undo(slug: str) -> Response:
    """Show what an undo of the last import would bring back."""
    token, found = backup.prepare_undo(g.unit, g.user, context())
    return _show_preview(token, found, undo=True)


def _show_preview(
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


@bp.post("/import")
@access.requires(*access.ADMIN)
@access.fresh
def import_(slug: str) -> Response:
    """Wipe the unit's state and load what was validated; then the browser reloads."""
    form = ImportForm()
    if not form.validate_on_submit():
        abort(400)
    token = form.ticket.data or ""
    try:
        run = backup.import_ticket(
            g.unit, g.user, token, context(), typed_name=form.unit_name.data or ""
        )
    except situations.WrongUnit:
        form.unit_name.errors = [f"Type the unit's name, {g.unit.name}, to confirm."]
        found, undo = backup.preview_again(g.unit, g.user, token, context())
        return _show_preview(token, found, undo=undo, form=form, status=422)
    if run.state == RunState.RUNNING:
        abort(409, "This import is under way. Reload the page in a moment to see how it ended.")
    if run.state != RunState.DONE:
        abort(409, run.reason or "This import did not happen. Validate the file again.")
    return refresh() if is_htmx() else see_other(url_for(".index", slug=slug))


@bp.post("/discard")
@access.requires(*access.ADMIN)
def discard(slug: str) -> Response:
    """Forget what was validated, and delete the upload."""
    form = DiscardForm()
    if form.validate_on_submit():
        backup.discard_ticket(g.unit, g.user, form.ticket.data or "", context())
    return answer("backups/_upload_form.html", url_for(".index", slug=slug), **_upload_context())


def _upload_context() -> dict[str, Any]:
    return {"upload_form": UploadForm(formdata=None)}
