"""Requests of an admin, recorded and sent again by somebody else: nothing comes of any of them."""

from dataclasses import replace

import pytest

from dashboard.models import AuditEvent
from tests.web.deeds import as_alice, deeds, steady
from tests.web.doors import Visitor, doors, everything, rolled_back, unchanged, world
from tests.web.test_access import EXPECTED
from tests.web.test_access_matrix import ACTORS, arrive, refusal
from tests.web.unit_state import state_of

__all__ = ["deeds", "steady", "world"]
# What nobody recorded: it needs no admin, or does not work after the set-up or before an import.
NO_DEEDS = {"auth.log_in", "invites.join", "setup.create", "backups.undo"}
# Everybody has these, for the own account; test_account and test_second_factor try others' things.
NO_DEEDS |= {"account.change_password", "account.end_session", "account.end_others"}
NO_DEEDS |= {"second_factor.turn_on", "second_factor.turn_off", "second_factor.renew_codes"}
NO_DEEDS |= {"second_step.check"}
# Needs an admin with a second factor: test_second_factor_rule.
NO_DEEDS |= {"members.require_second_factor"}
NO_DEEDS |= {"access_tokens.new", "access_tokens.revoke"}  # test_access_tokens has them
# By tokens: test_api_access.
NO_DEEDS |= {name for name, expected in EXPECTED.items() if expected[0] == "token"}


def test_there_is_a_deed_for_every_post(app, deeds):
    posts = {door.endpoints["POST"] for door in doors(app) if "POST" in door.endpoints}
    assert {deed.endpoint for deed in deeds} == posts - NO_DEEDS
    assert len(deeds) == len(posts - NO_DEEDS)


@pytest.mark.slow
def test_every_deed_works_for_the_admin(app, world, login, deeds, steady):
    """Else the tests that tamper with them would prove nothing."""
    alice, wrong = as_alice(app, world, login), {}
    for deed in deeds:
        before = everything(), AuditEvent.select().count()
        with rolled_back():
            answer = deed.send(alice)
            is_done = (everything(), AuditEvent.select().count()) != before
            if answer.status_code >= 400 or not (is_done or deed.endpoint in ONLY_LOOKS):
                wrong[deed.endpoint] = (answer.status_code, is_done, answer.text[-2000:])
        assert everything() == before[0]
    assert wrong == {}


ONLY_LOOKS = {"backups.cancel", "changes.fields", "plugins.preview_config"}
# What these name is in daily alone: a ticket, an upload, a job, a row of daily's.
TIED_TO_DAILY = {
    "backups.import_",
    "backups.renew",
    "backups.cancel",
    "backups.delete_copy",
    "changes.fields",
    "plugins.import_config",
    "workspaces.settings",
    "workspaces.delete",
    "workspaces.move",
    "workspaces.remove_picture",
    "workspace_files.copy",
    "applications.act",
    "applications.move",
    "applications.remove",
    "profiles.edit",
    "profiles.delete",
    "profiles.move",
    "keystore.edit",
    "keystore.delete",
    "members.edit",
    "members.remove",
}
# One of each standing, and those who were admins when it was recorded; the matrix has them all.
OTHERS = ("nobody", "half", "olga", "mallory", "rita", "ursula", "bob", "demoted", "removed",
          "disabled")  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_nobody_else_can_send_it_again(app, world, login, deeds, steady, name):
    """With the cookie and the token of another, in the same unit."""
    other, wrong, tried = arrive(name, app, world, login), {}, 0
    with unchanged():
        for deed in deeds:
            wanted = refusal(ACTORS[name], EXPECTED[deed.endpoint][0])
            if wanted is None:
                continue
            answer, tried = deed.send(other), tried + 1
            if answer.status_code != wanted:
                wrong[deed.endpoint] = answer.status_code
    assert wrong == {}
    assert tried >= (24 if name == "bob" else 44)


@pytest.mark.slow
def test_nobody_else_can_send_it_to_the_own_unit(app, world, login, deeds, steady):
    """Mallory is admin of weekly: what she recorded in daily does nothing to daily from there."""
    mallory = arrive("mallory", app, world, login)
    before = {name: state_of(getattr(world.cast, name)) for name in ("daily", "weekly")}
    for deed in deeds:
        with rolled_back():
            answer = replace(deed, address=deed.address.replace("/u/daily/", "/u/weekly/")).send(
                mallory
            )
            assert state_of(world.cast.daily) == before["daily"], deed.endpoint
            if deed.endpoint in TIED_TO_DAILY:
                assert 400 <= answer.status_code < 500, deed.endpoint
                assert state_of(world.cast.weekly) == before["weekly"], deed.endpoint


@pytest.mark.parametrize("which", ["cookie of bob", "token of bob", "token of a stranger"])
def test_cookie_and_token_belong_together(app, world, login, deeds, steady, which):
    alice, bob = as_alice(app, world, login), arrive("bob", app, world, login)
    stranger = arrive("nobody", app, world, login).with_token()
    mixed = Visitor(app.test_client())
    mixed.cookie = bob.cookie if which == "cookie of bob" else alice.cookie
    mixed.token = {
        "cookie of bob": alice.token,
        "token of bob": bob.token,
        "token of a stranger": stranger.token,
    }[which]
    with unchanged():
        wrong = {
            deed.endpoint: status
            for deed in deeds
            if (status := deed.send(mixed).status_code) not in (400, 403)
        }
    assert wrong == {}


def test_everything_is_dead_after_logging_out(app, world, login, deeds, steady):
    alice = as_alice(app, world, login)
    assert alice.send("POST", "/logout").status_code == 303
    with unchanged():
        for deed in deeds:
            assert deed.send(alice).location.startswith("/login"), deed.endpoint
