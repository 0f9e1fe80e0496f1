import re

import pytest

from dashboard import backup
from dashboard.models import (
    Membership,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    Role,
    Workspace,
    changing,
    room,
)
from dashboard.models.people import set_role
from tests.backup.conftest import bring_in, engine, make_backup
from tests.web.unit_state import form, state_of

__all__ = ["bring_in", "engine", "make_backup"]


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
    assert "One more workspace in this profile cannot be shown here" in page
    alice.post("/u/daily/profiles/pf-all", data=data)
    assert inside(cast.daily) == ["ws-two", "ws-one"]  # each where it was
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


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([], "nobody finds it in the user menu"),
        (["user"], "Members with the role User find it"),
        (["admin", "user", "readonly"], "Members with the role Admin, User and Readonly find it"),
        (["admin", "power_user", "user", "readonly"], "Every member finds it"),
    ],
)
def test_who_will_see_it_is_said_plainly(bob, cast, chosen, words):
    bob.post("/u/daily/profiles/pf-all", data=form(cast.daily, name="Some", roles=chosen))
    assert words in bob.get("/u/daily/profiles").text


def test_roles_say_how_many_members_they_mean(bob, cast):
    page = bob.get("/u/daily/profiles/pf-all").text
    assert "Admin (1 member)" in page
    set_role(cast.rita, cast.daily, Role.USER)
    page = bob.get("/u/daily/profiles/pf-all").text
    assert "Readonly (no members)" in page
    assert "User (2 members)" in page


def test_workspaces_of_equal_numbers_keep_their_order(bob, cast):
    data = form(cast.daily, name="Everything", workspace=["ws-one", "ws-two"])
    bob.post("/u/daily/profiles/pf-all", data=data)
    assert inside(cast.daily) == ["ws-two", "ws-one"]


def test_deleting_says_who_had_chosen_it(bob, cast):
    assert "Nobody has chosen it" in bob.get("/u/daily/profiles/pf-all/delete").text
    Membership.update(profile_uid="pf-all").where(Membership.user == cast.ursula).execute()
    assert "One member has chosen it" in bob.get("/u/daily/profiles/pf-all/delete").text


@pytest.mark.parametrize("table", [Profile, ProfileWorkspace, ProfileRole])
def test_a_unit_without_room_takes_no_more(bob, cast, monkeypatch, table):
    monkeypatch.setitem(room.ROOM, table, (table.of(cast.daily).count(), "things"))
    before = state_of(cast.daily)
    data = form(cast.daily, name="New", workspace="ws-one", roles="user")
    answer = bob.post("/u/daily/profiles/new", data=data)
    assert answer.status_code == 422
    assert "There is no room for this" in answer.text
    assert 'value="New"' in answer.text
    assert state_of(cast.daily) == before


def test_profiles_are_chosen_from_a_list_too(app, cast, login):
    ursula = login(app.test_client(), cast.ursula)
    page = ursula.get("/u/daily/profile").text
    main = page[page.index("<main") :]
    assert re.search(r'value="" class="menu__item" aria-pressed="true"', main)
    assert 'value="pf-all"' in main
    assert "No profile found" in ursula.get("/u/daily/profile?q=none").text
    rita = login(app.test_client(), cast.rita).get("/u/daily/profile").text
    assert 'value="pf-all"' not in rita


def bar_of(client):
    page = client.get("/u/daily/", follow_redirects=True).text
    bar = page[page.index('class="bar"') : page.index("<main")]
    shows_all = re.search(r'value="" class="menu__item" aria-pressed="(\w+)"', page)[1]
    return re.findall(r"/u/daily/w/([\w-]+)", bar), shows_all == "true"


@pytest.fixture
def ursula(app, cast, login):
    """Ursula, who has chosen the profile that shows her one of two workspaces."""
    Workspace.create(unit=cast.daily, uid="ws-new", name="New", icon_text="N", position=9)
    ursula = login(app.test_client(), cast.ursula)
    ursula.post("/u/daily/profile", data={"profile": "pf-all"})
    assert bar_of(ursula) == (["ws-one"], False)
    return ursula


def spoil(cast, how):
    with changing(cast.daily, "profile.change", by=cast.bob):
        if how == "deleted":
            Profile.delete().where(Profile.unit == cast.daily).execute()
        else:
            Profile.update(name="Other").where(Profile.unit == cast.daily).execute()
            ProfileWorkspace.delete().where(ProfileWorkspace.unit == cast.daily).execute()


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_a_choice_is_back_after_an_import(ursula, cast, make_backup, bring_in, how):
    saved = make_backup(cast.daily)
    spoil(cast, how)
    if how == "deleted":
        assert bar_of(ursula) == (["ws-one", "ws-new"], True)  # everything, while it is gone
    for _ in range(2):
        bring_in(cast.daily, cast.alice, saved)
        assert bar_of(ursula) == (["ws-one"], False)
    assert chosen(cast.ursula, cast.daily) == "pf-all"


def test_a_choice_is_back_after_an_undo(ursula, cast, make_backup, bring_in, engine):
    spoil(cast, "deleted")
    without = make_backup(cast.daily)
    assert bar_of(ursula)[1]
    with changing(cast.daily, "profile.create", by=cast.bob):
        bring_the_profile_back(cast)
    assert not bar_of(ursula)[1]
    bring_in(cast.daily, cast.alice, without)
    assert bar_of(ursula) == (["ws-one", "ws-new"], True)
    token, _ = backup.prepare_undo(cast.daily, cast.alice, engine)
    backup.import_ticket(cast.daily, cast.alice, token, engine)
    assert bar_of(ursula) == (["ws-one"], False)


def bring_the_profile_back(cast):
    Profile.create(unit=cast.daily, uid="pf-all", name="Everything")
    ProfileWorkspace.create(unit=cast.daily, profile="pf-all", position=0, workspace="ws-one")
    ProfileRole.create(unit=cast.daily, profile="pf-all", role="user")


def test_whoever_shows_all_meanwhile_keeps_that(ursula, cast, make_backup, bring_in):
    saved = make_backup(cast.daily)
    ursula.post("/u/daily/profile", data={"profile": ""})
    bring_in(cast.daily, cast.alice, saved)
    assert bar_of(ursula) == (["ws-one", "ws-new"], True)


@pytest.mark.parametrize(
    ("name", "offered", "not_offered"),
    [
        ("alice", "Edit this profile", "ask an admin"),
        ("ursula", "ask an admin", "Edit this profile"),
    ],
)
def test_an_empty_profile_says_what_each_can_do(app, cast, login, name, offered, not_offered):
    ProfileWorkspace.delete().where(ProfileWorkspace.unit == cast.daily).execute()
    user = getattr(cast, name)
    Membership.update(profile_uid="pf-all").where(Membership.user == user).execute()
    browser = login(app.test_client(), user)
    page = browser.get("/u/daily/").text
    assert offered in page
    assert not_offered not in page
    assert "Show all workspaces" in page
