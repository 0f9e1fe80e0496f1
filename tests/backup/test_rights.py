"""Backups made to give somebody something: sealed as they should be, and hostile inside.

The second writer makes them, so every MAC is right and the reader has to judge what they say. What
a backup cannot say is refused with nothing changed; what it can say is state of its one unit, and
leaves people, roles, sessions, other units and the tables themselves as they were, byte for byte.
"""

import io

import pytest

from dashboard import backup, db
from dashboard.archive import ArchiveError
from dashboard.archive.rules import REFERENCES
from dashboard.models import UNIT_STATE, Role, Session, Unit, people
from dashboard.models.invites import invite
from tests import sqlite
from tests.archive.cases.state import ALPHA, BETA, full
from tests.archive.second_content import SECTIONS
from tests.archive.second_writer import PASSWORD, Maker, empty_rows, payload, text
from tests.backup.conftest import state

MAKER = Maker("rights")
LINE2 = MAKER.header()
NEVER_IN_A_FILE = (
    "users", "user", "memberships", "members", "credentials", "passwords", "sessions", "tokens",
    "invites", "second_factors", "audit", "audit_event", "installation", "migrations", "units",
    "organisation", "backup_runs", "import_tickets", "safety_copies", "sqlite_master", "roles",
)  # fmt: skip
MASS = (
    "is_superuser", "is_admin", "password_hash", "unit_id", "unit", "session_epoch", "created_by",
    "role", "is_active", "user_id", "id", "checked", "secret", "rowid",
)  # fmt: skip


def sealed(rows, unit=None, head=lambda manifest: manifest):
    """A backup of *rows*, as if made of *unit*, its manifest changed by *head*."""

    def edit(manifest):
        if unit is not None:
            manifest["unit"] = {"uid": unit.uid, "slug": unit.slug, "name": unit.name}
        return head(manifest) or manifest

    return MAKER.file(payload(text(rows, edit)), line2=LINE2)


def outside(unit):
    """Everything in the database that is not state of *unit* or a record of what was tried."""
    own = {table._meta.table_name for table in UNIT_STATE}
    records = {"audit_event", "backup_run", "import_ticket", "safety_copy"}
    schema = db.database.execute_sql("SELECT name, sql FROM sqlite_master ORDER BY name")
    found = {"schema": schema.fetchall()}
    for table in set(db.database.get_tables()) - records:
        rows = sqlite.rows_of(db.database.connection(), table)
        if table in own:
            rows = [row for row in rows if row["unit_id"] != unit.id]
        found[table] = sorted(repr(without_counts(row)) for row in rows)
    return found


def without_counts(row):
    """A row without what every import counts: the unit's revision, the end of the audit log."""
    return {k: v for k, v in row.items() if k != "revision" and not k.startswith("audit_")}


@pytest.fixture
def people_about(cast):
    """Somebody is logged in, somebody invited: there is something to lose."""
    now = 1_800_000_000
    for user in (cast.alice, cast.mallory):
        Session.create(
            token_hash=str(user.id) * 64, user=user, created_at=now, seen_at=now, expires_at=now
        )
    invite(cast.daily, "guest@harbour.example", Role.USER, by=cast.alice)


@pytest.fixture
def refuse(cast, engine, people_about):
    """`refuse(data)`: it is refused at the validation, and nothing but that was noted."""

    def check(data):
        before = state(cast.daily), outside(cast.daily), Unit.get_by_id(cast.daily.id).revision
        kept = backup.keep_upload(cast.daily, cast.alice, io.BytesIO(data), engine)
        with pytest.raises(ArchiveError) as caught:
            backup.validate_upload(cast.daily, cast.alice, kept, PASSWORD, engine)
        after = state(cast.daily), outside(cast.daily), Unit.get_by_id(cast.daily.id).revision
        assert after == before
        return caught.value.code

    return check


@pytest.fixture
def take(cast, bring_in, people_about):
    """`take(data)`: it is imported into daily, and nothing outside of daily's state changed."""

    def check(data):
        before = outside(cast.daily)
        run = bring_in(cast.daily, cast.alice, data, password=PASSWORD, typed_name=cast.daily.name)
        assert run.state == "done"
        assert outside(cast.daily) == before
        assert people.role_of(cast.alice, cast.daily) is Role.ADMIN

    return check


# What a backup cannot say


def also(name, columns, count=0):
    def edit(manifest):
        manifest["sections"].append({"name": name, "columns": columns, "count": count})

    return edit


def instead(name, columns):
    def edit(manifest):
        manifest["sections"][0] |= {"name": name, "columns": columns}

    return edit


@pytest.mark.parametrize("name", NEVER_IN_A_FILE)
def test_no_section_but_those_of_unit_state(refuse, cast, name):
    row = ["alice@harbour.example", "admin"]
    assert name not in {table.section.name for table in backup.sections.TABLES}
    for rows, head in (
        (empty_rows(), also(name, ["email", "role"])),
        (empty_rows() | {name: [row]}, also(name, ["email", "role"], 1)),
        (empty_rows(), instead(name, ["email", "role"])),
        (empty_rows(), instead(name, list(SECTIONS["plugins"].columns))),
    ):
        assert refuse(sealed(rows, cast.daily, head)) == "invalid_content"


