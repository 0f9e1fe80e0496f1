"""What went wrong, in words that say how to go on; true status codes; one template.

The API has the same statuses and sentences as JSON (`refusals`).
"""

import logging
from collections.abc import Callable
from types import TracebackType

from flask import Flask, Response, g, make_response, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from peewee import OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError

from .. import db, disk
from ..models import NoRoom, StaleRevision, UnitBeingRestored, being_restored, revision_of
from ..models.people import MemberChanged, NotAdmin, PeopleError, TooManyLogIns
from . import kept_input, news, refusals
from .access import own_page
from .htmx import is_htmx, tell
from .request_log import request_id

log = logging.getLogger(__name__)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class LoggingFlask(Flask):
    """Flask, but an error is logged with the id that the user sees, and without the address.

    An address may hold a secret (the set-up link does), so the endpoint stands for it.
    """

    def log_exception(self, exc_info: ExcInfo | tuple[None, None, None]) -> None:
        """Log once what nobody expected."""
        g.incident = request_id()
        log.error(
            "incident %s: %s %s", g.incident, request.method, request.endpoint, exc_info=exc_info
        )


# Error class -> (status, sentence). None: the error's own message is written for users.
# Other rooms of the web add theirs when they are imported. Subclasses count as their parents.
STATUS: dict[type[Exception], tuple[int, str | None]] = {
    StaleRevision: (
        409,
        "This page is older than the unit: somebody changed it meanwhile. Nothing was saved. "
        "Reload the page and try again.",
    ),
    UnitBeingRestored: (
        409,
        "This unit is being restored from a backup just now. Nothing was saved. Reload in a "
        "moment to see what is back.",
    ),
    PeopleError: (422, None),
    NoRoom: (422, None),
    NotAdmin: (403, None),
    TooManyLogIns: (429, None),
    MemberChanged: (409, None),
    CSRFError: (
        400,
        "This form is not valid any more, and nothing was changed. Reload the page and try again.",
    ),
    OperationalError: (
        503,
        "The database is busy. Nothing was changed. Wait a moment and try again.",
    ),
}


def _stale(error: Exception) -> str | None:
    if not isinstance(error, StaleRevision) or error.unit is None or error.revision is None:
        return None
    return (
        f"This page is older than the unit: {news.sentence_since(error.unit, error.revision)} "
        "Nothing was saved. Reload the page and try again."
    )


def _busy(error: Exception) -> str | None:
    if not isinstance(error, OperationalError):
        return None
    if db.is_full(error):
        return (
            "The server's disk is full. Nothing was changed. Ask the people who run it to make "
            "room, then try again."
        )
    if not db.is_locked(error) or not being_restored().exists():
        return None
    return (
        "A backup is being imported just now, and changes have to wait for it. "
        "Nothing was changed. Try again in a moment."
    )


# Error class -> words for the very case; None: those of the table.
WORDS_OF: dict[type[Exception], Callable[[Exception], str | None]] = {
    StaleRevision: _stale,
    OperationalError: _busy,
}
SENTENCES = {
    400: "The server could not understand this request. Go back and try again.",
    401: "Log in first.",
    403: "Your role in this unit does not allow this. Ask an admin of the unit.",
    404: "There is nothing at this address, or you are not a member of its unit.",
    405: "This address cannot be used this way. Go back and use the page's own buttons.",
    413: "This is larger than the server accepts. Nothing was saved.",
    422: "Something in this form is not right. Go back and check what you typed.",
    429: "There were too many attempts. Wait a moment and try again.",
    503: "The server is busy. Wait a moment and try again.",
}
TITLES = {
    400: "Not understood",
    403: "Not allowed",
    404: "Not found",
    409: "This page is out of date",
    413: "Too large",
    422: "Not accepted",
    429: "Too many attempts",
    500: "Something went wrong",
    503: "Not just now",
}
RELOADABLE = {400, 409, 429, 503}
RETRY_SECONDS = 5


