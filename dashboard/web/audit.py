"""The audit log of a unit: what was done, by whom, and how it ended."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from ..models import AuditEvent
from . import access

bp = Blueprint("audit", __name__)
PAGE_EVENTS = 50
WORDS = {
    "application.add": "Added an application",
    "application.configure": "Changed an application's settings",
    "application.move": "Moved an application",
    "application.remove": "Removed an application",
    "key.change": "Changed a config key",
    "key.create": "Added a config key",
    "key.delete": "Deleted a config key",
    "key.reveal": "Looked at a secret",
    "plugin.activate": "Activated a plugin",
    "plugin.configure": "Configured a plugin",
    "plugin.deactivate": "Deactivated a plugin",
    "plugin.install": "Installed a plugin",
    "plugin.mappings": "Changed a plugin's mappings",
    "plugin.permissions": "Changed a plugin's permissions",
    "plugin.uninstall": "Uninstalled a plugin",
    "plugin.update": "Updated a plugin",
    "profile.change": "Changed a profile",
    "profile.create": "Made a profile",
    "profile.delete": "Deleted a profile",
    "workspace.change": "Changed a workspace",
    "workspace.create": "Made a workspace",
    "workspace.delete": "Deleted a workspace",
}


@dataclass(frozen=True, slots=True)
class Line:
    """An event as the list shows it."""

    moment: datetime
    who: str
    what: str
    subject: str
    outcome: str
    detail: str


@bp.get("/u/<slug>/admin/audit")
@access.requires(*access.ADMIN)
def index(slug: str) -> ResponseReturnValue:
    """List the events, the newest first, 50 at a time, older than `before`."""
    query = AuditEvent.select().where(AuditEvent.unit_uid == g.unit.uid).order_by(AuditEvent.id.desc())
    before = request.args.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        query = query.where(AuditEvent.id < int(before))
    events = list(query.limit(PAGE_EVENTS + 1))
    return render_template(
        "audit/index.html",
        lines=[_line(event) for event in events[:PAGE_EVENTS]],
        next_before=events[PAGE_EVENTS - 1].id if len(events) > PAGE_EVENTS else None,
        is_first=not before,
    )


def _line(event: AuditEvent) -> Line:
    detail = json.loads(event.detail)
    return Line(
        datetime.fromtimestamp(event.at, UTC),
        event.user_email,
        WORDS.get(event.action, event.action),
        event.subject,
        event.outcome,
        ", ".join(f"{name}: {value}" for name, value in sorted(detail.items())),
    )
