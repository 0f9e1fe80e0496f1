import importlib
import io
import re

import pytest

from dashboard.models import (
    Application,
    Asset,
    BackupRun,
    Layout,
    Membership,
    Profile,
    ProfileWorkspace,
    Workspace,
    room,
)
from dashboard.plugins import install
from dashboard.web.workspace_changes import initials
from tests import factories
from tests.web.test_pictures import JPEG, png
from tests.web.unit_state import form, revision, state_of

PNG = factories.PIXEL


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


@pytest.fixture
def bob(app, cast, login):
    return login(app.test_client(), cast.bob)


def workspace(unit, uid="ws-one"):
    return Workspace.of(unit).where(Workspace.uid == uid).get()


def settings(unit, **changes):
    return form(
        unit,
        **{"name": "One", "layout": "2-equal", "icon_text": "O", "icon_color": "#2a6fdb",
           "shared": "y", "position": "0", **changes},
    )  # fmt: skip


def test_the_page_has_a_place_for_each_application(alice, cast):
    page = alice.get("/u/daily/w/ws-one").text
    assert "<h1>One" in page
    seen = cast.daily.revision
    for uid in ("app-0", "app-1"):
        assert f'hx-get="/u/daily/w/ws-one/a/{uid}?seen={seen}" hx-trigger="load"' in page
    assert 'content="0; url=/u/daily/w/ws-one?plain=1"' in page


def test_without_javascript_everything_is_on_the_page(alice, cast):
    page = alice.get("/u/daily/w/ws-one?plain=1").text
    assert "<h3>Hello</h3>" in page
    assert "The plugin is not installed." in page
    assert "Loading" not in page
    assert 'http-equiv="refresh"' not in page


def test_an_empty_workspace_says_what_to_do(alice, cast, app, login):
    Application.delete().execute()
    assert "Add the first one" in alice.get("/u/daily/w/ws-one").text
    rita = login(app.test_client(), cast.rita)
    assert "An admin or power user can" in rita.get("/u/daily/w/ws-one").text


@pytest.mark.parametrize("path", ["", "/settings", "/delete", "/applications", "/a/app-0"])
def test_a_private_workspace_is_not_there_for_others(app, cast, login, path):
    address = f"/u/daily/w/ws-two{path}"
    for name in ("rita", "ursula"):
        client = login(app.test_client(), getattr(cast, name))
        assert client.get(address).status_code in (403, 404)
    Workspace.update(owner_email="alice@harbour.example").execute()
    assert login(app.test_client(), cast.bob).get(address).status_code == 404


def test_the_owner_opens_a_private_workspace(bob, cast):
    assert bob.get("/u/daily/w/ws-two").status_code == 200


def test_an_admin_manages_private_workspaces_but_does_not_look_into_them(alice, cast):
    page = alice.get("/u/daily/admin/workspaces").text
    assert "bob@harbour.example" in page
    assert 'href="/u/daily/w/ws-two"' not in page
    assert alice.get("/u/daily/w/ws-two").status_code == 404
    assert alice.get("/u/daily/w/ws-two/settings").status_code == 200


def test_a_workspace_of_another_unit_is_like_a_missing_one(alice, cast):
    Workspace.create(unit=cast.weekly, uid="ws-theirs", name="Theirs", icon_text="T")
    assert alice.get("/u/daily/w/ws-theirs").status_code == 404
    assert alice.get("/u/weekly/w/ws-theirs").status_code == 404


def test_the_last_workspace_is_remembered(alice, cast):
    Workspace.create(unit=cast.daily, uid="ws-late", name="Late", icon_text="L", position=9)
    alice.get("/u/daily/w/ws-late")
    assert alice.get("/u/daily/").location == "/u/daily/w/ws-late"


def test_looking_does_not_wait_for_an_import(alice, cast):
    Workspace.create(unit=cast.daily, uid="ws-late", name="Late", icon_text="L", position=9)
    BackupRun.create(uid="r", unit=cast.weekly, user_email="", kind="import", state="running",
                     started_at=1)  # fmt: skip
    assert alice.get("/u/daily/w/ws-late").status_code == 200
    row = Membership.get(Membership.user == cast.alice)
    assert row.workspace_uid is None


def test_a_new_workspace_gets_initials_and_the_last_place(bob, cast):
    data = form(cast.daily, name="Späte neue Seite hier", layout="3-equal", shared="y")
    answer = bob.post("/u/daily/workspaces/new", data=data)
    made = Workspace.of(cast.daily).order_by(Workspace.position.desc()).get()
    assert answer.status_code == 303
    assert answer.location == f"/u/daily/w/{made.uid}/applications"
    assert (made.icon_text, made.position, made.shared, made.owner_email) == ("SNS", 2, True, None)
    assert made.uid.startswith("ws-")


