"""Every POST that an admin can send, as requests that work: to be replayed and tampered with.

Deeds are independent of each other: each is sent to the same world, and taken back. Acts that are
jobs are done within the request, and what is random or tells the time is the same each time, so
that what came of two requests can be compared row by row.
"""

import io
import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard import backup, db
from dashboard.archive import KdfCost
from dashboard.backup import part_tickets, parts
from dashboard.jobs import Act, Job, Jobs
from dashboard.models import (
    UNIT_STATE,
    BackupRun,
    ImportTicket,
    Invite,
    Membership,
    Plugin,
    SafetyCopy,
    Session,
    Unit,
    User,
    people,
)
from tests.factories import PASSWORD
from tests.web.doors import ANNOUNCEMENTS, CLOCK, NOTES, Visitor, World

BACKUP_PASSWORD = "four words, one file"
WORKSPACE, ADMIN = "/u/daily/w/ws-home", "/u/daily/admin"
NOW = int(time.time())
Fields = dict[str, Any]  # a text, a list of texts, or the bytes of a file


@dataclass(frozen=True)
class Deed:
    """One POST of an admin that does something."""

    endpoint: str
    address: str
    fields: Fields

    def with_fields(self, **changed: Any) -> "Deed":
        """Return this deed with other values in some fields."""
        return replace(self, fields=self.fields | changed)

    def send(self, visitor: Visitor, **kwargs: Any) -> TestResponse:
        """Send it as *visitor*."""
        data = {
            name: (io.BytesIO(value), "x.dbk") if isinstance(value, bytes) else value
            for name, value in self.fields.items()
        }
        return visitor.send("POST", self.address, data=data, **kwargs)


def backup_of(unit: Unit, user: User, folders: Any) -> tuple[bytes, str, str]:
    """Return a backup of *unit*, the uid of its upload, and a ticket to import it."""
    engine = backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)
    run = backup.export_for_download(unit, user, BACKUP_PASSWORD, engine)
    data = (folders.exports / f"{run.uid}.dbk").read_bytes()
    kept = backup.keep_upload(unit, user, io.BytesIO(data), engine)
    waiting = backup.keep_upload(unit, user, io.BytesIO(data), engine)
    token, _ = backup.validate_upload(unit, user, kept, BACKUP_PASSWORD, engine)
    return data, waiting, token


def parts_of(world: World, folders: Any) -> tuple[bytes, bytes, Fields]:
    """Return the files of a workspace and a plugin, and the form that imports the latter."""
    engine = backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)
    daily, alice = world.cast.daily, world.cast.alice
    page = parts.export_workspace(daily, "ws-home", "", engine, by=alice)
    file = parts.export_plugin(daily, ANNOUNCEMENTS, "", engine, by=alice)
    read = parts.read_plugin(daily, io.BytesIO(file), "", by=alice).read
    held = part_tickets.hold(read, daily, alice, ANNOUNCEMENTS, revision(daily))
    return page, file, {"file": held.file, "key": held.key, "expires": held.expires}


def revision(unit: Unit) -> int:
    """Return the revision of *unit* as it is now."""
    return int(Unit.get_by_id(unit.id).revision)


def ended_job(app: Flask, world: World) -> str:
    """Return the uid of a job of alice's that is known and has ended."""
    run = BackupRun.get(BackupRun.uid == world.daily.validation.uid)
    job = Job(run, Act.EXPORT, world.cast.alice)
    job._ended.set()
    job._ended_at = time.monotonic()
    app.extensions["jobs"]._jobs[job.uid] = job
    return job.uid


