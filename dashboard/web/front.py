"""The front step: under which name a request comes, asked before session and database.

A page of a stranger can make its own name lead to this server (DNS rebinding) and would then be of
one origin with us; and who chooses the `Host` chooses what our links say. So a request under a name
that nobody gave this server is answered here, by a page that needs nothing and repeats nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug import Response
from werkzeug.middleware.proxy_fix import ProxyFix

from ..config import Settings
from .refusals import JSON, PREFIX, body
from .security import headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?")
DEFAULT_PORTS = {"http": "80", "https": "443"}
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not understood</title>'
    '<p id="error" role="alert">{}</p></html>'
)
NOT_OURS = (
    "This server is not known by the name in the address. Nothing was done. If people are to reach "
    "it by this name, those who run it add the name to DASHBOARD_SERVER_NAMES and restart it."
)
NOT_A_NAME = "The server could not understand under which name it was asked. Nothing was done."


class FrontStep:
    """The WSGI application *inside*, for requests under names of this server only."""

    def __init__(self, inside: WSGIApplication, settings: Settings) -> None:
        self.inside = inside
        self.settings = settings
        self.is_known = known_names(settings)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let the request in, or answer 400 (no name, or none that can be) or 421 (not ours)."""
        if self.settings.secure_cookies:
            # Whoever ends TLS may speak http with us; the setting says how people reach it.
            environ["wsgi.url_scheme"] = "https"
        scheme = str(environ["wsgi.url_scheme"])
        found = _HOST.fullmatch(str(environ.get("HTTP_HOST", "")).lower())
        if scheme not in DEFAULT_PORTS or found is None:
            return self._refused(400, NOT_A_NAME, environ)(environ, start_response)
        if not self.is_known(found[1], found[2] or DEFAULT_PORTS[scheme]):
            return self._refused(421, NOT_OURS, environ)(environ, start_response)
        return self.inside(environ, start_response)

    def _refused(self, status: int, sentence: str, environ: WSGIEnvironment) -> Response:
        if environ["PATH_INFO"].startswith(PREFIX):
            answer = Response(body("not_this_server", sentence), status, mimetype=JSON)
        else:
            answer = Response(PAGE.format(sentence), status, mimetype="text/html")
        answer.headers.update(headers(self.settings))
        answer.headers["Cache-Control"] = "no-store"
        return answer


def known_names(settings: Settings) -> Callable[[str, str], bool]:
    """Return the function that says whether a host and port are a name of this server.

    Without a setting an IP address is one, whichever it is: nobody can make it lead elsewhere.
    """
    if settings.server_names:
        names = set(settings.server_names)
        return lambda host, port: host in names or f"{host}:{port}" in names
    own = {"localhost", settings.host.lower(), socket.gethostname().lower()}
    return lambda host, port: host in own or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        return False


def init_app(app: Flask) -> None:
    """Put the step in front of *app*, and what its proxies say in front of that.

    Werkzeug's `ProxyFix` and not waitress's own handling: it counts every header by itself, works
    under other servers too, and where fewer proxies spoke than were set, none is believed.
    """
    settings: Settings = app.config["SETTINGS"]
    inside: WSGIApplication = FrontStep(app.wsgi_app, settings)
    if hops := settings.proxy_hops:
        inside = ProxyFix(inside, x_for=hops, x_proto=hops, x_host=hops)
    app.wsgi_app = inside  # type: ignore[assignment,method-assign]
