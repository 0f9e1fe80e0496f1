"""Every route with something real behind it, and people who stand before it in every way.

The things that an address can name are made once in `daily`, and others of every kind in `weekly`,
so that an address of the one can be tried with what belongs to the other.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard import db
from dashboard.backup.store import file_path
from dashboard.models import (
    Application,
    Asset,
    BackupRun,
    ConfigKey,
    ImportTicket,
    Invite,
    Membership,
    Plugin,
    PluginPermission,
    Profile,
    Role,
    RunKind,
    RunState,
    SafetyCopy,
    Session,
    Unit,
    User,
    Workspace,
)
from dashboard.models.invites import invite
from dashboard.plugins import install, registry
from tests import sqlite
from tests.conftest import Cast
from tests.factories import PIXEL, make_user
from tests.web.conftest import COOKIE, TOKEN

NOTES, CLOCK = "dashboard.core.notes", "dashboard.core.clock"
ANNOUNCEMENTS = "dashboard.core.announcements"
_ARGUMENT = re.compile(r"<(?:[^:>]*:)?(\w+)>")
# What changes with every look, and says nothing of what is there.
_TOKENS = re.compile(r'(name="csrf-token" content|name="csrf_token"[^>]* value)="[^"]*"')
NOT_COMPARED = {"session", "audit_event"}


@dataclass(frozen=True)
class Things:
    """What the addresses of one unit can name."""

    workspace: str
    application: str
    profile: str
    plugin: str
    key: str
    asset: str
    member: int
    invite: Invite
    invite_token: str
    export: BackupRun
    validation: BackupRun
    copy: SafetyCopy

    def of(self, endpoint: str) -> dict[str, str]:
        """Return the values of every argument that the addresses of *endpoint* may have."""
        uids = {
            "profiles": self.profile,
            "invites": self.invite.uid,
            "backups.download": self.export.uid,
            "api.download": self.export.uid,
            "api": self.validation.uid,
            "backups.delete_copy": self.copy.uid,
            "backups": self.validation.uid,
        }
        uid = uids.get(endpoint) or uids.get(endpoint.partition(".")[0]) or self.workspace
        return {
            "uid": uid,
            "app": self.application,
            "act": "append-note",
            "requirement": "BESIDE",
            "bundle": self.plugin,
            "name": self.key,
            "number": str(self.member),
            "sha256": self.asset,
            "token": self.invite_token if endpoint.startswith("invites.") else "1",
            "filename": "css/app.css",
        }


@dataclass(frozen=True)
class World:
    """Both units with everything in them."""

    cast: Cast
    daily: Things
    weekly: Things


def make_things(unit: Unit, admin: User, member: User, word: str, folders: Any) -> Things:
    """Give *unit* one of each kind, called by *word*, which is in no other unit."""
    workspace, application, profile = f"ws-{word}", f"app-{word}", f"pf-{word}"
    content = PIXEL + word.encode()
    digest = hashlib.sha256(content).hexdigest()
    plugin = f"example.{word}.thing"
    Workspace.create(unit=unit, uid=workspace, name=word, layout="2-equal", icon_text="X")
    Application.create(
        unit=unit, workspace=workspace, uid=application, bundle=NOTES, config='{"text":"x"}'
    )
    Profile.create(unit=unit, uid=profile, name=word)
    Plugin.create(unit=unit, bundle=plugin, name=word, version="1.0.0")
    ConfigKey.create(unit=unit, name=f"ONLY_{word}", type="string", value=word)
    Asset.create(unit=unit, sha256=digest, mime="image/png", content=content)
    made, token = invite(unit, f"{word}@guests.example", Role.USER, by=admin)
    export = _run(unit, admin, RunKind.EXPORT, _uid("export", word))
    file_path(folders.exports, export.uid).write_bytes(b"a backup of " + word.encode())
    copy = SafetyCopy.create(
        uid=_uid("copy", word), unit=unit, created_at=int(time.time()),
        file_bytes=1, file_sha256="0" * 64, content="0" * 64,
    )  # fmt: skip
    file_path(folders.safety, copy.uid).write_bytes(b"a copy of " + word.encode())
    return Things(
        workspace=workspace,
        application=application,
        profile=profile,
        plugin=plugin,
        key=f"ONLY_{word}",
        asset=digest,
        member=member.id,
        invite=made,
        invite_token=token,
        export=export,
        validation=_run(unit, admin, RunKind.VALIDATE, _uid("check", word)),
        copy=copy,
    )


def _uid(kind: str, word: str) -> str:
    return hashlib.sha256(f"{kind} {word}".encode()).hexdigest()[:32]


def _run(unit: Unit, by: User, kind: RunKind, uid: str) -> BackupRun:
    now = int(time.time())
    return BackupRun.create(
        uid=uid, unit=unit, user_email=by.email, kind=kind, state=RunState.DONE,
        started_at=now, finished_at=now, file_bytes=1,
    )  # fmt: skip


@pytest.fixture
def world(cast: Cast, folders: Any) -> World:
    """Both units with everything in them; in daily some plugins of the store are at work."""
    text = registry.catalogue()[NOTES].text
    Plugin.update(manifest=text, active=True).where(Plugin.bundle == NOTES).execute()
    PluginPermission.create(unit=cast.daily, bundle=NOTES, key="ADD_TO_NOTE", role="admin")
    for bundle in (CLOCK, ANNOUNCEMENTS):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    wanda = make_user("wanda", weekly=Role.USER)
    return World(
        cast,
        make_things(cast.daily, cast.alice, cast.bob, "home", folders),
        make_things(cast.weekly, cast.mallory, wanda, "abroad", folders),
    )


@dataclass(frozen=True, eq=False)
class Door:
    """One address, and which endpoint each method leads to."""

    rule: str
    endpoints: dict[str, str]

    @property
    def arguments(self) -> list[str]:
        """Return the names of what the address carries."""
        return _ARGUMENT.findall(self.rule)

    def address(self, method: str, things: Things, slug: str = "daily", **other: str) -> str:
        """Return the address with *things* in it, and with what is given as *other*."""
        endpoint = self.endpoints.get(method) or next(iter(self.endpoints.values()))
        values = things.of(endpoint) | {"slug": slug} | other
        return _ARGUMENT.sub(lambda found: _quoted(found[1], values[found[1]]), self.rule)


def _quoted(name: str, value: str) -> str:
    return quote(value, safe="/" if name == "filename" else "")


def doors(app: Flask) -> list[Door]:
    """Return every address of the application."""
    found: dict[str, dict[str, str]] = {}
    for rule in app.url_map.iter_rules():
        methods = found.setdefault(rule.rule, {})
        methods |= dict.fromkeys(rule.methods or (), rule.endpoint)
    return [Door(rule, methods) for rule, methods in found.items()]


class Visitor:
    """A browser that holds one cookie for good, whatever the server says of it."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        found = client.get_cookie(COOKIE)
        self.cookie = found.value if found is not None else ""
        self.token = ""

    def with_token(self) -> "Visitor":
        """Take the CSRF token of the session, and the cookie of a session begun for it."""
        page = self.client.get("/no-such-page").text
        self.token = TOKEN.search(page)[1]  # type: ignore[index]
        found = self.client.get_cookie(COOKIE)
        self.cookie = found.value if found is not None else self.cookie
        return self

    def send(self, method: str, address: str, **kwargs: Any) -> TestResponse:
        """Send one request with the cookie and the token, and follow no redirect."""
        if self.cookie:
            self.client.set_cookie(COOKIE, self.cookie)
        headers = {"X-CSRFToken": self.token, **kwargs.pop("headers", {})}
        kwargs.setdefault("buffered", True)
        return self.client.open(address, method=method, headers=headers, **kwargs)


