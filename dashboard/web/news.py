"""What became of a unit since somebody looked at it: in words, and on pages that are open."""

import time

from flask import Blueprint, g, request, url_for
from flask.typing import ResponseReturnValue

from ..models import Unit, UnitChange, changes_since
from . import access, sessions
from .audit_words import WORDS
from .htmx import answer

bp = Blueprint("news", __name__)


@bp.get("/u/<slug>/revision")
@access.requires(*access.MEMBERS)
def revision(slug: str) -> ResponseReturnValue:
    """Tell an open page, made at revision `seen`, what others did to the unit since; 204: nothing.

    `shown` is the revision that the page tells of already. Nobody is told of one's own changes,
    except of a restore: that makes every page old, whoever did it.
    """
    sessions.current().is_visit = False  # a tab that is left open is nobody at work
    seen, shown = request.args.get("seen", type=int), request.args.get("shown", type=int)
    if seen is None or g.unit.revision in (seen, shown):
        return "", 204
    changes = changes_since(g.unit, seen)
    if changes and not any(change.is_restore or change.by != g.user.email for change in changes):
        return "", 204
    home = url_for("units.home", slug=slug)
    return answer("_news.html", home, seen=seen, news=sentence_since(g.unit, seen))


def sentence_since(unit: Unit, revision: int) -> str:
    """Return what happened to *unit* after *revision*: the restore, if there was one."""
    changes = changes_since(unit, revision)
    restore = next((change for change in changes if change.is_restore), None)
    if restore is not None:
        return f"{unit.name} was restored from a backup by {restore.by} at {_clock(restore.at)}."
    if not changes:
        return f"{unit.name} was changed meanwhile."
    change = next((change for change in changes if change.by != _self()), changes[0])
    return f"{unit.name} was changed by {change.by} at {_clock(change.at)}."


def _self() -> str:
    return str(g.user.email) if "user" in g else ""


def _clock(at: int) -> str:
    return time.strftime("%H:%M UTC", time.gmtime(at))


def words_of(change: UnitChange) -> str:
    """Return what was done, as the audit log says it."""
    if change.is_restore:
        return "Imported a backup" if change.action == "backup.import" else "Undid an import"
    return WORDS.get(change.action, change.action)
