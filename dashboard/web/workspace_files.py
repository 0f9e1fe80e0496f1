"""A workspace once more: as a file to take along, out of such a file, or as a duplicate."""

import io

from flask import Blueprint, flash, g, render_template, url_for
from flask.typing import ResponseReturnValue

from .. import backup
from ..archive import ArchiveError, WrongPassword
from ..backup import BackupError, WorkspacePart, parts
from ..models import Application, NoRoom, Plugin, Role, Workspace
from ..plugins import placing
from ..plugins.queries import tuples
from . import access
from .backup_page import context
from .downloads import send_backup
from .forms import NAME_MAX, UnitForm
from .forms_backup import ExportPartForm, ImportPartForm
from .forms_content import ConfirmForm
from .htmx import see_other
from .workspaces import workspace_or_404

bp = Blueprint("workspace_files", __name__)
_COPY = " (copy)"


class ImportWorkspaceForm(UnitForm, ImportPartForm):
    """Make a workspace out of a file."""


@bp.post("/u/<slug>/w/<uid>/copy")
@access.requires(*access.EDITORS)
def copy(slug: str, uid: str) -> ResponseReturnValue:
    """Make a private workspace with the same look, applications and settings."""
    workspace = workspace_or_404(uid)
    name = workspace.name[: NAME_MAX - len(_COPY)] + _COPY
    revision = ConfirmForm().revision_number()
    new = placing.duplicate(g.unit, workspace, name, by=g.user, revision=revision)
    flash(
        f"This is a copy of {workspace.name}. Only you see it, until you share it in its "
        "workspace settings.",
        "success",
    )
    return see_other(url_for("workspaces.show", slug=slug, uid=new))


@bp.route("/u/<slug>/w/<uid>/export", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
@access.fresh
def export(slug: str, uid: str) -> ResponseReturnValue:
    """Send the workspace as a file. Secret values are for admins, and only behind a password."""
    workspace = workspace_or_404(uid)
    form = ExportPartForm()
    if form.validate_on_submit():
        is_admin = g.role is Role.ADMIN
        password = form.password.data or ""
        try:
            file = parts.export_workspace(
                g.unit, uid, password, context(), by=g.user, with_secrets=is_admin
            )
        except (ArchiveError, BackupError) as error:
            form.form_errors.append(str(error))
        else:
            return send_backup(io.BytesIO(file), f"{slug}-{_file_name(workspace)}.dbk")
    page = render_template("workspaces/export.html", form=form, workspace=workspace)
    return page, 422 if form.is_submitted() else 200


def _file_name(workspace: Workspace) -> str:
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in workspace.name)
    return "-".join(words.lower().split())[:60] or str(workspace.uid)


@bp.route("/u/<slug>/workspaces/import", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
@access.large_form
def import_(slug: str) -> ResponseReturnValue:
    """Make a new workspace out of a file; what the unit has is not touched."""
    form = ImportWorkspaceForm()
    if form.validate_on_submit():
        revision, source = form.revision_number(), form.file.data.stream
        try:
            part = parts.read_workspace(g.unit, source, form.password.data or "", by=g.user)
            made = backup.import_workspace(g.unit, part, by=g.user, revision=revision)
        except WrongPassword as error:
            form.password.errors = [str(error)]
        except (ArchiveError, BackupError) as error:
            form.file.errors = [str(error)]
        except NoRoom as error:
            form.form_errors.append(str(error))
        else:
            flash(_what_came(made, part), "success")
            return see_other(url_for("workspaces.show", slug=slug, uid=made.uid))
    page = render_template("workspaces/import.html", form=form)
    return page, 422 if form.is_submitted() else 200


def _what_came(made: Workspace, part: WorkspacePart) -> str:
    count = len(part.applications)
    with_what = {0: "without applications", 1: "with one application"}.get(
        count, f"with {count} applications"
    )
    sentence = f"The workspace {made.name} is there, {with_what}."
    used = Application.of(g.unit, Application.bundle).where(Application.workspace == made.uid)
    bundles = {bundle for (bundle,) in tuples(used.distinct())}
    here = {bundle for (bundle,) in tuples(Plugin.of(g.unit, Plugin.bundle))}
    if missing := sorted(bundles - here):
        sentence += f" This unit does not have the plugin for some of it: {', '.join(missing)}."
    if not made.shared:
        sentence += " Only you see it."
    return sentence