def page(
    status: int,
    sentence: str,
    *,
    error: BaseException | None = None,
    retry_after: int | None = None,
) -> Response:
    """Render the error page: with its `#error` alone, htmx shows it as a message.

    Scripts get JSON instead, with the code of *error*.
    """
    if retry_after is None and status in (429, 503):
        # What knows when it will be over says so.
        retry_after = getattr(error, "retry_after", None) or RETRY_SECONDS
    if refusals.is_for_scripts():
        response = refusals.answer(status, sentence, error=error, retry_after=retry_after)
    else:
        response = _rendered(status, sentence)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _rendered(status: int, sentence: str) -> Response:
    response = make_response(
        render_template(
            "error.html",
            status=status,
            title=TITLES.get(status, "This did not work"),
            sentence=sentence,
            reload_url=_page_behind() if status in RELOADABLE else None,
        ),
        status,
    )
    return tell(response) if status == 422 else response


def _page_behind() -> str:
    """Return the page that the failed request came from."""
    here = request.full_path if request.method == "GET" and not is_htmx() else None
    came_from = request.headers.get("HX-Current-URL") or request.referrer
    return own_page(here) or own_page(came_from) or url_for("units.start")


def lookup(error: BaseException) -> tuple[int, str] | None:
    """Return status and sentence for *error*, None if nobody expected it."""
    if sentence := disk.sentence(error):
        return 503, sentence
    for kind in type(error).__mro__:
        if kind in STATUS:
            status, sentence = STATUS[kind]
            words = WORDS_OF.get(kind)
            special = words(error) if words and isinstance(error, Exception) else None
            return status, special or sentence or str(error)
    return None


def _known(error: Exception) -> Response:
    found = lookup(error)
    if found is None:
        raise error  # reaches _unexpected, after Flask has logged it
    shown = kept_input.shown_again(*found)
    if shown is None:
        return page(*found, error=error)
    if found[0] in (429, 503):
        shown.headers["Retry-After"] = str(getattr(error, "retry_after", RETRY_SECONDS))
    return shown


def _http(error: HTTPException) -> Response:
    found = lookup(error)
    if found is not None:
        return page(*found, error=error)
    if error.code == 404 and (older := _older_form()):
        return _known(older)
    status = error.code or 500
    # An abort with words of ours keeps them; werkzeug's own are not for users.
    own_words = error.description != type(error).description
    sentence = error.description if own_words and error.description else _words(status)
    response = page(status, sentence or "This did not work. Go back and try again.", error=error)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "WWW-Authenticate"):
            response.headers[name] = value
    return response


def _words(status: int) -> str | None:
    if refusals.is_for_scripts():
        return refusals.WORDS.get(status, ("", None))[1]
    return SENTENCES.get(status)


def _older_form() -> StaleRevision | None:
    """Return what is wrong with a form of an older page: what it is about may be gone since."""
    unit = g.get("unit")
    if request.method != "POST" or unit is None:
        return None
    try:
        given = request.form.get("revision", "")
    except HTTPException:  # a body that is too large, or none at all: there is no form
        return None
    if not given.isdecimal():
        return None
    now = revision_of(unit)  # `unit` is of the start
    return StaleRevision(unit, int(given)) if int(given) != now else None


def _unexpected(error: InternalServerError) -> Response:
    original = error.original_exception
    found = lookup(original) if isinstance(original, Exception) else None
    if found is not None:
        return page(*found, error=original)
    incident = g.get("incident", "unknown")
    sentence = (
        "The server made a mistake. If it happens again, tell the people who run it this "
        f"incident id: {incident}."
    )
    try:
        return page(500, sentence)
    except Exception:  # the page itself is broken, or the database it needs
        log.exception("incident %s: the error page failed too", incident)
        return make_response(f'<p id="error" role="alert">{sentence}</p>', 500)


def init_app(app: Flask) -> None:
    """Answer every error of *app* with the one page."""
    app.register_error_handler(Exception, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(InternalServerError, _unexpected)
