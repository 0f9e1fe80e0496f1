"""Access tokens on the account page: made, shown once, revoked; and what ends them."""

import hashlib
import json
import logging
import re

import pytest

from dashboard.models import ApiToken, AuditEvent, Role, Session, standing, tokens
from dashboard.models.events import detail_of
from dashboard.models.people import NotAdmin, PeopleError, set_password, set_role
from dashboard.models.tokens import DAY_SECONDS, Scope
from tests import sqlite
from tests.factories import make_user
from tests.web.api import EVERY, Script, make_token

GOOD = {"name": "nightly", "scopes": ["status", "export"], "unit": "daily", "days": "30"}
SECRET = re.compile(r'id="token" value="(dbt_[A-Za-z0-9_-]{43})"')


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def make(client, **changed):
    return client.post("/account/tokens/new", data=GOOD | changed)


def test_a_token_is_made_and_shown_once(alice, cast, app):
    answer = make(alice)
    secret = SECRET.search(answer.text)[1]
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    row = ApiToken.get()
    assert (row.user, row.unit, row.scopes) == (cast.alice, cast.daily, "export status")
    assert row.token_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert row.expires_at - row.created_at == 30 * DAY_SECONDS
    page = alice.get("/account").text
    assert "nightly" in page
    assert secret not in page
    assert "export, status in Harbour Daily" in page
    assert "not used yet" in page
    assert Script(app, secret).ask("GET", "/units/daily").status_code == 200
    assert "last used" in alice.get("/account").text


def test_a_reload_of_the_text_makes_no_other_token(alice):
    page = alice.get("/account/tokens/new").text
    number = re.search(r'name="once" value="([^"]+)"', page)[1]
    assert make(alice, once=number, days="0").status_code == 422  # nothing was answered yet
    assert make(alice, once=number).status_code == 200
    again = make(alice, once=number)
    assert (again.status_code, again.location) == (303, "/account")
    assert "Its text was shown once" in alice.get("/account").text
    assert ApiToken.select().count() == 1


def test_only_the_last_forms_are_remembered(alice):
    for number in range(25):
        assert make(alice, once=f"form-{number}" + "x" * 100).status_code in (200, 422)
    assert len(json.loads(Session.get().data)["spent_forms"]) <= 20


def test_the_text_of_a_token_is_nowhere_else(alice, folders, caplog, app):
    with caplog.at_level(logging.DEBUG):
        secret = SECRET.search(make(alice).text)[1]
        Script(app, secret).ask("GET", "/units")
        Script(app, secret).ask("GET", "/no-such-thing")
    assert secret not in caplog.text
    assert secret not in repr(sqlite.everything(folders.data))


def test_it_is_in_the_audit_log_without_its_text(alice, cast):
    secret = SECRET.search(make(alice).text)[1]
    label = ApiToken.get().label
    alice.post(f"/account/tokens/{ApiToken.get().uid}/revoke")
    made, ended = AuditEvent.select().order_by(AuditEvent.id)
    assert (made.action, made.subject, made.user_email) == (
        "token.create", label, cast.alice.email
    )  # fmt: skip
    assert detail_of(made) == {"scopes": "export status", "valid_in": "daily"}
    assert (ended.action, ended.subject) == ("token.revoke", label)
    assert secret not in made.detail + ended.detail
    assert "Made an access token" in alice.get("/account").text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "Type a name."),
        ({"name": "n" * 61}, "Use 1 to 60 characters."),
        ({"scopes": []}, "Choose what the token may do."),
        ({"scopes": ["everything"]}, "not a valid choice"),
        ({"unit": "weekly"}, "Not a valid choice."),
        ({"days": "0"}, "1 to 366"),
        ({"days": "367"}, "1 to 366"),
        ({"days": ""}, "1 to 366"),
    ],
)
def test_what_is_not_right_makes_none(alice, wrong, says):
    answer = make(alice, **wrong)
    assert answer.status_code == 422
    assert says in answer.text
    assert ApiToken.select().count() == 0


