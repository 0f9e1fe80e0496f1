"""What is done inside applications, in a real browser."""

import pytest
from playwright.sync_api import expect

from dashboard.models import Application, PluginMapping, PluginPermission
from dashboard.plugins import install
from tests.browser.looks import complaints_of_axe, overflow

ANNOUNCEMENTS, CLOCK = "dashboard.core.announcements", "dashboard.core.clock"


@pytest.fixture
def cast(cast):
    """The cast; Announcements in ws-one for users to announce, with the clock's time line."""
    for bundle in (ANNOUNCEMENTS, CLOCK):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    for role in ("admin", "user"):
        PluginPermission.create(unit=cast.daily, bundle=ANNOUNCEMENTS, key="ANNOUNCE", role=role)
    PluginMapping.create(unit=cast.daily, bundle=ANNOUNCEMENTS, kind="portal", requirement="BESIDE",
                         target_bundle=CLOCK, target="time-line")  # fmt: skip
    Application.create(
        unit=cast.daily, workspace="ws-one", uid="app-2", bundle=ANNOUNCEMENTS, position=5
    )
    return cast


def test_an_announcement_is_in_the_application_and_the_toolbar_at_once(page, live, cast, log_in):
    log_in(page, cast.ursula)
    page.goto(f"{live}/u/daily/w/ws-one")
    page.evaluate("window.here = true")
    card = page.get_by_role("article", name="Announcements")
    expect(card.get_by_role("list", name="Times")).to_contain_text("UTC")
    for words in ("Ferry strike from noon", "Ferries run again"):
        card.get_by_label("New announcement").fill(words)
        card.get_by_label("New announcement").press("Enter")
        expect(card.get_by_role("listitem").filter(has_text=words)).to_be_visible()
        expect(page.locator(".widget-announcement")).to_contain_text(words)
        expect(card.get_by_label("New announcement")).to_be_focused()
        expect(card.get_by_label("New announcement")).to_have_value("")
    expect(page.locator(".widget-announcement")).to_contain_text("+1")
    assert page.evaluate("window.here")  # never a page load


def test_the_same_without_javascript(plain_page, live, cast):
    page = plain_page(cast.ursula)
    page.goto(f"{live}/u/daily/w/ws-one?plain=1")
    page.get_by_label("New announcement").fill("Ferry strike")
    page.get_by_role("button", name="Announce").click()
    page.wait_for_url("**?plain=1", wait_until="networkidle")
    expect(page.locator(".widget-announcement")).to_contain_text("Ferry strike")
    PluginPermission.delete().execute()
    page.goto(f"{live}/u/daily/w/ws-one?plain=1")
    expect(page.get_by_role("button", name="Announce")).to_have_count(0)


def test_a_refusal_keeps_what_was_typed_and_is_said_in_the_card(page, live, cast, log_in):
    log_in(page, cast.ursula)
    page.goto(f"{live}/u/daily/w/ws-one")
    card = page.get_by_role("article", name="Announcements")
    field = card.get_by_label("New announcement")
    field.evaluate("field => field.removeAttribute('maxlength')")
    field.fill("far too long " * 50)
    card.get_by_role("button", name="Announce").click()
    expect(card.get_by_role("alert")).to_contain_text("Write at most 500 characters.")
    expect(field).to_have_value("far too long " * 50)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_and_never_wider_than_the_screen(page, live, cast, log_in, width, scheme):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/w/ws-one")
    card = page.get_by_role("article", name="Announcements")
    card.get_by_label("New announcement").fill("x" * 300)
    card.get_by_role("button", name="Announce").click()
    expect(card.get_by_text("x" * 300)).to_be_visible()
    assert overflow(page) <= 0
    assert complaints_of_axe(page) == []
