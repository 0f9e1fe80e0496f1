"""How large the body of a request may be, and from whom; asked before its first byte is kept.

A server keeps a whole body, in memory or in a temporary file, before the application is asked. So
`serve` asks `Bodies.admit` when it has read the headers: whoever would be turned away anyway, or
has no room for an upload, gets the same answer without the body. Under another server all of it is
refused too, only later.
"""

import logging
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, g, request

from .. import backup
from ..backup import BackupError, quotas, store
from ..backup.errors import TooBusy
from ..config import MIB
from ..models import RunKind
from . import access, backup_page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = logging.getLogger(__name__)

# From anybody: a log-in, an invite. The longest such form, written in the longest way, has 10 KiB.
MAX_PUBLIC_BYTES = 64 << 10
# From members. A config value may have 1 MiB, and a form sends one byte as up to three.
MAX_BODY_BYTES = 4 * MIB
# The file of a part: at most 4 MiB, as text a third more.
MAX_FORM_BYTES = 6 * MIB
AROUND_FILE_BYTES = MIB  # the form around a backup file
# Bodies over MAX_PUBLIC_BYTES that come in at the same time: a browser sends one for each tab.
ARRIVING_OF_USER, ARRIVING_OF_ALL = 8, 32


@dataclass(frozen=True, slots=True)
class Admission:
    """The largest body that is taken in, why it is none, and what to call when it is done with."""

    most: int
    refusal: Exception | None = None
    done: Callable[[], None] = lambda: None


class Bodies:
    """What a server asks before it takes in a body; knows which come in just now."""

    from_anybody = MAX_PUBLIC_BYTES  # up to here nobody needs to ask
    refused_as = "dashboard.refused_body"  # in the WSGI environment: why a body was not taken in

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._arriving: Counter[int] = Counter()  # user -> bodies

    def admit(self, environ: "WSGIEnvironment") -> Admission:
        """Return how large the body of the request may be whose headers are in *environ*."""
        try:
            with self._app.request_context(environ):
                return self._admit()
        except Exception:  # whatever it is, the application stumbles over it too, and says so
            log.info("a body was not taken in", exc_info=True)
            return Admission(MAX_PUBLIC_BYTES)

    def _admit(self) -> Admission:
        g.asked_ahead = True  # the request itself comes after this, and is written down then
        limit_request_body()
        if request.endpoint is None or access.guard() is not None or "user" not in g:
            return Admission(MAX_PUBLIC_BYTES)
        try:
            _require_place(request.content_length or 0)
            done = self._arrive(g.user.id)
        except BackupError as error:
            return Admission(0, error)
        return Admission(request.max_content_length or 0, done=done)

    def _arrive(self, user_id: int) -> Callable[[], None]:
        with self._lock:
            of_user, of_all = self._arriving[user_id], self._arriving.total()
            if of_user >= ARRIVING_OF_USER or of_all >= ARRIVING_OF_ALL:
                raise TooBusy
            self._arriving[user_id] += 1

        def leave() -> None:
            with self._lock:
                self._arriving[user_id] -= 1
                self._arriving += Counter()  # forgets whom nothing is left of

        return leave


def _view() -> Any:
    return current_app.view_functions.get(request.endpoint or "")


def limit_request_body() -> None:
    """Bound the request body before anything reads it."""
    view = _view()
    request.max_form_memory_size = MAX_BODY_BYTES
    if getattr(view, "access_large_form", False):
        request.max_form_memory_size = request.max_content_length = MAX_FORM_BYTES
    elif getattr(view, "access_large_body", False):
        request.max_content_length = access.settings().max_upload_bytes + _around_file()
    elif view is None or access.rule_of(view).kind in ("public", "token"):
        request.max_content_length = MAX_PUBLIC_BYTES
    else:
        request.max_content_length = MAX_BODY_BYTES


def _around_file() -> int:
    """Return how much more than the file an upload may have: a form around it, or nothing.

    But for one byte: werkzeug takes a body of just the limit for a longer one, when it reads on to
    see the end. The view counts.
    """
    return 1 if access.rule_of(_view()).kind == "token" else AROUND_FILE_BYTES


def require_place() -> None:
    """Refuse what was not taken in, and an upload that has no place, before it is read."""
    if getattr(_view(), "access_large_body", False) and g.get("unit") is not None:
        with backup.attempted(g.unit, RunKind.VALIDATE, g.user):
            _raise_refusal()
            _require_place(request.content_length or 0)
    _raise_refusal()


def _raise_refusal() -> None:
    refusal: Exception | None = request.environ.get(Bodies.refused_as)
    if refusal is not None:
        raise refusal


def _require_place(size: int) -> None:
    """Raise `UploadsWaiting` or `NoSpace` if this is an upload, and too much waits already.

    On its way to its place it is twice in the folder for temporary files.
    """
    if getattr(_view(), "access_large_body", False) and size > AROUND_FILE_BYTES:
        around, by_token = _around_file(), bool(g.user.via)
        quotas.require_place(g.user.email, size - around, backup_page.context(), by_token=by_token)
        store.require_space(Path(tempfile.gettempdir()), 2 * size)


def init_app(app: Flask) -> None:
    """Bound the bodies of *app*; `require_place` comes after the guard, before the CSRF check."""
    app.extensions["bodies"] = Bodies(app)
    app.before_request(limit_request_body)
