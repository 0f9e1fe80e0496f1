"""What a request carries beside what its form asks for is not looked at, wherever it stands.

Every deed is done as it should be, taken back, and done again with more: fields named like the
columns of every table, other units and roles, the same field twice, names that some frameworks
read as lists or methods. What comes of it is the same, row by row, or nothing.
"""

from collections import defaultdict

import pytest
from flask import request
from wtforms import Form

from dashboard import models
from dashboard.db import BaseModel
from tests.web.deeds import as_alice, deeds, outcome, steady
from tests.web.doors import rights, rolled_back, world
from tests.web.unit_state import state_of

__all__ = ["deeds", "steady", "world"]
# What views read from the form without a form class: endpoint -> names.
READ_BY_HAND = {
    "applications.move": {"direction", "column", "place"},
    "workspaces.move": {"direction", "place", "offset"},
    "profiles.move": {"direction", "place", "offset"},
    "profiles.choose": {"profile"},
    "profiles.new": {"workspace"},
    "profiles.edit": {"workspace"},
    "plugins.activate": {"active", "from"},
    "plugins.add": {"then"},
    "key_deletion.delete": {"key", "all", "q", "type", "show"},
}
MANY = {
    "profiles",
    "roles",
    "scopes",
    "workspace",
    "key",
    "also",
    "roles.ANNOUNCE",
}  # fields of many values


def columns():
    """The names of the columns of every table, and what an attacker would put into them."""
    tables = [table for table in vars(models).values() if is_table(table)]
    fields = {name: field for table in tables for name, field in table._meta.columns.items()}
    assert len(fields) > 80
    return {name: EVIL.get(name, "1") for name in fields}


def is_table(value):
    return isinstance(value, type) and issubclass(value, BaseModel) and value._meta.columns


EVIL = {
    "role": "admin",
    "email": "evil@harbour.example",
    "user_email": "evil@harbour.example",
    "owner_email": "alice@harbour.example",
    "password_hash": "$argon2id$",
    "is_active": "",
    "unit_id": "2",
    "revision": "0",
    "bundle": "example.evil.thing",
    "config": '{"evil":1}',
    "secrets": '{"evil":1}',
}
RIGHTS = {
    "is_superuser": "1",
    "is_admin": "true",
    "admin": "on",
    "roles": "admin",
    "user": "1",
    "unit": "weekly",
    "slug": "weekly",
    "organisation": "1",
    "permissions": "*",
    "session_epoch": "9",
    "next": "//evil.example",
    "fresh": "1",
}
ELSEWHERE = {
    "_method": "DELETE",
    "__proto__[role]": "admin",
    "role[]": "admin",
    "unit_id[]": "2",
    "revision[]": "0",
    "name[0]": "evil",
    "user.role": "admin",
    "membership.role": "admin",
    "workspace.owner_email": "evil@harbour.example",
    "uid%00": "x",
    "": "x",
}
OVERRIDES = {
    "X-HTTP-Method-Override": "DELETE",
    "X-Method-Override": "PUT",
    "X-Original-URL": "/u/weekly/admin/backup/export",
    "X-Rewrite-URL": "/u/weekly/",
    "X-User": "alice@harbour.example",
    "X-Role": "admin",
    "X-Unit": "weekly",
    "X-Remote-User": "1",
    "Authorization": "Basic YWxpY2U6eA==",
}


def everything_else():
    """The names of all that no form here asks for."""
    return columns() | RIGHTS | ELSEWHERE


@pytest.fixture
def asked(app, monkeypatch):
    """Endpoint -> the names of the fields that its forms have."""
    found, process = defaultdict(set), Form.process
    for endpoint, names in READ_BY_HAND.items():
        found[endpoint] |= names

    def noted(form, *args, **kwargs):
        if request:
            found[request.endpoint] |= set(form._fields)
        return process(form, *args, **kwargs)

    monkeypatch.setattr(Form, "process", noted)
    return found


@pytest.fixture
def compare(app, world, login, deeds, steady):
    """`compare(tamper)`: return the deeds that come out otherwise after `tamper(deed)`.

    It gives the tampered deed, and what to send with it.
    """
    alice = as_alice(app, world, login)

    def do(deed, **kwargs):
        steady.again()
        with rolled_back():
            return outcome(deed.send(alice, **kwargs))

    def compare(tamper):
        wrong = {}
        for deed in deeds:
            if deed.endpoint in TAKES_A_FILE_AWAY:
                continue
            clean = do(deed)
            for changed, kwargs in tamper(deed):
                found = do(changed, **kwargs)
                if found != clean:
                    wrong[deed.endpoint] = {
                        name: (rows, found[name])
                        for name, rows in clean.items()
                        if rows != found[name]
                    }
        return wrong

    return compare


# These work once; `test_what_works_once_takes_nothing_more` has them.
TAKES_A_FILE_AWAY = {"backups.import_", "backups.discard", "backups.delete_copy"}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["body", "address"])
def test_more_fields_are_not_looked_at(compare, asked, place):
    def tamper(deed):
        known = asked[deed.endpoint] if place == "body" else set()
        known = known | set(deed.fields)
        more = {name: value for name, value in everything_else().items() if name not in known}
        assert len(more) > 90
        if place == "body":
            yield deed.with_fields(**more), {}
        else:
            yield deed, {"query_string": more}

    assert compare(tamper) == {}


@pytest.mark.slow
def test_a_field_that_comes_twice_counts_once(compare):
    def tamper(deed):
        twice = {
            name: [value, EVIL.get(name, "evil")]
            for name, value in deed.fields.items()
            if isinstance(value, str) and name not in MANY
        }
        if twice:
            yield deed.with_fields(**twice), {}

    assert compare(tamper) == {}


@pytest.mark.slow
def test_a_form_in_the_address_counts_for_nothing(compare):
    def tamper(deed):
        texts = {name: "evil" for name, value in deed.fields.items() if isinstance(value, str)}
        yield deed, {"query_string": texts}

    assert compare(tamper) == {}


@pytest.mark.slow
def test_headers_that_claim_something_claim_nothing(compare):
    assert compare(lambda deed: [(deed, {"headers": OVERRIDES})]) == {}


def test_what_works_once_takes_nothing_more(app, world, login, deeds, steady):
    alice, before = as_alice(app, world, login), rights()
    weekly = state_of(world.cast.weekly)
    for deed in deeds:
        if deed.endpoint in TAKES_A_FILE_AWAY:
            more = {k: v for k, v in everything_else().items() if k not in deed.fields}
            answer = deed.with_fields(**more).send(alice, query_string=more)
            assert answer.status_code == 303, deed.endpoint
    # The import raised the revision, and used its ticket up.
    kept = ("User", "Membership", "Invite")
    assert {name: rights()[name] for name in kept} == {name: before[name] for name in kept}
    assert state_of(world.cast.weekly) == weekly


@pytest.mark.slow
def test_a_tampered_field_is_noticed(compare):
    """The negative control: another value in a field that counts."""

    def tamper(deed):
        if deed.endpoint == "units.rename":
            yield deed.with_fields(name="Other"), {}

    assert set(compare(tamper)) == {"units.rename"}
