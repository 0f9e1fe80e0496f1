"""One page, one state: who looks at a page sees one revision of the unit, whatever others commit.

A page asks the database many times: for the role, the content, the bar around it. Without a
snapshot an import that commits in between would show the old unit in one part of it and the new
one in another, and a form could carry a revision that is not the one of what it shows.
"""

from contextlib import ExitStack

from flask import Flask, Response, g, request

from ..db import read_snapshot


def enter() -> None:
    """Begin the snapshot of this request, if it only looks."""
    if request.method in ("GET", "HEAD") and request.endpoint not in (None, "static"):
        g.snapshot = ExitStack()
        g.snapshot.enter_context(read_snapshot())


def leave() -> None:
    """End it. Who wants to write beside looking does that first: a snapshot is not for writing."""
    snapshot = g.pop("snapshot", None)
    if snapshot is not None:
        snapshot.close()


def _leave_after(response: Response) -> Response:
    leave()  # before the session is saved
    return response


def init_app(app: Flask) -> None:
    """Have every page of *app* read from one snapshot; a connection must be open by then."""
    app.before_request(enter)
    app.after_request(_leave_after)
    app.teardown_request(lambda _error: leave())