def test_a_private_new_workspace_belongs_to_its_maker_and_joins_profiles(bob, cast):
    ProfileWorkspace.update(position=2**31 - 1).where(ProfileWorkspace.position == 1).execute()
    data = form(cast.daily, name="Mine", layout="1", profiles=["pf-all", "pf-all"])
    bob.post("/u/daily/workspaces/new", data=data)
    made = Workspace.of(cast.daily).where(Workspace.name == "Mine").get()
    assert (made.shared, made.owner_email) == (False, "bob@harbour.example")
    last = ProfileWorkspace.of(cast.daily).order_by(ProfileWorkspace.position.desc()).get()
    assert (last.profile, last.workspace, last.position) == ("pf-all", made.uid, 2)


@pytest.mark.parametrize(
    "bad",
    [{"name": ""}, {"name": "x" * 121}, {"name": "a\x01b"}, {"layout": "9-wide"},
     {"profiles": "pf-none"}],
)  # fmt: skip
def test_a_bad_new_workspace_is_refused_with_the_same_form(bob, cast, bad):
    before = state_of(cast.daily)
    data = form(cast.daily, **{"name": "Good", "layout": "1", **bad})
    answer = bob.post("/u/daily/workspaces/new", data=data)
    assert answer.status_code == 422
    assert "Create workspace" in answer.text
    assert state_of(cast.daily) == before


def test_settings_are_saved(alice, cast):
    data = settings(cast.daily, name="Neu", icon_text="", icon_color="#00ff00", position="7")
    answer = alice.post("/u/daily/w/ws-one/settings", data=data)
    row = workspace(cast.daily)
    assert answer.status_code == 303
    assert (row.name, row.icon_text, row.icon_color, row.position) == ("Neu", "N", "#00ff00", 7)


@pytest.mark.parametrize(
    "bad",
    [{"name": " "}, {"icon_text": "four"}, {"icon_color": "red"}, {"icon_color": "#12345g"},
     {"position": "-1"}, {"position": "2147483648"}, {"position": "x"}, {"layout": ""}],
)  # fmt: skip
def test_bad_settings_are_refused_and_change_nothing(alice, cast, bad):
    before = state_of(cast.daily)
    answer = alice.post("/u/daily/w/ws-one/settings", data=settings(cast.daily, **bad))
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text or "Choose a layout" in answer.text
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("address", ["settings", "delete", "settings/picture"])
def test_a_stale_page_changes_nothing(alice, cast, address):
    before = state_of(cast.daily)
    data = settings(cast.daily, name="Late") | {"revision": "17"}
    assert alice.post(f"/u/daily/w/ws-one/{address}", data=data).status_code == 409
    del data["revision"]
    assert alice.post(f"/u/daily/w/ws-one/{address}", data=data).status_code == 409
    assert state_of(cast.daily) == before


@pytest.mark.parametrize(("content", "mime"), [(PNG, "image/png"), (JPEG, "image/jpeg")])
def test_a_picture_becomes_the_icon(alice, cast, content, mime):
    data = settings(cast.daily, icon_file=(io.BytesIO(content), "../../evil.svg"))
    assert alice.post("/u/daily/w/ws-one/settings", data=data).status_code == 303
    answer = alice.get(f"/u/daily/icons/{workspace(cast.daily).icon_asset}")
    assert (answer.data, answer.mimetype) == (content, mime)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer.headers["Cache-Control"]
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "content",
    [b"<svg/>", b"GIF89a", PNG + b"PK\3\4", JPEG[:-2], png(1025, 1), PNG + b"\0" * (256 << 10)],
)
def test_a_picture_of_another_kind_or_size_is_refused(alice, cast, content):
    before = state_of(cast.daily)
    data = settings(cast.daily, icon_file=(io.BytesIO(content), "icon.png"))
    assert alice.post("/u/daily/w/ws-one/settings", data=data).status_code == 422
    assert state_of(cast.daily) == before


def test_a_picture_that_nothing_shows_is_deleted(bob, cast):
    assert Asset.of(cast.daily).count() == 1
    assert bob.post("/u/daily/w/ws-two/settings/picture", data=form(cast.daily)).status_code == 303
    assert workspace(cast.daily, "ws-two").icon_asset is None
    assert Asset.of(cast.daily).count() == 0
    assert Asset.of(cast.weekly).count() == 1


