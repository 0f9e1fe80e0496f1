"""Who the API lets in: every way not to have a right, and that nothing comes of it."""

import time

import pytest

from dashboard.models import (
    ApiToken,
    AuditEvent,
    BackupRun,
    ImportTicket,
    Role,
    SecondFactor,
    Session,
    Unit,
    User,
)
from dashboard.models.events import detail_of
from dashboard.models.people import set_role
from dashboard.models.tokens import Scope
from tests.backup.conftest import Unchanged
from tests.factories import make_user
from tests.web.api import EVERY, PASSWORD, Script, make_token
from tests.web.doors import doors, plain, unchanged, world
from tests.web.test_access import EXPECTED

__all__ = ["world"]
ID = "0" * 32
# Every act of a unit -> its scope, and what to send.
ACTS = {
    ("GET", "/units/daily"): ("status", {}),
    ("POST", "/units/daily/exports"): ("export", {"json": {"password": PASSWORD}}),
    ("GET", f"/units/daily/exports/{ID}"): ("export", {}),
    ("POST", "/units/daily/uploads"): (
        "validate",
        {"data": b"dashboard-backup/1\n", "content_type": "application/octet-stream"},
    ),
    ("DELETE", f"/units/daily/uploads/{ID}"): ("validate", {}),
    ("POST", f"/units/daily/uploads/{ID}/validation"): (
        "validate",
        {"json": {"password": PASSWORD}},
    ),
    ("POST", "/units/daily/imports"): ("import", {"json": {"ticket": "x"}}),
    ("POST", "/units/daily/undo/validation"): ("undo", {}),
    ("POST", "/units/daily/undo"): ("undo", {"json": {"ticket": "x"}}),
}


def test_the_acts_here_are_those_of_the_api(app):
    """Else one would be without these tests."""
    adapter = app.url_map.bind("")
    tried = {adapter.match(f"/api/v1{path}", method=method)[0] for method, path in ACTS}
    others = {"api.openapi", "api.units", "api.job", "api.cancel"}
    assert tried == {name for name in EXPECTED if name.startswith("api.")} - others


def refused(script, status, code, folders):
    """Assert that every act is refused like this, and that nothing comes of any."""
    before = {at: sorted(at.iterdir()) for at in (folders.uploads, folders.exports)}
    daily, weekly = Unit.get(Unit.slug == "daily"), Unit.get(Unit.slug == "weekly")
    with Unchanged(daily, weekly):
        for (method, path), (_, more) in ACTS.items():
            answer = script.ask(method, path, **more)
            told = (answer.status_code, answer.json["error"]["code"])
            assert told == (status, code), (method, path)
            assert "Set-Cookie" not in answer.headers
            assert answer.mimetype == "application/json"
            assert answer.headers["Cache-Control"] == "no-store"
    assert (BackupRun.select().count(), ImportTicket.select().count()) == (0, 0)
    assert {at: sorted(at.iterdir()) for at in before} == before


def expire(user, token):
    ApiToken.update(expires_at=int(time.time())).execute()


def revoke(user, token):
    token.delete_instance()


def disable(user, token):
    User.update(is_active=False).where(User.id == user.id).execute()


@pytest.mark.parametrize("spoil", [expire, revoke, disable])
def test_a_token_that_has_ended_is_nobody(app, cast, folders, spoil):
    token, secret = make_token(cast.alice)
    spoil(cast.alice, token)
    script = Script(app, secret)
    refused(script, 401, "no_token", folders)
    answer = script.ask("GET", "/units")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (
        401, 'Bearer realm="dashboard"'
    )  # fmt: skip


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer dbt_", "Bearer {hash}", "Basic {text}", "{text}",
     "Bearer {text}x", "Bearer {bare}", "Token {text}", "Bearer {text}, Bearer {text}",
     "Bearer \u00e9", "Bearer ' OR 1=1"],
)  # fmt: skip
def test_what_is_no_token_is_nobody(app, cast, folders, header):
    token, secret = make_token(cast.alice)
    words = {"hash": token.token_hash, "text": secret, "bare": secret.removeprefix("dbt_")}
    script = Script(app, None)
    ask = script.ask
    script.ask = lambda *args, **more: ask(
        *args, **more, headers={"Authorization": header.format(**words)}
    )
    refused(script, 401, "no_token", folders)


def test_a_cookie_is_no_token(app, cast, folders, login):
    browser = login(app.test_client(), cast.alice)
    script = Script(app, None)
    script._client = browser
    seen = Session.get().seen_at
    refused(script, 401, "no_token", folders)
    assert Session.get().seen_at == seen


def test_a_token_is_no_log_in(app, cast):
    """On the pages it makes nobody known, also together with what it may do."""
    secret = make_token(cast.alice)[1]
    client = app.test_client()
    with unchanged():
        for door in doors(app):
            endpoint = door.endpoints.get("GET", "")
            if not endpoint or EXPECTED[endpoint][0] in ("public", "token"):
                continue
            address = door.rule.replace("<slug>", "daily")
            if "<" not in address:
                answer = client.get(address, headers={"Authorization": f"Bearer {secret}"})
                assert answer.location.startswith("/login"), address


