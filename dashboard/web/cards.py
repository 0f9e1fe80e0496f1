"""Applications as cards, each in a box of its own: one that fails never breaks the page."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import g, render_template, url_for
from markupsafe import Markup

from ..models import Application, Plugin, Workspace
from ..plugins import render
from ..plugins.registry import catalogue
from ..plugins.render import Rendered, Standing

log = logging.getLogger(__name__)


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

    @property
    def in_store(self) -> bool:
        """Return whether an admin could install the plugin."""
        return self.bundle in catalogue()

    @property
    def is_loaded(self) -> bool:
        """Return whether this is the card itself and not yet the place for it."""
        return self.body is not None or bool(self.incident) or self.standing is not Standing.READY


def frame(workspace: Workspace, row: Application) -> Card:
    """Return the place where a card will load itself."""
    return Card(row.uid, row.title or _plugin_name(row.bundle), row.bundle, _url(workspace, row))


def card(workspace: Workspace, row: Application, now: datetime) -> Card:
    """Return the whole card; what goes wrong in the plugin is logged and shown in the card only."""
    url = _url(workspace, row)
    try:
        shown = render.show_application(g.unit, row, g.role, now)
        body = _body(shown, _act_url(workspace, row)) if shown.standing is Standing.READY else None
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
        refresh_seconds=shown.refresh_seconds,
    )


def widgets(now: datetime) -> list[Markup]:
    """Return the widgets of the toolbar, ready to show; a broken one is logged and left out."""
    found = []
    for show in render.show_widgets(g.unit, g.role, now):
        try:
            shown = show()
            if shown.context:
                found.append(_body(shown, None))
        except Exception:
            _log("toolbar")
    return found


def frame_sources(now: datetime) -> list[str]:
    """Return the sources that frames on a workspace page may load."""
    try:
        return render.frame_sources(g.unit, g.role, now)
    except Exception:
        _log("frame sources")
        return []


def _body(shown: Rendered, act_url: Callable[[str], str] | None) -> Markup:
    return Markup(render_template(shown.template, act_url=act_url, **shown.context))  # noqa: S704


def _log(bundle: str) -> str:
    incident = secrets.token_hex(4)
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
