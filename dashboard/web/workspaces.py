"""Workspaces: looking at one, making, changing and deleting one, and the list for admins."""

import time
from datetime import UTC, datetime

import peewee
from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    g,
    make_response,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from ..models import (
    Application,
    Asset,
    NoRoom,
    Profile,
    Role,
    StaleRevision,
    Workspace,
    changing,
)
from ..plugins import placing
from ..plugins.queries import tuples
from . import access, cards, moves, pictures, shell, workspace_changes
from .forms_content import ConfirmForm, NewWorkspaceForm, RemovePictureForm, WorkspaceForm
from .htmx import answer, see_other
from .paging import page_of
from .security import CONTENT_SECURITY_POLICY
from .workspace_changes import is_row, remember

bp = Blueprint("workspaces", __name__)

# For all applications of a page together; those that are left load by themselves.
PLAIN_SECONDS = 5.0
ICON_SECONDS = 365 * 24 * 3600


def workspace_or_404(uid: str) -> Workspace:
    """Return the unit's workspace if the user may open it; a private one of others is not there."""
    found: Workspace | None = Workspace.of(g.unit).where(Workspace.uid == uid).first()
    if found is None or not shell.can_see(found, g.user):
        abort(404)
    return found


def managed_or_404(uid: str) -> Workspace:
    """Return a workspace that the user may change: admins reach private ones of others too."""
    if g.role is Role.ADMIN:
        found: Workspace | None = Workspace.of(g.unit).where(Workspace.uid == uid).first()
        return found if found is not None else abort(404)
    return workspace_or_404(uid)


@bp.get("/u/<slug>/w/<uid>")
@access.requires(*access.MEMBERS)
def show(slug: str, uid: str) -> ResponseReturnValue:
    """Show the workspace. Each application loads by itself; `?plain=1` shows all at once."""
    workspace = workspace_or_404(uid)
    response = whole_page(workspace, plain=request.args.get("plain") == "1")
    remember(workspace)
    return response


def whole_page(
    workspace: Workspace, *, plain: bool, refused: cards.Refused | None = None
) -> Response:
    """Return the page of a workspace: its cards are to load, or with *plain* they are there."""
    now, end = datetime.now(UTC), time.monotonic() + (PLAIN_SECONDS if plain else 0)
    columns = [
        [
            cards.card(workspace, row, now, refused)
            if time.monotonic() < end
            else cards.frame(workspace, row)
            for row in column
        ]
        for column in placing.columns_of(g.unit, workspace)
    ]
    text = render_template(
        "workspaces/show.html",
        workspace=workspace,
        layout=placing.layout_of(workspace),
        columns=columns,
        plain=plain,
        widgets=cards.widgets(now),
    )
    response = make_response(text)
    if sources := cards.frame_sources(now):
        # Only here, and only the hosts that the unit's admin allowed.
        allowed = f"frame-src {' '.join(sources)}"
        policy = CONTENT_SECURITY_POLICY.replace("frame-src 'none'", allowed)
        response.headers["Content-Security-Policy"] = policy
    return response


@bp.get("/u/<slug>/toolbar")
@access.requires(*access.MEMBERS)
def toolbar(slug: str) -> ResponseReturnValue:
    """Show the widgets once more: what was done in an application changed one of them."""
    home = url_for("units.home", slug=slug)
    return answer("workspaces/_toolbar.html", home, widgets=cards.widgets(datetime.now(UTC)))


