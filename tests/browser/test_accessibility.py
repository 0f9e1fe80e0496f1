"""Every screen of the demo, light and dark, wide and narrow: for axe, and what axe cannot see."""

from collections import Counter
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from werkzeug.routing import RequestRedirect

from tests.browser.demo_site import Site, demo_site
from tests.browser.pictures import PICTURES
from tests.browser.screens import ADMIN, DAILY, MAJA, SCREENS, Screen, opened

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# All that axe asks without being told to, and that whatever can be pressed measures 24 px or more.
AXE = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
NOT_PAGES = {
    "health.alive": "for machines",
    "health.ready": "for machines",
    "health.metrics": "for machines",
    "static": "files",
    "workspaces.asset": "a picture",
    "audit.download": "a file",
    "backups.download": "a file",
    "api.openapi": "for machines",
    "api.units": "for machines",
    "api.status": "for machines",
    "api.download": "for machines",
    "api.job": "for machines",
    "units.start": "leads on to the first page",
    "key_deletion.delete": "leads back to the list",
    "units.admin": "leads on to the first section",
    "news.revision": "a fragment",
    "applications.show": "a fragment",
    "applications.portal": "a fragment",
    "workspaces.toolbar": "a fragment",
    "backups.job": "a fragment",
}
SHAPE = """() => ({
  title: document.title.trim(),
  headings: [...document.querySelectorAll("h1")].map((it) => it.textContent.trim()),
  ids: [...document.querySelectorAll("[id]")].map((it) => it.id),
  styled: document.querySelectorAll("[style], style").length,
})"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOCUSED = """() => {
  const it = document.activeElement;
  if (it === document.body) return null;
  const drawn = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1
    || style.boxShadow !== "none";
  const places = [it, it.closest("label")].filter(Boolean);
  const box = it.getBoundingClientRect();
  return {
    html: it.outerHTML.slice(0, 160),
    drawn: places.some((at) => drawn(getComputedStyle(at))),
    inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""
ARRIVE = """() => {
  const gliding = () => document.getAnimations().filter((it) => it instanceof CSSTransition);
  // What inherits a colour begins to glide when its parent has arrived.
  for (let found = gliding(); found.length; found = gliding()) found.forEach((it) => it.finish());
}"""
FOCUS_STOPS = 60
FOCUS_ON = {
    "menu": DAILY + "/w/ws-morning",
    "forms": DAILY + "/w/ws-morning/settings",
    "lists": ADMIN + "/plugins",
    "backup": ADMIN + "/backup",
}


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with demo_site(tmp_path_factory.mktemp("site")) as site:
        yield site
        for context in browser.contexts:
            context.close()


@pytest.fixture(autouse=True)
def complaints(site: Site) -> Iterator[None]:
    """Here the pages are the site's own, one for each person, and live longer than a test."""
    site.complaints.clear()
    yield
    assert site.complaints == []


def violations(page: Page) -> list[tuple[str, list[str]]]:
    found = Axe().run(page, options=AXE).response["violations"]
    return [
        (it["id"], [f"{at['html']}\n{at['failureSummary']}" for at in it["nodes"]]) for it in found
    ]


def look(page: Page, width: dict[str, int], scheme: str) -> None:
    page.set_viewport_size(width)
    page.emulate_media(color_scheme=scheme)
    # Colours glide; one asked for in the middle of it would be neither the old nor the new one.
    page.evaluate(ARRIVE)


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_screen_is_for_everybody_and_fits(screen: Screen, browser: Browser, site: Site):
    with opened(screen, browser, site) as page:
        shape = page.evaluate(SHAPE)
        assert shape["title"]
        assert len(shape["headings"]) == 1, shape["headings"]
        assert shape["headings"][0]
        assert [name for name, count in Counter(shape["ids"]).items() if count > 1] == []
        assert shape["styled"] == 0
        for picture in PICTURES:
            if picture.screen == screen.name and picture.part:
                assert page.locator(picture.part).first.is_visible()
        look(page, WIDE, "light")
        assert violations(page) == []
        assert page.evaluate(OVERFLOW) <= 0
        look(page, NARROW, "dark")
        assert violations(page) == []
        assert page.evaluate(OVERFLOW) <= 0


def test_every_page_of_the_product_is_among_the_screens(site: Site):
    """A page that is missing here has no line in `SCREENS`: add one."""
    routes = site.app.url_map.bind("localhost")
    known = set()
    for screen in SCREENS:
        for address in filter(None, (screen.address, screen.also)):
            try:
                known.add(routes.match(address.partition("?")[0])[0])
            except RequestRedirect as error:
                pytest.fail(f"{screen.name}: {address} leads on to {error.new_url}")
    pages = {rule.endpoint for rule in site.app.url_map.iter_rules() if "GET" in rule.methods}
    assert pages - known - NOT_PAGES.keys() == set()
    assert NOT_PAGES.keys() <= pages
    assert len({screen.name for screen in SCREENS}) == len(SCREENS)


@pytest.mark.parametrize("name", FOCUS_ON)
def test_where_the_keyboard_is_can_be_seen(name: str, browser: Browser, site: Site):
    with opened(Screen(name, FOCUS_ON[name], MAJA), browser, site) as page:
        seen = 0
        for _ in range(FOCUS_STOPS):
            page.keyboard.press("Tab")
            focused = page.evaluate(FOCUSED)
            if focused is None:
                break
            assert focused["drawn"], focused["html"]
            assert focused["inside"], focused["html"]
            seen += 1
        assert seen > 5


def test_the_chosen_theme_looks_like_that_of_the_system(browser: Browser, site: Site):
    """`data-theme` and `prefers-color-scheme` lead to the same colours, token by token."""
    with opened(Screen("workspace", DAILY + "/w/ws-morning"), browser, site) as page:

        def colors() -> list[str]:
            return page.evaluate(
                """() => ["body", ".topbar", ".app-card", ".app-card h2", ".who__face"]
                  .map((it) => getComputedStyle(document.querySelector(it)))
                  .flatMap((style) => [style.backgroundColor, style.color])"""
            )

        looks = {}
        for scheme in ("light", "dark"):
            look(page, WIDE, scheme)
            looks[scheme] = colors()
        assert looks["light"] != looks["dark"]
        for system, chosen in (("light", "dark"), ("dark", "light")):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", chosen)
            look(page, WIDE, system)
            assert colors() == looks[chosen]
        page.reload()