def test_twenty_are_enough(alice, cast):
    for number in range(tokens.TOKENS_MAX):
        tokens.make(cast.alice, f"number {number}", [Scope.STATUS], None, 1)
    answer = make(alice)
    assert answer.status_code == 422
    assert "You have 20 access tokens. Revoke one first." in answer.text
    assert ApiToken.select().count() == tokens.TOKENS_MAX
    ApiToken.update(expires_at=1).where(ApiToken.name == "number 0").execute()
    assert make(alice).status_code == 200
    assert ApiToken.select().count() == tokens.TOKENS_MAX


def test_a_revoked_token_is_dead_and_others_live(alice, cast, app):
    (one, first), (_, second) = make_token(cast.alice), make_token(cast.alice)
    answer = alice.post(f"/account/tokens/{one.uid}/revoke")
    assert answer.location == "/account"
    assert "The access token nightly does not work any more." in alice.get("/account").text
    assert Script(app, first).ask("GET", "/units").status_code == 401
    assert Script(app, second).ask("GET", "/units").status_code == 200


def test_nobody_revokes_anothers(client, login, cast):
    row, _ = make_token(cast.alice)
    bob = login(client, cast.bob)
    found, missing = (bob.post(f"/account/tokens/{uid}/revoke") for uid in (row.uid, "0" * 32))
    assert (found.status_code, found.location) == (missing.status_code, missing.location)
    assert ApiToken.select().count() == 1
    assert AuditEvent.select().where(AuditEvent.action == "token.revoke").count() == 0


def test_an_old_login_is_asked_for_the_password_first(client, login, cast):
    browser = login(client, cast.alice, fresh=False)
    assert make(browser).location.startswith("/confirm")
    assert browser.get("/account/tokens/new").location.startswith("/confirm")
    row, _ = make_token(cast.alice)
    assert browser.post(f"/account/tokens/{row.uid}/revoke").location.startswith("/confirm")
    assert ApiToken.select().count() == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda user: set_password(user, "quiet harbour, slow tide"),
        lambda user: set_password(user, "quiet harbour, slow tide", by="command line"),
        lambda user: standing.disable(user, by="command line"),
    ],
    ids=["new password", "given a password", "disabled"],
)
def test_what_ends_sessions_ends_tokens(app, cast, act):
    make_user("ann", daily=Role.ADMIN)  # else alice could not be disabled
    kept = make_token(cast.mallory)[1]
    secret = make_token(cast.alice)[1]
    act(cast.alice)
    assert [row.user for row in ApiToken.select()] == [cast.mallory]
    assert Script(app, secret).ask("GET", "/units").status_code == 401
    assert Script(app, kept).ask("GET", "/units").status_code == 200
    if not cast.alice.is_active:
        standing.enable(cast.alice, by="command line")
        assert Script(app, secret).ask("GET", "/units").status_code == 401


def test_only_an_admin_of_the_unit_makes_one_for_it(client, login, cast):
    with pytest.raises(NotAdmin):
        make_token(cast.bob, EVERY, cast.daily)
    set_role(cast.bob, cast.daily, Role.ADMIN)
    make_token(cast.bob, EVERY, cast.daily)
    assert ApiToken.select().count() == 1


@pytest.mark.parametrize(("scopes", "days"), [([], 90), (EVERY, 0), (EVERY, 367)])
def test_the_rule_holds_below_the_form(cast, scopes, days):
    with pytest.raises(PeopleError):
        tokens.make(cast.alice, "x", scopes, None, days)
    assert ApiToken.select().count() == 0


def test_the_last_use_is_written_every_ten_minutes_at_most(app, cast):
    secret = make_token(cast.alice)[1]
    script = Script(app, secret)
    script.ask("GET", "/units")
    first = ApiToken.get().last_used_at
    ApiToken.update(last_used_at=first - tokens.TOUCH_SECONDS + 60).execute()
    script.ask("GET", "/units")
    assert ApiToken.get().last_used_at == first - tokens.TOUCH_SECONDS + 60
    ApiToken.update(last_used_at=first - tokens.TOUCH_SECONDS).execute()
    script.ask("GET", "/units")
    assert ApiToken.get().last_used_at >= first
