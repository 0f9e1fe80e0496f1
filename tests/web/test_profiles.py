import pytest

from dashboard.models import Membership, Profile, ProfileRole, ProfileWorkspace, Workspace
from tests.web.unit_state import form, state_of


@pytest.fixture
def bob(client, cast, login):
    return login(client, cast.bob)


def inside(unit, uid="pf-all"):
    rows = ProfileWorkspace.of(unit).where(ProfileWorkspace.profile == uid)
    return [row.workspace for row in rows.order_by(ProfileWorkspace.position)]


def roles(unit, uid="pf-all"):
    return {row.role for row in ProfileRole.of(unit).where(ProfileRole.profile == uid)}


def chosen(user, unit):
    return Membership.get((Membership.user == user) & (Membership.unit == unit)).profile_uid


def test_the_list_shows_workspaces_in_order_and_roles(bob, cast):
    page = bob.get("/u/daily/profiles").text
    assert "Zwei – 二 😀, One" in page
    assert ">Admin</span>" in page
    assert "bar" in page


def test_admins_find_the_same_list_in_admin_settings(app, cast, login):
    page = login(app.test_client(), cast.alice).get("/u/daily/admin/profiles").text
    assert 'aria-current="page"' in page
    assert "Everything" in page
    assert "a private workspace, One" in page


def test_an_empty_list_says_what_to_do(bob, cast):
    Profile.delete().execute()
    assert "No profile yet" in bob.get("/u/daily/profiles").text


def test_a_profile_is_made_with_its_order_and_roles(bob, cast):
    data = form(cast.daily, name="New", workspace=["ws-one", "ws-two"], roles=["user", "readonly"])
    data |= {"place-ws-one": "2", "place-ws-two": "1"}
    assert bob.post("/u/daily/profiles/new", data=data).status_code == 303
    made = Profile.of(cast.daily).where(Profile.name == "New").get()
    assert made.position == 1
    assert inside(cast.daily, made.uid) == ["ws-two", "ws-one"]
    assert roles(cast.daily, made.uid) == {"user", "readonly"}


def test_a_profile_is_renamed_and_emptied(bob, cast):
    assert (
        bob.post("/u/daily/profiles/pf-all", data=form(cast.daily, name="Less")).status_code == 303
    )
    assert Profile.of(cast.daily).get().name == "Less"
    assert (inside(cast.daily), roles(cast.daily)) == ([], set())


def test_private_workspaces_of_others_stay_in_a_profile(app, cast, login):
    alice = login(app.test_client(), cast.alice)
    page = alice.get("/u/daily/profiles/pf-all").text
    assert "ws-two" not in page
    data = form(cast.daily, name="Everything", workspace=["ws-one", "ws-two"])
    alice.post("/u/daily/profiles/pf-all", data=data)
    assert inside(cast.daily) == ["ws-one", "ws-two"]
    data = form(cast.daily, name="New", workspace=["ws-two", "ws-none"])
    alice.post("/u/daily/profiles/new", data=data)
    made = Profile.of(cast.daily).where(Profile.name == "New").get()
    assert inside(cast.daily, made.uid) == []


@pytest.mark.parametrize(
    "bad", [{"name": ""}, {"name": "everyTHING"}, {"roles": "owner"}, {"name": "x" * 121}]
)
def test_a_bad_profile_is_refused_and_changes_nothing(bob, cast, bad):
    before = state_of(cast.daily)
    data = form(cast.daily, **{"name": "New", **bad})
    answer = bob.post("/u/daily/profiles/new", data=data)
    assert answer.status_code == 422
    assert "Save profile" in answer.text
    assert state_of(cast.daily) == before


def test_a_refused_form_keeps_what_was_chosen(bob, cast):
    data = form(cast.daily, name="", workspace="ws-one") | {"place-ws-one": "1"}
    page = bob.post("/u/daily/profiles/new", data=data).text
    assert 'value="ws-one" checked' in page
    assert 'value="ws-two" checked' not in page


@pytest.mark.parametrize("address", ["new", "pf-all", "pf-all/delete"])
def test_a_stale_page_changes_nothing(bob, cast, address):
    before = state_of(cast.daily)
    data = {"name": "Late", "revision": "99"}
    assert bob.post(f"/u/daily/profiles/{address}", data=data).status_code == 409
    assert state_of(cast.daily) == before


def test_deleting_asks_first_and_leaves_the_workspaces(bob, cast):
    assert "Delete the profile" in bob.get("/u/daily/profiles/pf-all/delete").text
    data = form(cast.daily)
    assert bob.post("/u/daily/profiles/pf-all/delete", data=data).status_code == 303
    assert Profile.of(cast.daily).count() == 0
    assert Workspace.of(cast.daily).count() == 2
    assert Profile.of(cast.weekly).count() == 1


def test_a_member_chooses_a_profile_and_shows_all_again(app, cast, login):
    ursula = login(app.test_client(), cast.ursula)
    before = state_of(cast.daily)
    assert ursula.post("/u/daily/profile", data={"profile": "pf-all"}).status_code == 303
    assert chosen(cast.ursula, cast.daily) == "pf-all"
    ursula.post("/u/daily/profile", data={"profile": ""})
    assert chosen(cast.ursula, cast.daily) is None
    assert state_of(cast.daily) == before


def test_a_profile_of_other_roles_cannot_be_chosen(app, cast, login):
    rita = login(app.test_client(), cast.rita)
    assert rita.post("/u/daily/profile", data={"profile": "pf-all"}).status_code == 422
    assert chosen(cast.rita, cast.daily) is None