@bp.route("/u/<slug>/workspaces/new", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def new(slug: str) -> ResponseReturnValue:
    """Make a workspace, and put it at the end of the chosen profiles."""
    form = NewWorkspaceForm()
    offered = workspace_changes.offered_profiles("")
    form.profiles.choices = _choices(offered.profiles)
    if form.validate_on_submit():
        try:
            uid = workspace_changes.create(form)
        except NoRoom as error:
            form.form_errors.append(str(error))
        else:
            flash(f"The workspace {form.name.data} is there. Add its first application.", "success")
            return see_other(url_for("applications.index", slug=slug, uid=uid))
    return render_template("workspaces/new.html", form=form, more=offered.more), _status()


def _choices(profiles: list[Profile]) -> list[SelectChoice]:
    return [SelectChoice(profile.uid, profile.name) for profile in profiles]


@bp.route("/u/<slug>/w/<uid>/settings", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def settings(slug: str, uid: str) -> ResponseReturnValue:
    """Change a workspace's name, look, sharing and place."""
    workspace = managed_or_404(uid)
    offered = workspace_changes.offered_profiles(uid)
    form = WorkspaceForm(obj=workspace, data={"profiles": offered.inside})
    form.profiles.choices = _choices(offered.profiles)
    if form.validate_on_submit():
        try:
            workspace_changes.save_settings(workspace, form, offered)
        except NoRoom as error:
            form.form_errors.append(str(error))
        else:
            flash("The workspace is saved.", "success")
            if not shell.can_see(workspace, g.user):
                return see_other(url_for("workspaces.manage", slug=slug))
            return see_other(url_for("workspaces.show", slug=slug, uid=uid))
    page = render_template(
        "workspaces/settings.html",
        form=form,
        workspace=workspace,
        more=offered.more,
        can_open=shell.can_see(workspace, g.user),
        copy_form=ConfirmForm(formdata=None),
    )
    return page, _status()


@bp.post("/u/<slug>/w/<uid>/settings/picture")
@access.requires(*access.EDITORS)
def remove_picture(slug: str, uid: str) -> ResponseReturnValue:
    """Show characters instead of the picture again."""
    workspace = managed_or_404(uid)
    form = RemovePictureForm()
    with changing(
        g.unit,
        "workspace.change",
        by=g.user,
        revision=form.revision_number(),
        subject=workspace.name,
    ):
        workspace_changes.remove_picture(workspace)
    flash("The picture is removed.", "success")
    return see_other(url_for("workspaces.settings", slug=slug, uid=uid))


@bp.route("/u/<slug>/w/<uid>/delete", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def delete(slug: str, uid: str) -> ResponseReturnValue:
    """Ask, then delete a workspace with everything placed in it."""
    workspace = managed_or_404(uid)
    form = ConfirmForm()
    if not form.validate_on_submit():
        losses = workspace_changes.losses(workspace)
        context = {"workspace": workspace, "losses": losses, "can_open": shell.can_see}
        return render_template("workspaces/delete.html", form=form, **context), _status()
    with changing(
        g.unit,
        "workspace.delete",
        by=g.user,
        revision=form.revision_number(),
        subject=workspace.name,
    ):
        Workspace.delete().where(is_row(uid)).execute()
        pictures.forget(workspace.icon_asset)
    flash(f"The workspace {workspace.name} is deleted.", "success")
    return see_other(url_for("units.home", slug=slug))


@bp.get("/u/<slug>/workspaces")
@access.requires(*access.MEMBERS)
def index(slug: str) -> ResponseReturnValue:
    """List everything that the user may open, whatever the left bar shows."""
    page = page_of(Workspace, Workspace.of(g.unit).where(shell.seen_by(g.user)))
    return render_template("workspaces/index.html", page=page)


@bp.get("/u/<slug>/admin/workspaces")
@access.requires(*access.ADMIN)
def manage(slug: str) -> ResponseReturnValue:
    """List every workspace, private ones with their owner."""
    return _managed()


def _managed(refusal: str = "") -> str:
    page = page_of(Workspace, Workspace.of(g.unit))
    counted = (Application.workspace, peewee.fn.COUNT(Application.uid))
    listed = Application.workspace.in_([row.uid for row in page.rows])
    placed = Application.of(g.unit, *counted).where(listed).group_by(Application.workspace)
    return render_template(
        "workspaces/manage.html",
        page=page,
        placed=dict(tuples(placed)),
        can_see=shell.can_see,
        move_form=ConfirmForm(formdata=None),
        refusal=refusal,
    )


@bp.post("/u/<slug>/admin/workspaces/<uid>/move")
@access.requires(*access.ADMIN)
def move(slug: str, uid: str) -> ResponseReturnValue:
    """Give a workspace another place in the left bar."""
    workspace = managed_or_404(uid)
    home = url_for("workspaces.manage", slug=slug, page=request.args.get("page"))
    try:
        return moves.move(Workspace, uid, "workspace.move", workspace.name, home)
    except StaleRevision as error:
        return moves.stale(error, _managed)


@bp.get("/u/<slug>/icons/<sha256>")
@access.requires(*access.MEMBERS)
def asset(slug: str, sha256: str) -> Response:
    """Send an icon picture. Its address is its content, so the browser may keep it."""
    found = Asset.of(g.unit).where(Asset.sha256 == sha256).first()
    if found is None or found.mime not in ("image/png", "image/jpeg"):
        abort(404)
    response = make_response(bytes(found.content))
    response.headers["Content-Type"] = found.mime
    caching = response.cache_control
    caching.private, caching.immutable, caching.max_age = True, True, ICON_SECONDS
    return response


def _status() -> int:
    return 422 if request.method == "POST" else 200