def plain(answer: TestResponse, *hide: str) -> tuple[int, list[tuple[str, str]], str]:
    """Return what an answer says, without the tokens of the page, and without the words *hide*."""
    text = _TOKENS.sub(r"\1", answer.text)
    own = ("Date", "Set-Cookie", "X-Request-Id")  # of this very answer
    headers = [(name, value) for name, value in answer.headers if name not in own]
    for word in hide:
        text = text.replace(word, "?")
        headers = [(name, value.replace(word, "?")) for name, value in headers]
    headers = [(name, value) for name, value in headers if name != "Content-Length"]
    return answer.status_code, sorted(headers), text


def everything() -> dict[str, Any]:
    """Return every row of the database but for sessions and what the audit log counts."""
    found: dict[str, Any] = {}
    for table in db.database.get_tables():
        if table in NOT_COMPARED:
            continue
        rows = sqlite.rows_of(db.database.connection(), table)
        found[table] = sorted(repr(_without_counts(row)) for row in rows)
    return found


def _without_counts(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("audit_")}


def rights() -> dict[str, Any]:
    """Return all that gives or takes rights, row by row."""
    tables = (User, Membership, Invite, Unit, ImportTicket)
    return {table.__name__: sorted(map(repr, table.select().tuples())) for table in tables}


@contextmanager
def unchanged() -> Iterator[None]:
    """Assert that the block changes nothing in the database."""
    before = everything()
    yield
    after = everything()
    changed = {name: (rows, after[name]) for name, rows in before.items() if rows != after[name]}
    assert not changed, changed


@contextmanager
def rolled_back() -> Iterator[None]:
    """Do the block for nothing: all that it writes is taken back."""
    with db.database.atomic() as transaction:
        try:
            yield
        finally:
            transaction.rollback()


def half_logged_in(client: FlaskClient, user: User) -> None:
    """Give *client* a session that names a user whom nobody has let in."""
    now = int(time.time())
    Session.create(
        token_hash=hashlib.sha256(b"half").hexdigest(),
        user=None,
        data=json.dumps({"_user_id": str(user.id), "_fresh": True}),
        created_at=now,
        seen_at=now,
        fresh_at=now,
        expires_at=now + 3600,
    )
    client.set_cookie(COOKIE, "half")
