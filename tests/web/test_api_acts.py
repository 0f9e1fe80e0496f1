"""The API end to end: every act as a script does it, on the code that the screens use."""

import pytest

from dashboard.backup import quotas, runs
from dashboard.backup.progress import Stage
from dashboard.models import (
    ApiToken,
    AuditEvent,
    BackupRun,
    ImportTicket,
    Role,
    User,
    tokens,
)
from dashboard.models.events import detail_of
from dashboard.models.people import set_role
from tests.backup.conftest import Unchanged, state, wipe_some
from tests.web.api import PASSWORD, Script, make_token
from tests.web.doors import unchanged


@pytest.fixture
def token(cast):
    return make_token(cast.alice)


@pytest.fixture
def script(app, token):
    """Alice's script, which may do everything she may."""
    script = Script(app, token[1])
    script.ask("GET", "/units")  # that it was used is known from here on
    return script


def told(answer):
    return answer.status_code, answer.json["error"]["code"]


def validation(script, data, password=PASSWORD):
    uid = script.upload(data).json["id"]
    return uid, script.do(f"/units/daily/uploads/{uid}/validation", {"password": password})


def test_every_verb_from_export_to_undo(script, cast, folders):
    before = state(cast.daily)
    job = script.do("/units/daily/exports", {"password": PASSWORD})
    assert (job["act"], job["state"], job["error"]) == ("export", "done", None)
    file = script.ask("GET", f"/units/daily/exports/{job['id']}")
    assert file.mimetype == "application/octet-stream"
    assert file.data.startswith(b"dashboard-backup/1\n")
    assert len(file.data) == job["export"]["file_bytes"]

    wipe_some(cast.daily)
    poor = state(cast.daily)
    kept = script.upload(file.data)
    assert kept.status_code == 201
    assert kept.json["file_sha256"] == job["export"]["file_sha256"]
    checked = script.do(
        f"/units/daily/uploads/{kept.json['id']}/validation", {"password": PASSWORD}
    )
    preview = checked["preview"]
    assert (checked["act"], preview["same_unit"]) == ("validate", True)
    assert preview["content"] == job["export"]["content"]
    assert sum(at["come"] for at in preview["sections"]) > 0
    assert state(cast.daily) == poor

    done = script.do("/units/daily/imports", {"ticket": preview["ticket"]})
    assert (done["act"], done["state"]) == ("import", "done")
    assert done["imported"]["content"] == job["export"]["content"]
    assert state(cast.daily) == before
    status = script.ask("GET", "/units/daily").json
    assert status["counts"] == job["export"]["counts"] == done["imported"]["counts"]
    assert status["last_backup"]["content"] == job["export"]["content"]
    assert (status["undo"]["act"], status["running"]) == ("import", None)
    assert list(folders.uploads.iterdir()) == []

    back = script.do("/units/daily/undo/validation")
    assert back["act"] == "prepare_undo"
    assert script.do("/units/daily/undo", {"ticket": back["preview"]["ticket"]})["act"] == "undo"
    assert state(cast.daily) == poor


def test_every_event_names_user_and_token(script, cast, token):
    """Done and refused, at once and by the job, with what the screens do beside it."""
    file = script.export()
    validation(script, file, "wrong")
    script.ask("POST", "/units/daily/exports", json={"password": "abc"})
    script.ask("POST", "/units/daily/imports", json={"ticket": "none"})
    ticket = script.validate(file)["ticket"]
    script.do("/units/daily/imports", {"ticket": ticket})
    events = [e for e in AuditEvent.select() if e.action.startswith("backup.")]
    assert [(e.action, e.outcome) for e in events] == [
        ("backup.export", "done"),
        ("backup.validate", "refused"),
        ("backup.export", "refused"),
        ("backup.import", "refused"),
        ("backup.validate", "done"),
        ("backup.import", "done"),
    ]
    assert {e.user_email for e in events} == {cast.alice.email}
    assert {detail_of(e).get("token") for e in events} == {token[0].label}


def test_what_the_screens_do_names_no_token(app, cast, login, script):
    script.export()
    browser = login(app.test_client(), cast.alice)
    browser.post("/u/daily/admin/backup/export", data={"password": PASSWORD})
    last = AuditEvent.select().order_by(AuditEvent.id.desc()).get()
    assert (last.action, "token" in detail_of(last)) == ("backup.export", False)
    assert "token: nightly" in browser.get("/u/daily/admin/audit").text