@pytest.mark.slow
@pytest.mark.parametrize("column", MASS)
def test_no_column_but_those_of_the_section(refuse, cast, column):
    some = set(SECTIONS) if column == "unit_id" else {"plugins", "workspaces", "profile_roles"}
    for at, name in enumerate(SECTIONS):
        if name not in some:
            continue

        def edit(manifest, at=at):
            manifest["sections"][at]["columns"].append(column)

        rows = empty_rows()
        assert refuse(sealed(rows, cast.daily, edit)) == "invalid_content"
        rows = full()
        rows[name] = [[*row, 1] for row in rows[name]]
        assert refuse(sealed(rows, cast.daily, edit)) == "invalid_content"


MANIFESTS = {
    "users": lambda m: m | {"users": [{"email": "evil@x.example", "role": "admin"}]},
    "members": lambda m: m | {"members": {"evil@x.example": "admin"}},
    "admins": lambda m: m | {"admins": ["evil@x.example"]},
    "role": lambda m: m | {"role": "admin"},
    "sql": lambda m: m | {"sql": "UPDATE user SET is_active = 0"},
    "schema": lambda m: m | {"schema": 99},
    "key": lambda m: m | {"server_key": "AAAA"},
    "settings": lambda m: m | {"settings": {"DASHBOARD_ALLOWED_HOSTS": "*"}},
    "unit id": lambda m: m | {"unit": m["unit"] | {"id": 2}},
    "unit role": lambda m: m | {"unit": m["unit"] | {"role": "admin"}},
    "unit members": lambda m: m | {"unit": m["unit"] | {"members": []}},
    "two units": lambda m: m | {"unit": [m["unit"], m["unit"]]},
    "no unit": lambda m: {k: v for k, v in m.items() if k != "unit"},
    "unit null": lambda m: m | {"unit": None},
    "by object": lambda m: m | {"created_by": {"id": 1}},
    "by number": lambda m: m | {"created_by": 1},
    "format": lambda m: m | {"format": 2},
    "sections twice": lambda m: m | {"sections": m["sections"] * 2},
    "one section": lambda m: m | {"sections": m["sections"][:1]},
    "path": lambda m: m | {"sections": [m["sections"][0] | {"file": "../x"}, *m["sections"][1:]]},
}


@pytest.mark.slow
def test_no_manifest_that_says_more(refuse, cast):
    for name, edit in MANIFESTS.items():
        data = sealed(empty_rows(), cast.daily, edit)
        assert refuse(data) in ("invalid_content", "newer_version"), name


NO_ROLES = (
    "superuser", "owner", "ADMIN", "Admin", "admin ", "*", "", "alice@harbour.example", 1, None,
    True, ["admin"], {"role": "admin"}, "admin\0", "\uff41dmin",
)  # fmt: skip


@pytest.mark.parametrize("section", ["profile_roles", "plugin_permissions"])
def test_no_role_but_the_four(refuse, cast, section):
    for role in NO_ROLES:
        rows = full()
        rows[section][-1][-1] = role
        assert refuse(sealed(rows, cast.daily)) == "invalid_content", role


OTHER_KIND = {"plugins": "ws-a", "assets": "ws-a", "workspaces": "pr-a", "profiles": "ws-a"}


@pytest.mark.parametrize(
    ("section", "column", "target"),
    [(section, *pair) for section, pairs in REFERENCES.items() for pair in pairs],
)
def test_no_reference_to_what_is_not_in_the_file(refuse, cast, section, column, target):
    """Neither to nothing, nor to another kind, nor to what the unit or another one has."""
    there = {"plugins": "dashboard.core.notes", "workspaces": "ws-one", "profiles": "pf-all"}
    missing = {"plugins": "example.desk.none", "assets": "0" * 64}.get(target, "none")
    for value in (missing, OTHER_KIND[target], there.get(target, "1" * 64), "", 0, "*", "../ws-a"):
        rows = full()
        rows[section][-1][list(SECTIONS[section].columns).index(column)] = value
        assert refuse(sealed(rows, cast.daily)) == "invalid_content", value


def test_there_are_enough_of_them():
    assert len(NEVER_IN_A_FILE) * 4 + len(MASS) * 3 * 2 + len(MANIFESTS) > 180


# What it can say, and what comes of it


def claims(rows, cast):
    """Give *rows* everything that sounds like a right."""
    rows["config_keys"] = [
        ["DASHBOARD_SECURE_COOKIES", "boolean", "false", ""],
        ["ROLE", "string", "admin", ""],
        ["SECRET_KEY", "secret", "known", ""],
        ["alice", "json", '{"role":"readonly","is_active":false}', ""],
    ]