@pytest.fixture
def deeds(app: Flask, world: World, folders: Any) -> list[Deed]:
    """Every POST that alice, admin of daily, can send; each of them works."""
    daily, member = world.cast.daily, f"{ADMIN}/members/{world.cast.bob.id}"
    data, upload, ticket = backup_of(daily, world.cast.alice, folders)
    # Each act that takes a file away has one of its own: no roll back brings that again.
    thrown, looked = (backup_of(daily, world.cast.alice, folders)[2] for _ in range(2))
    # Something to update, and something that an import would change.
    Plugin.update(version="0.9.0").where(
        (Plugin.unit == daily) & (Plugin.bundle == CLOCK)
    ).execute()
    page, plugin_file, held = parts_of(world, folders)
    job, things = ended_job(app, world), world.daily
    now = {"revision": str(revision(daily))}
    name, look = {**now, "name": "Changed"}, {"layout": "2-equal", "shared": "y"}
    announcements = f"{ADMIN}/plugins/{ANNOUNCEMENTS}"
    app_, saved = f"{WORKSPACE}/applications/app-home", f"{ADMIN}/backup"
    return [
        Deed("auth.confirmed", "/confirm", {"password": PASSWORD}),
        Deed("auth.logout", "/logout", {}),
        Deed("auth.theme", "/theme", {"theme": "dark"}),
        Deed("units.new", "/units/new", {"name": "Third", "slug": "third"}),
        Deed("units.rename", f"{ADMIN}/name", {"seen": daily.name, "name": "Renamed"}),
        Deed("workspaces.new", "/u/daily/workspaces/new", name | look | {"profiles": ["pf-home"]}),
        Deed("workspaces.settings", f"{WORKSPACE}/settings", name | look | {
            "icon_text": "CH", "icon_color": "#123456", "profiles": ["pf-home"], "position": "7"}),
        Deed("workspaces.remove_picture", f"{WORKSPACE}/settings/picture", now),
        Deed("workspaces.delete", f"{WORKSPACE}/delete", now),
        Deed("workspaces.move", f"{ADMIN}/workspaces/ws-home/move", now | {"direction": "down"}),
        Deed("workspace_files.copy", f"{WORKSPACE}/copy", now),
        Deed("workspace_files.export", f"{WORKSPACE}/export", {"password": BACKUP_PASSWORD}),
        Deed("workspace_files.import_", "/u/daily/workspaces/import",
             now | {"file": page, "password": ""}),
        Deed("applications.act", f"{WORKSPACE}/a/app-home/act/append-note", {"line": "more"}),
        Deed("applications.index", f"{WORKSPACE}/applications",
             now | {"bundle": NOTES, "column": "1"}),
        Deed("applications.move", f"{app_}/move", now | {"direction": "right"}),
        Deed("applications.settings", f"{app_}/settings",
             now | {"title": "Changed", "config-text": "changed"}),
        Deed("applications.remove", f"{app_}/remove", now),
        Deed("profiles.choose", "/u/daily/profile", {"profile": "pf-all"}),
        Deed("profiles.new", "/u/daily/profiles/new", name | {
            "roles": ["user"], "workspace": ["ws-home"], "place-ws-home": "1"}),
        Deed("profiles.edit", "/u/daily/profiles/pf-home", name | {
            "roles": ["user"], "workspace": ["ws-home"], "place-ws-home": "1"}),
        Deed("profiles.move", "/u/daily/profiles/pf-home/move", now | {"direction": "up"}),
        Deed("profiles.delete", "/u/daily/profiles/pf-home/delete", now),
        Deed("plugins.add", f"{ADMIN}/plugins/dashboard.core.links/install",
             now | {"then": "activate"}),
        Deed("plugins.activate", f"{announcements}/active", now | {"active": "no", "from": "show"}),
        Deed("plugins.update", f"{ADMIN}/plugins/{CLOCK}/update", now),
        Deed("plugins.configure", f"{announcements}/config",
             now | {"config-messages": "changed", "config-timezone": "UTC"}),
        Deed("plugins.permit", f"{announcements}/permissions", now | {"roles.ANNOUNCE": ["user"]}),
        Deed("plugins.map_requirements", f"{announcements}/mappings",
             now | {"portal.BESIDE": f"{CLOCK}/time-line"}),
        Deed("plugins.uninstall", f"{announcements}/uninstall", now),
        Deed("plugins.export_config", f"{announcements}/export", {"password": BACKUP_PASSWORD}),
        Deed("plugins.preview_config", f"{announcements}/import",
             {"file": plugin_file, "password": ""}),
        Deed("plugins.import_config", f"{announcements}/import/apply", now | held),
        Deed("keystore.new", f"{ADMIN}/keys/-/new",
             now | {"name": "MADE", "type": "string", "value": "v", "description": "d"}),
        Deed("keystore.edit", f"{ADMIN}/keys/{things.key}",
             now | {"type": "string", "value": "w", "description": "d"}),
        Deed("keystore.reveal", f"{ADMIN}/keys/K0004/reveal", {}),
        Deed("keystore.delete", f"{ADMIN}/keys/{things.key}/delete", now),
        Deed("key_deletion.delete", f"{ADMIN}/keys/-/delete",
             now | {"key": ["K0001", things.key], "confirmed": "yes", "q": "", "type": "",
                    "show": "", "all": ""}),
        Deed("members.edit", member, {"seen": "power_user", "role": "user"}),
        Deed("members.remove", f"{member}/remove", {"seen": "power_user"}),
        Deed("invites.new", f"{ADMIN}/invite", {"email": "new@guests.example", "role": "user"}),
        Deed("invites.end", f"{ADMIN}/invites/{things.invite.uid}/withdraw", {}),
        Deed("backups.export", f"{saved}/export", {"password": BACKUP_PASSWORD}),
        Deed("backups.validate", f"{saved}/validate",
             {"upload": upload, "password": BACKUP_PASSWORD, "file": data}),
        Deed("backups.import_", f"{saved}/import", {"ticket": ticket, "unit_name": ""}),
        Deed("backups.renew", f"{saved}/preview", {"ticket": looked}),
        Deed("backups.discard", f"{saved}/discard", {"ticket": thrown}),
        Deed("backups.cancel", f"{saved}/jobs/{job}/cancel", {}),
        Deed("backups.delete_copy", f"{saved}/copies/{things.copy.uid}/delete", {}),
        Deed("changes.fields", f"{saved}/fields",
             {"ticket": looked, "section": "plugins", "key": f'["{CLOCK}"]'}),
    ]  # fmt: skip


