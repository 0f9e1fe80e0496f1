"""The corpus in every text field, and Chromium on every page: nothing of it runs, asks or shows.

The strings come in crafted backups, through the Backup page, as an attacker would bring them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Request, expect

from dashboard import db
from tests.archive.second_writer import PASSWORD as FILE_PASSWORD
from tests.backup.test_rights import sealed
from tests.browser.demo_site import Site, demo_site, unit_of
from tests.browser.screens import ADMIN, DAILY, SCREENS, settle
from tests.browser.steps import region
from tests.hostile.corpus import LONG, MARK, POSSIBLE, Hostile, of
from tests.hostile.crafted import core_configs, head, rows_of

# What runs before any script of a page: it notes what should never happen.
WATCH = """() => {
  window.happened = [];
  window.pwned = (mark) => window.happened.push(`ran ${mark}`);
  addEventListener("securitypolicyviolation", (event) => window.happened.push(
    `violation ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  addEventListener("hashchange", () => window.happened.push(`moved to ${location.href}`));
}"""
# What the strings should have made: an element or an attribute that is named by a mark, a handler.
MADE = """() => {
  const mark = /q\\d{3}z/i, found = [];
  const names = /^(id|class|name|for|target|rel|type|style|srcdoc|hx-(?!get$|post$).*|data-hx-.*)$/;
  for (const it of document.querySelectorAll("*")) {
    if (mark.test(it.localName)) found.push(it.outerHTML.slice(0, 200));
    for (const { name, value } of it.attributes) {
      const isKey = /^(config|clear)-[\\w-]+$/.test(value) || /^language-/.test(value);
      if (mark.test(name) || /^on/i.test(name) || name === "style" ||
          names.test(name) && mark.test(value) && !isKey ||
          /^(href|src|action|formaction|data|hx-get|hx-post|xlink:href)$/.test(name) &&
          /^\\s*(javascript|vbscript|data:text|data:image.svg|blob|file)/i.test(value)) {
        found.push(`${it.localName} ${name}=${value.slice(0, 120)}`);
      }
    }
  }
  const known = /^\\/static\\/(js|vendor)\\//;
  for (const it of document.scripts) {
    if (!known.test(it.getAttribute("src") || "")) found.push(it.outerHTML.slice(0, 200));
  }
  for (const it of document.querySelectorAll("base, object, embed, math, foreignObject, style")) {
    found.push(it.outerHTML.slice(0, 200));
  }
  return [...found, ...window.happened];
}"""
# What runs at once, what breaks out, what htmx would take: the worst of the corpus.
WORST = of("script", "handler", "vector", "mutation", "breaking out", "page", "htmx", "markdown")
REST = [one for one in POSSIBLE if one not in WORST]
ROWS = 6 if LONG else 4  # of each kind, whose pages are opened
OPENED = "dialog, details, [popover]"


class Watched:
    """A page that is watched: dialogs, requests to others, and what its console says."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.site, self.page = site, context.new_page()
        self.found: list[str] = []
        self.visits = 0
        own = urlsplit(site.address).netloc
        context.add_init_script(f"({WATCH})()")
        self.page.on("dialog", self._dismiss)
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))

        def asked(request: Request) -> None:
            if urlsplit(request.url).scheme != "data" and urlsplit(request.url).netloc != own:
                self.found.append(f"asked {request.url}")

        context.on("request", asked)

    def _dismiss(self, dialog: Dialog) -> None:
        self.found.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _note(self, kind: str, words: str) -> None:
        refused = words.startswith(("Response Status", "Failed to load resource: the server"))
        if kind in ("error", "warning") and not refused:
            self.found.append(f"console: {words}")

    def look(self, name: str = "") -> None:
        """Open what opens, and take everything that came of the strings."""
        settle(self.page)
        self.page.evaluate(
            f"document.querySelectorAll('{OPENED}').forEach((it) => {{"
            " if (it.localName === 'details') it.open = true;"
            " else if (it.showPopover && !it.matches(':popover-open')) it.showPopover(); })"
        )
        made = self.page.evaluate(MADE)
        self.found += [f"{name or self.page.url}: {what}" for what in made]
        self.visits += 1

    def visit(self, address: str) -> None:
        """Open a page and look."""
        self.page.goto(self.site.address + address)
        self.look()

    def reads(self, text: str) -> bool:
        """Return whether *text* stands on the page as it is: as text, or in a field."""
        return self.page.evaluate(
            """(text) => {
              const flat = (it) => it.replace(/\\s+/g, " ").trim();
              const fields = [...document.querySelectorAll("input, textarea, option")];
              return [document.body.textContent, ...fields.map((it) => it.value)]
                .some((it) => flat(it).includes(flat(text)));
            }""",
            text,
        )


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with demo_site(tmp_path_factory.mktemp("hostile")) as site:
        site.fill()
        yield site
        for context in browser.contexts:
            context.close()


@pytest.fixture(autouse=True)
def complaints(site: Site) -> Iterator[None]:
    """Here every page is watched by `Watched`."""
    site.complaints.clear()
    yield
    assert site.complaints == []


@pytest.fixture
def watched(browser: Browser, site: Site) -> Iterator[Watched]:
    context = browser.new_context(reduced_motion="reduce", locale="en-GB")
    context.set_default_timeout(20_000)
    watched = Watched(context, site)
    site._log_in(watched.page, "maja.lind")
    yield watched
    context.close()


def addresses(count: int) -> list[str]:
    """Return every page of the screens that an admin opens by an address, and those of rows."""
    screens = [
        one.address
        for one in SCREENS
        if one.who == "maja.lind" and not one.before_setup and one.javascript
    ]
    found = [at for at in dict.fromkeys(screens) if "/w/ws-" not in at and "example." not in at]
    for number in range(0, count, max(1, count // ROWS)):
        plugin, workspace = f"{ADMIN}/plugins/hostile.p{number:03}", f"{DAILY}/w/ws-{number:03}"
        found += [plugin, f"{plugin}?as=text", f"{plugin}/file", f"{plugin}/uninstall"]
        pages = ("", "/settings", "/applications", "/delete", "/export",
                 "/applications/app-other/settings", "/applications/app-notes/settings",
                 "/applications/app-links/remove")  # fmt: skip
        found += [workspace + page for page in pages]
        found += [f"{ADMIN}/keys/{kind}{number:03}" for kind in "KJS"]
        found += [f"{DAILY}/profiles/pf-{number:03}", f"{ADMIN}/keys/K{number:03}/delete"]
    return found


def bring(watched: Watched, file: Path, batch: list[Hostile]) -> None:
    """Make a backup that holds *batch*, and get as far as its preview."""
    with db.database.connection_context():
        rows = rows_of(batch)
        pack(rows, batch)
        file.write_bytes(sealed(rows, unit_of("harbour-daily"), head(batch[0].text)))
    page = watched.page
    page.goto(f"{watched.site.address}{ADMIN}/backup")
    part = region(page, "Import backup")
    part.get_by_label("Upload your backup file").set_input_files(file)
    part.get_by_label("Backup password").fill(FILE_PASSWORD)
    part.get_by_role("button", name="Validate").click()
    expect(page.get_by_text("What this backup contains")).to_be_visible()
    watched.look("the preview")


def pack(rows, batch) -> None:
    """Let the applications of the first workspace show all strings of *batch* at once."""
    everything = "\n\n".join(one.text for one in batch)
    shown = core_configs(everything)
    for row in rows["applications"]:
        folder = row[1].removeprefix("app-")
        if row[0] == "ws-000" and folder in ("notes", "links"):
            row[6] = shown[folder]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [WORST, REST] if LONG else [WORST[::2]])
def test_nothing_of_a_backup_runs_on_any_page(
    watched: Watched, site: Site, tmp_path: Path, batch: list[Hostile]
):
    page = watched.page
    bring(watched, tmp_path / "x.dbk", batch)
    for summary in ("Plugins", "Workspaces", "Applications", "Config keys"):
        page.locator("details", has=page.locator("summary", has_text=summary)).locator(
            "button"
        ).first.click()
        expect(page.locator(".change-fields").first).to_be_visible()
        watched.look(f"fields of {summary}")
    with page.expect_navigation():
        page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="The backup is back")).to_be_visible()
    watched.look("the result")
    for address in addresses(len(batch)):
        watched.visit(address)
    stands_where_it_is_shown(watched, batch)
    page.goto(f"{site.address}{ADMIN}/keys")
    page.get_by_role("searchbox").first.fill(batch[0].text)
    expect(page.locator("#keys .badge, #keys h2").first).to_be_visible()
    watched.look("a search of keys")
    page.goto(f"{site.address}{DAILY}/workspaces")
    page.get_by_role("searchbox").first.press_sequentially("<b id=q>")
    watched.look("a search of workspaces")
    page.goto(f"{site.address}{ADMIN}/backup")
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_text("What an undo brings back")).to_be_visible()
    watched.look("the undo")
    with page.expect_navigation():
        page.get_by_role("button", name="Undo the import").click()
    watched.visit(f"{ADMIN}/audit")
    assert watched.found == []
    assert watched.visits > 100


def stands_where_it_is_shown(watched: Watched, batch: list[Hostile]) -> None:
    """Look for every seventh string on the pages that show it, field by field."""
    absent = []
    for number in range(0, len(batch), 7):
        text = batch[number].text
        places = {
            "description": f"{ADMIN}/keys/K{number:03}",
            "plugin": f"{ADMIN}/plugins/hostile.p{number:03}",
        }
        for field, address in places.items():
            watched.page.goto(watched.site.address + address)
            if MARK.search(text) and not re.search("[\x00-\x1f\x7f]", text):
                absent += [] if watched.reads(text) else [(field, text)]
    assert absent == []


@pytest.mark.parametrize(
    "attack",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "document.body.outerHTML = '<body>x'",
        "document.createElement('iframe').srcdoc = '<b>x</b>'",
        "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
        "Document.parseHTMLUnsafe('<b>x</b>')",
        "document.write('<b>x</b>')",
        "document.body.setHTMLUnsafe('<b>x</b>')",
        "document.createRange().createContextualFragment('<b>x</b>')",
        "document.createElement('script').src = '/static/js/app.js'",
        "document.createElement('script').text = 'pwned()'",
        "document.body.setAttribute('onclick', 'pwned()')",
        "trustedTypes.createPolicy('other', {createHTML: (it) => it})",
        "trustedTypes.createPolicy('default', {createHTML: (it) => it})",
    ],
)
def test_no_script_of_ours_could_make_html_or_a_script_of_a_string(
    watched: Watched, site: Site, attack: str
):
    """Even with an answer that just came: what is not that answer is refused."""
    page = watched.page
    page.goto(f"{site.address}{DAILY}/")
    settle(page)
    refused = page.evaluate(
        f"""() => {{
          const other = new XMLHttpRequest();
          other.open("GET", "/healthz", false);
          other.send();
          try {{ {attack}; return ""; }} catch (error) {{ return error.name; }}
        }}"""
    )
    assert refused == "TypeError"
    assert page.evaluate("window.happened.filter((it) => it.startsWith('ran'))") == []


def test_htmx_keeps_nothing_in_the_browser(watched: Watched, site: Site):
    """No page is kept outside of the tab: going back asks the server anew."""
    page = watched.page
    page.goto(f"{site.address}{ADMIN}/audit")
    page.get_by_label("What", exact=True).select_option("Plugins")
    page.wait_for_url("**group=plugins**")
    kept = page.evaluate("[localStorage.length, JSON.stringify(sessionStorage)]")
    assert kept[0] == 0
    assert "<" not in kept[1]
    page.go_back()
    page.wait_for_url(lambda address: "group=plugins" not in address)
    expect(page.get_by_label("What", exact=True)).to_have_value("")
    watched.look("after going back")
    assert watched.found == []


def test_the_watch_sees_what_it_should(watched: Watched, site: Site):
    """A page without our policy, on which the strings are markup: every kind is noticed."""
    page = watched.page
    page.route("**/naked", lambda route: route.fulfill(content_type="text/html", body=naked()))
    page.goto(f"{site.address}/naked")
    expect(page.locator("#begin")).to_have_count(1)
    happened = " ".join(page.evaluate(MADE))
    assert happened.count("ran q") >= 1
    assert len({mark.lower() for mark in MARK.findall(happened)}) > 20
    assert any(what.startswith("asked") and "hostile.example" in what for what in watched.found)


def naked() -> str:
    """Return a page that shows what runs without quoting it, but for what swallows the rest."""
    swallowing = ("<textarea", "<select", "<iframe", "<style", "<object", "<video", "<audio")
    shown = [one.text for one in of("handler", "address") if not one.text.startswith(swallowing)]
    return f"<!doctype html><body><p id=begin>{' '.join(shown)}"
