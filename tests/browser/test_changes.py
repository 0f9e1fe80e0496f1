"""The preview of a real loss, in a real browser: counts, names, fields; with and without script."""

import json

import pytest
from playwright.sync_api import expect

from dashboard.models import ConfigKey, Plugin
from tests.browser.looks import WIDTHS, complaints_of_axe, overflow
from tests.browser.test_backup import backup_page, export, validate  # noqa: F401


def change_things(unit):
    mine = ConfigKey.unit == unit
    ConfigKey.create(unit=unit, name="Mine", type="string", value="lost " * 40, description="")
    ConfigKey.delete().where(mine, ConfigKey.name == "K0000").execute()
    ConfigKey.update(description="d").where(mine, ConfigKey.name == "K0001").execute()
    Plugin.update(secrets=json.dumps({"apiKey": "hush-other"})).where(Plugin.unit == unit).execute()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_lost_is_shown_down_to_the_field(backup_page, cast, tmp_path, scheme, width):  # noqa: F811
    page = backup_page
    page.set_viewport_size(WIDTHS[width])
    page.emulate_media(color_scheme=scheme)
    file = export(page, tmp_path / "daily.dbk")
    change_things(cast.daily)
    validate(page, file)
    expect(page.get_by_text("1 will be gone").first).to_be_visible()
    page.locator("summary", has_text="Config keys").click()
    page.get_by_role("button", name="Mine", exact=True).click()
    expect(page.get_by_role("cell", name="lost lost")).to_be_visible()
    page.get_by_role("button", name="K0001", exact=True).click()
    expect(page.get_by_role("cell", name="key 1", exact=False)).to_be_visible()
    page.locator("summary", has_text="Plugins").click()
    page.get_by_role("button", name="Plugin example.desk.ghost").click()
    expect(page.get_by_text("secret, different")).to_be_visible()
    assert "hush" not in page.content()
    assert complaints_of_axe(page) == []
    assert overflow(page) <= 0


WORDS_IN_VIEW = """table => [...table.querySelectorAll("td[data-words]")].map((it) => {
  const { left, right } = it.getBoundingClientRect();
  const isInView = right > left && left >= 0 && right <= innerWidth;
  return isInView && it.textContent + getComputedStyle(it, "::after").content.replaceAll('"', "");
}).filter(Boolean)"""


EDGES = (
    """tiles => tiles.map((it) => it.getBoundingClientRect()).map((it) => [it.left, it.right])"""
)


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_narrow_screen_no_change_has_to_be_scrolled_to(
    backup_page,  # noqa: F811
    cast,
    tmp_path,
    width,
):
    page = backup_page
    page.set_viewport_size({"width": width, "height": 844})
    file = export(page, tmp_path / "daily.dbk")
    change_things(cast.daily)
    validate(page, file)
    region = page.get_by_role("region", name="What changes")
    expect(region).to_be_visible()
    assert region.evaluate("it => it.scrollWidth - it.clientWidth") == 0
    in_view = region.locator("table").evaluate(WORDS_IN_VIEW)
    assert in_view == ["2 will change", "1 will be gone", "1 will come", "1 will change"]
    assert overflow(page) <= 0
    # Five tiles in two columns leave no hole.
    tiles = page.locator(".stat").evaluate_all(EDGES)
    assert tiles[-1] == [tiles[0][0], tiles[1][1]]
    # Lists that stand apart have all their corners.
    for part in page.locator("details").all():
        assert part.evaluate("it => getComputedStyle(it).borderRadius") == "7px"
    # It is a table all the same.
    assert 'rowheader "Config keys"' in region.aria_snapshot()
    assert region.get_by_role("row").count() > 5
    assert region.get_by_role("row", name="Config keys").get_by_role("cell").count() == 5


def test_without_javascript_the_fields_are_a_page(plain_page, live, cast, tmp_path):
    page = plain_page(cast.alice)
    page.goto(f"{live}/u/daily/admin/backup")
    file = export(page, tmp_path / "plain.dbk")
    change_things(cast.daily)
    validate(page, file)
    page.locator("summary", has_text="Config keys").click()
    with page.expect_popup() as opening:
        page.get_by_role("button", name="Mine", exact=True).click()
    expect(opening.value.get_by_role("cell", name="lost lost")).to_be_visible()
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_visible()
