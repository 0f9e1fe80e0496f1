"""The screens of content in a real browser: with htmx, without JavaScript, and for everybody."""

import pytest
from playwright.sync_api import expect

from dashboard.models import ConfigKey, Plugin, Profile, Unit, Workspace
from dashboard.plugins import install
from tests.backup.conftest import state
from tests.browser.looks import overflow

NOTES, CLOCK = "dashboard.core.notes", "dashboard.core.clock"


@pytest.fixture
def cast(cast):
    """The cast, with the real Notes, Links and Clock in the daily."""
    Plugin.delete().where(Plugin.unit == cast.daily, Plugin.bundle == NOTES).execute()
    for bundle in (NOTES, CLOCK, "dashboard.core.links"):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    Workspace.create(unit=cast.daily, uid="ws-desk", name="Desk", icon_text="D", layout="2-equal")
    return cast


def add_notes(page):
    page.get_by_role("button", name="Add an application to column 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Notes").click()
    page.get_by_label("Title").fill("Desk notes")
    page.get_by_label("Text").fill("# Today\n\nCall the **harbour master**")
    page.get_by_role("button", name="Save").click()


def test_a_note_is_added_edited_and_seen(page, live, cast, log_in):
    log_in(page, cast.bob)
    page.goto(f"{live}/u/daily/w/ws-desk")
    page.get_by_role("link", name="Add an application").click()
    add_notes(page)
    card = page.get_by_role("article", name="Desk notes")
    expect(card.locator("strong")).to_have_text("harbour master")
    card.get_by_role("link", name="Settings of Desk notes").click()
    page.get_by_label("Text").fill("Gone *fishing* <b>now</b>")
    page.get_by_role("button", name="Save").click()
    expect(card.locator("em")).to_have_text("fishing")
    expect(card).to_contain_text("<b>now</b>")


def test_the_same_without_javascript(plain_page, live, cast):
    page = plain_page(cast.bob)
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    add_notes(page)
    page.wait_for_url("**?plain=1", wait_until="networkidle")
    expect(page.get_by_role("article", name="Desk notes").locator("strong")).to_be_visible()
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    page.get_by_role("button", name="Move Desk notes left").click()
    region = page.get_by_role("region", name="Column 1")
    expect(region.get_by_role("strong")).to_have_text("Desk notes")


def test_arrows_move_in_place_and_one_after_the_other(page, live, cast, log_in):
    log_in(page, cast.bob)
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    add_notes(page)
    page.goto(f"{live}/u/daily/w/ws-desk/applications")
    page.evaluate("window.here = true")
    for way, column in (("left", "Column 1"), ("right", "Column 2"), ("left", "Column 1")):
        page.get_by_role("button", name=f"Move Desk notes {way}").click()
        region = page.get_by_role("region", name=column)
        expect(region.get_by_role("strong")).to_have_text("Desk notes")
    assert page.evaluate("window.here")  # never a page load


def test_a_line_is_added_inside_the_card(page, live, cast, log_in):
    plugin = install.plugin_of(cast.daily, NOTES)
    keys = [("ADD_TO_NOTE", "user")]
    install.save_permissions(cast.daily, plugin, keys, by=cast.alice)
    log_in(page, cast.ursula)
    page.goto(f"{live}/u/daily/w/ws-one")
    page.evaluate("window.here = true")
    for line in ("first line", "second line"):
        page.get_by_label("Add to this note").fill(line)
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("listitem").filter(has_text=line)).to_be_visible()
    assert page.evaluate("window.here")


def test_a_plugin_is_switched_off_and_on_in_place(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/plugins")
    page.get_by_role("link", name="Deactivate… Notes").click()
    page.get_by_role("button", name="Deactivate").click()
    expect(page.get_by_text("Notes is inactive now.")).to_be_visible()
    page.evaluate("window.here = true")
    page.get_by_role("button", name="Activate Notes", exact=True).click()
    expect(page.get_by_text("Notes is active now.")).to_be_visible()
    assert page.evaluate("window.here")


def test_keys_are_found_while_typing_and_a_secret_is_revealed(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/keys")
    page.get_by_label("Search names").press_sequentially("0004")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="Reveal K0004").click()
    expect(page.get_by_text("hush-key-store")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_names_of_one_long_word_never_widen_a_page(page, live, cast, log_in, width):
    word = "W" * 100
    page.set_viewport_size({"width": width, "height": 844})
    for model in (Workspace, Profile):
        model.update(name=word).where(model.unit == cast.daily).execute()
    mine = ConfigKey.unit == cast.daily
    ConfigKey.update(name=word).where(mine, ConfigKey.name == "K0001").execute()
    Unit.update(name=word).where(Unit.id == cast.daily.id).execute()
    log_in(page, cast.alice)
    unit = f"{live}/u/daily"
    too_wide = {}
    for path in (
        "/w/ws-one", "/w/ws-one/settings", "/w/ws-one/applications", "/w/ws-one/delete",
        "/w/ws-one/export", "/workspaces", "/profile", "/profiles", "/profiles/pf-all",
        "/profiles/pf-all/delete", "/admin/keys", f"/admin/keys/{word}",
        f"/admin/keys/{word}/delete", "/admin/backup", "/admin/workspaces", "/admin/profiles",
        "/admin/plugins", "/admin/members", "/admin/name",
    ):  # fmt: skip
        assert page.goto(unit + path).ok, path
        too_wide[path] = overflow(page)
    page.goto(f"{live}/units")
    too_wide["units"] = overflow(page)
    assert {path: by for path, by in too_wide.items() if by > 0} == {}


def test_readonly_sees_everything_shared_and_changes_nothing(page, live, cast, log_in):
    before = state(cast.daily)
    log_in(page, cast.rita)
    page.goto(f"{live}/u/daily/w/ws-one")
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    expect(page.locator("#main").get_by_role("button")).to_have_count(0)
    expect(page.locator("#main").get_by_role("link")).to_have_count(0)
    assert state(cast.daily) == before
