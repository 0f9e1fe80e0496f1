import re

import pytest

from dashboard.models import (
    Application,
    AuditEvent,
    ConfigKey,
    Membership,
    Plugin,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    Role,
    Unit,
    Workspace,
    people,
)
from dashboard.models.invites import invite
from dashboard.models.people import set_role
from dashboard.web import shell
from tests import factories


def labels(page):
    """What the user menu offers, from top to bottom."""
    menu = re.search(r'<nav id="user-menu".*?</nav>', page, re.DOTALL)[0]
    items = re.findall(r"<(?:a|button)[^>]*>(.*?)</(?:a|button)>", menu, re.DOTALL)
    return [re.sub(r"<[^>]+>", "", item).strip() for item in items]


def page_of(client, slug="daily"):
    return client.get(f"/u/{slug}/", follow_redirects=True).text


def names(workspaces):
    return [workspace.uid for workspace in workspaces]


@pytest.fixture
def empty_unit(cast):
    unit = factories.make_unit("empty", "Empty Unit")
    for user, role in ((cast.alice, Role.ADMIN), (cast.rita, Role.READONLY)):
        set_role(user, unit, role)
    return unit


def choose(user, unit, **columns):
    member = (Membership.user == user) & (Membership.unit == unit)
    Membership.update(**columns).where(member).execute()


def test_the_start_page_leads_to_the_only_unit(client, cast, login):
    login(client, cast.ursula)
    assert client.get("/").location == "/u/daily/"


def test_the_start_page_lets_choose_among_several(client, cast, login, empty_unit):
    login(client, cast.alice)
    assert client.get("/").location == "/units"
    page = client.get("/units").text
    assert 'href="/u/daily/"' in page
    assert 'href="/u/empty/"' in page
    assert "Coast Weekly" not in page


def test_a_card_tells_the_role(client, cast, login):
    login(client, cast.bob)
    assert "Power user" in client.get("/units").text


def test_who_is_in_no_unit_is_told_whom_to_ask(client, cast, login):
    login(client, cast.olga)
    assert client.get("/").location == "/units"
    assert "olga@harbour.example" in client.get("/units").text


def test_a_unit_opens_at_its_first_workspace(client, cast, login):
    login(client, cast.ursula)
    assert client.get("/u/daily/").location == "/u/daily/w/ws-one"


def test_a_unit_opens_where_the_member_was(client, cast, login):
    choose(cast.bob, cast.daily, workspace_uid="ws-two")
    login(client, cast.bob)
    assert client.get("/u/daily/").location == "/u/daily/w/ws-two"


@pytest.mark.parametrize("uid", ["ws-two", "gone"])
def test_a_workspace_that_cannot_be_seen_any_more_is_not_opened(client, cast, login, uid):
    choose(cast.ursula, cast.daily, workspace_uid=uid)
    login(client, cast.ursula)
    assert client.get("/u/daily/").location == "/u/daily/w/ws-one"


def test_an_empty_unit_says_how_to_begin(client, cast, login, empty_unit):
    login(client, cast.alice)
    page = client.get("/u/empty/").text
    assert "New workspace" in page
    assert 'href="/u/empty/admin/backup"' in page


def test_an_empty_unit_offers_nothing_to_those_who_may_not(client, cast, login, empty_unit):
    login(client, cast.rita)
    page = client.get("/u/empty/").text
    assert "No workspace yet" in page
    assert "New workspace" not in page
    assert "/admin/" not in page


def steps_on(page):
    """The checklist: title -> (state, done)."""
    found = re.findall(
        r'checklist__step(--done)?">.*?<h3>([^<]+)<.*?checklist__state">([^<]+)<', page, re.DOTALL
    )
    return {title: (state, bool(done)) for done, title, state in found}


