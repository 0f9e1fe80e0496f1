"""Where the keyboard is after an answer has replaced what was pressed, and what the page shows."""

import threading

import pytest
from playwright.sync_api import expect

from dashboard.backup.progress import Stage
from dashboard.jobs import Job
from dashboard.models import Application, ConfigKey, changing
from dashboard.web import backup_jobs
from tests.browser.test_backup import PASSWORD, backup_page, break_things, export, section

__all__ = ["backup_page"]
NARROW = {"width": 390, "height": 844}
TOPBAR = 50  # at least; what lies behind it is not shown


@pytest.fixture
def file(backup_page, cast, tmp_path):
    file = export(backup_page, tmp_path / "daily.dbk")
    break_things(cast.daily)
    return file


def press(control):
    control.focus()
    control.press("Enter")


def validate_by_keyboard(page, file):
    part = section(page, "Import backup")
    part.get_by_label("Upload your backup file").set_input_files(file)
    part.get_by_label("Backup password").fill(PASSWORD)
    press(part.get_by_role("button", name="Validate"))
    return part


def change(cast, name="Added"):
    with changing(cast.daily, "key.create", by=cast.bob, subject=name):
        ConfigKey.create(unit=cast.daily, name=name, type="string", value="new")


def expect_next(page, control):
    """Once the focus is somewhere again, Tab leads to *control*."""
    expect(page.locator(":focus")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(control).to_be_focused()


def expect_beginning(page):
    """The place of the import is shown from its beginning."""
    expect(page.locator("#backup-import:focus")).to_have_count(1)
    top = page.locator("#backup-import").evaluate("it => it.getBoundingClientRect().top")
    assert TOPBAR <= top < NARROW["height"]


def test_the_keyboard_goes_on_at_what_the_answer_brought(backup_page, file, cast):
    page = backup_page
    page.set_viewport_size(NARROW)
    part = validate_by_keyboard(page, file)
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    expect_beginning(page)
    expect_next(page, part.get_by_role("region", name="What changes"))

    change(cast)
    press(part.get_by_role("button", name="Import", exact=True))
    expect(part.get_by_role("alert")).to_be_in_viewport()
    expect_beginning(page)
    expect_next(page, part.get_by_role("button", name="Preview again"))

    press(part.get_by_role("button", name="Preview again"))
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    expect_next(page, part.get_by_role("region", name="What changes"))

    press(part.get_by_role("button", name="Cancel"))
    expect(part.get_by_role("button", name="Validate")).to_be_visible()
    expect_beginning(page)
    expect_next(page, part.get_by_label("Upload your backup file"))


def test_what_is_wrong_in_a_form_has_the_focus(backup_page, file):
    page = backup_page
    part = section(page, "Import backup")
    part.get_by_label("Upload your backup file").set_input_files(file)
    part.get_by_label("Backup password").fill("not the password")
    part.get_by_label("Backup password").press("Enter")
    expect(part.get_by_text("This is not the password of this backup")).to_be_visible()
    expect(part.get_by_label("Backup password")).to_be_focused()


def test_after_an_import_the_next_stop_is_undo_and_from_there_its_preview(backup_page, file):
    page = backup_page
    part = validate_by_keyboard(page, file)
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    with page.expect_navigation():
        press(part.get_by_role("button", name="Import", exact=True))
    expect(page.get_by_text("The backup is back")).to_be_in_viewport()
    undo = page.get_by_role("button", name="Undo")
    expect_next(page, undo)
    press(undo)
    expect(part.get_by_text("What an undo brings back")).to_be_in_viewport()
    expect_next(page, part.get_by_role("region", name="What changes"))


def test_a_refusal_that_is_only_told_leaves_the_focus_where_it_was(backup_page, file):
    page = backup_page
    part = validate_by_keyboard(page, file)
    button = part.get_by_role("button", name="Import", exact=True)
    page.route("**/backup/import", lambda route: route.fulfill(status=502, body="a proxy"))
    press(button)
    expect(page.get_by_role("alert")).to_contain_text("This did not work")
    expect(button).to_be_focused()


def test_a_secret_that_is_shown_is_followed_by_its_hide(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/keys")
    press(page.get_by_role("button", name="Reveal K0004"))
    expect(page.get_by_text("hush-key-store")).to_be_visible()
    hide = page.get_by_role("button", name="Hide K0004").or_(
        page.get_by_role("link", name="Hide K0004")
    )
    expect_next(page, hide)
    press(hide)
    expect(page.get_by_text("hush-key-store")).to_have_count(0)
    expect_next(page, page.get_by_role("button", name="Reveal K0004"))


@pytest.fixture
def gate(monkeypatch):
    """A job waits in the middle of its check until this is set."""
    gate, honest = threading.Event(), Job.tell

    def tell(self, stage, done, total):
        honest(self, stage, done, total)
        if done and stage is Stage.CHECK:
            assert gate.wait(30)

    monkeypatch.setattr(Job, "tell", tell)
    monkeypatch.setattr(backup_jobs, "DIRECT_SECONDS", 0)
    yield gate
    gate.set()


def polls(page, count=2):
    for _ in range(count):
        with page.expect_response("**/status"):
            pass
    page.wait_for_timeout(400)  # htmx shows an answer and settles it


def test_a_job_that_asks_again_moves_neither_focus_nor_page(backup_page, file, gate):
    page = backup_page
    page.set_viewport_size(NARROW)
    part = validate_by_keyboard(page, file)
    cancel = part.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    # In the place of the job; what stands there every second anew is not read out every second.
    expect(page.locator("[data-place]:focus")).to_have_count(1)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate("window.moves = []; addEventListener('focusin', it => moves.push(it.target.id))")
    at = page.evaluate("scrollY")
    polls(page)
    assert (page.evaluate("scrollY"), page.evaluate("moves")) == (at, [])
    expect_next(page, cancel)
    polls(page, 1)
    expect(cancel).to_be_focused()  # the same button, anew
    page.evaluate("scrollTo(0, 0)")
    # Somebody goes elsewhere: nothing calls back, not even the end.
    elsewhere = section(page, "Export backup").get_by_label("Backup password")
    elsewhere.focus()
    polls(page)
    at = page.evaluate("scrollY")
    gate.set()
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    expect(elsewhere).to_be_focused()
    assert page.evaluate("scrollY") == at


def test_the_end_of_a_job_is_where_its_cancel_was(backup_page, file, gate):
    page = backup_page
    part = validate_by_keyboard(page, file)
    part.get_by_role("button", name="Cancel").focus()
    gate.set()
    expect(part.get_by_text("What this backup contains")).to_be_visible()
    expect_next(page, part.get_by_role("region", name="What changes"))


def test_a_cancelled_job_leads_back_to_the_form(backup_page, file, gate):
    page = backup_page
    part = validate_by_keyboard(page, file)
    press(part.get_by_role("button", name="Cancel"))
    gate.set()
    expect(part.get_by_role("button", name="Validate")).to_be_visible()
    expect_next(page, part.get_by_label("Upload your backup file"))


def test_applications_that_load_by_themselves_take_no_focus(page, live, cast, log_in):
    assert Application.select().where(Application.unit == cast.daily).exists()
    log_in(page, cast.alice)
    page.add_init_script("window.moves = []; addEventListener('focusin', it => moves.push(1))")
    page.goto(f"{live}/u/daily/w/ws-one")
    expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    expect(page.locator("article[aria-busy], .htmx-settling")).to_have_count(0)
    assert page.evaluate("[moves.length, scrollY]") == [0, 0]
    assert page.evaluate("document.activeElement === document.body")
