"""The HTTP door: hooks, extensions and blueprints, put together by `build_app`."""

import hashlib
from functools import lru_cache

from flask import Flask, url_for

from .. import __version__
from ..backup.store import Folders
from ..config import Settings, resource_root
from ..jobs import Jobs
from ..plugins.addresses import Allowed
from ..plugins.outgoing import Client
from ..plugins.sources import Sources
from . import access, bodies, errors, front, origin, request_log, security, sessions, shell
from .access_tokens import bp as access_tokens
from .account import bp as account
from .api import bp as api_bp
from .applications import bp as applications
from .audit import bp as audit
from .auth import bp as auth
from .backups import bp as backups
from .changes import bp as changes
from .errors import LoggingFlask
from .health import bp as health
from .invites import bp as invites
from .key_deletion import bp as key_deletion
from .keystore import bp as keystore
from .members import bp as members
from .news import bp as news
from .plugins import bp as plugins
from .profiles import bp as profiles
from .second_factor import bp as second_factor
from .second_step import bp as second_step
from .setup import bp as setup
from .snapshots import SnapshotFlask
from .units import bp as units
from .workspace_files import bp as workspace_files
from .workspaces import bp as workspaces

BLUEPRINTS = (
    auth,
    second_step,
    account,
    access_tokens,
    second_factor,
    setup,
    units,
    workspaces,
    workspace_files,
    applications,
    profiles,
    plugins,
    keystore,
    key_deletion,
    members,
    health,
    invites,
    audit,
    news,
    backups,
    changes,
    api_bp,
)


class DashboardFlask(LoggingFlask, SnapshotFlask):
    """Flask with what this application wants of every request."""


def build_app(settings: Settings, folders: Folders) -> Flask:
    """Return the WSGI application of an opened installation."""
    root = resource_root()
    app = DashboardFlask(
        __name__,
        template_folder=str(root / "templates"),
        static_folder=str(root / "static"),
        static_url_path="/static",
    )
    app.debug = False  # whatever FLASK_DEBUG says: it may be meant for another program
    app.config["SETTINGS"] = settings
    app.extensions["folders"] = folders
    app.extensions["jobs"] = Jobs()
    app.extensions["sources"] = Sources(Client(Allowed.read(settings.allowed_hosts)))
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=asset, version=__version__)
    front.init_app(app)
    request_log.init_app(app)
    # The order is the order of the hooks: connection and session, where the request comes from,
    # body limit, guard, place for the body, CSRF (which reads it).
    sessions.init_app(app)
    origin.init_app(app)
    bodies.init_app(app)
    access.init_app(app)
    app.before_request(bodies.require_place)
    security.init_app(app)
    errors.init_app(app)
    shell.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    security.csrf.exempt(api_bp)  # no cookie counts there, so no page of another site can use it
    return app


def asset(path: str) -> str:
    """Return the address of a static file; it changes with the content, so it may be cached."""
    return url_for("static", filename=path, v=_digest(path))


@lru_cache(maxsize=64)
def _digest(path: str) -> str:
    file = resource_root() / "static" / path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