def test_pictures_of_other_units_are_not_there(alice, cast):
    sha256 = Asset.of(cast.weekly).get().sha256
    assert alice.get(f"/u/daily/icons/{sha256}").status_code == 200
    Asset.delete().where(Asset.unit == cast.daily, Asset.sha256 == sha256)
    assert alice.get(f"/u/daily/icons/{'0' * 64}").status_code == 404


def test_fewer_columns_move_applications_to_the_last_one(alice, cast):
    Workspace.update(layout="4-equal").where(Workspace.uid == "ws-one").execute()
    Application.update(column=3).where(Application.uid == "app-0").execute()
    Application.update(column=2).where(Application.uid == "app-1").execute()
    alice.post("/u/daily/w/ws-one/settings", data=settings(cast.daily, layout="2-equal"))
    here = Application.of(cast.daily).where(Application.workspace == "ws-one")
    placed = here.order_by(Application.column, Application.position)
    assert [(row.uid, row.column, row.position) for row in placed] == [
        ("app-1", 1, 0), ("app-0", 1, 1),
    ]  # fmt: skip


def test_sharing_and_taking_back(alice, cast):
    data = settings(cast.daily)
    del data["shared"]
    alice.post("/u/daily/w/ws-one/settings", data=data)
    assert workspace(cast.daily).owner_email == "alice@harbour.example"
    alice.post("/u/daily/w/ws-one/settings", data=settings(cast.daily))
    assert (workspace(cast.daily).shared, workspace(cast.daily).owner_email) == (True, None)


def test_an_admin_changes_a_private_workspace_without_taking_it_over(alice, cast):
    data = settings(cast.daily, name="Renamed")
    del data["shared"]
    answer = alice.post("/u/daily/w/ws-two/settings", data=data)
    assert answer.location == "/u/daily/admin/workspaces"
    row = workspace(cast.daily, "ws-two")
    assert (row.name, row.owner_email) == ("Renamed", "bob@harbour.example")


def test_deleting_asks_first_and_takes_the_applications_along(bob, cast):
    page = bob.get("/u/daily/w/ws-two/delete").text
    assert "2 applications" in page
    assert "example.gone.away, Plugin dashboard.core.notes" in page
    assert "Everything: the profile stays" in page
    assert "deleted for bob@harbour.example" in page
    assert 'href="/u/daily/w/ws-two/export"' in page
    assert bob.post("/u/daily/w/ws-two/delete", data=form(cast.daily)).status_code == 303
    assert not Workspace.of(cast.daily).where(Workspace.uid == "ws-two").exists()
    assert Application.of(cast.daily).where(Application.workspace == "ws-two").count() == 0
    assert Profile.of(cast.daily).count() == 1
    assert Asset.of(cast.daily).count() == 0


@pytest.mark.parametrize("name", ["ursula", "rita"])
def test_people_who_do_not_edit_see_but_change_nothing(app, cast, login, name):
    client = login(app.test_client(), getattr(cast, name))
    before = state_of(cast.daily)
    page = client.get("/u/daily/w/ws-one").text
    assert "settings" not in page.split('<main id="main"')[1].lower()
    for address in ("w/ws-one/settings", "w/ws-one/delete", "workspaces/new"):
        assert client.get(f"/u/daily/{address}").status_code == 403
        assert client.post(f"/u/daily/{address}", data=settings(cast.daily)).status_code == 403
    assert state_of(cast.daily) == before


def test_every_change_raises_the_revision_once(alice, cast):
    before = revision(cast.daily)
    alice.post("/u/daily/w/ws-one/settings", data=settings(cast.daily))
    assert revision(cast.daily) == before + 1


def test_initials_come_from_the_words():
    assert [initials(name) for name in ("One", "a b c d", "Zwei – 二")] == ["O", "ABC", "Z–二"]


def test_every_layout_has_a_drawing(bob, cast):
    page = bob.get("/u/daily/workspaces/new").text
    assert page.count("<rect") >= sum(layout.columns for layout in Layout)


def test_the_page_of_a_workspace_asks_few_questions(alice, cast, query_count):
    alice.get("/u/daily/w/ws-one")
    with query_count() as queries:
        alice.get("/u/daily/w/ws-one")
    assert len(queries) <= 14, queries


