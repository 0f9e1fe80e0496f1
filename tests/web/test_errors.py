import html
import logging
import re

import peewee
import pytest
from flask import abort

from dashboard.models import StaleRevision
from dashboard.models.people import PeopleError
from dashboard.web import access, build_app, errors


@pytest.fixture
def broken(app):
    """`broken(error)`: add a page that raises it; its address is /broken."""
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def add(error):
        def fail():
            raise error

        app.add_url_rule("/broken", "broken", access.public(fail), methods=["GET", "POST"])

    return add


def words(answer):
    """What `#error` says: the part that htmx shows as a message."""
    found = re.search(r'<p id="error" role="alert">(.*?)</p>', answer.text, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "", found[1])).strip()


@pytest.mark.parametrize(
    ("address", "status"), [("/none", 404), ("/u/none/", 404), ("/logout", 405)]
)
def test_an_error_is_a_page_with_its_true_status(client, cast, login, address, status):
    login(client, cast.alice)
    answer = client.get(address)
    assert answer.status_code == status
    assert words(answer) == errors.SENTENCES[status]
    assert answer.text.count('id="error"') == 1


def test_too_small_a_role_is_told_whom_to_ask(client, cast, login):
    login(client, cast.bob)
    answer = client.get("/u/daily/admin/")
    assert answer.status_code == 403
    assert "Ask an admin" in words(answer)
    assert "Back to Harbour Daily" in answer.text


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (StaleRevision(), 409, "This page is older than the unit"),
        (PeopleError("A unit needs an admin."), 422, "A unit needs an admin."),
        (peewee.OperationalError("database is locked"), 503, "The database is busy"),
        (OSError(28, "locked"), 503, "The disk is full. Nothing was changed."),
    ],
)
@pytest.mark.parametrize("as_htmx", [False, True])
def test_what_the_rooms_below_raise_has_its_own_words(
    client, cast, broken, error, status, says, as_htmx
):
    broken(error)
    answer = client.get("/broken", headers={"HX-Request": "true"} if as_htmx else {})
    assert answer.status_code == status
    assert says in words(answer)
    assert "locked" not in answer.text


def test_a_refusal_of_422_is_told_by_htmx_and_not_put_where_the_form_is(client, cast, broken):
    broken(PeopleError("A unit needs an admin."))
    headers = client.post("/broken", headers={"HX-Request": "true"}).headers
    assert (headers["HX-Retarget"], headers["HX-Reselect"]) == ("#toast", "#error")


def test_a_subclass_counts_as_its_parent(client, cast, broken):
    class Younger(PeopleError):
        pass

    broken(Younger("words"))
    assert client.get("/broken").status_code == 422


def test_a_stale_page_offers_to_reload_itself(client, cast, broken):
    broken(StaleRevision())
    answer = client.post("/broken", headers={"Referer": "http://localhost/units?page=2"})
    assert '<a href="/units?page=2">Reload</a>' in answer.text
    answer = client.post("/broken", headers={"Referer": "https://evil.example/units"})
    assert '<a href="/">Reload</a>' in answer.text


def test_a_fragment_offers_to_reload_the_page_around_it(client, cast, broken):
    broken(StaleRevision())
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/units"}
    assert '<a href="/units">Reload</a>' in client.get("/broken", headers=headers).text


def test_busy_says_when_to_come_back(client, cast, broken):
    broken(peewee.OperationalError("database is locked"))
    assert client.get("/broken").headers["Retry-After"] == "5"


def test_words_given_to_abort_are_kept_and_werkzeugs_are_not(app, client, cast):
    @app.get("/busy")
    @access.public
    def busy():
        abort(429, "Two backups are being read already. Wait a minute.")

    @app.get("/bad")
    @access.public
    def bad():
        abort(400)

    answer = client.get("/busy")
    assert answer.status_code == 429
    assert words(answer).startswith("Two backups are being read already. Wait a minute.")
    assert "Retry-After" in answer.headers
    assert words(client.get("/bad")).startswith(errors.SENTENCES[400])


def test_nobodys_fault_shows_an_incident_id_and_nothing_else(client, cast, broken, caplog):
    broken(RuntimeError("hush-the-reason"))
    with caplog.at_level(logging.ERROR):
        answer = client.get("/broken?secret=hush-the-query")
    incident = re.search(r"incident id: ([0-9a-f]{8})\.", words(answer))[1]
    assert answer.status_code == 500
    assert "hush" not in answer.text
    assert f"incident {incident}: GET broken" in caplog.text
    assert "hush-the-reason" in caplog.text  # the traceback, for those who run the server
    assert "hush-the-query" not in caplog.text


def test_a_view_that_does_not_say_who_may_use_it_is_refused(app, client, cast, login):
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/silent", "silent", lambda: "secret")
    login(client, cast.alice)
    answer = client.get("/silent")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_view_says_it_once():
    with pytest.raises(access.Undeclared, match="twice"):
        access.public(access.signed_in(lambda: "x"))


def test_the_error_page_does_without_a_database(client, cast, app, monkeypatch, caplog):
    app.config["PROPAGATE_EXCEPTIONS"] = False

    def fail(*_args, **_kwargs):
        raise peewee.OperationalError("unable to open database file: /secret/place")

    monkeypatch.setattr("dashboard.web.session_rows.open_connection", fail)
    answer = client.get("/login")
    assert answer.status_code == 503
    assert "The database is busy" in words(answer)
    assert "/secret/place" not in answer.text


def test_every_error_class_in_the_table_has_a_status_and_words():
    for kind, (status, sentence) in errors.STATUS.items():
        assert issubclass(kind, Exception)
        assert 400 <= status < 600
        assert sentence is None or sentence.endswith(".")


@pytest.mark.parametrize("word", ["1", "true"])
def test_the_environment_switches_no_debug_mode_on(settings, folders, monkeypatch, word):
    monkeypatch.setenv("FLASK_DEBUG", word)
    assert build_app(settings, folders).debug is False
