"""What the pages of plugins have in common."""

from flask import Blueprint, abort, g

from ..models import Plugin
from ..plugins import install
from .errors import STATUS

bp = Blueprint("plugins", __name__)
STATUS[install.PluginProblem] = (422, None)


def plugin_or_404(bundle: str) -> Plugin:
    """Return an installed plugin of the unit."""
    found = install.plugin_of(g.unit, bundle)
    return found if found is not None else abort(404)


def names() -> dict[str, str]:
    """Return the name of each installed plugin by its bundle."""
    return {row.bundle: row.name for row in Plugin.of(g.unit)}
