"""The commands for whoever runs the server: a lost password, a lost phone, a user kept out."""

import json

import pytest

from dashboard.backup.export import content_digest
from dashboard.models import (
    AuditEvent,
    Invite,
    Membership,
    Role,
    SecondFactor,
    Session,
    Unit,
    User,
    second_factor,
)
from dashboard.models.invites import invite
from dashboard.models.people import is_password, role_of, set_role
from tests.factories import PASSWORD
from tests.test_cli import run
from tests.web.authenticator import set_up

__all__ = ["run"]

NEW = "quiet harbour, slow tide"


@pytest.fixture
def logged_in(cast):
    """Alice and Bob are logged in somewhere."""
    for name in ("alice", "bob"):
        Session.create(
            token_hash=name * 8,
            user=getattr(cast, name),
            created_at=0,
            seen_at=0,
            expires_at=1 << 40,
        )


def sessions():
    return {row.user.email.partition("@")[0] for row in Session.select()}


def last_event():
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    return event and (event.action, event.subject, event.user_email, event.outcome)


def people():
    return sorted(User.select().tuples()), sorted(Membership.select().tuples()), sessions()


def test_a_new_password_ends_the_sessions_of_that_user(run, cast, logged_in, monkeypatch):
    monkeypatch.setenv("DASHBOARD_USER_PASSWORD", NEW)
    run("user", "password", " Alice@harbour.example ")
    assert is_password(User.get_by_id(cast.alice.id), NEW)
    assert not is_password(User.get_by_id(cast.alice.id), PASSWORD)
    assert sessions() == {"bob"}
    assert last_event() == ("user.password", cast.alice.email, "command line", "done")


def test_the_new_password_is_asked_for_twice(run, cast, logged_in):
    result = run("user", "password", cast.alice.email, stdin=f"{NEW}\n{NEW}\n")
    assert NEW not in result.output
    assert is_password(User.get_by_id(cast.alice.id), NEW)


def test_a_bad_password_changes_nothing(run, cast, logged_in, monkeypatch):
    monkeypatch.setenv("DASHBOARD_USER_PASSWORD", "short")
    before = people()
    assert "at least 8" in run("user", "password", cast.alice.email, code=1).stderr
    assert people() == before
    assert last_event() is None


def test_a_lost_phone(run, cast, logged_in):
    set_up(cast.alice)
    listed = json.loads(run("user", "list", "--json").stdout)
    with_it = [user["email"] for user in listed if user["second_factor"]]
    assert with_it == [cast.alice.email]
    run("user", "second-factor-off", cast.alice.email)
    assert not second_factor.has_second_factor(cast.alice)
    assert second_factor.recovery_codes_left(cast.alice) == 0
    assert last_event() == ("second_factor.off", cast.alice.email, "command line", "done")
    again = run("user", "second-factor-off", cast.alice.email, code=1)
    assert "has no second factor" in again.stderr


def test_a_disabled_user_is_out_and_comes_back_with_the_same_roles(run, cast, logged_in):
    run("user", "disable", cast.bob.email)
    bob = User.get_by_id(cast.bob.id)
    assert not bob.is_active
    assert not is_password(bob, PASSWORD)
    assert role_of(bob, cast.daily) is None
    assert sessions() == {"alice"}
    assert last_event() == ("user.disable", bob.email, "command line", "done")
    before = people()
    assert "is disabled already" in run("user", "disable", bob.email, code=1).stderr
    assert people() == before
    run("user", "enable", bob.email)
    bob = User.get_by_id(cast.bob.id)
    assert is_password(bob, PASSWORD)
    assert role_of(bob, cast.daily) is Role.POWER_USER
    assert last_event() == ("user.enable", bob.email, "command line", "done")
    assert "can log in already" in run("user", "enable", bob.email, code=1).stderr