def every_role(rows, cast):
    roles = sorted(role.value for role in Role)
    rows["profile_roles"] = [[uid, role] for uid in ("pr-a", "pr-b", "pr-c") for role in roles]
    rows["plugin_permissions"] = [
        [bundle, "EVERYTHING", role] for bundle in (ALPHA, BETA) for role in roles
    ]


def owned_by(email):
    def change(rows, cast):
        for row in rows["workspaces"]:
            row[6:8] = [False, email]

    return change


def code(rows, cast):
    """Names that other programs load, open or ask for."""
    places = ("file:///etc/passwd", "https://127.0.0.1/x", "../../app.py", "os:system", "data:x")
    rows["plugins"] = [
        [f"dashboard.models.x{at}", "User", "1.0.0", {"entry": place}, place, True, {}, {}]
        for at, place in enumerate(places)
    ]
    rows["plugin_permissions"] = rows["plugin_mappings"] = []


def circles(rows, cast):
    """A plugin that serves itself, and two that serve each other."""
    rows["plugin_mappings"] = [
        [ALPHA, "action", "open", ALPHA, "open", False],
        [ALPHA, "portal", "side", BETA, "side", False],
        [BETA, "portal", "side", ALPHA, "side", False],
    ]


def gone(rows, cast):
    """Plugins, targets and widgets that nobody has."""
    rows["toolbar"] = [[0, "example.gone.away", True]]
    rows["applications"] = [["ws-a", "app-1", 0, 0, "example.gone.away", "", {}, {}]]


def twins(rows, cast):
    """Ids of rows that weekly has, too."""
    rows["workspaces"] = [["ws-one", "Taken", "1", "T", "#000000", None, True, None, 0]]
    rows["applications"] = [["ws-one", "app-0", 0, 0, "dashboard.core.notes", "", {}, {}]]
    rows["profiles"] = [["pf-all", "Taken", 0]]
    rows["profile_workspaces"] = [["pf-all", 0, "ws-one"]]
    rows["profile_roles"] = [["pf-all", "readonly"]]


def nothing(rows, cast):
    rows.update(empty_rows())


def only_these(*names):
    def change(rows, cast):
        rows.update({name: [] for name in rows if name not in names})
        for row in rows["workspaces"]:
            row[5] = None

    return change


def no_profile_for_anybody(rows, cast):
    rows["profile_roles"] = []


SAYS = {
    "claims": claims,
    "every role": every_role,
    "code": code,
    "circles": circles,
    "gone": gone,
    "twins": twins,
    "nothing at all": nothing,
    "only plugins": only_these("plugins"),
    "only keys": only_these("config_keys"),
    "only workspaces": only_these("workspaces"),
    "only profiles": only_these("profiles"),
    "no profile for anybody": no_profile_for_anybody,
    "owned by alice": owned_by("alice@harbour.example"),
    "owned by ALICE": owned_by("ALICE@HARBOUR.EXAMPLE"),
    "owned by bob": owned_by("bob@harbour.example"),
    "owned by mallory": owned_by("mallory@harbour.example"),
    "owned by nobody": owned_by("nobody@harbour.example"),
    "owned by everybody": owned_by("%@%"),
    "owned by @": owned_by("a@%"),
}


@pytest.mark.parametrize("name", SAYS)
def test_what_a_backup_says_is_state_and_nothing_else(take, cast, name):
    rows = full()
    SAYS[name](rows, cast)
    take(sealed(rows, cast.daily))


@pytest.mark.parametrize(
    "head",
    [
        lambda m: m | {"unit": m["unit"] | {"uid": "UID_OF_WEEKLY"}},
        lambda m: m | {"unit": {"uid": "UID_OF_WEEKLY", "slug": "weekly", "name": "Coast Weekly"}},
        lambda m: m | {"unit": m["unit"] | {"slug": "weekly"}},
        lambda m: m | {"created_by": "alice@harbour.example"},
        lambda m: m | {"instance": "UID_OF_WEEKLY"},
        lambda m: m | {"created_at": "2036-01-01T00:00:00Z"},
    ],
)
def test_whatever_unit_a_backup_names_it_goes_where_the_admin_is(take, cast, head):
    def edit(manifest):
        found = head(manifest)
        for place in (found, found["unit"]):
            place |= {k: cast.weekly.uid for k, v in place.items() if v == "UID_OF_WEEKLY"}
        return found

    take(sealed(full(), cast.daily, edit))


def test_a_writer_that_reached_further_would_be_noticed(take, cast, monkeypatch):
    """The negative control: an import that also gives somebody a role."""
    honest = backup.imports.restore

    def careless(unit, *args, **kwargs):
        people.set_role(cast.olga, unit, Role.ADMIN)
        return honest(unit, *args, **kwargs)

    monkeypatch.setattr(backup.imports, "restore", careless)
    with pytest.raises(AssertionError):
        take(sealed(full(), cast.daily))
