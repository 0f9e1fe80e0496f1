"""Fixtures for the HTTP door: an application, a browser of sorts, and a quick way to log in."""

import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard import db
from dashboard.backup.progress import Stage
from dashboard.backup.store import Folders
from dashboard.config import Settings
from dashboard.jobs import Job
from dashboard.models import Session, User
from dashboard.plugins.sources import Sources
from dashboard.web import backup_jobs
from tests.installed import new_app

COOKIE = "dashboard_session"
LONG = 30
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Browser(FlaskClient):
    """A test client that sends the CSRF token with every POST, as pages and app.js do.

    `csrf=False` leaves it out.
    """

    def csrf_token(self) -> str:
        """Return the token that a page of this browser's session carries."""
        # The page for a missing address: everybody gets it, at any time.
        return TOKEN.search(self.get("/no-such-page").text)[1]

    def post(self, *args: Any, csrf: bool = True, **kwargs: Any) -> TestResponse:
        if csrf:
            kwargs["headers"] = {"X-CSRFToken": self.csrf_token(), **kwargs.get("headers", {})}
        return super().post(*args, **kwargs)


@pytest.fixture
def app(settings: Settings, folders: Folders) -> Iterator[Flask]:
    """The application of the test installation; an unexpected error reaches the test."""
    app = new_app(settings, folders)
    app.testing = True
    app.test_client_class = Browser
    yield app
    sources = app.extensions["sources"]
    if isinstance(sources, Sources):  # a test may have put what it knows there
        sources.close()
        assert sources.join(LONG), "a source is still being asked"


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that nobody has used yet."""
    return app.test_client()


Login = Callable[..., FlaskClient]


@pytest.fixture
def login() -> Login:
    """`login(client, user, fresh=True)`: begin a session without the cost of the password."""

    def log_in(client: FlaskClient, user: User, *, fresh: bool = True) -> FlaskClient:
        token, now = secrets.token_urlsafe(32), int(time.time())
        Session.create(
            token_hash=hashlib.sha256(token.encode()).hexdigest(),
            user=user,
            data=json.dumps({"_user_id": str(user.id)}),
            created_at=now,
            seen_at=now,
            fresh_at=now if fresh else 0,
            expires_at=now + 3600,
        )
        client.set_cookie(COOKIE, token)
        return client

    return log_in


@pytest.fixture
def query_count(folders: Folders) -> Callable[[], Any]:
    """`with query_count() as queries:` collects the SQL of the block."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        queries: list[str] = []
        execute = db.database.obj.execute_sql

        def counted(sql: str, *args: Any, **kwargs: Any) -> Any:
            queries.append(sql)
            return execute(sql, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(db.database.obj, "execute_sql", counted)
            yield queries

    return counting


@pytest.fixture
def as_htmx() -> dict[str, str]:
    """The header by which htmx is known."""
    return {"HX-Request": "true"}


@pytest.fixture
def slow(app, monkeypatch):
    """No act is answered directly, and none ends: `slow.at` is where it waits for `slow.go`."""

    class Slow:
        at = Stage.WRITE

        def __init__(self):
            self.go, self.there = threading.Event(), threading.Event()

        def hold(self, stage):
            self.at = stage
            self.go.clear()
            self.there.clear()

        def finish(self):
            self.go.set()
            for job in app.extensions["jobs"]._jobs.values():
                assert job.wait(LONG)

        def wait(self):
            assert self.there.wait(LONG)

    slow = Slow()
    honest = Job.tell

    def tell(self, stage, done, total):
        honest(self, stage, done, total)
        if stage is slow.at and not slow.go.is_set():
            slow.there.set()
            assert slow.go.wait(LONG)
            honest(self, stage, done, total)

    monkeypatch.setattr(Job, "tell", tell)
    monkeypatch.setattr(backup_jobs, "DIRECT_SECONDS", 0)
    yield slow
    slow.go.set()
    app.extensions["jobs"].close()
