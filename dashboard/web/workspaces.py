"""Workspaces: looking at one, making, changing and deleting one, and the list for admins."""

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
    Layout,
    Profile,
    ProfileWorkspace,
    Role,
    Workspace,
    changing,
)
from ..plugins import placing
from ..plugins.queries import tuples
from . import access, cards, pictures, shell, workspace_changes
from .forms_content import (
    POSITION_MAX,
    ConfirmForm,
    NewWorkspaceForm,
    RemovePictureForm,
    WorkspaceForm,
)
from .htmx import answer, see_other
from .security import CONTENT_SECURITY_POLICY
from .workspace_changes import append_to_profile, initials, is_row, remember

bp = Blueprint("workspaces", __name__)
MANAGED_MAX = 500
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
    response = page_of(workspace, plain=request.args.get("plain") == "1")
    remember(workspace)
    return response


def page_of(workspace: Workspace, *, plain: bool, refused: cards.Refused | None = None) -> Response:
    """Return the page of a workspace: its cards are to load, or with *plain* they are there."""
    now = datetime.now(UTC)
    columns = [
        [
            cards.card(workspace, row, now, refused) if plain else cards.frame(workspace, row)
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
        policy = CONTENT_SECURITY_POLICY.replace("frame-src", f"frame-src {' '.join(sources)}")
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
    profiles = Profile.of(g.unit).order_by(Profile.position, Profile.name)
    form.profiles.choices = [SelectChoice(profile.uid, profile.name) for profile in profiles]
    if not form.validate_on_submit():
        return render_template("workspaces/new.html", form=form), _status()
    uid = placing.new_uid("ws")
    name = form.name.data
    with changing(
        g.unit, "workspace.create", by=g.user, revision=form.revision_number(), subject=name
    ):
        last = Workspace.of(g.unit, peewee.fn.MAX(Workspace.position)).scalar()
        Workspace.create(
            unit=g.unit,
            uid=uid,
            name=name,
            layout=form.layout.data,
            icon_text=initials(name),
            shared=form.shared.data,
            owner_email=None if form.shared.data else g.user.email,
            position=0 if last is None else min(last + 1, POSITION_MAX),
        )
        for profile in sorted(set(form.profiles.data)):
            append_to_profile(profile, uid)
    flash(f"The workspace {name} is there. Add its first application.", "success")
    return see_other(url_for("applications.index", slug=slug, uid=uid))


@bp.route("/u/<slug>/w/<uid>/settings", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def settings(slug: str, uid: str) -> ResponseReturnValue:
    """Change a workspace's name, look, sharing and place."""
    workspace = managed_or_404(uid)
    form = WorkspaceForm(obj=workspace)
    if not form.validate_on_submit():
        return render_template(
            "workspaces/settings.html", form=form, workspace=workspace
        ), _status()
    fewer = Layout(form.layout.data).columns < placing.layout_of(workspace).columns
    with changing(
        g.unit,
        "workspace.change",
        by=g.user,
        revision=form.revision_number(),
        subject=form.name.data,
    ):
        workspace_changes.apply(workspace, form)
        if fewer:
            placing.fit_into(g.unit, workspace)
    flash("The workspace is saved.", "success")
    if not shell.can_see(workspace, g.user):
        return see_other(url_for("workspaces.manage", slug=slug))
    return see_other(url_for("workspaces.show", slug=slug, uid=uid))


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
        placed = Application.of(g.unit).where(Application.workspace == uid).count()
        listed = ProfileWorkspace.of(g.unit).where(ProfileWorkspace.workspace == uid).count()
        context = {"workspace": workspace, "placed": placed, "listed": listed}
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


@bp.get("/u/<slug>/admin/workspaces")
@access.requires(*access.ADMIN)
def manage(slug: str) -> ResponseReturnValue:
    """List every workspace, private ones with their owner."""
    order = (Workspace.position, Workspace.name, Workspace.uid)
    rows = list(Workspace.of(g.unit).order_by(*order).limit(MANAGED_MAX + 1))
    counted = (Application.workspace, peewee.fn.COUNT(Application.uid))
    placed = dict(tuples(Application.of(g.unit, *counted).group_by(Application.workspace)))
    return render_template(
        "workspaces/manage.html",
        workspaces=rows[:MANAGED_MAX],
        more=len(rows) > MANAGED_MAX,
        placed=placed,
        can_see=shell.can_see,
    )


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