def test_the_first_steps_tell_what_is_there(client, cast, login, empty_unit):
    login(client, cast.alice)
    assert steps_on(client.get("/u/empty/").text) == {
        "Config key store": ("none", False),
        "Plugins": ("none", False),
        "Workspaces": ("none", False),
        "Profiles": ("none", False),
        "Members": ("2 members", True),
    }
    ConfigKey.create(unit=empty_unit, name="A", type="string", value="")
    for number, active in enumerate((True, False, False)):
        Plugin.create(unit=empty_unit, bundle=f"a.b{number}", name="P", version="1", active=active)
    Workspace.create(unit=empty_unit, uid="w", name="Desk", icon_text="D")
    set_role(cast.rita, empty_unit, None)
    invite(empty_unit, "new@harbour.example", Role.USER, by=cast.alice)
    page = client.get("/u/empty/").text
    assert steps_on(page) == {
        "Config key store": ("1 key", True),
        "Plugins": ("1 of 3 active", True),
        "Workspaces": ("1 workspace", True),
        "Profiles": ("none", False),
        "Members": ("only you, 1 open invite", False),
    }
    assert "3 of 5 done" in page
    assert "Open Desk" in page


@pytest.mark.parametrize("what", ["all steps", "an application"])
def test_the_first_steps_go_when_they_are_done_or_the_unit_is_in_use(
    client, cast, login, empty_unit, what
):
    login(client, cast.alice)
    Workspace.create(unit=empty_unit, uid="w", name="Desk", icon_text="D")
    assert steps_on(client.get("/u/empty/").text)
    if what == "an application":
        Application.create(unit=empty_unit, workspace="w", uid="a", bundle="a.b")
    else:
        ConfigKey.create(unit=empty_unit, name="A", type="string", value="")
        Plugin.create(unit=empty_unit, bundle="a.b", name="P", version="1", active=True)
        Profile.create(unit=empty_unit, uid="p", name="P")
    assert client.get("/u/empty/").location == "/u/empty/w/w"


def test_who_is_no_admin_sees_no_first_steps(client, cast, login, empty_unit):
    Workspace.create(unit=empty_unit, uid="w", name="Desk", icon_text="D")
    login(client, cast.rita)
    assert client.get("/u/empty/").location == "/u/empty/w/w"


def test_the_first_steps_cost_few_queries(client, cast, login, empty_unit, query_count):
    login(client, cast.alice)
    with query_count() as queries:
        client.get("/u/empty/")
    assert len(queries) <= 18, queries


NEW_UNIT = {"name": "Night Desk", "slug": "night-desk"}


def test_an_admin_makes_a_unit_and_is_its_admin(client, cast, login):
    login(client, cast.alice)
    assert "New unit" in client.get("/units").text
    answer = client.post("/units/new", data=NEW_UNIT)
    assert (answer.status_code, answer.location) == (303, "/u/night-desk/")
    made = Unit.get(Unit.slug == "night-desk")
    members = Membership.select().where(Membership.unit == made)
    assert [(row.user, row.role) for row in members] == [(cast.alice, Role.ADMIN)]
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.subject, event.user_email) == (
        "unit.create", "Night Desk", cast.alice.email,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["bob", "ursula", "rita", "olga"])
def test_who_is_admin_nowhere_makes_none(client, cast, login, name):
    login(client, getattr(cast, name))
    assert "New unit" not in client.get("/units").text
    assert client.get("/units/new").status_code == 403
    assert client.post("/units/new", data=NEW_UNIT).status_code == 403
    assert Unit.select().count() == 2


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"name": ""}, "Type a name."),
        ({"slug": "Night Desk"}, "lower-case letters"),
        ({"slug": "daily"}, "There is a unit daily already."),
        ({"slug": "x" * 41}, "lower-case letters"),
    ],
)
def test_a_bad_unit_is_not_made(client, cast, login, bad, words):
    login(client, cast.alice)
    answer = client.post("/units/new", data=NEW_UNIT | bad)
    assert answer.status_code == 422
    assert words in answer.text
    assert (Unit.select().count(), Membership.select().count()) == (2, 5)


