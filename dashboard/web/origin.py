"""From which site a request comes: what another site's page asks for is refused.

The CSRF token already stops a foreign form. This stops it earlier, without session or role, and
without touching the cookie: a form of another site comes without our SameSite cookie, and an answer
that began a session would put its new one in the place of the user's.
"""

import logging

from flask import Flask, abort, request

from . import sessions

log = logging.getLogger(__name__)

SAFE = ("GET", "HEAD", "OPTIONS")
OTHER_SITES = ("cross-site", "same-site")  # the second: another port, another name beside ours
SENTENCE = (
    "This request came from another site, so nothing was done. Open the page here and use its own "
    "buttons. If you did, the people who run this server have to tell it how it is reached: see "
    "DASHBOARD_PROXY_HOPS and DASHBOARD_SECURE_COOKIES."
)


def check() -> None:
    """Refuse with 403 what another site's page asks for. A link that leads here may lead here."""
    reason = _foreign_fetch() or _foreign_origin()
    if reason is None:
        return
    # No row in the audit log: any page in the world could fill it. Nothing of the request either.
    log.warning("refused what another site asked of %s: %s", request.endpoint, reason)
    sessions.current().kept = False
    abort(403, SENTENCE)


def _foreign_fetch() -> str | None:
    if request.headers.get("Sec-Fetch-Site") not in OTHER_SITES:
        return None  # ours, typed by the user, or a browser that does not tell
    mode, target = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    if request.method in SAFE and mode == "navigate" and target == "document":
        return None  # a link; not a frame, an image, a script or a fetch
    return "Sec-Fetch-Site"


def _foreign_origin() -> str | None:
    given = request.headers.get("Origin")
    if request.method in SAFE or given is None:
        return None
    # `request.host` leaves out the port that the scheme implies, as browsers do.
    ours = f"{request.scheme}://{request.host}".lower()
    return None if given == ours else "Origin"


def init_app(app: Flask) -> None:
    """Ask it of every request of *app*, before anything else looks at it."""
    app.before_request(check)