def test_the_last_admin_of_a_unit_is_not_disabled(run, cast, logged_in):
    set_role(cast.alice, cast.weekly, Role.ADMIN)
    before, event = people(), last_event()
    refused = run("user", "disable", cast.alice.email, code=1).stderr
    assert "is the only admin of daily." in refused  # weekly has mallory too
    assert people() == before
    assert last_event() == event
    # One who cannot log in is no other admin.
    set_role(cast.bob, cast.daily, Role.ADMIN)
    run("user", "disable", cast.bob.email)
    assert "only admin of daily." in run("user", "disable", cast.alice.email, code=1).stderr
    assert User.get_by_id(cast.alice.id).is_active


def test_the_invites_of_a_disabled_admin_end(run, cast):
    set_role(cast.bob, cast.daily, Role.ADMIN)
    invite(cast.daily, "new@harbour.example", Role.USER, by=cast.bob)
    run("user", "disable", cast.bob.email)
    assert Invite.select().count() == 0


def test_no_import_changes_who_needs_a_second_factor(run, cast, tmp_path):
    phone_and_codes = set_up(cast.alice)
    digest, file = content_digest(cast.daily), tmp_path / "daily.dbk"
    run("backup", "export", "--unit", "daily", "-o", file)
    second_factor.require(cast.daily, True, by=cast.alice)
    assert content_digest(cast.daily) == digest
    factors = list(SecondFactor.select(SecondFactor.user, SecondFactor.last_step).tuples())
    run("backup", "import", file, "--unit", "daily", "--yes")
    run("backup", "import", file, "--unit", "weekly", "--yes", "--into-other-unit")
    assert Unit.get_by_id(cast.daily.id).admins_need_second_factor
    assert not Unit.get_by_id(cast.weekly.id).admins_need_second_factor
    assert list(SecondFactor.select(SecondFactor.user, SecondFactor.last_step).tuples()) == factors
    second_factor.take_code(cast.alice, phone_and_codes[1][0])


@pytest.mark.parametrize("command", ["password", "second-factor-off", "disable", "enable"])
def test_nobody_of_that_address_is_said_with_a_hint(run, cast, logged_in, command):
    before = people()
    refused = run("user", command, "nobody@harbour.example", code=1).stderr
    assert "There is no user nobody@harbour.example." in refused
    assert "hint:" in refused
    assert people() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["create", "new@harbour.example", "--unit", "daily", "--role", "user"],
            {"email": "new@harbour.example", "name": "new", "unit": "daily", "role": "user"},
        ),
        (
            ["remove", "rita@harbour.example", "--unit", "daily"],
            {"email": "rita@harbour.example", "unit": "daily", "was": "readonly"},
        ),
        (["password", "rita@harbour.example"], {"email": "rita@harbour.example"}),
        (["disable", "rita@harbour.example"], {"email": "rita@harbour.example", "active": False}),
        (["enable", "rita@harbour.example"], {"email": "rita@harbour.example", "active": True}),
    ],
)
def test_what_was_done_is_json_on_request(run, cast, monkeypatch, words, told):
    monkeypatch.setenv("DASHBOARD_USER_PASSWORD", NEW)
    if words[0] == "enable":
        run("user", "disable", words[1])
    result = run("user", *words, "--json")
    assert json.loads(result.stdout) == told
    assert told["email"] in result.stderr


def test_a_second_factor_that_is_off_is_json_on_request(run, cast):
    set_up(cast.alice)
    told = json.loads(run("user", "second-factor-off", cast.alice.email, "--json").stdout)
    assert told == {"email": cast.alice.email, "second_factor": False}


def test_a_refusal_of_every_such_command_has_its_code(run, cast):
    before = people()
    for words in (["password"], ["disable"], ["enable"], ["second-factor-off"]):
        result = run("user", *words, "nobody@harbour.example", "--json", code=1)
        assert json.loads(result.stdout)["error"]["code"] == "no_such_user"
    result = run("user", "remove", "nobody@harbour.example", "--unit", "daily", "--json", code=1)
    assert json.loads(result.stdout)["error"]["code"] == "no_such_member"
    assert people() == before