@pytest.mark.parametrize(
    ("spoil", "password", "code"),
    [
        (lambda data: data, "wrong", "wrong_password"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), PASSWORD, "damaged"),
        (lambda _: b"hello", PASSWORD, "not_a_backup"),
        (lambda data: b"dashboard-backup/2" + data[18:], PASSWORD, "newer_version"),
    ],
)
def test_each_bad_file_has_its_code(script, cast, folders, spoil, password, code):
    file = script.export()
    with Unchanged(cast.daily, cast.weekly):
        uid, job = validation(script, spoil(file), password)
    assert (job["state"], job["error"]["code"], job["preview"]) == ("refused", code, None)
    assert ImportTicket.select().count() == 0
    # Only after a wrong password the file need not be sent again.
    assert (folders.uploads / f"{uid}.dbk").exists() is (code == "wrong_password")


def test_after_a_wrong_password_the_upload_is_still_there(script, cast):
    uid, _ = validation(script, script.export(), "wrong")
    job = script.do(f"/units/daily/uploads/{uid}/validation", {"password": PASSWORD})
    assert job["state"] == "done"


def test_a_short_password_makes_no_backup(script, folders):
    answer = script.ask("POST", "/units/daily/exports", json={"password": "abc"})
    assert told(answer) == (409, "password_too_short")
    assert "at least 4 characters" in answer.json["error"]["message"]
    assert list(folders.exports.iterdir()) == []
    assert BackupRun.select().count() == 0


def test_a_ticket_is_for_one_import_and_shows_its_result_again(script, cast):
    ticket = script.validate(script.export())["ticket"]
    first = script.do("/units/daily/imports", {"ticket": ticket})
    wipe_some(cast.daily)
    with Unchanged(cast.daily):
        again = script.do("/units/daily/imports", {"ticket": ticket})
    assert again == first


def test_a_ticket_is_for_what_was_previewed(script, cast):
    """One of an import undoes nothing, one of an undo imports nothing: each has its scope."""
    ticket = script.validate(script.export())["ticket"]
    with Unchanged(cast.daily):
        answer = script.ask("POST", "/units/daily/undo", json={"ticket": ticket})
    assert told(answer) == (409, "ticket_unusable")
    script.do("/units/daily/imports", {"ticket": ticket})
    undo = script.do("/units/daily/undo/validation")["preview"]["ticket"]
    with Unchanged(cast.daily):
        answer = script.ask("POST", "/units/daily/imports", json={"ticket": undo})
    assert told(answer) == (409, "ticket_unusable")
    assert script.do("/units/daily/undo", {"ticket": undo})["state"] == "done"


def test_a_ticket_ends(script, cast):
    ticket = script.validate(script.export())["ticket"]
    ImportTicket.update(expires_at=runs.now() - 1).execute()
    with Unchanged(cast.daily):
        answer = script.ask("POST", "/units/daily/imports", json={"ticket": ticket})
    assert told(answer) == (409, "ticket_unusable")


def test_a_change_since_the_preview_stops_the_import(script, cast):
    ticket = script.validate(script.export())["ticket"]
    cast.daily.revision += 1
    cast.daily.save()
    with Unchanged(cast.daily):
        answer = script.ask("POST", "/units/daily/imports", json={"ticket": ticket})
    assert told(answer) == (409, "unit_changed")


def test_another_units_backup_needs_the_name(app, cast, script):
    file = script.export()
    other = Script(app, make_token(cast.mallory)[1])
    preview = other.validate(file, "weekly")
    assert (preview["same_unit"], preview["unit"]["slug"]) == (False, "daily")
    for words in ({}, {"unit_name": "Weekly"}):
        sent = {"ticket": preview["ticket"], **words}
        with Unchanged(cast.daily, cast.weekly):
            answer = other.ask("POST", "/units/weekly/imports", json=sent)
        assert told(answer) == (409, "wrong_unit")
    sent = {"ticket": preview["ticket"], "unit_name": "Coast Weekly"}
    assert other.do("/units/weekly/imports", sent)["state"] == "done"
    assert state(cast.weekly) == state(cast.daily)


def test_an_undo_without_an_import_has_nothing_to_undo(script, cast):
    with Unchanged(cast.daily):
        job = script.do("/units/daily/undo/validation")
    assert (job["state"], job["error"]["code"]) == ("refused", "nothing_to_undo")


def test_an_upload_can_be_deleted_with_its_ticket(script, cast, folders):
    uid, job = validation(script, script.export())
    assert script.ask("DELETE", f"/units/daily/uploads/{uid}").status_code == 204
    assert list(folders.uploads.iterdir()) == []
    with Unchanged(cast.daily):
        sent = {"ticket": job["preview"]["ticket"]}
        assert script.ask("POST", "/units/daily/imports", json=sent).status_code == 409
    assert told(script.ask("DELETE", f"/units/daily/uploads/{uid}")) == (404, "upload_gone")


