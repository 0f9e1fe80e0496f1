"""Who only looks sees one state: a page that asks the database twice never shows a mix.

An import commits in one moment. A page that read the plugins before it and the workspaces after it
would show a unit that never was.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, g, request
from flask.typing import ResponseReturnValue

from .. import db
from ..models import revision_of

View = TypeVar("View", bound=Callable[..., Any])


def writes(view: View) -> View:
    """Give this view no snapshot on GET: it may have something to write down."""
    view.snapshot_writes = True  # type: ignore[attr-defined]
    return view


class SnapshotFlask(Flask):
    """Flask, but each GET runs within one read transaction, its unit's revision included."""

    def dispatch_request(self) -> ResponseReturnValue:
        """Run the view."""
        view = self.view_functions.get(request.endpoint or "")
        is_read = request.method in ("GET", "HEAD") and not hasattr(view, "snapshot_writes")
        if not is_read or db.database.is_closed():  # a static file asks no database
            return super().dispatch_request()
        with db.read_snapshot():
            if unit := g.get("unit"):  # read by `access.guard`, a moment ago
                unit.revision = revision_of(unit)
            return super().dispatch_request()
