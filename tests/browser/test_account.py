"""One's own account in a real browser: a second factor from its set-up to the last way in."""

import re

from playwright.sync_api import expect

from dashboard.models import AuditEvent
from tests.browser.steps import region
from tests.factories import PASSWORD
from tests.web.authenticator import Phone

CODE = re.compile(r"[2-9a-z]{7}(?:-[2-9a-z]{7}){3}")


def log_out(page):
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in to Dashboard")).to_be_visible()


def type_the_password(page, live, user):
    page.goto(f"{live}/login")
    page.get_by_label("Email", exact=True).fill(user.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Type the code")).to_be_visible()
    expect(page.get_by_label("Code")).to_be_focused()


def type_the_code(page, code):
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Log in").click()


def set_up(page):
    """Set it up from the menu on; return the phone and the recovery codes."""
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    phone = Phone(page.locator(".factor__secret").inner_text().replace(" ", ""))
    page.get_by_label("Code", exact=True).fill(phone.wrong())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_text("This code is not right.")).to_be_visible()
    page.get_by_label("Code", exact=True).fill(phone.code())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    codes = CODE.findall(page.get_by_label("Recovery codes").input_value())
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(region(page, "Second factor")).to_contain_text("10 recovery codes are left")
    return phone, codes


def test_a_second_factor_from_set_up_to_the_last_way_in(page, browser, live, cast, log_in):
    log_in(page, cast.alice)
    phone, codes = set_up(page)
    page.goto(f"{live}/u/daily/")
    log_out(page)

    type_the_password(page, live, cast.alice)
    page.goto(f"{live}/units")  # not in yet
    expect(page).to_have_url(re.compile("/login"))
    type_the_password(page, live, cast.alice)
    type_the_code(page, phone.wrong())
    expect(page.get_by_text("This code is not right.")).to_be_visible()
    type_the_code(page, phone.code(1))  # that of the set-up is used
    expect(page.get_by_role("button", name="User menu: Alice")).to_be_visible()

    context = browser.new_context(java_script_enabled=False)
    other = context.new_page()
    type_the_password(other, live, cast.alice)
    type_the_code(other, codes[0])
    other.wait_for_url("**?plain=1", wait_until="networkidle")
    other.goto(f"{live}/account")
    expect(region(other, "Second factor")).to_contain_text("9 recovery codes are left")
    here = region(other, "Where you are logged in")
    expect(here.get_by_role("listitem")).to_have_count(2)
    here.get_by_role("button", name="End Chrome on Linux").click()
    expect(other.get_by_text("This browser is logged out.")).to_be_visible()
    page.reload()
    expect(page).to_have_url(re.compile("/login"))

    other.get_by_role("link", name="New recovery codes, or switch it off").click()
    off = region(other, "Switch it off")
    off.get_by_label("Code").fill(codes[1])
    off.get_by_role("button", name="Switch it off").click()
    expect(other.get_by_text("The password alone logs you in.")).to_be_visible()
    context.close()
    log_in(page, cast.alice)
    expect(page.get_by_role("button", name="User menu: Alice")).to_be_visible()


def test_the_codes_are_copied_at_a_press(page, live, cast, log_in):
    page.context.grant_permissions(["clipboard-write"])
    log_in(page, cast.bob)
    page.goto(f"{live}/account/second-factor")
    secret = page.locator(".factor__secret").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(Phone(secret).code())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    codes = page.get_by_label("Recovery codes").input_value()
    assert len(CODE.findall(codes)) == 10
    page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
    place = page.locator("main > textarea")
    place.focus()
    page.keyboard.press("Control+v")  # pages may not read the clipboard
    expect(place).to_have_value(codes)


def test_an_admin_is_led_to_it_and_back_where_a_unit_asks(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/members")
    page.get_by_role("link", name="Set up yours").click()
    secret = page.locator(".factor__secret").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(Phone(secret).code())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    page.goto(f"{live}/u/daily/admin/members")
    page.get_by_role("button", name="Ask every admin for it").click()
    expect(page.get_by_text("Every admin of this unit needs a second factor")).to_be_visible()
    expect(page.get_by_role("row", name="alice@harbour.example")).to_contain_text("on")
    page.get_by_role("button", name="Ask for it no more").click()
    expect(page.get_by_role("button", name="Ask every admin for it")).to_be_visible()


def test_a_double_click_confirms_once(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/confirm?next=/account")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    box = page.get_by_role("button", name="Confirm").bounding_box()
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    with page.expect_request("**/confirm?next=/account"):
        page.mouse.click(*place)
    page.mouse.click(*place)  # the first was sent and is not yet answered
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    assert [event.action for event in AuditEvent.select()].count("confirm") == 1
