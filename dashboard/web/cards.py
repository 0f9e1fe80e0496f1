"""Applications as cards, each in a box of its own: one that fails never breaks the page."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app, g, render_template, url_for
from jinja2 import BaseLoader, Environment, FileSystemLoader
from markupsafe import Markup

from ..models import Application, Plugin, Workspace
from ..plugins import render
from ..plugins.mappings import Connection, standing
from ..plugins.registry import catalogue, folders
from ..plugins.render import Rendered, Standing
from ..plugins.sources import Sources
from .access import EDITORS
from .request_log import request_id

log = logging.getLogger(__name__)
_EMPTY = Markup()
_NOTHING: Mapping[str, str] = {}
# What a template gets beside what its plugin says. Widgets and portals have no buttons, and
# nothing inside them.
NO_TOOLS = {"uid": "", "act_url": None, "typed": _NOTHING, "portal": lambda requirement: _EMPTY}


@dataclass(frozen=True, slots=True)
class Card:
    """What `applications/_card.html` shows. Without `body` and `incident` it is still to load."""

    uid: str
    title: str
    bundle: str
    url: str
    body: Markup | None = None
    standing: Standing = Standing.READY
    incident: str = ""
    missing: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    refresh_seconds: int = 0
    problem: str = ""  # why what somebody did here was refused
    unconnected: tuple[Connection, ...] = ()  # what it needs and does not have

    @property
    def in_store(self) -> bool:
        """Return whether an admin could install the plugin."""
        return self.bundle in catalogue()

    @property
    def is_loaded(self) -> bool:
        """Return whether this is the card itself and not yet the place for it."""
        return self.body is not None or bool(self.incident) or self.standing is not Standing.READY


@dataclass(frozen=True, slots=True)
class Refused:
    """What somebody wanted to do in an application, and why it was refused."""

    uid: str
    problem: str
    typed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Portal:
    """What another plugin shows inside an application, or that it failed."""

    id: str
    url: str
    body: Markup = _EMPTY
    incident: str = ""
    refresh_seconds: int = 0


class PluginTemplates(BaseLoader):
    """The templates `<folder>/<part>.html`, wherever plugins are just now."""

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Return the text of a template and where it is."""
        return FileSystemLoader(folders()).get_source(environment, template)


def frame(workspace: Workspace, row: Application) -> Card:
    """Return the place where a card will load itself."""
    return Card(row.uid, row.title or _plugin_name(row.bundle), row.bundle, _url(workspace, row))


def card(
    workspace: Workspace, row: Application, now: datetime, refused: Refused | None = None
) -> Card:
    """Return the whole card; what goes wrong in the plugin is logged and shown in the card only.

    One in which something was *refused* says why, and gives its template what was typed.
    """
    url = _url(workspace, row)
    if refused is None or refused.uid != row.uid:
        refused = Refused(row.uid, "", _NOTHING)
    try:
        shown = render.show_application(g.unit, row, g.role, now, sources())
        is_ready = shown.standing is Standing.READY
        body = _body(shown, **_tools(workspace, row, now, refused.typed)) if is_ready else None
        connections = standing(g.unit, row.bundle) if is_ready and g.role in EDITORS else ()
    except Exception:
        incident = _log(row.bundle)
        title = row.title or _plugin_name(row.bundle)
        return Card(row.uid, title, row.bundle, url, incident=incident)
    return Card(
        row.uid,
        row.title or shown.name,
        row.bundle,
        url,
        body,
        shown.standing,
        missing=tuple(sorted(shown.missing)),
        withheld=tuple(sorted(shown.withheld)),
        # What was typed must not be taken away while it is mended.
        refresh_seconds=0 if refused.problem else shown.refresh_seconds,
        problem=refused.problem,
        unconnected=tuple(found for found in connections if found.matters),
    )


def portal(workspace: Workspace, row: Application, requirement: str, now: datetime) -> Portal:
    """Return what serves a requirement of a placed application; one that fails says so itself."""
    place = _place(workspace, row)
    url = url_for("applications.portal", requirement=requirement, **place)
    there = f"portal-{row.uid}-{requirement}"
    try:
        shown = render.show_portal(g.unit, row.bundle, requirement, g.role, now, sources())
        if shown is None or not shown.context:
            return Portal(there, url)
        body = _body(shown)
    except Exception:
        return Portal(there, url, incident=_log(f"portal {requirement} of {row.bundle}"))
    return Portal(there, url, body, refresh_seconds=shown.refresh_seconds)


def widgets(now: datetime) -> list[Markup]:
    """Return the widgets of the toolbar, ready to show; a broken one is logged and left out."""
    found = []
    for show in render.show_widgets(g.unit, g.role, now, sources()):
        try:
            shown = show()
            if shown.context:
                found.append(_body(shown))
        except Exception:
            _log("toolbar")
    return found


def sources() -> Sources:
    """Return what this server gets from others."""
    found: Sources = current_app.extensions["sources"]
    return found


def frame_sources(now: datetime) -> list[str]:
    """Return the sources that frames on a workspace page may load."""
    try:
        return render.frame_sources(g.unit, g.role, now)
    except Exception:
        _log("frame sources")
        return []


def _tools(
    workspace: Workspace, row: Application, now: datetime, typed: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the template of an application gets beside what its plugin says."""

    def show(requirement: str) -> Markup:
        shown = portal(workspace, row, requirement, now)
        if not shown.body and not shown.incident:
            return _EMPTY
        return Markup(render_template("applications/_portal.html", portal=shown))  # noqa: S704

    return {
        "uid": row.uid,
        "act_url": _act_url(workspace, row) if g.role.acts else None,
        "typed": typed,
        "portal": show,
    }


def _body(shown: Rendered, **tools: Any) -> Markup:
    return Markup(render_template(shown.template, **NO_TOOLS | tools, **shown.context))  # noqa: S704


def _log(bundle: str) -> str:
    incident = request_id()
    log.exception("incident %s: %s failed in unit %s", incident, bundle, g.unit.slug)
    return incident


def _plugin_name(bundle: str) -> str:
    if "plugin_names" not in g:
        rows = Plugin.of(g.unit, Plugin.bundle, Plugin.name)
        g.plugin_names = {plugin.bundle: plugin.name for plugin in rows}
    return str(g.plugin_names.get(bundle, bundle))


def _url(workspace: Workspace, row: Application) -> str:
    return url_for("applications.show", **_place(workspace, row))


def _place(workspace: Workspace, row: Application) -> dict[str, Any]:
    """Return where a card is, and the revision that the page around it was made from."""
    place = {"slug": g.unit.slug, "uid": workspace.uid, "app": row.uid}
    return {**place, "seen": g.unit.revision}


def _act_url(workspace: Workspace, row: Application) -> Callable[[str], str]:
    def address(act: str) -> str:
        return url_for("applications.act", act=act, **_place(workspace, row))

    return address