def test_a_server_has_only_so_many_units(client, cast, login, monkeypatch):
    monkeypatch.setattr(people, "UNITS_MAX", 2)
    login(client, cast.alice)
    assert "A server has at most 2 units." in client.post("/units/new", data=NEW_UNIT).text
    assert Unit.select().count() == 2


def test_the_list_tells_which_unit_is_open_and_can_be_searched(client, cast, login, empty_unit):
    login(client, cast.alice)
    page = client.get("/units", query_string={"here": "daily"}).text
    assert re.search(r'href="/u/daily/" aria-current="true"', page)
    assert page.count("aria-current") == 1
    for wanted in ("EMPTY", "unit emp"):
        page = client.get("/units", query_string={"q": wanted}).text
        assert 'href="/u/empty/"' in page
        assert 'href="/u/daily/"' not in page
    page = client.get("/units", query_string={"q": "weekly"}).text  # not one of hers
    assert "No unit found" in page


def test_the_menu_leads_to_the_list_with_the_open_unit_marked(client, cast, login):
    login(client, cast.alice)
    assert 'href="/units?here=daily"' in page_of(client)


def test_admin_settings_open_at_backup(client, cast, login):
    login(client, cast.alice)
    assert client.get("/u/daily/admin/").location == "/u/daily/admin/backup"


def test_a_private_workspace_is_its_owners_alone(cast):
    everybody = (cast.alice, cast.bob, cast.ursula, cast.rita)
    seen = {
        user.name: names(shell.visible_workspaces(cast.daily, user, None)) for user in everybody
    }
    assert seen == {
        "Alice": ["ws-one"],
        "Bob": ["ws-one", "ws-two"],
        "Ursula": ["ws-one"],
        "Rita": ["ws-one"],
    }
    private = Workspace.of(cast.daily).where(Workspace.uid == "ws-two").get()
    assert [user.name for user in everybody if shell.can_see(private, user)] == ["Bob"]


def test_an_owner_is_found_however_the_address_is_written(cast):
    Workspace.update(owner_email="Bob@Harbour.EXAMPLE").where(Workspace.uid == "ws-two").execute()
    private = Workspace.of(cast.daily).where(Workspace.uid == "ws-two").get()
    assert shell.can_see(private, cast.bob)
    assert "ws-two" in names(shell.visible_workspaces(cast.daily, cast.bob, None))


def test_a_private_workspace_without_an_owner_is_nobodys(cast):
    Workspace.update(owner_email=None).where(Workspace.uid == "ws-two").execute()
    assert "ws-two" not in names(shell.visible_workspaces(cast.daily, cast.bob, None))


def test_a_profile_brings_its_workspaces_in_its_order(cast):
    assert names(shell.visible_workspaces(cast.daily, cast.bob, "pf-all")) == ["ws-two", "ws-one"]
    assert names(shell.visible_workspaces(cast.daily, cast.alice, "pf-all")) == ["ws-one"]


def test_a_workspace_that_is_twice_in_a_profile_is_once_in_the_bar(cast):
    ProfileWorkspace.create(unit=cast.daily, profile="pf-all", position=9, workspace="ws-two")
    assert names(shell.visible_workspaces(cast.daily, cast.bob, "pf-all")) == ["ws-two", "ws-one"]


def test_all_means_by_position_then_by_name(cast):
    for uid, name, position in (("b", "Bee", 1), ("a", "Ant", 1), ("z", "Zoo", 0)):
        Workspace.create(
            unit=cast.daily, uid=uid, name=name, position=position, icon_text=uid, shared=True
        )
    found = names(shell.visible_workspaces(cast.daily, cast.alice, None))
    assert found == ["ws-one", "z", "a", "b"]


def test_a_profile_is_offered_to_its_roles_only(client, app, cast, login):
    offered = {
        name: "Everything" in page_of(login(app.test_client(), getattr(cast, name)))
        for name in ("alice", "bob", "ursula", "rita")
    }
    assert offered == {"alice": True, "bob": False, "ursula": True, "rita": False}