def test_screens_and_api_see_the_same_jobs(app, cast, login, script, slow):
    """One at a time in a unit, whichever way it was begun."""
    job = script.ask("POST", "/units/daily/exports", json={"password": PASSWORD}).json
    assert job["state"] in ("queued", "running")
    slow.wait()
    running = script.ask("GET", f"/jobs/{job['id']}").json
    assert (running["state"], running["stage"]) == ("running", "write")
    assert running["rows_total"] > 0
    assert script.ask("GET", "/units/daily").json["running"]["job"] == job["id"]
    assert told(script.ask("POST", "/units/daily/exports", json={"password": PASSWORD})) == (
        409, "unit_busy"
    )  # fmt: skip
    browser = login(app.test_client(), cast.alice)
    assert "Writing the backup" in browser.get("/u/daily/admin/backup").text
    slow.finish()
    assert script.end_of(job["id"])["state"] == "done"
    link = f"/u/daily/admin/backup/exports/{job['id']}"
    assert browser.get(link, buffered=True).data.startswith(b"dashboard-backup/1\n")


def test_a_job_can_be_cancelled(script, cast, slow, folders):
    job = script.ask("POST", "/units/daily/exports", json={"password": PASSWORD}).json
    slow.wait()
    assert script.ask("POST", f"/jobs/{job['id']}/cancel").status_code == 202
    slow.finish()
    ended = script.end_of(job["id"])
    assert (ended["state"], ended["error"]["code"]) == ("cancelled", "cancelled")
    assert list(folders.exports.iterdir()) == []
    assert told(script.ask("POST", f"/jobs/{job['id']}/cancel")) == (409, "ended")


def test_an_upload_in_use_is_not_deleted(script, slow, folders):
    slow.hold(Stage.CHECK)
    slow.go.set()
    file = script.export()
    slow.go.clear()
    uid = script.upload(file).json["id"]
    script.ask("POST", f"/units/daily/uploads/{uid}/validation", json={"password": PASSWORD})
    slow.wait()
    assert told(script.ask("DELETE", f"/units/daily/uploads/{uid}")) == (409, "unit_busy")
    assert (folders.uploads / f"{uid}.dbk").exists()
    slow.finish()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda cast: ApiToken.delete().execute(), "The access token was revoked or ran out"),
        (lambda cast: ApiToken.update(expires_at=runs.now()).execute(), "revoked or ran out"),
        (lambda cast: set_role(cast.alice, cast.daily, Role.USER), "stopped being an admin"),
        (
            lambda cast: User.update(is_active=False).where(User.id == cast.alice.id).execute(),
            "account was disabled",
        ),
    ],
    ids=["revoked", "ran out", "demoted", "disabled"],
)
def test_a_right_that_ends_wins_over_an_import_that_waits(
    app, script, cast, slow, folders, spoil, says
):
    """As on the screens: asked once more when the import has the write lock."""
    set_role(cast.bob, cast.daily, Role.ADMIN)
    slow.go.set()
    ticket = script.validate(script.export())["ticket"]
    slow.hold(Stage.SAVE)
    job = script.ask("POST", "/units/daily/imports", json={"ticket": ticket}).json
    slow.wait()
    with Unchanged(cast.daily):
        spoil(cast)
        slow.finish()
    run = BackupRun.get(BackupRun.uid == job["id"])
    assert (run.state, says in run.reason) == ("refused", True)


def test_uploads_have_their_places(script, folders, monkeypatch):
    monkeypatch.setattr(quotas, "UPLOADS_OF_USER", 2)
    for _ in range(2):
        assert script.upload(b"x" * 9).status_code == 201
    answer = script.upload(b"x" * 9)
    assert told(answer) == (429, "uploads_waiting")
    assert int(answer.headers["Retry-After"]) == answer.json["error"]["retry_after"] > 60
    assert len(list(folders.uploads.iterdir())) == 2


def test_an_upload_over_the_limit_is_refused(app, script, folders):
    from dataclasses import replace

    app.config["SETTINGS"] = replace(app.config["SETTINGS"], max_upload_bytes=1 << 20)
    with unchanged():
        assert told(script.upload(b"x" * ((1 << 20) + 1))) == (413, "too_large")
    assert script.upload(b"x" * (1 << 20)).status_code == 201
    assert len(list(folders.uploads.iterdir())) == 1


def test_a_body_that_breaks_off_is_not_kept(script, folders):
    kind = "application/octet-stream"
    more = {"data": b"x" * 9, "content_type": kind}
    longer = {"CONTENT_LENGTH": "99"}
    answer = script.ask("POST", "/units/daily/uploads", environ_overrides=longer, **more)
    assert told(answer) == (400, "bad_request")
    assert told(script.upload(b"")) == (411, "length_required")
    assert list(folders.uploads.iterdir()) == []


