"""A script that uses the API: a token, and requests that wait for their jobs."""

import time
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from dashboard.models import ApiToken, Unit, User, tokens
from dashboard.models.tokens import Scope

PASSWORD = "four words, one file"
EVERY = list(Scope)
LONG = 30


class Script:
    """Somebody without a browser."""

    def __init__(self, app: Flask, secret: str | None) -> None:
        self._client = app.test_client(use_cookies=False)
        self.secret = secret

    def ask(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        """Send one request, with the token if there is one."""
        headers = dict(kwargs.pop("headers", {}))
        if self.secret is not None:
            headers.setdefault("Authorization", f"Bearer {self.secret}")
        kwargs.setdefault("buffered", True)
        return self._client.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    def upload(self, data: bytes, slug: str = "daily") -> TestResponse:
        """Send a backup file."""
        kind = "application/octet-stream"
        return self.ask("POST", f"/units/{slug}/uploads", data=data, content_type=kind)

    def do(self, path: str, sent: dict[str, Any] | None = None) -> dict[str, Any]:
        """Begin a job, and return how it ended."""
        begun = self.ask("POST", path, **({} if sent is None else {"json": sent}))
        assert begun.status_code == 202, begun.text
        assert begun.location == f"/api/v1/jobs/{begun.json['id']}"
        return self.end_of(begun.json["id"])

    def end_of(self, uid: str) -> dict[str, Any]:
        """Wait for the end of a job, and return it."""
        end = time.monotonic() + LONG
        while True:
            job: dict[str, Any] = self.ask("GET", f"/jobs/{uid}").json
            if job["state"] not in ("queued", "running"):
                return job
            assert time.monotonic() < end, job
            time.sleep(0.02)

    def export(self, slug: str = "daily") -> bytes:
        """Make a backup and download it."""
        job = self.do(f"/units/{slug}/exports", {"password": PASSWORD})
        return self.ask("GET", f"/units/{slug}/exports/{job['export']['id']}").data

    def validate(self, data: bytes, slug: str = "daily") -> dict[str, Any]:
        """Upload a backup, validate it and return the preview."""
        uid = self.upload(data, slug).json["id"]
        job = self.do(f"/units/{slug}/uploads/{uid}/validation", {"password": PASSWORD})
        return job["preview"]


def make_token(
    user: User, scopes: list[Scope] = EVERY, unit: Unit | None = None, days: int = 90
) -> tuple[ApiToken, str]:
    """Give *user* a token."""
    return tokens.make(user, "nightly", scopes, unit, days)
