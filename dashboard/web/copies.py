"""Safety copies on the Backup page: delete one now, asked first."""

from flask import Response, abort, flash, g, make_response, render_template, url_for

from .. import backup
from . import access
from .backup_page import bp, context, copies
from .forms_backup import DeleteCopyForm
from .htmx import leave_to


@bp.route("/copies/<uid>/delete", methods=["GET", "POST"])
@access.requires(*access.ADMIN)
@access.fresh
def delete_copy(slug: str, uid: str) -> Response:
    """Say what cannot be undone then, and delete the copy."""
    copy = next((copy for copy in copies() if copy.uid == uid), None)
    if copy is None:
        abort(404, "This safety copy is not kept any more.")
    form = DeleteCopyForm()
    if not form.validate_on_submit():
        page = render_template("backups/delete_copy.html", section="Backup", copy=copy, form=form)
        return make_response(page, 422 if form.is_submitted() else 200)
    backup.delete_copy(g.unit, uid, g.user, context())
    flash("The safety copy is deleted. The import that it was made before stays.", "success")
    return leave_to(url_for(".index", slug=slug))
