"""Settings forms and the pages of plugins in a real browser."""

import json

import pytest
from playwright.sync_api import expect

from dashboard.models import Plugin
from dashboard.plugins import install
from tests.browser.looks import complaints_of_axe, overflow

BUNDLE = "example.deskworks.link-bar"
CONTENT = "example.deskworks.content-agent"
UTILITY = "example.deskworks.utility-agent"


@pytest.fixture
def cast(cast):
    """The cast, with a plugin in the daily whose configuration is a table."""
    for bundle in (BUNDLE, CONTENT):
        install.install(cast.daily, bundle, by=cast.alice)
    button = {"text": "Rota", "url": "https://rota.example/"}
    Plugin.update(config=json.dumps({"buttons": [button]})).where(Plugin.bundle == BUNDLE).execute()
    return cast


def buttons(cast):
    return json.loads(install.plugin_of(cast.daily, BUNDLE).config)["buttons"]


@pytest.mark.parametrize("javascript", [True, False])
def test_rows_of_a_table_are_added_and_taken_out(page, plain_page, live, cast, log_in, javascript):
    if javascript:
        log_in(page, cast.alice)
    else:
        page = plain_page(cast.alice)
    page.goto(f"{live}/u/daily/admin/plugins/{BUNDLE}")
    page.get_by_label("text, row 2").fill("Canteen")
    page.get_by_role("button", name="Add a row").click()
    expect(page.get_by_label("text, row 3")).to_be_focused()
    expect(page.get_by_label("text, row 2")).to_have_value("Canteen")
    page.keyboard.type("Map")
    page.get_by_role("button", name="Remove row 1").click()
    expect(page.get_by_label("text, row 2")).to_have_value("Map")
    assert [at["text"] for at in buttons(cast)] == ["Rota"]  # nothing is saved yet
    page.get_by_label("text, row 2").press("Enter")  # saves, and takes no row out
    expect(page.get_by_text("The configuration is saved.")).to_be_visible()
    assert [at["text"] for at in buttons(cast)] == ["Canteen", "Map"]


def test_an_error_in_json_is_shown_where_it_is(page, live, cast, log_in):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/admin/plugins/{CONTENT}")
    page.locator("#config-apiUrl").fill("https://x.example")
    field = page.locator("#config-providers")
    field.fill('[\n  "one",\n  two\n]')
    page.get_by_role("button", name="Save configuration").click()
    expect(page.locator("#config-providers-error")).to_have_text(
        "Line 3, column 3: a value is missing here."
    )
    expect(field).to_be_focused()
    expect(page.locator(".json-place mark")).to_have_text("t")
    field.fill('["one", "two"]')
    page.get_by_role("button", name="Save configuration").click()
    expect(page.get_by_text("The configuration is saved.")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_pages_of_plugins_are_accessible_and_fit(page, live, cast, log_in, scheme, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    log_in(page, cast.alice)
    Plugin.update(version="1.0.0", manifest="{}").where(Plugin.bundle == BUNDLE).execute()
    for path in ("", f"/{BUNDLE}", f"/{CONTENT}", f"/{UTILITY}/install", f"/{BUNDLE}/update",
                 f"/{CONTENT}/file", "/dashboard.core.notes/deactivate"):  # fmt: skip
        page.goto(f"{live}/u/daily/admin/plugins{path}")
        assert complaints_of_axe(page) == [], path
        assert overflow(page) <= 0, path
