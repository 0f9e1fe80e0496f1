"""A page of another site in the same browser, while somebody is logged in here.

`localhost` and `127.0.0.1` are two sites for Chromium. Another port of `127.0.0.1` is the same
site: its requests come with our cookie, SameSite or not.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from dashboard.models import AuditEvent, Session, User
from tests.conftest import Cast

SITES = ("localhost", "127.0.0.1")


class Foreign:
    """A server of somebody else: every address shows the page that the test has written."""

    def __init__(self) -> None:
        self.page = ""
        foreign = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(foreign.page.encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def address(self, host: str) -> str:
        return f"http://{host}:{self.server.server_port}/"


@contextmanager
def running(foreign: Foreign) -> Iterator[Foreign]:
    thread = threading.Thread(target=foreign.server.serve_forever, name="foreign")
    thread.start()
    try:
        yield foreign
    finally:
        foreign.server.shutdown()
        foreign.server.server_close()
        thread.join(timeout=10)


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    with running(Foreign()) as server:
        yield server


@pytest.fixture
def context(browser: Browser, cast: Cast, log_in: Callable[[Page, User], None]) -> Iterator:
    """A browser where Alice is logged in. Its console is not listened to: it complains of us."""
    context = browser.new_context()
    log_in(context.new_page(), cast.alice)
    yield context
    context.close()


def state(cast: Cast) -> tuple[object, ...]:
    """What a foreign page might change: settings, events, and whose sessions there are."""
    sessions = {(row.token_hash, row.user_id) for row in Session.select()}
    return User.get_by_id(cast.alice.id).theme, AuditEvent.select().count(), sessions


def visit(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address, wait_until="networkidle")
    return page


def is_logged_in(context: BrowserContext, live: str) -> bool:
    return not visit(context, f"{live}/units").url.startswith(f"{live}/login")


@pytest.mark.parametrize("host", SITES)
def test_our_pages_are_in_nobodys_frame(context, foreign, live, cast, host):
    target = f'="{live}/units" type="text/html" width="600" height="400">'
    foreign.page = (
        f"<!doctype html><h1>Win a prize</h1><iframe src{target}</iframe>"
        f"<object data{target}</object><embed src{target}"
    )
    page = visit(context, foreign.address(host))
    assert page.locator("h1").inner_text() == "Win a prize"
    inside = [frame for frame in page.frames if frame is not page.main_frame]
    assert inside
    for frame in inside:
        assert not frame.url.startswith(live)
        assert "Harbour" not in frame.content()


FORMS = (
    ("/theme", "application/x-www-form-urlencoded"),
    ("/theme", "text/plain"),
    ("/theme", "multipart/form-data"),
    ("/logout", "application/x-www-form-urlencoded"),
    ("/login", "application/x-www-form-urlencoded"),
    ("/u/daily/admin/backup/undo", "application/x-www-form-urlencoded"),
)


@pytest.mark.parametrize("host", SITES)
def test_a_form_of_another_site_does_nothing(context, foreign, live, cast, host):
    before = state(cast)
    for address, kind in FORMS:
        foreign.page = (
            f'<!doctype html><form method="post" action="{live}{address}" enctype="{kind}">'
            '<input name="theme" value="dark"><input name="email" value="mallory@harbour.example">'
            '<input name="password" value="correct horse battery"><button>Win</button></form>'
        )
        page = visit(context, foreign.address(host))
        with page.expect_response(f"{live}{address}") as answer:
            page.get_by_role("button").click()
        assert answer.value.status == 403, (address, kind)
        page.wait_for_load_state()
        assert "came from another site" in page.locator("#error").inner_text()
        page.close()
    assert state(cast) == before
    assert is_logged_in(context, live)


SCRIPT = """
async (address) => {
  const tried = {};
  for (const mode of ["no-cors", "cors"]) for (const method of ["GET", "POST"]) {
    const body = method === "POST" ? new URLSearchParams({ theme: "dark" }) : undefined;
    const how = { mode, method, body, credentials: "include" };
    tried[`${mode} ${method}`] = await fetch(address, how).then(
      (answer) => `${answer.type} ${answer.status}`, () => "failed",
    );
  }
  for (const tag of ["img", "script", "link", "video"]) {
    tried[tag] = await new Promise((done) => {
      const part = document.createElement(tag);
      part.onload = () => done("loaded");
      part.onerror = () => done("failed");
      if (tag === "link") part.rel = "stylesheet";
      part[tag === "link" ? "href" : "src"] = address;
      document.body.append(part);
    });
  }
  return tried;
}
"""


@pytest.mark.parametrize("host", SITES)
def test_a_script_of_another_site_gets_nothing(context, foreign, live, cast, host, caplog):
    foreign.page = "<!doctype html><title>x</title><body>"
    before = state(cast)
    page = visit(context, foreign.address(host))
    for path in ("/theme", "/units", "/static/js/app.js", "/static/css/app.css"):
        caplog.clear()
        tried = page.evaluate(SCRIPT, f"{live}{path}")
        assert set(tried.values()) == {"failed"}, (path, tried)
        assert caplog.text.count("refused what another site asked of") == len(tried)
        # A window that it opens on us is not in its hands.
        page.evaluate("(address) => { window.other = window.open(address); }", live + path)
        page.wait_for_function("() => window.other === null || window.other.closed")
    assert state(cast) == before
    assert is_logged_in(context, live)


@pytest.mark.parametrize("host", SITES)
def test_a_link_of_another_site_leads_here(context, foreign, live, cast, host):
    foreign.page = f'<!doctype html><a href="{live}/u/daily/">Read</a>'
    page = visit(context, foreign.address(host))
    page.get_by_role("link").click()
    page.wait_for_url(f"{live}/u/daily/**")
    assert "Harbour Daily" in page.content()


def test_a_name_that_is_not_ours_shows_nothing(context, live):
    """As after DNS rebinding: the name leads to this server, which was never given it."""
    port = live.rpartition(":")[2]
    page = context.new_page()
    answer = page.goto(f"http://evil.localhost:{port}/units")  # Chromium takes it to the loopback
    assert answer.status == 421
    assert "DASHBOARD_SERVER_NAMES" in page.locator("#error").inner_text()
    assert context.cookies(f"http://evil.localhost:{port}/") == []
