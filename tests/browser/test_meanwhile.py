"""What others do between preview and Import, and what open pages learn of it, in a real browser."""

import pytest
from playwright.sync_api import expect

from dashboard.models import ConfigKey, SafetyCopy, changing
from tests.backup.conftest import state
from tests.browser.looks import WIDTHS, complaints_of_axe, overflow
from tests.browser.test_backup import (
    backup_page,
    break_things,
    export,
    section,
    validate,
)

__all__ = ["backup_page"]
POLL_MS = 26_000


@pytest.fixture
def file(backup_page, tmp_path):
    return export(backup_page, tmp_path / "daily.dbk")


def change(cast, name="Added"):
    with changing(cast.daily, "key.create", by=cast.bob, subject=name):
        ConfigKey.create(unit=cast.daily, name=name, type="string", value="new")


def press_import(page):
    with page.expect_navigation():
        section(page, "Import backup").get_by_role("button", name="Import", exact=True).click()


def test_a_stale_plan_is_previewed_again_and_imported(backup_page, file, cast):
    page, before = backup_page, state(cast.daily)
    break_things(cast.daily)
    validate(page, file)
    part = section(page, "Import backup")
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    change(cast)
    part.get_by_role("button", name="Import", exact=True).click()
    expect(part.get_by_role("alert")).to_contain_text("has changed since this preview")
    expect(part.get_by_role("row").nth(1)).to_contain_text("bob@harbour.example")
    expect(part.get_by_role("row").nth(1)).to_contain_text("Added a config key Added")
    expect(page.locator("#toast")).to_be_empty()
    part.get_by_role("button", name="Preview again").click()
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    press_import(page)
    expect(page.get_by_role("status").filter(has_text="The backup is back")).to_be_visible()
    assert state(cast.daily) == before


def test_an_open_page_learns_of_a_restore_and_keeps_what_is_typed(backup_page, file, live, cast):
    page = backup_page
    other = page.context.new_page()
    other.clock.install()
    other.goto(f"{live}/u/daily/admin/keys/-/new")
    other.get_by_label("Name", exact=True).fill("Half-typed")
    validate(page, file)
    press_import(page)
    expect(page.locator("#news")).to_be_hidden()  # it was one's own import, and the page is new
    other.bring_to_front()
    other.clock.run_for(POLL_MS)
    news = other.locator("#news")
    expect(news).to_contain_text(
        "Harbour Daily was restored from a backup by alice@harbour.example"
    )
    expect(other.get_by_label("Name", exact=True)).to_have_value("Half-typed")
    with other.expect_navigation():
        news.get_by_role("link", name="Reload").click()
    expect(other.locator("#news")).to_be_hidden()


def test_nothing_is_asked_where_nobody_looks_and_no_failure_is_told(backup_page, live, cast):
    page = backup_page.context.new_page()
    page.clock.install()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live}/u/daily/w/ws-one")
    page.wait_for_load_state("networkidle")
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.isAway})")
    page.evaluate("window.isAway = true")
    change(cast)
    page.clock.run_for(2 * POLL_MS)
    assert not [url for url in asked if "/revision" in url]
    # Somebody looks again, and is logged out meanwhile: the page stays as it is.
    page.context.clear_cookies()
    page.evaluate("window.isAway = false")
    with page.expect_response("**/revision?*") as answer:
        page.clock.run_for(POLL_MS)
    assert answer.value.status == 401
    expect(page).to_have_url(f"{live}/u/daily/w/ws-one")
    expect(page.locator("#toast")).to_be_empty()


def test_a_safety_copy_is_deleted_now(backup_page, file, cast, folders):
    page = backup_page
    validate(page, file)
    press_import(page)
    part = section(page, "Safety copies")
    expect(page.get_by_role("button", name="Undo")).to_have_count(1)
    part.get_by_role("link", name="Delete it now").click()
    expect(page.get_by_text("It can then not be undone any more")).to_be_visible()
    page.get_by_role("button", name="Delete it now").click()
    expect(page.get_by_text("The safety copy is deleted.")).to_be_visible()
    expect(page.get_by_role("heading", name="Safety copies")).to_have_count(0)
    assert SafetyCopy.select().count() == 0
    assert list(folders.safety.iterdir()) == []


@pytest.mark.parametrize(("width", "scheme"), [("wide", "light"), ("narrow", "dark")])
def test_the_screens_around_an_import_are_readable_by_everybody(
    backup_page, file, live, cast, scheme, width, tmp_path
):
    page = backup_page
    page.set_viewport_size(WIDTHS[width])
    page.emulate_media(color_scheme=scheme)
    for _ in range(2):
        validate(page, file)
        press_import(page)
    look(page, tmp_path / "copies.png")
    validate(page, file)
    expect(page.get_by_text("What this backup contains")).to_be_visible()
    change(cast)
    change(cast, "Added-too")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("has changed since this preview")).to_be_visible()
    look(page, tmp_path / "stale.png")
    page.clock.install()
    page.reload()
    change(cast, "Added-last")
    page.clock.run_for(POLL_MS)
    expect(page.locator("#news")).to_contain_text("was changed by bob@harbour.example")
    look(page, tmp_path / "news.png")
    page.get_by_role("link", name="Delete it now").first.click()
    look(page, tmp_path / "delete.png")
    page.goto(f"{live}/u/daily/admin/keys/-/new")
    page.get_by_label("Name", exact=True).fill("Half-typed")
    change(cast, "Added-at-last")
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_role("alert")).to_contain_text("was changed by bob@harbour.example")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half-typed")
    look(page, tmp_path / "kept.png")


def look(page, path):
    page.screenshot(path=path, full_page=True)
    assert complaints_of_axe(page) == []
    assert overflow(page) <= 0
