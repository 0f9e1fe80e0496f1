"""The audit log in a browser: filters as one types, the same without JavaScript, the download."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboard.models import audit

PAGE = "/u/daily/admin/audit"


@pytest.fixture
def log(cast):
    audit("key.create", by=cast.alice, unit=cast.daily, subject="FIRST")
    audit("plugin.install", by=cast.bob, unit=cast.daily, subject="=SECOND")
    audit("key.delete", by=cast.bob, unit=cast.daily, subject="THIRD", outcome="refused")


def names(page) -> list[str]:
    return page.locator("#audit-lines td > .mono").all_inner_texts()


def test_the_list_follows_the_filter_and_so_do_address_and_download(page, live, log, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}{PAGE}")
    page.get_by_label("What", exact=True).select_option("Config keys")
    expect(page.get_by_text("=SECOND")).to_have_count(0)
    assert names(page) == ["THIRD", "FIRST"]
    page.get_by_label("Who", exact=True).press_sequentially("bob")
    expect(page.get_by_text("FIRST", exact=True)).to_have_count(0)
    assert names(page) == ["THIRD"]
    assert "group=keys" in page.url
    assert "who=bob" in page.url
    page.reload()
    assert names(page) == ["THIRD"]
    expect(page.get_by_label("Who", exact=True)).to_have_value("bob")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename.startswith("daily-audit-")
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        assert [row["subject"] for row in csv.DictReader(file)] == ["THIRD"]
    page.get_by_label("Outcome", exact=True).select_option("failed")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    page.get_by_role("link", name="Show everything").click()
    expect(page.get_by_text("=SECOND")).to_be_visible()


def test_without_javascript_the_form_is_sent_by_its_button(plain_page, live, log, cast):
    page = plain_page(cast.alice)
    page.goto(f"{live}{PAGE}")
    page.get_by_label("What", exact=True).select_option("Plugins")
    page.get_by_role("button", name="Filter").click()
    assert names(page) == ["=SECOND"]
    expect(page.get_by_label("What", exact=True)).to_have_value("plugins")