@pytest.mark.parametrize("missing", EVERY)
def test_each_act_needs_its_scope(app, cast, missing, folders):
    others = [scope for scope in EVERY if scope is not missing]
    script = Script(app, make_token(cast.alice, others)[1])
    with Unchanged(cast.daily):
        for (method, path), (scope, more) in ACTS.items():
            if scope == missing:
                answer = script.ask(method, path, **more)
                assert answer.status_code == 403, path
                assert answer.json["error"]["code"] == "scope"
    assert list(folders.uploads.iterdir()) == []
    attempts = [e for e in AuditEvent.select() if e.action == "access.refuse"]
    posts = [m for (m, _), (scope, _) in ACTS.items() if scope == missing and m != "GET"]
    assert len(attempts) == len(posts)
    label = ApiToken.get().label
    assert all(detail_of(e) == {"reason": "scope", "token": label} for e in attempts)


@pytest.mark.parametrize("only", EVERY)
def test_one_scope_opens_nothing_else(app, cast, only):
    script = Script(app, make_token(cast.alice, [only])[1])
    for (method, path), (scope, more) in ACTS.items():
        status = script.ask(method, path, **more).status_code
        assert (status == 403) is (scope != only), path
    assert script.ask("GET", "/units").status_code == (200 if only is Scope.STATUS else 403)


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [("bob", 403, "forbidden"), ("ursula", 403, "forbidden"), ("rita", 403, "forbidden"),
     ("mallory", 404, "not_found"), ("olga", 404, "not_found")],
)  # fmt: skip
def test_a_token_gives_no_more_than_its_user_has(app, cast, folders, who, status, code):
    refused(Script(app, make_token(getattr(cast, who))[1]), status, code, folders)


def test_the_role_is_read_at_each_request(app, cast, folders):
    make_user("ann", daily=Role.ADMIN)
    script = Script(app, make_token(cast.alice)[1])
    assert script.ask("GET", "/units/daily").status_code == 200
    set_role(cast.alice, cast.daily, Role.POWER_USER)
    refused(script, 403, "forbidden", folders)
    assert script.ask("GET", "/units").json["units"] == []
    set_role(cast.alice, cast.daily, None)
    refused(script, 404, "not_found", folders)


def test_a_token_for_one_unit_does_not_know_the_others(app, cast, folders):
    set_role(cast.alice, cast.weekly, Role.ADMIN)
    script = Script(app, make_token(cast.alice, EVERY, cast.weekly)[1])
    names = [unit["slug"] for unit in script.ask("GET", "/units").json["units"]]
    assert names == ["weekly"]
    refused(script, 404, "not_found", folders)
    there, nowhere = (script.ask("GET", f"/units/{slug}") for slug in ("daily", "nowhere"))
    assert plain(there) == plain(nowhere)


def test_a_second_factor_that_the_unit_asks_for_must_be_there(app, cast, folders):
    Unit.update(admins_need_second_factor=True).where(Unit.id == cast.daily.id).execute()
    script = Script(app, make_token(cast.alice)[1])
    refused(script, 403, "second_factor_missing", folders)
    SecondFactor.create(user=cast.alice, secret="x" * 32, last_step=0, created_at=0)
    assert script.ask("GET", "/units/daily").status_code == 200


def test_ids_of_others_answer_like_missing_ones(app, world, folders):
    """Byte for byte: exports, uploads and jobs of another unit, admin or kind."""
    ann = make_user("ann", daily=Role.ADMIN)
    script = Script(app, make_token(world.cast.alice)[1])
    anns = Script(app, make_token(ann)[1])
    others = anns.do("/units/daily/exports", {"password": PASSWORD})["id"]
    upload = anns.upload(b"dashboard-backup/1\n").json["id"]
    foreign = [
        others,
        upload,
        world.weekly.export.uid,
        world.weekly.validation.uid,
        world.weekly.copy.uid,
        world.daily.copy.uid,
        "..",
        "%00",
        "A" * 5000,
    ]
    places = [
        ("GET", "/units/daily/exports/{}", {}),
        ("DELETE", "/units/daily/uploads/{}", {}),
        ("POST", "/units/daily/uploads/{}/validation", {"json": {"password": PASSWORD}}),
        ("GET", "/jobs/{}", {}),
        ("POST", "/jobs/{}/cancel", {}),
    ]
    with Unchanged(world.cast.daily, world.cast.weekly):
        for method, path, more in places:
            missing = script.ask(method, path.format(ID), **more)
            assert missing.status_code == 404
            for uid in foreign:
                assert plain(script.ask(method, path.format(uid), **more)) == plain(missing)
    assert (folders.uploads / f"{upload}.dbk").exists()
    assert anns.ask("GET", f"/jobs/{others}").status_code == 200


def test_a_job_needs_the_scope_of_what_it_does(app, cast):
    every = Script(app, make_token(cast.alice)[1])
    job = every.do("/units/daily/exports", {"password": PASSWORD})["id"]
    for scope in EVERY:
        script = Script(app, make_token(cast.alice, [scope])[1])
        wanted = 200 if scope is Scope.EXPORT else 403
        assert script.ask("GET", f"/jobs/{job}").status_code == wanted, scope
        assert script.ask("POST", f"/jobs/{job}/cancel").status_code == (
            409 if wanted == 200 else 403
        )