@pytest.fixture
def steady(app: Flask, monkeypatch: pytest.MonkeyPatch) -> "Steady":
    """Jobs are done within the request, and chance and clock are the same for every request."""
    monkeypatch.setattr(Jobs, "start", _at_once)
    monkeypatch.setattr(type(db.database), "connection_context", lambda _: nullcontext())
    monkeypatch.setattr(people, "now_text", lambda: "2026-11-25T12:00:00Z")
    return Steady(monkeypatch)


def _at_once(jobs: Jobs, run: BackupRun, act: Act, user: User, work: Any) -> Job:
    job = Job(run, act, user)
    jobs._jobs[job.uid] = job
    job.work(work)
    return job


class Steady:
    """The same chance again for each request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._numbers: Iterator[int] = itertools.count()
        monkeypatch.setattr(secrets, "token_hex", self._hex)
        monkeypatch.setattr(secrets, "token_urlsafe", lambda size: f"token-{self._hex(size)}")

    def _hex(self, size: int) -> str:
        return f"{next(self._numbers):0{2 * size}x}"

    def again(self) -> None:
        """Begin once more."""
        self._numbers = itertools.count(1 << 20)


# What no request decides: when somebody was seen, what a session keeps for its pages.
_RUNS = (BackupRun.unit, BackupRun.user_email, BackupRun.kind, BackupRun.state)
_TICKETS = (ImportTicket.unit, ImportTicket.user, ImportTicket.kind)


def outcome(answer: TestResponse) -> dict[str, Any]:
    """Return what came of a request: the answer, and every row that a request can write."""
    found = {table.__name__: table.select() for table in (*UNIT_STATE, User, Membership, Unit)}
    found |= {
        "Invite": Invite.select(Invite.unit, Invite.email, Invite.role, Invite.invited_by),
        "BackupRun": BackupRun.select(*_RUNS),
        "ImportTicket": ImportTicket.select(*_TICKETS),
        "SafetyCopy": SafetyCopy.select(SafetyCopy.unit),
        "Session": Session.select(Session.user),
    }
    rows = {name: sorted(map(repr, query.tuples())) for name, query in found.items()}
    return rows | {"answer": (answer.status_code, answer.location)}


def as_alice(app: Flask, world: World, login: Any) -> Visitor:
    """Return the admin's browser."""
    client: FlaskClient = app.test_client()
    return Visitor(login(client, world.cast.alice)).with_token()
