"""Applications in a workspace: the card of one, and Application settings."""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from jinja2 import PrefixLoader
from wtforms import SelectChoice

from ..models import Application, Plugin, StaleRevision, Workspace, restored_since
from ..plugins import calls, placing
from ..plugins.acts import ActProblem, ActRefused, NoSuchAct
from ..plugins.install import PluginProblem, plugin_of
from ..plugins.manifest import Manifest
from ..plugins.registry import has_widget, manifest_of
from . import access, cards, moves, sessions
from .errors import STATUS
from .forms_content import AddApplicationForm, ConfirmForm
from .forms_settings import TitledSettingsForm, make
from .htmx import answer, is_htmx, see_other
from .workspaces import whole_page, workspace_or_404

bp = Blueprint("applications", __name__)
# A plugin's templates are in its own folder.
bp.jinja_loader = PrefixLoader({"plugins": cards.PluginTemplates()})
STATUS[PluginProblem] = (422, None)


def application_or_404(workspace: Workspace, uid: str) -> Application:
    """Return an application of the workspace."""
    found = placing.find_application(g.unit, workspace, uid)
    return found if found is not None else abort(404)


@bp.get("/u/<slug>/w/<uid>/a/<app>")
@access.requires(*access.MEMBERS)
def show(slug: str, uid: str, app: str) -> ResponseReturnValue:
    """Show one card, for the workspace page to load; never one of a newer state in an old page."""
    sessions.current().is_visit = False  # pages ask for it, some again and again
    _require_seen()
    workspace = workspace_or_404(uid)
    row = application_or_404(workspace, app)
    card = cards.card(workspace, row, datetime.now(UTC))
    home = url_for("workspaces.show", slug=slug, uid=uid)
    return answer("applications/_card.html", home, card=card, workspace=workspace)


@bp.get("/u/<slug>/w/<uid>/a/<app>/portal/<requirement>")
@access.requires(*access.MEMBERS)
def portal(slug: str, uid: str, app: str, requirement: str) -> ResponseReturnValue:
    """Show once more what another plugin shows inside an application."""
    sessions.current().is_visit = False
    _require_seen()
    workspace = workspace_or_404(uid)
    row = application_or_404(workspace, app)
    home = url_for("workspaces.show", slug=slug, uid=uid)
    shown = cards.portal(workspace, row, requirement, datetime.now(UTC))
    return answer("applications/_portal.html", home, portal=shown)


@bp.post("/u/<slug>/w/<uid>/a/<app>/act/<act>")
@access.requires(*access.USERS)
def act(slug: str, uid: str, app: str, act: str) -> ResponseReturnValue:
    """Do what the plugin offers inside the application, if the role has its permission key."""
    workspace = workspace_or_404(uid)
    now, form = datetime.now(UTC), request.form.to_dict()
    who = {"by": g.user, "role": g.role, "sources": cards.sources()}
    changed, refused = frozenset[str](), None
    try:
        changed = calls.act(g.unit, workspace, app, act, form, now=now, seen=_seen(), **who)
    except NoSuchAct:
        abort(404)
    except ActRefused as error:
        access.note_refusal()
        abort(403, str(error))
    except ActProblem as error:
        refused = cards.Refused(app, str(error), form)
        if not is_htmx():
            return whole_page(workspace, plain=True, refused=refused), 422
    card = cards.card(workspace, application_or_404(workspace, app), now, refused)
    return answer(
        "applications/_card.html",
        url_for("workspaces.show", slug=slug, uid=uid),
        status=422 if refused is not None else 200,
        event="toolbar:changed" if any(map(has_widget, changed)) else None,
        card=card,
        workspace=workspace,
    )


def _seen() -> int | None:
    """Return the revision that the page around a card was made from."""
    seen = request.args.get("seen", "")
    return int(seen) if re.fullmatch(r"[0-9]{1,18}", seen) else None


def _require_seen() -> None:
    """Raise `StaleRevision` if the unit was restored after the page around the card was made.

    Other changes do not matter here: what is done inside an application adds to what is there.
    """
    seen = _seen()
    if seen not in (None, g.unit.revision) and restored_since(g.unit, seen):
        raise StaleRevision(g.unit, seen)


