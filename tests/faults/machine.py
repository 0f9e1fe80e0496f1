"""Three admins in two units do whatever they like; a model in plain Python says what is so then.

The model knows a unit by its rows, its revision and the digest each of its states had; a backup and
a safety copy by the state they were made of; a ticket by what it is bound to.
"""

import hashlib
import io
import itertools
import json
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from werkzeug.test import TestResponse

from dashboard import db
from dashboard.backup import tickets
from dashboard.backup.export import content_digest
from dashboard.models import (
    UNIT_STATE,
    AuditEvent,
    ConfigKey,
    Membership,
    Plugin,
    Role,
    Session,
    Unit,
    User,
    Workspace,
)
from dashboard.models.people import PeopleError, set_role
from dashboard.web import backup_jobs
from tests import factories
from tests.faults.server import BACKUP_PASSWORD, COOKIE

WHO, UNITS = ("alice", "bob", "mallory"), ("one", "two")
BUNDLES = ("example.deskworks.link-bar", "example.deskworks.notification-agent")
TICKET = re.compile(r'name="ticket" value="([^"]+)"')
CSRF = re.compile(r'name="csrf-token" content="([^"]+)"')
REFUSED = {403, 404, 409, 422}


@dataclass(frozen=True)
class State:
    """What a unit holds, as the model has it."""

    keys: dict[str, str] = field(default_factory=dict)
    workspaces: dict[str, str] = field(default_factory=dict)  # uid -> name
    plugins: dict[str, bool] = field(default_factory=dict)  # bundle -> active
    digest: str = ""  # of all there is, as it was read when the state came to be


@dataclass
class Ward:
    """A unit of the model."""

    unit: Unit
    state: State
    revision: int
    roles: dict[str, Role]
    copies: list[State] = field(default_factory=list)


@dataclass
class Ticket:
    """What somebody may import, once, as long as nothing has changed."""

    token: str
    who: str
    unit: str
    revision: int
    brings: State
    is_foreign: bool
    is_done: bool = False
    is_expired: bool = False


_seen: dict[int, tuple[list[object], State]] = {}


def seen(unit: Unit) -> State:
    """Return what the tables hold; it is made anew unless every stored byte is as it was."""
    rows = [
        db.database.execute_sql(
            f"SELECT * FROM {model._meta.table_name} WHERE unit_id = ?", (unit.id,)
        ).fetchall()
        for model in UNIT_STATE
    ]
    known = _seen.get(unit.id)
    if known is None or known[0] != rows:
        state = State(
            {row.name: row.value for row in ConfigKey.of(unit)},
            {row.uid: row.name for row in Workspace.of(unit)},
            {row.bundle: bool(row.active) for row in Plugin.of(unit)},
            content_digest(unit),
        )
        _seen[unit.id] = known = rows, state
    return known[1]


class World:
    """The installation that all examples share; each has units of its own."""

    def __init__(self, app: Flask, patch: pytest.MonkeyPatch) -> None:
        self.app, self.numbers = app, itertools.count()
        self.folders = app.extensions["folders"]
        self.users = {name: factories.make_user(name) for name in WHO}
        self.browsers = {name: self._browser(user) for name, user in self.users.items()}
        self.seconds = 0
        patch.setattr(tickets, "now", lambda: int(time.time()) + self.seconds)
        patch.setattr(backup_jobs, "DIRECT_SECONDS", 60)

    def _browser(self, user: User) -> FlaskClient:
        browser, token, now = self.app.test_client(), secrets.token_urlsafe(32), int(time.time())
        Session.create(
            token_hash=hashlib.sha256(token.encode()).hexdigest(),
            user=user,
            data=json.dumps({"_user_id": str(user.id)}),
            created_at=now,
            seen_at=now,
            fresh_at=now + 86_400,
            expires_at=now + 86_400,
        )
        browser.set_cookie(COOKIE, token)
        csrf = CSRF.search(browser.get("/no-such-page").text)[1]
        browser.environ_base["HTTP_X_CSRFTOKEN"] = csrf
        return browser

    def units(self) -> dict[str, Ward]:
        """Make two units and give everybody a role; forget the files of the example before."""
        for folder in (self.folders.uploads, self.folders.exports, self.folders.safety):
            for path in folder.iterdir():  # the page looks at each of them whenever it sweeps
                path.unlink()
        number = next(self.numbers)
        made = {slug: factories.make_unit(f"{slug}-{number}", f"Unit {slug}") for slug in UNITS}
        roles = {"one": ("alice", "bob"), "two": ("bob", "mallory")}
        for slug, admins in roles.items():
            for name in admins:
                set_role(self.users[name], made[slug], Role.ADMIN)
        return {
            slug: Ward(unit, seen(unit), 0, dict.fromkeys(roles[slug], Role.ADMIN))
            for slug, unit in made.items()
        }


who, where = st.sampled_from(WHO), st.sampled_from(UNITS)
late = st.sampled_from([False, False, False, True])  # from a page that has become old


