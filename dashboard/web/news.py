"""What became of a unit since somebody looked at it: in words, and on pages that are open."""

import time

from ..models import Unit, UnitChange, changes_since
from .audit import WORDS


def sentence_since(unit: Unit, revision: int) -> str:
    """Return what happened to *unit* after *revision*: the restore, if there was one."""
    changes = changes_since(unit, revision)
    restore = next((change for change in changes if change.is_restore), None)
    if restore is not None:
        return f"{unit.name} was restored from a backup by {restore.by} at {_clock(restore.at)}."
    if not changes:
        return f"{unit.name} was changed meanwhile."
    return f"{unit.name} was changed by {changes[0].by} at {_clock(changes[0].at)}."


def _clock(at: int) -> str:
    return time.strftime("%H:%M UTC", time.gmtime(at))


def words_of(change: UnitChange) -> str:
    """Return what was done, as the audit log says it."""
    if change.is_restore:
        return "Imported a backup" if change.action == "backup.import" else "Undid an import"
    return WORDS.get(change.action, change.action)