@bp.route("/u/<slug>/w/<uid>/applications", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def index(slug: str, uid: str) -> ResponseReturnValue:
    """Show where applications stand, and add one."""
    workspace = workspace_or_404(uid)
    form = AddApplicationForm()
    offered = _offered()
    form.bundle.choices = [SelectChoice(manifest.bundle, manifest.name) for manifest in offered]
    form.column.choices = [
        SelectChoice(number, f"Column {number + 1}")
        for number in range(placing.layout_of(workspace).columns)
    ]
    if form.validate_on_submit():
        revision = form.revision_number()
        bundle, column = form.bundle.data, form.column.data
        row = placing.add(g.unit, workspace, bundle, column, by=g.user, revision=revision)
        fields = next(found for found in offered if found.bundle == bundle).application_fields
        if fields:
            return see_other(url_for(".settings", slug=slug, uid=uid, app=row.uid))
        return see_other(url_for(".index", slug=slug, uid=uid))
    return _placing_page(workspace, form, offered), 422 if form.is_submitted() else 200


def _placing_page(
    workspace: Workspace, form: AddApplicationForm, offered: list[Manifest], refusal: str = ""
) -> str:
    columns = placing.columns_of(g.unit, workspace)
    bundles = {row.bundle for column in columns for row in column}
    plugins = Plugin.of(g.unit).where(Plugin.bundle.in_(bundles))
    return render_template(
        "applications/index.html",
        form=form,
        workspace=workspace,
        layout=placing.layout_of(workspace),
        columns=columns,
        plugins={plugin.bundle: plugin for plugin in plugins},
        offered=offered,
        refusal=refusal,
    )


def _offered() -> list[Manifest]:
    active = Plugin.of(g.unit).where(Plugin.active).order_by(Plugin.name)
    found = [manifest_of(plugin) for plugin in active]
    return [manifest for manifest in found if "application" in manifest.parts]


@bp.post("/u/<slug>/w/<uid>/applications/<app>/move")
@access.requires(*access.EDITORS)
def move(slug: str, uid: str, app: str) -> ResponseReturnValue:
    """Move an application by an arrow, or to the column and place where it was dropped."""
    workspace = workspace_or_404(uid)
    application_or_404(workspace, app)
    direction = request.form.get("direction", "")
    column, place = moves.number("column"), moves.number("place")
    try:
        change: dict[str, Any] = {"by": g.user, "revision": ConfirmForm().revision_number()}
        if direction in placing.DIRECTIONS:
            placing.move(g.unit, workspace, app, direction, **change)
        elif column is not None and place is not None:
            placing.move_to(g.unit, workspace, app, column, place, **change)
        else:
            abort(422, "Use one of the arrows.")
    except StaleRevision as error:
        return moves.stale(error, partial(_true_order, workspace))
    return see_other(url_for(".index", slug=slug, uid=uid))


def _true_order(workspace: Workspace, refusal: str) -> str:
    return _placing_page(workspace, AddApplicationForm(formdata=None), _offered(), refusal)


@bp.route("/u/<slug>/w/<uid>/applications/<app>/settings", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def settings(slug: str, uid: str, app: str) -> ResponseReturnValue:
    """Change an application's title and config."""
    workspace = workspace_or_404(uid)
    row = application_or_404(workspace, app)
    plugin = plugin_of(g.unit, row.bundle)
    manifest = manifest_of(plugin) if plugin is not None else None
    as_text = request.args.get("as") == "text"
    form = make(
        TitledSettingsForm,
        manifest.application_fields if manifest is not None else (),
        manifest.application_schema if manifest is not None else {},
        row.config,
        row.secrets,
        as_text=as_text,
        title=row.title,
    )
    if form.is_reshaped() or not form.validate_on_submit():
        page = render_template(
            "applications/settings.html",
            form=form,
            workspace=workspace,
            row=row,
            plugin=plugin,
            as_text=as_text,
        )
        return page, form.status()
    config, secrets = form.texts()
    placing.configure(
        g.unit,
        workspace,
        app,
        by=g.user,
        revision=form.revision_number(),
        title=form.title.data or "",
        config=config,
        secrets=secrets,
    )
    flash("The settings are saved.", "success")
    return see_other(url_for("workspaces.show", slug=slug, uid=uid))


@bp.route("/u/<slug>/w/<uid>/applications/<app>/remove", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def remove(slug: str, uid: str, app: str) -> ResponseReturnValue:
    """Ask, then take an application away."""
    workspace = workspace_or_404(uid)
    row = application_or_404(workspace, app)
    form = ConfirmForm()
    if not form.validate_on_submit():
        plugin = plugin_of(g.unit, row.bundle)
        name = row.title or (plugin.name if plugin is not None else row.bundle)
        page = render_template(
            "applications/remove.html", form=form, workspace=workspace, name=name
        )
        return page, 422 if form.is_submitted() else 200
    placing.remove(g.unit, workspace, app, by=g.user, revision=form.revision_number())
    flash("The application is removed.", "success")
    return see_other(url_for(".index", slug=slug, uid=uid))