class Admins(RuleBasedStateMachine):
    """What admins do. `world` is set by the test."""

    world: World
    backups, previews = Bundle("backups"), Bundle("previews")

    @initialize(target=backups)
    def begin(self) -> Any:
        self.wards = self.world.units()
        self.first_event = AuditEvent.select().count()
        self.events: list[Any] = []
        self.tickets: list[Ticket] = []
        for slug in UNITS:
            self.set_key("bob", slug, 0, f"the first of {slug}", False)
            self.add_workspace("bob", slug, False)
            self.plugin("bob", slug, BUNDLES[0], False, False)
        return multiple(*(self.export("bob", slug) for slug in UNITS))

    # --- changes

    def _post(self, name: str, slug: str, path: str, /, **fields: Any) -> TestResponse:
        address = f"/u/{self.wards[slug].unit.slug}/{path}"
        return self.world.browsers[name].post(address, data=fields)

    def _change(
        self, name: str, slug: str, path: str, late: bool, wanted: State, /, **fields: Any
    ) -> TestResponse | None:
        """Send a form; the unit is as *wanted* then, or as before if it must be refused."""
        ward = self.wards[slug]
        revision = ward.revision - 1 if late else ward.revision
        answer = self._post(name, slug, path, revision=str(revision), **fields)
        if late or ward.roles.get(name) is not Role.ADMIN:
            assert answer.status_code in REFUSED, answer.status_code
            return None
        assert answer.status_code == 303, (path, answer.status_code, answer.text)
        self._becomes(ward, wanted)
        return answer

    def _becomes(self, ward: Ward, state: State, digest: str | None = None) -> None:
        ward.revision += 1
        ward.state = replace(state, digest=digest or content_digest(ward.unit))

    @rule(name=who, slug=where, key=st.integers(0, 3), value=st.text("aé😀", max_size=3), late=late)
    def set_key(self, name: str, slug: str, key: int, value: str, late: bool) -> None:
        state, text = self.wards[slug].state, f"K{key}"
        path = f"admin/keys/{text if text in state.keys else '-/new'}"
        wanted = replace(state, keys=state.keys | {text: value})
        self._change(name, slug, path, late, wanted, name=text, type="string", value=value)

    @rule(name=who, slug=where, key=st.integers(0, 3), late=late)
    def delete_key(self, name: str, slug: str, key: int, late: bool) -> None:
        state, text = self.wards[slug].state, f"K{key}"
        if text not in state.keys:
            assert self._post(name, slug, f"admin/keys/{text}/delete").status_code in REFUSED
            return
        keys = {old: value for old, value in state.keys.items() if old != text}
        self._change(name, slug, f"admin/keys/{text}/delete", late, replace(state, keys=keys))

    @rule(name=who, slug=where, late=late)
    def add_workspace(self, name: str, slug: str, late: bool) -> None:
        ward = self.wards[slug]
        text = f"Workspace {len(ward.state.workspaces)}"
        form = {"name": text, "layout": "1", "shared": "y"}
        answer = self._change(name, slug, "workspaces/new", late, ward.state, **form)
        if answer is not None:
            uid = answer.location.split("/")[4]
            workspaces = ward.state.workspaces | {uid: text}
            ward.state = replace(ward.state, workspaces=workspaces)

    @rule(name=who, slug=where, late=late, data=st.data())
    def delete_workspace(self, name: str, slug: str, late: bool, data: st.DataObject) -> None:
        state = self.wards[slug].state
        if state.workspaces:
            uid = data.draw(st.sampled_from(sorted(state.workspaces)))
            left = {old: text for old, text in state.workspaces.items() if old != uid}
            wanted = replace(state, workspaces=left)
            self._change(name, slug, f"w/{uid}/delete", late, wanted)

    @rule(name=who, slug=where, bundle=st.sampled_from(BUNDLES), remove=st.booleans(), late=late)
    def plugin(self, name: str, slug: str, bundle: str, remove: bool, late: bool) -> None:
        """Install a plugin, activate or deactivate it, or uninstall it."""
        state = self.wards[slug].state
        active = state.plugins.get(bundle)
        act = "install" if active is None else "uninstall" if remove else "active"
        plugins = {old: is_on for old, is_on in state.plugins.items() if old != bundle}
        if act != "uninstall":
            plugins[bundle] = act == "active" and not active
        form = {"active": "" if active else "yes"} if act == "active" else {}
        wanted = replace(state, plugins=plugins)
        self._change(name, slug, f"admin/plugins/{bundle}/{act}", late, wanted, **form)

    # --- people

    @rule(name=who, slug=where, role=st.sampled_from([None, Role.ADMIN, Role.USER, Role.READONLY]))
    def give_role(self, name: str, slug: str, role: Role | None) -> None:
        ward = self.wards[slug]
        admins = [other for other, has in ward.roles.items() if has is Role.ADMIN]
        if admins == [name] and role is not Role.ADMIN:
            with pytest.raises(PeopleError):
                set_role(self.world.users[name], ward.unit, role)
            return
        set_role(self.world.users[name], ward.unit, role)
        ward.roles.pop(name, None)
        if role is not None:
            ward.roles[name] = role

    # --- backups

    @rule(target=backups, name=who, slug=where)
    def export(self, name: str, slug: str) -> Any:
        ward = self.wards[slug]
        answer = self._post(name, slug, "admin/backup/export", password=BACKUP_PASSWORD)
        if ward.roles.get(name) is not Role.ADMIN:
            assert answer.status_code in REFUSED
            return multiple()
        assert answer.status_code == 303, answer.text
        with self.world.browsers[name].get(answer.location) as file:
            return file.data, slug, ward.state

    @rule(target=previews, name=who, slug=where, made=backups)
    def validate(self, name: str, slug: str, made: tuple[bytes, str, State]) -> Any:
        file, made_of, state = made
        form = {"file": (io.BytesIO(file), "x.dbk"), "password": BACKUP_PASSWORD}
        answer = self._post(name, slug, "admin/backup/validate", **form)
        return self._ticket(answer, name, slug, state, is_foreign=made_of != slug)

    @rule(name=st.sampled_from(["alice", "bob"]), made=backups, meanwhile=late, twice=late)
    def bring_in(
        self, name: str, made: tuple[bytes, str, State], meanwhile: bool, twice: bool
    ) -> None:
        """Validate and import, as most people do; *meanwhile* somebody changes the unit."""
        ticket = self.validate(name, "one", made)
        if not isinstance(ticket, Ticket):
            return
        if meanwhile:
            self.set_key("bob", "one", 0, "meanwhile", False)
        for _ in range(1 + twice):
            self._import(ticket, name, "one", True)

    @rule(target=previews, name=who, slug=where)
    def preview_undo(self, name: str, slug: str) -> Any:
        copies = self.wards[slug].copies
        answer = self._post(name, slug, "admin/backup/undo")
        if not copies:
            assert answer.status_code in REFUSED
            return multiple()
        return self._ticket(answer, name, slug, copies[-1], is_foreign=False)

    def _ticket(
        self, answer: TestResponse, name: str, slug: str, state: State, *, is_foreign: bool
    ) -> Any:
        ward = self.wards[slug]
        if ward.roles.get(name) is not Role.ADMIN:
            assert answer.status_code in REFUSED
            return multiple()
        assert answer.status_code == 200, answer.text
        token = TICKET.search(answer.text)[1]
        ticket = Ticket(token, name, slug, ward.revision, state, is_foreign)
        self.tickets.append(ticket)
        return ticket

    @rule(ticket=previews, typed=st.sampled_from([True, True, True, False]))
    def press_import(self, ticket: Ticket, typed: bool) -> None:
        self._import(ticket, ticket.who, ticket.unit, typed)

    @rule(ticket=previews, name=who, slug=where)
    def import_of_somebody_else(self, ticket: Ticket, name: str, slug: str) -> None:
        self._import(ticket, name, slug, True)

    def _import(self, ticket: Ticket, name: str, slug: str, typed: bool) -> None:
        ward = self.wards[slug]
        form = {"ticket": ticket.token, "unit_name": ward.unit.name if typed else ""}
        answer = self._post(name, slug, "admin/backup/import", **form)
        is_own = (name, slug) == (ticket.who, ticket.unit) and ward.roles.get(name) is Role.ADMIN
        is_good = not ticket.is_expired and ticket.revision == ward.revision
        if is_own and ticket.is_done:
            assert answer.status_code == 303, answer.text
        elif is_own and is_good and (typed or not ticket.is_foreign):
            assert answer.status_code == 303, answer.text
            ticket.is_done = True
            ward.copies.append(ward.state)
            self._becomes(ward, ticket.brings, ticket.brings.digest)
            self._everybody_gets_in()
        else:
            assert answer.status_code in REFUSED, answer.status_code

    def _everybody_gets_in(self) -> None:
        for ward in self.wards.values():
            for name, role in ward.roles.items():
                page = self.world.browsers[name].get(f"/u/{ward.unit.slug}/admin/backup")
                assert page.status_code == (200 if role is Role.ADMIN else 403)

    @rule(long=late)
    def wait(self, long: bool) -> None:
        """Let 16 minutes pass, sometimes: nothing that was validated is good any more."""
        if not long:
            return
        self.world.seconds += 16 * 60
        for ticket in self.tickets:
            ticket.is_expired = True

    # --- what is always so

    @invariant()
    def units_are_what_the_model_says(self) -> None:
        for slug, ward in self.wards.items():
            assert seen(ward.unit) == ward.state, slug
            assert Unit.get_by_id(ward.unit.id).revision == ward.revision, slug

    @invariant()
    def there_is_an_admin(self) -> None:
        for ward in self.wards.values():
            rows = Membership.select(Membership, User).join(User)
            found = {
                row.user.name.lower(): row.role for row in rows.where(Membership.unit == ward.unit)
            }
            assert found == ward.roles
            assert Role.ADMIN in found.values()

    @invariant()
    def the_audit_log_only_grows(self) -> None:
        rows = AuditEvent.select().order_by(AuditEvent.id).offset(self.first_event).limit(10_000)
        events = list(rows.tuples())
        assert events[: len(self.events)] == self.events
        self.events = events
