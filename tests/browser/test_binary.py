"""The single binary as a new user meets it: the set-up link, a log-in, a backup, an undo."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_account import log_out
from tests.browser.test_backup import export, validate
from tests.factories import PASSWORD
from tests.program import Program

pytestmark = pytest.mark.slow
KEYS = "/u/night-desk/admin/keys"


@pytest.fixture
def program(tmp_path):
    found = Program(tmp_path)
    yield found
    found.stop()


def set_up(page, address):
    page.goto(address)
    for label, text in (
        ("Organisation name", "Harbour Media Group"),
        ("Name of the first unit", "Night Desk"),
        ("Short name in addresses", "night-desk"),
        ("Your name", "Maja Lind"),
        ("Email", "maja@harbour.example"),
        ("Password", PASSWORD),
        ("Password again", PASSWORD),
    ):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Create and log in").click()
    expect(page.get_by_role("heading", name="Night Desk")).to_be_visible()


def log_in(page, address):
    page.goto(f"{address}/login")
    page.get_by_label("Email", exact=True).fill("maja@harbour.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Night Desk")).to_be_visible()


def add_key(page, address, name):
    page.goto(f"{address}{KEYS}")
    page.get_by_role("link", name="Add key").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add key").click()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def keys(page, address):
    page.goto(f"{address}{KEYS}")
    return sorted(set(re.findall(r"[A-Z]+_URL", page.get_by_role("main").inner_text())))


def test_from_the_set_up_link_to_an_undo(page, program, tmp_path):
    link = re.search(r"http://\S+/setup/\S+", program.serve())[0]
    set_up(page, link)
    log_out(page)
    address = program.address
    log_in(page, address)
    add_key(page, address, "FIRST_URL")

    page.goto(f"{address}/u/night-desk/admin/backup")
    file = export(page, tmp_path / "night.dbk")
    add_key(page, address, "SECOND_URL")

    page.goto(f"{address}/u/night-desk/admin/backup")
    validate(page, file)
    with page.expect_navigation():
        page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="The backup is back")).to_be_visible()
    assert keys(page, address) == ["FIRST_URL"]

    page.goto(f"{address}/u/night-desk/admin/backup")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("What an undo brings back")).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("The import was undone")).to_be_visible()
    assert keys(page, address) == ["FIRST_URL", "SECOND_URL"]
    assert program.stop() == 0