@pytest.mark.parametrize("change", ["gone", "not for this role"])
def test_a_chosen_profile_that_cannot_be_seen_shows_all(client, cast, login, change):
    choose(cast.ursula, cast.daily, profile_uid="pf-all")
    if change == "gone":
        Profile.delete().where((Profile.unit == cast.daily) & (Profile.uid == "pf-all")).execute()
    else:
        ProfileRole.delete().where(ProfileRole.unit == cast.daily).execute()
    page = page_of(login(client, cast.ursula))
    assert re.search(r'value="" class="menu__item" aria-pressed="true"', page)


def test_an_empty_profile_is_explained(client, cast, login):
    ProfileWorkspace.delete().where(ProfileWorkspace.unit == cast.daily).execute()
    choose(cast.ursula, cast.daily, profile_uid="pf-all")
    assert "Nothing in this profile" in page_of(login(client, cast.ursula))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "alice",
            [
                "Switch unit", "Show all", "Everything", "Edit profiles", "Workspace settings",
                "Application settings", "Auto", "Light", "Dark", "Your account", "Log out",
                "Admin settings",
            ],
        ),
        (
            "bob",
            [
                "Switch unit", "Show all", "Edit profiles", "Workspace settings",
                "Application settings", "Auto", "Light", "Dark", "Your account", "Log out",
            ],
        ),
        (
            "ursula",
            [
                "Switch unit", "Show all", "Everything", "Auto", "Light", "Dark", "Your account",
                "Log out",
            ],
        ),
        ("rita", ["Switch unit", "Show all", "Auto", "Light", "Dark", "Your account", "Log out"]),
    ],
)  # fmt: skip
def test_the_menu_offers_what_the_role_may_do(client, cast, login, name, expected):
    login(client, getattr(cast, name))
    assert labels(client.get("/u/daily/w/ws-one").text) == expected


def test_workspace_settings_need_an_open_workspace(client, cast, login):
    login(client, cast.alice)
    assert "Workspace settings" not in labels(client.get("/u/daily/admin/backup").text)


def test_admin_settings_list_their_sections_in_order(client, cast, login):
    login(client, cast.alice)
    page = client.get("/u/daily/admin/backup").text
    aside = re.search(r'aria-label="Admin settings">.*?</nav>', page, re.DOTALL)[0]
    items = re.findall(r'<a href="([^"]+)"[^>]*>.*?</svg>(.*?)</a>', aside, re.DOTALL)
    assert items == [
        ("/u/daily/admin/backup", "Backup"),
        ("/u/daily/admin/plugins", "Plugins"),
        ("/u/daily/admin/keys", "Config key store"),
        ("/u/daily/admin/profiles", "Profiles"),
        ("/u/daily/admin/workspaces", "Workspaces"),
        ("/u/daily/admin/members", "Members"),
        ("/u/daily/admin/audit", "Audit log"),
    ]
    assert 'aria-current="page"' in aside


@pytest.mark.parametrize(
    ("color", "ink"),
    [
        ("#000000", "#ffffff"),
        ("#ffffff", "#000000"),
        ("#2a6fdb", "#ffffff"),
        ("#f2b655", "#000000"),
        ("#1e8e4e", "#ffffff"),
    ],
)
def test_characters_on_a_tile_can_be_read(color, ink):
    assert shell.ink_on(color) == ink


def test_a_colour_that_is_no_colour_is_not_drawn(cast):
    workspace = Workspace(icon_color='red"><script>')
    assert shell.icon_color(workspace) == shell.DEFAULT_COLOR


def test_the_frame_costs_few_queries(client, cast, login, query_count):
    login(client, cast.alice)
    client.get("/u/daily/admin/audit")
    with query_count() as queries:
        assert client.get("/u/daily/admin/audit").status_code == 200
    assert len(queries) <= 10, queries
