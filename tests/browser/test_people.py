"""Members, invites, units and the key store in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from dashboard.models import ConfigKey, Role, User
from dashboard.models.people import role_of, set_role
from tests import factories
from tests.browser.looks import overflow

KEYS = "/u/daily/admin/keys"


@pytest.fixture
def units(cast):
    """Alice is in four units, the open one included."""
    for slug, name, role in (
        ("north", "North News", Role.READONLY),
        ("south", "South News", Role.ADMIN),
    ):
        set_role(cast.alice, factories.make_unit(slug, name), role)
    set_role(cast.alice, cast.weekly, Role.USER)


def switch(page):
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("link", name="Switch unit").click()
    expect(page.get_by_label("Find a unit")).to_be_focused()


def test_a_unit_is_chosen_by_typing_and_arrows(page, live, cast, units, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/w/ws-one")
    switch(page)
    expect(page.locator('[aria-current="true"]')).to_contain_text("Harbour Daily")
    page.keyboard.type("news")
    expect(page.get_by_role("link", name="Coast Weekly")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="North News")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # the last one stays
    expect(page.get_by_role("link", name="South News")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Find a unit")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Coast Weekly")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("south")  # a letter goes on in the field
    expect(page.get_by_label("Find a unit")).to_have_value("south")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live}/u/south/")


def test_no_unit_of_that_name_is_said(page, cast, units, log_in):
    log_in(page, cast.alice)
    page.get_by_label("Find a unit").fill("zzz")
    expect(page.get_by_text("No unit of yours is called so.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Find a unit")).to_have_value("zzz")


def test_without_javascript_the_units_are_searched_by_a_form(browser, live, cast, units, log_in):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    log_in(page, cast.alice)
    page.get_by_label("Find a unit").fill("north")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("link", name="South News")).to_have_count(0)
    page.get_by_role("link", name="North News").click()
    expect(page).to_have_url(f"{live}/u/north/")
    context.close()


def test_an_invite_goes_from_one_browser_to_another(page, browser, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/members")
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("Email").fill("nora@harbour.example")
    page.get_by_label("Power user").check()
    page.get_by_role("button", name="Make the link").click()
    link = page.get_by_label("Invite link").input_value()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("row", name="nora@harbour.example")).to_contain_text("Power user")
    assert link.rpartition("/")[2] not in page.content()

    context = browser.new_context()
    other = context.new_page()
    other.goto(link)
    expect(other.get_by_role("heading", name="Join Harbour Daily")).to_be_visible()
    other.get_by_label("Your name").fill("Nora New")
    other.get_by_label("Password", exact=True).fill("short")
    other.get_by_label("Password again").fill("short")
    assert other.locator("#password").evaluate("field => field.validity.tooShort")
    other.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    other.get_by_label("Password again").fill(factories.PASSWORD)
    other.get_by_role("button", name="Join Harbour Daily").click()
    expect(other.get_by_role("button", name="User menu: Nora New, Power user")).to_be_visible()
    other.goto(link)
    expect(other.get_by_role("heading", name="This link does not work")).to_be_visible()
    context.close()

    page.reload()
    expect(page.get_by_text("No invite is open.")).to_be_visible()
    page.get_by_role("link", name="Remove Nora New").click()
    page.get_by_role("button", name="Remove member").click()
    expect(page.get_by_text("Nora New is no member of Harbour Daily any more.")).to_be_visible()
    assert role_of(User.get(User.email == "nora@harbour.example"), cast.daily) is None


def test_the_link_is_copied_at_a_press(page, live, cast, log_in):
    page.context.grant_permissions(["clipboard-write"])
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/invite")
    page.get_by_label("Email").fill("nora@harbour.example")
    page.get_by_role("button", name="Make the link").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    link = page.get_by_label("Invite link").input_value()
    page.goto(f"{live}/u/daily/admin/invite")
    page.get_by_label("Email").focus()
    page.keyboard.press("Control+v")  # pages may not read the clipboard
    expect(page.get_by_label("Email")).to_have_value(link)


def test_a_new_unit_shows_its_first_steps_until_it_is_in_use(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/units")
    page.get_by_role("link", name="New unit").click()
    page.get_by_label("Name", exact=True).type("Night Desk")
    expect(page.get_by_label("Short name in addresses")).to_have_value("night-desk")
    page.get_by_role("button", name="Make unit").click()
    expect(page.get_by_role("heading", name="Set up Night Desk")).to_be_visible()
    expect(page.locator("#checklist")).to_contain_text("0 of 5 done")
    page.get_by_role("link", name="Add keys").click()
    page.get_by_role("link", name="Add key").click()
    page.get_by_label("Name").fill("API_URL")
    page.get_by_role("button", name="Add key").click()
    page.get_by_role("link", name="Night Desk").click()
    expect(page.locator("#checklist")).to_contain_text("1 of 5 done")
    page.get_by_role("link", name="Start from a backup").click()
    expect(page).to_have_url(f"{live}/u/night-desk/admin/backup")


def test_keys_are_searched_as_one_types(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(live + KEYS)
    page.evaluate("window.here = true")
    field = page.get_by_label("Search names")
    field.press_sequentially("k001")
    keys = page.get_by_role("checkbox", name=re.compile("Tick K"))
    expect(keys).to_have_count(10)
    expect(field).to_be_focused()
    expect(page).to_have_url(re.compile(r"q=k001"))
    page.get_by_label("Type", exact=True).select_option("Secret")
    expect(keys).to_have_count(2)
    page.get_by_label("Show", exact=True).select_option("Missing keys")
    expect(page.get_by_role("heading", name="No key is missing")).to_be_visible()
    page.get_by_label("Show", exact=True).select_option("All keys")
    field.fill("zzz")
    expect(page.get_by_role("heading", name="No key found")).to_be_visible()
    assert page.evaluate("window.here")  # never a page load


def test_ticked_keys_are_deleted_after_a_question(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(live + KEYS)
    expect(page.get_by_role("button", name="Delete ticked keys")).to_be_disabled()
    page.get_by_label("Tick K0001").check()
    page.get_by_label("Tick K0003").check()
    assert page.locator("[data-tick-all]").evaluate("box => box.indeterminate")
    page.get_by_role("button", name="Delete 2 ticked keys").click()
    expect(page.get_by_text("1 of them is in use.")).to_be_visible()
    page.get_by_role("link", name="Keep them").click()
    page.get_by_label("Search names").fill("K000")
    expect(page.get_by_role("checkbox", name=re.compile("Tick K"))).to_have_count(10)
    page.get_by_label("Tick all on this page").check()
    page.get_by_role("button", name="Delete 10 ticked keys").click()
    page.get_by_role("button", name="Delete 10 keys").click()
    expect(page.get_by_text("10 keys are deleted.")).to_be_visible()
    assert ConfigKey.of(cast.daily).count() == 10


def test_all_that_match_without_javascript(live, cast, plain_page):
    page = plain_page(cast.alice)
    page.goto(live + KEYS)
    page.get_by_label("Search names").fill("K001")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Delete all that match the search").click()
    page.get_by_role("button", name="Delete 10 keys").click()
    expect(page.get_by_text("10 keys are deleted.")).to_be_visible()
    assert ConfigKey.of(cast.daily).count() == 10


def test_a_secret_is_revealed_and_hidden_again(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(live + KEYS)
    page.get_by_role("button", name="Reveal K0004").click()
    expect(page.get_by_text("hush-key-store")).to_be_visible()
    page.get_by_role("link", name="Hide K0004").click()
    expect(page.get_by_text("hush-key-store")).to_have_count(0)
    expect(page.get_by_role("button", name="Reveal K0004")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 1040, 390])
def test_an_address_is_not_broken_where_there_is_room(page, live, cast, log_in, width):
    page.set_viewport_size({"width": width, "height": 900})
    User.update(email="someone.haddad@harbour.example").where(User.id == cast.bob.id).execute()
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/members")
    address = page.get_by_text("someone.haddad@harbour.example")
    lines = """it => {
      const range = document.createRange();
      range.selectNodeContents(it);
      return range.getClientRects().length;
    }"""
    assert address.evaluate(lines) == 1
    # Nor does one that is too long for any room take it all.
    User.update(email=f"{'w' * 200}@x.example").where(User.id == cast.bob.id).execute()
    page.reload()
    assert page.get_by_text("w@x.example").evaluate("it => it.clientWidth") <= 22 * 16
    assert overflow(page) <= 0