JSON = "application/json"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"data": b"{", "content_type": JSON}, 400, "bad_request"),
        ({"data": b"", "content_type": JSON}, 400, "bad_request"),
        ({"data": b'{"password": "\xff"}', "content_type": JSON}, 400, "bad_request"),
        ({"data": b'{"password": "\\ud800"}', "content_type": JSON}, 400, "bad_request"),
        ({"json": []}, 422, "invalid"),
        ({"json": {}}, 422, "invalid"),
        ({"json": {"password": 1}}, 422, "invalid"),
        ({"json": {"password": ""}}, 422, "invalid"),
        ({"json": {"password": "x" * 1025}}, 422, "invalid"),
        ({"json": {"password": "long enough", "unit": "weekly"}}, 422, "invalid"),
        ({"data": {"password": "long enough"}}, 415, "unsupported_media_type"),
        ({"data": b'{"password": "long enough"}'}, 415, "unsupported_media_type"),
        ({"data": b"x" * 70_000, "content_type": JSON}, 413, "too_large"),
    ],
)
def test_a_body_that_is_not_as_described_does_nothing(script, sent, status, code):
    with unchanged():
        assert told(script.ask("POST", "/units/daily/exports", **sent)) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/../v1", 404, "not_found"),
        ("GET", "/units/", 404, "not_found"),
        ("PUT", "/units/daily", 405, "method_not_allowed"),
        ("OPTIONS", "/units", 405, "method_not_allowed"),
        ("TRACE", "/units", 405, "method_not_allowed"),
        ("GET", "/units/daily/exports", 405, "method_not_allowed"),
    ],
)
def test_no_answer_is_a_page(app, script, method, path, status, code):
    for one in (script, Script(app, None)):
        answer = one.ask(method, path)
        assert told(answer) == (status, code)
        assert answer.mimetype == JSON
        assert "Set-Cookie" not in answer.headers
    assert ("Allow" in answer.headers) is (status == 405)


def test_what_another_sites_page_asks_is_refused_as_json(script):
    answer = script.ask("GET", "/units", headers={"Sec-Fetch-Site": "cross-site"})
    assert told(answer) == (403, "forbidden")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_name_that_is_not_ours_is_refused_as_json(script):
    answer = script.ask("GET", "/units", headers={"Host": "evil.example"})
    assert told(answer) == (421, "not_this_server")


def test_a_mistake_of_the_server_has_an_incident_id_only(app, script, monkeypatch):
    def broken(*_):
        raise RuntimeError("canary")

    app.testing = False
    monkeypatch.setattr("dashboard.web.api.answers.count_rows", broken)
    answer = script.ask("GET", "/units/daily")
    assert told(answer) == (500, "internal")
    assert "incident id" in answer.json["error"]["message"]
    assert "canary" not in answer.text


def test_a_mistake_in_a_job_has_one_too(script, cast, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("canary")

    monkeypatch.setattr("dashboard.backup.verbs.export", broken)
    job = script.do("/units/daily/exports", {"password": PASSWORD})
    assert (job["state"], job["error"]["code"]) == ("failed", "internal")
    assert "incident id" in job["error"]["message"]
    assert "canary" not in str(job)


def test_a_job_that_is_forgotten_still_tells_how_it_ended(app, script):
    file = script.export()
    uid, _ = validation(script, file)
    app.extensions["jobs"]._jobs.clear()
    again = script.ask("GET", f"/jobs/{uid}").json
    assert (again["state"], again["preview"]) == ("done", None)
    _, wrong = validation(script, file, "wrong")
    app.extensions["jobs"]._jobs.clear()
    again = script.ask("GET", f"/jobs/{wrong['id']}").json
    assert (again["state"], again["error"]["code"]) == ("refused", "refused")
    assert again["error"]["message"] == wrong["error"]["message"]


def test_a_busy_database_is_told_with_when_to_come_again(script, monkeypatch):
    import peewee

    def locked(*_, **__):
        raise peewee.OperationalError("database is locked")

    monkeypatch.setattr("dashboard.web.api.answers.count_rows", locked)
    answer = script.ask("GET", "/units/daily")
    assert told(answer) == (503, "database")
    assert answer.headers["Retry-After"] == str(answer.json["error"]["retry_after"]) == "5"


def test_a_state_with_a_thousand_tokens_costs_one_look(app, cast, query_count):
    """An index finds it: the time does not tell how near a wrong one was."""
    script = Script(app, make_token(cast.alice)[1])
    script.ask("GET", "/units")
    with query_count() as queries:
        script.ask("GET", "/units")
    assert len([query for query in queries if "api_token" in query]) == 1
    with query_count() as queries:
        Script(app, tokens.PREFIX + "x" * 43).ask("GET", "/units")
    assert len([query for query in queries if query.startswith("SELECT")]) == 1
