"""The log of the server: one line for each request, joined by an id, without secrets."""

import io
import json
import logging
import re
from dataclasses import replace
from datetime import datetime

import pytest

from dashboard.cli import logs
from dashboard.web import access
from tests.installed import new_app


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def begin(app):
    """`begin(stream)`: write the log there; everything is as it was at the end of the test."""
    root = logging.getLogger()
    before = root.handlers, root.level

    def start(stream):
        logs.begin(app.extensions["request_id"], stream)
        return stream

    yield start
    root.handlers, root.level = before


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_pipe_gets_json_with_everything(begin, client, cast):
    stream = begin(io.StringIO())
    answer = client.get("/login")
    (line,) = lines(stream)
    assert line["message"].startswith("GET auth.login 200 ")
    assert line["request"] == answer.headers["X-Request-Id"]
    assert (line["level"], line["method"], line["endpoint"]) == ("info", "GET", "auth.login")
    assert (line["status"], line["logger"]) == (200, "dashboard.web.request_log")
    assert line["milliseconds"] >= 0
    assert datetime.fromisoformat(line["time"]).utcoffset().total_seconds() == 0


def test_a_terminal_gets_words(begin, client, cast):
    stream = begin(Terminal())
    client.get("/login")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d [0-9a-f]{8} GET auth\.login 200 \d+ ms\n", stream.getvalue()
    )


def test_every_request_has_an_id_of_its_own(client, cast):
    ids = {client.get("/login").headers["X-Request-Id"] for _ in range(5)}
    assert len(ids) == 5
    with client.get("/static/js/app.js") as answer:
        assert "X-Request-Id" not in answer.headers


@pytest.mark.parametrize(
    ("hops", "given", "is_taken"),
    [
        (0, "abcdef-0123456789", False),
        (1, "abcdef-0123456789", True),
        (1, "short", False),
        (1, "x" * 65, False),
        (1, 'quote"and space', False),
    ],
)
def test_only_a_proxy_that_is_counted_chooses_the_id(
    folders, cast, hops, given, is_taken, settings
):
    app = new_app(replace(settings, proxy_hops=hops), folders)
    headers = {"X-Request-Id": given, "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}
    answer = app.test_client().get("/login", headers=headers)
    assert (answer.headers["X-Request-Id"] == given) is is_taken


def test_an_incident_has_the_id_of_its_request(begin, app, client, cast):
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail():
        raise RuntimeError("first line\nlevel: error\x1b[2J")

    app.add_url_rule("/broken", "broken", access.public(fail))
    stream = begin(io.StringIO())
    answer = client.get("/broken")
    told, ended = lines(stream)
    assert told["request"] == ended["request"] == answer.headers["X-Request-Id"]
    assert told["request"] in answer.text
    assert told["level"] == "error"
    assert told["trace"].endswith("RuntimeError: first line\nlevel: error\x1b[2J")
    assert ended["status"] == 500


def test_nothing_in_a_line_begins_another_or_commands_the_terminal(begin):
    stream = begin(Terminal())
    logging.getLogger("somewhere").warning("one\ntwo\r\x1b[2J three")
    assert stream.getvalue().count("\n") == 1
    assert "WARNING one\\ntwo\\r\\u001b[2J three" in stream.getvalue()


def test_no_address_is_in_a_line(begin, client, cast):
    stream = begin(io.StringIO())
    for path in ("/setup/abc-secret", "/invite/abc-secret", "/abc-secret?q=abc-secret"):
        client.get(path)
    client.open("/login", method="SECRET")
    assert len(lines(stream)) == 4
    assert "secret" not in stream.getvalue().lower()


def test_what_machines_ask_again_and_again_is_no_line(begin, client, cast):
    stream = begin(io.StringIO())
    for path in ("/healthz", "/readyz", "/static/js/app.js"):
        client.get(path).close()
    assert stream.getvalue() == ""


def test_no_trace_commands_the_terminal(begin):
    stream = begin(Terminal())
    try:
        raise RuntimeError("\x1b[2J all gone\r")
    except RuntimeError:
        logging.getLogger("somewhere").exception("it failed")
    *_, last = stream.getvalue().splitlines()
    assert last == r"RuntimeError: \u001b[2J all gone\r"
