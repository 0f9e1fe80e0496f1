"""What most tests begin with, made once in a process and then copied: making it anew is slow.

An installation takes 0.1 s, an application 0.1 s for its routes and as much for its templates;
there are some thousands of tests.
"""

import copy
import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.routing import Map

from dashboard import db
from dashboard.backup.store import Folders
from dashboard.config import Settings
from dashboard.installation import open_installation
from dashboard.jobs import Jobs
from dashboard.models import Unit
from dashboard.plugins.addresses import Allowed
from dashboard.plugins.outgoing import Client
from dashboard.plugins.sources import Sources
from dashboard.web import build_app, front, security
from dashboard.web.bodies import Bodies


class Kept:
    """Data directories below *root*, made at the first use of each."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def copy_to(self, data_dir: Path, name: str, fill: Callable[[], object] | None) -> None:
        """Copy the installation *name* to *data_dir*; *fill* is what is in it."""
        original = self._root / name
        if not original.exists():
            open_installation(original)
            with db.database.connection_context():
                if fill is not None:
                    fill()
        shutil.copytree(original, data_dir)

    @staticmethod
    def make_its_own() -> None:
        """Give the units of the open copy names that nothing remembers from another test."""
        for unit in Unit.select():
            Unit.update(uid=secrets.token_hex(16)).where(Unit.id == unit.id).execute()


def new_app(settings: Settings, folders: Folders) -> Flask:
    """Return an application as `build_app` does; what a test changes in it is its own."""
    made = _app(replace(settings, data_dir=Path()))
    app = copy.copy(made)
    app.config = copy.copy(made.config)
    app.config["SETTINGS"] = settings
    app.secret_key = security.secret_key()  # another installation has another server key
    app.extensions = {
        **made.extensions,
        "folders": folders,
        "bodies": Bodies(app),
        "jobs": Jobs(),
        "sources": Sources(Client(Allowed.read(settings.allowed_hosts))),
    }
    del app.__dict__["wsgi_app"]  # that of the original
    front.init_app(app)
    app.view_functions = dict(made.view_functions)

    def add_url_rule(*args: Any, **kwargs: Any) -> None:
        if app.url_map is made.url_map:  # few tests add a route, and the copy takes longest
            app.url_map = _copy_of(made.url_map)
        type(app).add_url_rule(app, *args, **kwargs)

    app.add_url_rule = add_url_rule
    for hooks in ("before_request_funcs", "after_request_funcs", "error_handler_spec"):
        setattr(app, hooks, copy.deepcopy(getattr(made, hooks)))
    return app


@lru_cache(maxsize=4)
def _app(settings: Settings) -> Flask:
    app = build_app(settings, Folders(*[Path()] * 4))
    app.extensions["sources"].close()
    return app


def _copy_of(routes: Map) -> Map:
    """Return *routes* so that more can be added to them; compiling them anew is what takes long."""
    same = {id(rule): rule for rule in routes.iter_rules()}
    copied = copy.copy(routes)
    for part in ("_rules_by_endpoint", "_matcher"):
        setattr(copied, part, copy.deepcopy(getattr(routes, part), dict(same)))
    return copied
