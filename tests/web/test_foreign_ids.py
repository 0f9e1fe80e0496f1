"""What is not yours answers like what is not there: in addresses, in queries and in forms.

Every place of an id is found in the URL map, in the form classes and in the source of the views;
a new one fails these tests until it is said what it names. Alice is admin of daily, and tries ids
of weekly, ids of another kind, and everything that some program has taken for "any" or "the first".
"""

import itertools
import re
import sys
from pathlib import Path

import pytest
from flask_wtf import FlaskForm
from wtforms.fields.core import UnboundField

import dashboard.web
from dashboard.models import Role
from tests.factories import make_user
from tests.web.deeds import as_alice, backup_of, deeds, steady
from tests.web.doors import doors, plain, rolled_back, world
from tests.web.unit_state import state_of

__all__ = ["deeds", "steady", "world"]
WEB = Path(dashboard.web.__file__).parent
# What some program somewhere has taken for an id it was not.
BAD = (
    ":id", ":uid", "*", "0", "00", "-1", "1", "null", "None", "undefined", "true", "NaN", "[]",
    "{}",
    "%", "_", "%%", "ws-%", "ws_home", "ws-hom?", "\0", "ws-home\0", "ws-home ", " ws-home",
    "WS-HOME", "ws-ho\u200bme", "\u0661\u0662", "\uff11", "1e3", "0x1", "18446744073709551616",
    "9" * 400, "A" * 5_000, "' OR ''='", "1 OR 1=1", "1;2", "ws-home,ws-one", "${DBKS:K0001}",
    "{{7*7}}", "~", "\\",
)  # fmt: skip
# What is gone already, or is shown only if it is there, needs no refusal.
LEADS_BACK = {"invites.end", "applications.portal"}
MISSING = {
    "uid": "ws-none",
    "app": "app-none",
    "act": "none",
    "requirement": "NONE",
    "bundle": "example.none.thing",
    "name": "NONE",
    "number": "4711",
    "sha256": "0" * 64,
}


@pytest.fixture
def same(world):
    """Asserts that units are as they were, whatever was asked for."""
    before = [state_of(world.cast.daily), state_of(world.cast.weekly)]
    yield
    assert [state_of(world.cast.daily), state_of(world.cast.weekly)] == before


_turns = itertools.count()


def some_of_bad():
    """A quarter of BAD, another one for each place: every value is tried in many places."""
    return BAD[next(_turns) % 4 :: 4]


def others(world, door, endpoint, name):
    """What stands in weekly in this place of an address, ids of another kind, and some of BAD."""
    here, there = world.daily, world.weekly
    found = [there.of(endpoint)[name], *some_of_bad()]
    if name == "number":  # 1 is alice, who is a member
        people = (world.cast.mallory, world.cast.olga)
        return [*map(str, people), "2147483648", *(bad for bad in found if bad != "1")]
    if name == "uid":
        kinds = {here.workspace, here.profile, here.invite.uid, here.copy.uid}
        runs = set() if "/jobs/" in door.rule else {here.export.uid, here.validation.uid}
        found += sorted(kinds | runs)
    return [value for value in found if value != here.of(endpoint)[name]]


def asked(visitor, method, door, things, name, value, query_count, **kwargs):
    """What somebody gets at *door* with *value* as *name*, and what the database was asked."""
    with query_count() as queries, rolled_back():
        answer = visitor.send(method, door.address(method, things, **{name: value}), **kwargs)
    return plain(answer), [query for query in queries if "SAVEPOINT" not in query]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_other_id_in_an_address_is_anything(
    app, world, login, deeds, steady, same, query_count, as_htmx, method
):
    """The same answer, byte for byte, and the same questions to the database."""
    alice, wrong, tried = as_alice(app, world, login), {}, 0
    data = {deed.endpoint: deed.fields for deed in deeds if "file" not in deed.fields}
    for door in doors(app):
        endpoint = door.endpoints.get(method, "")
        if "slug" not in door.arguments or not endpoint or endpoint.startswith("api."):
            continue  # test_api_access has those
        sent = {"data": data.get(endpoint)} if method == "POST" else {}
        if endpoint in ("backups.job", "applications.portal"):  # to others they only lead on
            sent["headers"] = as_htmx
        for name in set(door.arguments) - {"slug"}:
            place = (alice, method, door, world.daily, name)
            missing, questions = asked(*place, MISSING[name], query_count, **sent)
            if not 400 <= missing[0] < 500 and endpoint not in LEADS_BACK:
                wrong[door.rule, name] = missing[0]
            for value in others(world, door, endpoint, name):
                found, again = asked(*place, value, query_count, **sent)
                # What is no number is not even looked for.
                is_asked = name != "number" or re.fullmatch("[1-9][0-9]{0,17}", value)
                if endpoint == "applications.portal" and name == "requirement":
                    found = (*found[:2], missing[2])  # its own address stands in its text
                if found != missing or (is_asked and again != questions):
                    wrong[door.rule, name, value[:40]] = (found[0], missing[0])
                tried += 1
    assert wrong == {}
    assert tried > 300


# Ids in forms

