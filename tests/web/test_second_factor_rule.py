"""A unit that asks its admins for a second factor."""

import pytest

from dashboard.models import (
    Role,
    Unit,
    second_factor,
)
from dashboard.models.people import set_role
from tests.factories import PASSWORD
from tests.web.authenticator import PAGE, events, owner, phone_for
from tests.web.unit_state import revision, state_of

__all__ = ["owner"]


RULE = "/u/daily/admin/second-factor"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


@pytest.fixture
def strict(cast, owner):
    """The unit `daily` asks its admins for a second factor, and only alice has one."""
    second_factor.require(cast.daily, True, by=cast.alice)
    set_role(cast.bob, cast.daily, Role.ADMIN)
    return cast.daily


def test_only_an_admin_who_has_one_can_ask_for_it(alice, cast):
    assert "Set up yours" in alice.get("/u/daily/admin/members").text
    answer = alice.post(RULE, data={"required": "yes"})
    assert answer.status_code == 422
    assert "Set up your own second factor first" in answer.text
    assert not Unit.get_by_id(cast.daily.id).admins_need_second_factor
    assert events("unit.second_factor") == []


def test_it_is_asked_for_and_no_more(owner, cast):
    browser = owner[0]
    before = revision(cast.daily), state_of(cast.daily)
    for required in ("yes", "no"):
        assert f'value="{required}"' in browser.get("/u/daily/admin/members").text
        assert browser.post(RULE, data={"required": required}).status_code == 303
        assert Unit.get_by_id(cast.daily.id).admins_need_second_factor is (required == "yes")
        assert not Unit.get_by_id(cast.weekly.id).admins_need_second_factor
    assert events("unit.second_factor") == [(cast.alice.email, "done")] * 2
    assert (revision(cast.daily), state_of(cast.daily)) == before


@pytest.mark.parametrize("required", ["", "maybe", None])
def test_the_switch_says_what_it_wants(owner, cast, required):
    data = {} if required is None else {"required": required}
    assert owner[0].post(RULE, data=data).status_code == 422
    assert not Unit.get_by_id(cast.daily.id).admins_need_second_factor


def test_the_members_page_shows_who_has_one(owner):
    page = owner[0].get("/u/daily/admin/members").text
    assert page.count('data-label="Second factor:"><span class="tag tag--success">on') == 1
    assert page.count('data-label="Second factor:"><span class="tag tag--neutral">off') == 3


def test_an_admin_without_one_is_led_to_it_first(app, strict, cast, login, as_htmx):
    bob = login(app.test_client(), cast.bob)
    answer = bob.get("/u/daily/admin/members")
    assert (answer.status_code, answer.location) == (
        303,
        f"{PAGE}?next=/u/daily/admin/members",
    )
    answer = bob.get("/u/daily/admin/members", headers=as_htmx)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith(PAGE)
    before = state_of(cast.daily)
    answer = bob.post("/u/daily/workspaces/new", data={"name": "New", "layout": "1"})
    assert answer.location.startswith(PAGE)
    assert state_of(cast.daily) == before
    assert events("access.refuse") == [(cast.bob.email, "refused")]

    page = bob.get(f"{PAGE}?next=/u/daily/admin/members").text
    assert "Harbour Daily asks every admin for a second factor." in page
    phone = phone_for(page)
    typed = {"code": phone.code(), "password": PASSWORD}
    answer = bob.post(f"{PAGE}?next=/u/daily/admin/members", data=typed)
    assert 'href="/u/daily/admin/members"' in answer.text
    assert bob.get("/u/daily/admin/members").status_code == 200


def test_everybody_else_is_left_alone(app, strict, cast, login):
    for user in (cast.ursula, cast.rita):
        assert login(app.test_client(), user).get("/u/daily/w/ws-one").status_code == 200
    mallory = login(app.test_client(), cast.mallory)
    assert mallory.get("/u/weekly/admin/members").status_code == 200
    assert mallory.get("/u/daily/admin/members").status_code == 404


def test_the_own_role_elsewhere_is_not_touched(app, strict, cast, login):
    set_role(cast.bob, cast.weekly, Role.ADMIN)
    bob = login(app.test_client(), cast.bob)
    assert bob.get("/u/weekly/admin/members").status_code == 200


def test_switching_it_off_closes_the_unit_again(strict, owner):
    browser, phone, _ = owner
    assert browser.get("/u/daily/admin/members").status_code == 200
    browser.post(f"{PAGE}/off", data={"code": phone.code()})
    assert browser.get("/u/daily/admin/members").location.startswith(PAGE)
