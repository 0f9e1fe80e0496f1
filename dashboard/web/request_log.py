"""One line for each request, and an id that joins all lines of one.

A line names the endpoint and not the address: the links of set-up and invites hold secrets.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable

from flask import Flask, Response, g, has_request_context, request

from . import access

log = logging.getLogger(__name__)

HEADER = "X-Request-Id"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Asked again and again by machines; what is wrong with them they learn themselves.
NOT_TOLD = {"static", "health.alive", "health.ready"}
_FROM_PROXY = re.compile(r"[A-Za-z0-9_.-]{8,64}")


def request_id() -> str:
    """Return the id of the request that this thread answers, "" outside of one."""
    if not has_request_context():
        return ""
    if "request_id" not in g:
        given = request.headers.get(HEADER, "")
        is_believed = access.settings().proxy_hops and _FROM_PROXY.fullmatch(given)
        g.request_id = given if is_believed else secrets.token_hex(4)
    return str(g.request_id)


def init_app(app: Flask) -> None:
    """Log the requests of *app*; whoever sets up the log finds `request_id` in its extensions."""
    found: Callable[[], str] = request_id
    app.extensions["request_id"] = found
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.begun = time.monotonic()


def _end(response: Response) -> Response:
    if request.endpoint != "static":  # which browsers keep
        response.headers[HEADER] = request_id()
    if request.endpoint not in NOT_TOLD:
        took = round((time.monotonic() - g.get("begun", time.monotonic())) * 1000)
        facts = {
            "method": request.method if request.method in METHODS else "?",
            "endpoint": request.endpoint or "nothing",
            "status": response.status_code,
            "milliseconds": took,
        }
        log.info(
            "%(method)s %(endpoint)s %(status)d %(milliseconds)d ms", facts, extra={"facts": facts}
        )
    return response