# Field -> what names nothing there. The other fields say what to do, and name nothing.
IDS = {
    "ticket": "none",
    "upload": "0" * 32,
    "section": "none",
    "key": '["example.none.thing"]',
    "profiles": ["pf-none"],
    "profile": "pf-none",
    "workspace": ["ws-none"],
    "bundle": "example.none.thing",
    "portal.BESIDE": "example.none.thing/none",
    "roles": ["none"],
    "roles.ANNOUNCE": ["none"],
    "role": "none",
    "column": "9",
    "seen": "none",
    "expires": "0",
    "also": ["example.none.thing"],
}
NO_IDS = {
    "active", "again", "all", "code", "config-messages", "config-text", "config-timezone",
    "confirmed", "csrf_token", "days", "description", "direction", "email", "file", "from",
    "icon_color", "icon_file", "icon_text", "layout", "line", "name", "offset", "old",
    "organisation", "password", "place", "place-ws-home", "position", "q", "required", "revision",
    "scopes", "shared", "show", "slug", "theme", "then", "title", "type", "unit", "unit_name",
    "value",
}  # fmt: skip
# In addresses these are what to look for and where to go on; none names a thing of a unit.
QUERIES = {
    "after", "as", "before", "here", "name", "next", "page", "plain", "q", "seen", "show", "shown",
    "type", "v", "within",
}  # fmt: skip
BY_HAND = re.compile(r"""request\.(form|args)\.get(?:list)?\(\s*f?["']([^"'{]+)""")


def form_fields():
    kinds = [FlaskForm]
    for kind in kinds:
        kinds += [sub for sub in kind.__subclasses__() if is_written(sub)]
    return {name for kind in kinds for name in dir(kind) if is_field(kind, name)}


def is_written(kind):
    """Not one that a view made of a plugin's schema, in whatever test, and that is not gone yet."""
    module = sys.modules[kind.__module__]
    return module.__name__.startswith("dashboard.") and vars(module).get(kind.__name__) is kind


def is_field(kind, name):
    return isinstance(getattr(kind, name, None), UnboundField)


def by_hand(where):
    sources = [path.read_text() for path in WEB.glob("*.py")]
    return {name for text in sources for kind, name in BY_HAND.findall(text) if kind == where}


@pytest.mark.slow  # it looks at what the deeds of the slow tests above sent
def test_every_field_is_an_id_or_none(deeds):
    known = set(IDS) | NO_IDS
    assert form_fields() - known == set()
    assert {name.rstrip(".") for name in by_hand("form")} - known == set()
    assert {name for deed in deeds for name in deed.fields} - known == set()
    assert by_hand("args") - QUERIES == set()
    assert len(form_fields()) > 25
    assert len(by_hand("form") | by_hand("args")) > 20


def foreign_in_forms(world, folders):
    """Field -> ids of others: of another unit, and of another admin of the same one."""
    cast, there = world.cast, world.weekly
    ann = make_user("ann", daily=Role.ADMIN)
    _, upload, ticket = backup_of(cast.weekly, cast.mallory, folders)
    _, anns_upload, anns_ticket = backup_of(cast.daily, ann, folders)
    return {
        "ticket": [ticket, anns_ticket],
        "upload": [upload, anns_upload, there.export.uid, world.daily.copy.uid],
        "profiles": [there.profile],
        "profile": [there.profile],
        "workspace": [there.workspace],
        "bundle": [there.plugin],
        "portal.BESIDE": [f"{there.plugin}/thing", "dashboard.core.announcements/BESIDE"],
        "key": [f'["{there.key}"]', f'["{there.plugin}"]', there.key],
        "section": ["users", "membership", "session", "audit_event"],
        "role": ["owner", "ADMIN", "superuser"],
        "roles": ["owner", "ADMIN"],
    }


@pytest.mark.slow
def test_no_other_id_in_a_form_is_anything(
    app, world, login, deeds, folders, steady, same, query_count
):
    alice, wrong, tried = as_alice(app, world, login), {}, 0
    foreign = foreign_in_forms(world, folders)
    for deed in deeds:
        for name in set(IDS) & set(deed.fields):

            def ask(value, deed=deed, name=name):
                steady.again()
                sent = deed.with_fields(**{name: value})
                if name == "upload":
                    sent.fields.pop("file")
                with rolled_back():
                    answer = sent.send(alice)
                    # Not its text: a form keeps what was typed.
                    return plain(answer)[:2], state_of(world.cast.daily)

            missing = ask(IDS[name])
            for value in [*foreign.get(name, []), *some_of_bad()]:
                if (name, value) in MEANT:
                    continue
                sent = [value] if isinstance(IDS[name], list) else value
                found, tried = ask(sent), tried + 1
                if found != missing:
                    wrong[deed.endpoint, name, value[:40]] = (found[0], missing[0])
    assert wrong == {}
    assert tried > 150


# Columns that there are, however they are written.
MEANT = {("column", value) for value in ("0", "00", "1", "\uff11")}


@pytest.mark.slow
def test_no_query_finds_anything_of_another_unit(app, world, login, same):
    alice, wrong = as_alice(app, world, login), {}
    for value in ("weekly", world.cast.weekly.uid, "2", "%", "\0"):
        for door in doors(app):
            if "GET" in door.endpoints and door.rule.startswith("/u/<slug>/"):
                everything = dict.fromkeys(QUERIES - {"v"}, value)
                address = door.address("GET", world.daily)
                answer = alice.send("GET", address, query_string=everything)
                if answer.status_code >= 400 or b"abroad" in answer.data:
                    wrong[door.rule, value] = answer.status_code
    assert wrong == {}
