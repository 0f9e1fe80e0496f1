"""Acts that take long, in a real browser: a bar that moves, a tab that is closed, a cancel."""

import re
import threading

import pytest
from playwright.sync_api import expect

from dashboard.backup.progress import Stage
from dashboard.jobs import Job
from dashboard.web import backup_jobs
from tests.backup.conftest import Unchanged, state
from tests.browser.test_backup import PASSWORD, backup_page, break_things, section, validate

__all__ = ["backup_page"]
LONG = 30


@pytest.fixture(autouse=True)
def gates(monkeypatch):
    """Nothing is answered directly; an act waits at the second word of each stage in `gates`."""
    gates: dict[Stage, threading.Event] = {}
    honest = Job.tell

    def tell(self, stage, done, total):
        honest(self, stage, done, total)
        if done and stage in gates:
            assert gates[stage].wait(LONG)
            honest(self, stage, done, total)

    monkeypatch.setattr(Job, "tell", tell)
    monkeypatch.setattr(backup_jobs, "DIRECT_SECONDS", 0)
    yield gates
    for gate in gates.values():
        gate.set()


def shut(gates, stage):
    gates[stage] = threading.Event()
    return gates[stage]


def expect_bar(part, words):
    expect(part.get_by_role("status")).to_have_text(words)
    bar = part.get_by_role("progressbar")
    expect(bar).to_be_visible()
    expect(bar).to_have_attribute("value", re.compile(r"^[1-9]\d*$"))
    return bar


def export(page, path, gates):
    part, gate = section(page, "Export backup"), shut(gates, Stage.WRITE)
    part.get_by_label("Backup password").fill(PASSWORD)
    part.get_by_role("button", name="Download backup").click()
    expect_bar(part, "Writing the backup")
    with page.expect_download() as waiting:
        gate.set()
    waiting.value.save_as(path)
    expect(part.get_by_role("status")).to_contain_text("Written and read back")
    return path


def test_export_validate_and_import_each_show_where_they_are(backup_page, cast, tmp_path, gates):
    page, before = backup_page, state(cast.daily)
    file = export(page, tmp_path / "daily.dbk", gates)
    break_things(cast.daily)
    part = section(page, "Import backup")

    gate = shut(gates, Stage.CHECK)
    validate(page, file)
    expect_bar(part, "Checking every record")
    gate.set()
    expect(part.get_by_text("What this backup contains")).to_be_visible()

    gate = shut(gates, Stage.LOAD)
    part.get_by_role("button", name="Import", exact=True).click()
    expect_bar(part, "Loading the backup")
    with page.expect_navigation():
        gate.set()
    expect(page.get_by_role("status").filter(has_text="The backup is back")).to_be_visible()
    assert state(cast.daily) == before


def test_a_closed_tab_misses_nothing(backup_page, cast, tmp_path, gates):
    page = backup_page
    file = export(page, tmp_path / "daily.dbk", gates)
    gate = shut(gates, Stage.CHECK)
    validate(page, file)
    expect(page.get_by_text("The backup is being checked")).to_be_visible()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect_bar(section(page, "Import backup"), "Checking every record")
    page.goto("about:blank")
    gate.set()
    page.goto(address)
    expect(page.get_by_text("What this backup contains")).to_be_visible()


def test_an_import_is_cancelled_and_nothing_changed(backup_page, cast, tmp_path, gates):
    page = backup_page
    file = export(page, tmp_path / "daily.dbk", gates)
    break_things(cast.daily)
    part = section(page, "Import backup")
    validate(page, file)
    gate = shut(gates, Stage.LOAD)
    with Unchanged(cast.daily):
        part.get_by_role("button", name="Import", exact=True).click()
        expect_bar(part, "Loading the backup")
        with page.expect_response("**/cancel"):
            part.get_by_role("button", name="Cancel").click()
        gate.set()
        expect(part.get_by_text("Cancelled. Nothing was changed.")).to_be_visible()
    expect(part.get_by_role("button", name="Validate")).to_be_visible()


def test_without_javascript_the_page_of_the_job_leads_on(plain_page, live, cast, tmp_path, gates):
    page = plain_page(cast.alice)
    page.goto(f"{live}/u/daily/admin/backup")
    before = state(cast.daily)
    gate = shut(gates, Stage.WRITE)
    part = section(page, "Export backup")
    part.get_by_label("Backup password").fill(PASSWORD)
    part.get_by_role("button", name="Download backup").click()
    expect(page.get_by_role("status")).to_have_text("Writing the backup")
    with page.expect_download() as waiting:
        gate.set()
    waiting.value.save_as(tmp_path / "plain.dbk")
    break_things(cast.daily)
    page.goto(f"{live}/u/daily/admin/backup")
    validate(page, tmp_path / "plain.dbk")
    expect(page.get_by_text("What this backup contains")).to_be_visible()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("The backup is back")).to_be_visible()
    assert state(cast.daily) == before
