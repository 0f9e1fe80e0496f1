"""A feed and a status board in a real browser, with a real server behind them."""

import threading
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from dashboard.models import Application, Plugin, PluginPermission
from dashboard.plugins import install
from dashboard.plugins.jsontext import to_json
from tests.browser.looks import complaints_of_axe, overflow
from tests.plugins.servers import FOR_EVER, answer, serving

CORE = "dashboard.core."
FEED, STATUS, NOTES, NEWS = (
    CORE + name for name in ("feed-reader", "status-board", "notes", "announcements")
)
ITEM = """<item><guid>{0}</guid><title>{1}</title><link>https://wire.example/{0}</link>
<pubDate>Wed, 25 Nov 2026 11:10:00 GMT</pubDate><description>{2}</description></item>"""
ITEMS = ITEM.format(
    1, "Ferries stay in the harbour", "The strike goes on until Friday, says the union."
)
ITEMS += ITEM.format(2, "Council votes on the terminal", "x" * 300)
RSS = f"<rss version='2.0'><channel><title>Town</title>{ITEMS}</channel></rss>".encode()


@pytest.fixture
def gate():
    """The other server answers only while this is set."""
    gate = threading.Event()
    gate.set()
    yield gate
    gate.set()


@pytest.fixture
def other(gate):
    """The other server: a feed, and a page that is broken."""

    def say(request):
        assert gate.wait(FOR_EVER)
        if request.path == "/down":
            return answer(status="503 Unavailable")
        return answer(RSS, content_type="application/rss+xml")

    with serving(say) as server:
        yield server


@pytest.fixture
def settings(settings, other):
    """The operator allows the other server."""
    return replace(settings, allowed_hosts=(other.host,))


@pytest.fixture
def cast(cast, other):
    """The cast, with a feed, a note and a status board in ws-one."""
    Plugin.delete().where(Plugin.bundle == NOTES).execute()
    Application.delete().where(Application.workspace == "ws-one").execute()
    for bundle in (NOTES, NEWS, FEED, STATUS):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    services = f"Site | {other.address}\nShop | {other.address}down\nWiki | http://10.0.0.1/"
    placed = {
        "feed": (FEED, "Town news", {"address": other.address}),
        "note": (NOTES, "Kept", {"text": "## From the wire"}),
        "status": (STATUS, "Services", {"services": services}),
    }
    for at, (uid, (bundle, title, config)) in enumerate(placed.items()):
        Application.create(unit=cast.daily, workspace="ws-one", uid=uid, bundle=bundle, title=title,
                           column=0, position=at, config=to_json(config))  # fmt: skip
    for bundle, key in ((FEED, "SAVE_ITEM"), (NOTES, "ADD_TO_NOTE"), (STATUS, "ANNOUNCE_DOWN"),
                        (NEWS, "ANNOUNCE")):  # fmt: skip
        for role in ("admin", "user"):
            PluginPermission.get_or_create(unit=cast.daily, bundle=bundle, key=key, role=role)
    return cast


def test_an_item_comes_by_itself_and_is_saved_to_the_note(page, live, cast, log_in, gate):
    gate.clear()
    log_in(page, cast.ursula)
    page.goto(f"{live}/u/daily/w/ws-one")
    page.evaluate("window.here = true")
    feed = page.get_by_role("article", name="Town news")
    expect(feed).to_contain_text("It is being fetched.")
    gate.set()
    item = feed.get_by_role("listitem").filter(has_text="Ferries stay")
    expect(item.get_by_role("link")).to_have_attribute("href", "https://wire.example/1")
    item.get_by_role("button", name="Save to notes Ferries stay in the harbour").click()
    expect(item).to_contain_text("Saved")
    expect(feed.get_by_role("button")).to_have_count(1)
    assert page.evaluate("window.here")  # never a page load
    page.reload()
    note = page.get_by_role("article", name="Kept")
    expect(note.get_by_role("link", name="Ferries stay in the harbour")).to_be_visible()
    expect(note).to_contain_text("The strike goes on until Friday, says the union.")


def test_the_same_without_javascript(plain_page, live, cast):
    page = plain_page(cast.ursula)
    button = page.get_by_role("button", name="Save to notes Ferries")
    for _ in range(50):  # a page without JavaScript is loaded anew by hand
        page.goto(f"{live}/u/daily/w/ws-one?plain=1")
        if button.count():
            break
    button.click()
    note = page.get_by_role("article", name="Kept")
    expect(note.get_by_role("link", name="Ferries stay in the harbour")).to_be_visible()


def test_what_is_down_is_announced(page, live, cast, log_in):
    log_in(page, cast.ursula)
    page.goto(f"{live}/u/daily/w/ws-one")
    card = page.get_by_role("article", name="Services")
    site, shop = (card.get_by_role("listitem").filter(has_text=name) for name in ("Site", "Shop"))
    expect(site).to_contain_text("Up")
    expect(shop).to_contain_text("It answers with 503.")
    expect(site.get_by_role("button")).to_have_count(0)
    shop.get_by_role("button", name="Announce that Shop is down").click()
    expect(shop).to_contain_text("announced")
    expect(page.locator(".widget-announcement")).to_contain_text("Shop is down since")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_and_never_wider_than_the_screen(page, live, cast, log_in, width, scheme):
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/w/ws-one")
    expect(page.get_by_role("button", name="Save to notes Council")).to_be_visible()
    expect(page.get_by_role("button", name="Announce that Wiki is down")).to_be_visible()
    assert overflow(page) <= 0
    assert complaints_of_axe(page) == []