def test_settings_put_a_workspace_into_profiles_and_out(bob, cast):
    Profile.create(unit=cast.daily, uid="pf-new", name="New", position=1)
    page = bob.get("/u/daily/w/ws-one/settings").text
    assert re.search(r'checked[^>]*value="pf-all"', page)
    assert not re.search(r'checked[^>]*value="pf-new"', page)

    def listed():
        rows = ProfileWorkspace.of(cast.daily).order_by(ProfileWorkspace.position)
        return {(row.profile, row.workspace) for row in rows}

    data = settings(cast.daily, profiles=["pf-new"])
    assert bob.post("/u/daily/w/ws-one/settings", data=data).status_code == 303
    assert listed() == {("pf-all", "ws-two"), ("pf-new", "ws-one")}
    data = settings(cast.daily, profiles=["pf-new", "pf-all"])
    bob.post("/u/daily/w/ws-one/settings", data=data)
    assert listed() == {("pf-all", "ws-two"), ("pf-new", "ws-one"), ("pf-all", "ws-one")}
    before = state_of(cast.daily)
    data = settings(cast.daily, profiles=["pf-none"])
    assert bob.post("/u/daily/w/ws-one/settings", data=data).status_code == 422
    assert state_of(cast.daily) == before


@pytest.mark.parametrize(
    ("address", "table"),
    [("workspaces/new", Workspace), ("workspaces/new", ProfileWorkspace),
     ("w/ws-one/settings", Asset), ("w/ws-one/applications", Application)],
)  # fmt: skip
def test_a_unit_without_room_takes_no_more(bob, cast, monkeypatch, address, table):
    monkeypatch.setitem(room.ROOM, table, (table.of(cast.daily).count(), "things"))
    before = state_of(cast.daily)
    data = settings(cast.daily, profiles="pf-all", bundle="dashboard.core.clock", column="0")
    if table is Asset:
        data["icon_file"] = (io.BytesIO(JPEG), "x.jpg")
    if table is Application:
        data["bundle"] = install_clock(cast)
        data |= form(cast.daily)
        before = state_of(cast.daily)
    answer = bob.post(f"/u/daily/{address}", data=data)
    assert answer.status_code == 422
    assert "There is no room for this: a unit has at most" in answer.text
    assert state_of(cast.daily) == before


def install_clock(cast):
    plugin = install.install(cast.daily, "dashboard.core.clock", by=cast.alice)
    install.set_active(cast.daily, plugin, True, by=cast.alice)
    return plugin.bundle


def test_everybody_finds_what_he_may_open(app, cast, login):
    def found(who, query=""):
        page = login(app.test_client(), who).get(f"/u/daily/workspaces{query}").text
        return re.findall(r'class="named" href="/u/daily/w/([^"]+)"', page)

    assert found(cast.bob) == ["ws-one", "ws-two"]
    assert found(cast.rita) == ["ws-one"]
    assert found(cast.bob, "?q=zwei") == ["ws-two"]
    assert found(cast.bob, "?q=%25") == []
    assert found(cast.bob, "?page=99") == ["ws-one", "ws-two"]
    assert found(cast.bob, "?page=-3") == ["ws-one", "ws-two"]
    page = login(app.test_client(), cast.rita).get("/u/daily/workspaces?q=none").text
    assert "No name contains “none”" in page


@pytest.mark.parametrize(
    ("who", "words"),
    [("alice", "#store"), ("bob", "remove the application"), ("rita", "Ask an admin")],
)
def test_a_missing_plugin_says_what_each_can_do(app, cast, login, who, words):
    Application.update(bundle="dashboard.core.clock").execute()
    if who == "bob":  # and of one that nobody can install
        Application.update(bundle="example.gone.away").execute()
    page = login(app.test_client(), getattr(cast, who)).get("/u/daily/w/ws-one?plain=1").text
    card = page[page.index("The plugin is not installed.") :]
    assert words in card[: card.index("</article>")]


def test_an_application_comes_alive_again_with_its_settings(alice, cast, as_htmx):
    config = '{"zones":[{"label":"Rome desk","zone":"Europe/Rome"}],"title":"x"}'
    Application.update(bundle="dashboard.core.clock", config=config).execute()

    def card():
        address = f"/u/daily/w/ws-one/a/app-0?seen={revision(cast.daily)}"
        return alice.get(address, headers=as_htmx).text

    assert "The plugin is not installed." in card()
    install_clock(cast)
    assert "not installed" not in card()
    assert "app-card--missing" not in card()
    assert Application.of(cast.daily).where(Application.uid == "app-0").first().config == config


def test_a_page_without_javascript_ends_however_much_is_on_it(alice, monkeypatch):
    module = importlib.import_module(
        "dashboard.web.workspaces"
    )  # the name is that of its blueprint
    monkeypatch.setattr(module, "PLAIN_SECONDS", 0)
    page = alice.get("/u/daily/w/ws-one?plain=1").text
    assert "There is too much in this workspace to show it all at once" in page
    monkeypatch.undo()
    assert "There is too much" not in alice.get("/u/daily/w/ws-one?plain=1").text
