"""The guide's steps, by label, in a real browser: take a unit home, break it, bring it back."""

import pytest
from playwright.sync_api import expect

from dashboard.models import ConfigKey, Plugin, Workspace
from tests.backup.conftest import state

PASSWORD = "abcd"


@pytest.fixture
def backup_page(page, live, cast, log_in):
    """Alice on the Backup page, by way of the user menu."""
    log_in(page, cast.alice)
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("link", name="Admin settings").click()
    expect(page.get_by_role("heading", name="Backup", exact=True)).to_be_visible()
    return page


def section(page, name):
    return page.get_by_role("region", name=name, exact=True)


def export(page, path, password=PASSWORD):
    part = section(page, "Export backup")
    part.get_by_label("Backup password").fill(password)
    with page.expect_download() as waiting:
        part.get_by_role("button", name="Download backup").click()
    waiting.value.save_as(path)
    return path


def validate(page, path, password=PASSWORD):
    part = section(page, "Import backup")
    part.get_by_label("Upload your backup file").set_input_files(path)
    part.get_by_label("Backup password").fill(password)
    part.get_by_role("button", name="Validate").click()


def break_things(unit):
    Plugin.delete().where(Plugin.unit == unit).execute()
    ConfigKey.delete().where(ConfigKey.unit == unit, ConfigKey.name > "K0005").execute()
    Workspace.update(name="Renamed").where(Workspace.unit == unit).execute()


def test_a_unit_is_taken_home_broken_and_brought_back(backup_page, cast, tmp_path):
    page, before = backup_page, state(cast.daily)
    part = section(page, "Export backup")
    part.get_by_label("Backup password").fill("abc")
    part.get_by_role("button", name="Download backup").click()
    expect(part.get_by_text("Use at least 4 characters")).to_be_visible()

    file = export(page, tmp_path / "daily.dbk")
    expect(part.get_by_role("status")).to_contain_text("Written and read back")
    break_things(cast.daily)

    validate(page, file, "not the password")
    part = section(page, "Import backup")
    expect(part.get_by_text("This is not the password of this backup")).to_be_visible()
    # The file is still on the server: only the password is typed again.
    part.get_by_label("Backup password").fill(PASSWORD)
    part.get_by_role("button", name="Validate").click()
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    for label, count in (("Plugins", 2), ("Profiles", 1), ("Config keys", 20)):
        tile = part.locator(".stat", has_text=label)
        expect(tile).to_contain_text(str(count))

    with page.expect_navigation():
        part.get_by_role("button", name="Import", exact=True).click()
    said = page.get_by_role("status").filter(has_text="The backup is back")
    expect(said).to_be_visible()
    expect(said).to_be_in_viewport()  # far above where the button was
    assert state(cast.daily) == before


def test_an_undo_is_two_presses_away(backup_page, cast, tmp_path):
    page = backup_page
    file = export(page, tmp_path / "daily.dbk")
    break_things(cast.daily)
    broken = state(cast.daily)
    validate(page, file)
    with page.expect_navigation():
        page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("What an undo brings back")).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("The import was undone")).to_be_visible()
    assert state(cast.daily) == broken


def test_each_kind_of_bad_file_is_told_in_place(backup_page, cast, tmp_path):
    page = backup_page
    good = export(page, tmp_path / "daily.dbk").read_bytes()
    before = state(cast.daily)
    for content, words in (
        (b"PK\x03\x04", "This is not a Dashboard backup"),
        (good[:-1], "This backup is damaged"),
        (b"dashboard-backup/2" + good[18:], "newer version"),
    ):
        bad = tmp_path / "bad.dbk"
        bad.write_bytes(content)
        validate(page, bad)
        expect(section(page, "Import backup").get_by_text(words)).to_be_visible()
    assert state(cast.daily) == before


def test_a_file_is_asked_for_before_anything_is_sent_unless_one_is_kept(
    backup_page, cast, tmp_path
):
    page = backup_page
    file = export(page, tmp_path / "daily.dbk")
    part = section(page, "Import backup")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    part.get_by_label("Backup password").fill(PASSWORD)
    part.get_by_role("button", name="Validate").click()
    expect(part.get_by_label("Upload your backup file")).to_be_focused()
    assert not [url for url in asked if "/validate" in url]
    validate(page, file, "not the password")
    expect(part.get_by_text("Your file is still here")).to_be_visible()
    expect(part.get_by_label("Upload your backup file")).not_to_have_attribute("required", "")


def test_it_all_works_without_javascript(plain_page, live, cast, tmp_path):
    page = plain_page(cast.alice)
    page.goto(f"{live}/u/daily/admin/backup")
    before = state(cast.daily)
    file = export(page, tmp_path / "plain.dbk")
    break_things(cast.daily)
    validate(page, file)
    expect(page.get_by_text("What this backup contains")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("The backup is back")).to_be_visible()
    assert state(cast.daily) == before


def test_who_is_no_admin_does_not_see_the_way(page, live, cast, log_in):
    log_in(page, cast.bob)
    page.get_by_role("button", name="User menu").click()
    expect(page.get_by_role("link", name="Admin settings")).to_have_count(0)
    assert page.goto(f"{live}/u/daily/admin/backup").status == 403
    assert page.goto(f"{live}/u/weekly/admin/backup").status == 404
