import json
import re

import pytest

from dashboard.config import resource_root
from dashboard.web import htmx

ROOT = resource_root()


@pytest.fixture
def inside(app, cast):
    """Call a function inside a request, as htmx or as a plain browser."""

    def call(function, *args, as_htmx=False, **kwargs):
        headers = {"HX-Request": "true"} if as_htmx else {}
        with app.test_request_context("/login", headers=headers):
            return function(*args, **kwargs)

    return call


def test_a_fragment_goes_to_htmx(inside):
    answer = inside(htmx.answer, "_mark.html", "/units", as_htmx=True, status=422)
    assert answer.status_code == 422
    assert "<svg" in answer.get_data(as_text=True)
    assert "HX-Trigger" not in answer.headers


def test_everybody_else_is_led_to_the_page_that_holds_it(inside):
    answer = inside(htmx.answer, "_mark.html", "/units", status=422)
    assert (answer.status_code, answer.location) == (303, "/units")
    assert "HX-Trigger" not in answer.headers


def test_a_fragment_may_say_what_changed(inside, monkeypatch):
    monkeypatch.setattr(htmx, "EVENTS", frozenset({"backups:changed"}))
    answer = inside(htmx.answer, "_mark.html", "/units", as_htmx=True, event="backups:changed")
    assert answer.headers["HX-Trigger"] == "backups:changed"


@pytest.mark.parametrize("as_htmx", [False, True])
def test_an_event_that_nobody_knows_is_a_mistake(inside, as_htmx):
    with pytest.raises(ValueError, match="EVENTS"):
        inside(htmx.answer, "_mark.html", "/", as_htmx=as_htmx, event="weather:changed")


def test_refresh_reloads_the_whole_page(inside):
    answer = inside(htmx.refresh, as_htmx=True)
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (200, "true")
    assert answer.get_data() == b""


def test_leaving_is_a_header_for_htmx_and_a_303_for_others(inside):
    answer = inside(htmx.leave_to, "/login", as_htmx=True, status=401)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")
    answer = inside(htmx.leave_to, "/login", status=401)
    assert (answer.status_code, answer.location) == (303, "/login")


def test_only_the_helper_reads_the_headers_of_htmx():
    readers = [
        file.name
        for file in (ROOT / "dashboard" / "web").glob("*.py")
        if re.search(r'"HX-(Request|Trigger|Target)', file.read_text())
    ]
    assert readers == ["htmx.py"]


def test_every_event_has_a_sender_and_a_listener():
    code = "".join(file.read_text() for file in (ROOT / "dashboard" / "web").glob("*.py"))
    code = code.replace((ROOT / "dashboard" / "web" / "htmx.py").read_text(), "")
    pages = "".join(file.read_text() for file in (ROOT / "templates").rglob("*.html"))
    for event in htmx.EVENTS:
        assert f'"{event}"' in code, f"{event} has no sender"
        assert f"{event} from:body" in pages, f"{event} has no listener"


def test_the_page_tells_htmx_where_failures_go(client, cast):
    page = client.get("/login").text
    config = json.loads(re.search(r"name=\"htmx-config\" content='([^']+)'", page)[1])
    failures = config["responseHandling"][-1]
    assert (failures["target"], failures["select"]) == ("#toast", "#error")
    assert {"code": "422", "swap": True} in config["responseHandling"]
    assert config["allowEval"] is False
    assert config["includeIndicatorStyles"] is False
    assert 'id="toast"' in page


def test_app_js_stays_small():
    script = (ROOT / "static" / "js" / "app.js").read_text()
    assert len(script.splitlines()) < 120
