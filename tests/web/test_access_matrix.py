"""Every address, every method, the real views, and everybody who should not be there.

`test_access` proves with stand-ins who is let in. Here the views are real and so is what they are
about: who is refused gets the declared answer, learns nothing, and changes nothing.
"""

import pytest

from dashboard.models import Role, Session, User
from dashboard.models.people import set_role
from dashboard.web.errors import SENTENCES
from tests.factories import PASSWORD, make_user
from tests.web.conftest import COOKIE
from tests.web.doors import (
    Visitor,
    doors,
    half_logged_in,
    plain,
    unchanged,
    world,
)
from tests.web.test_access import EXPECTED

__all__ = ["world"]
METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
NEVER = ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")


# How somebody came to stand where he does: each gets a client that is logged in as an admin.


def stay(_client, _user, _unit):
    pass


def demote(_client, user, unit):
    set_role(user, unit, Role.READONLY)


def remove(_client, user, unit):
    set_role(user, unit, None)


def disable(_client, user, _unit):
    User.update(is_active=False).where(User.id == user.id).execute()


def delete(_client, user, _unit):
    User.delete().where(User.id == user.id).execute()


def expire(_client, user, _unit):
    Session.update(expires_at=0).where(Session.user == user).execute()


def log_out(client, _user, _unit):
    assert client.post("/logout").status_code == 303


# name -> (what became of an admin, how the doors see that person)
FALLEN = {
    "demoted": (demote, Role.READONLY),
    "removed": (remove, "outsider"),
    "disabled": (disable, "nobody"),
    "deleted": (delete, "nobody"),
    "expired": (expire, "nobody"),
    "logged out": (log_out, "nobody"),
}
KNOWN = {
    "olga": "outsider",
    "mallory": "outsider",
    "rita": Role.READONLY,
    "ursula": Role.USER,
    "bob": Role.POWER_USER,
    "alice": Role.ADMIN,
}
ACTORS = {
    "nobody": "nobody",
    "half": "nobody",
    "made-up cookie": "nobody",
    **KNOWN,
    **{name: standing for name, (_, standing) in FALLEN.items()},
}


def arrive(name, app, world, login):
    """Return the browser of one actor, with the cookie from before it happened."""
    client = app.test_client()
    if name in KNOWN:
        return Visitor(login(client, getattr(world.cast, name))).with_token()
    if name in FALLEN:
        user = make_user("fallen", daily=Role.ADMIN)
        visitor = Visitor(login(client, user)).with_token()
        assert visitor.send("GET", "/u/daily/admin/backup").status_code == 200
        FALLEN[name][0](client, user, world.cast.daily)
        return visitor
    if name == "half":
        half_logged_in(client, world.cast.alice)
        return Visitor(client)
    visitor = Visitor(client)
    visitor.cookie = "made up" if name == "made-up cookie" else ""
    return visitor


def refusal(standing, who):
    """Return the status that *standing* gets where *who* may enter; None: no refusal."""
    if who == "public":
        return None
    if who == "token":
        return 401
    if standing == "nobody":
        return 303
    if who == "signed_in":
        return None
    if standing == "outsider":
        return 404
    return None if standing in who else 403


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTORS)
def test_who_is_refused_learns_and_changes_nothing(app, world, login, name):
    visitor, standing, wrong = arrive(name, app, world, login), ACTORS[name], {}
    with unchanged():
        for door in doors(app):
            for method in set(METHODS) & set(door.endpoints):
                wanted = refusal(standing, EXPECTED[door.endpoints[method]][0])
                if wanted is None:
                    continue
                answer = visitor.send(method, door.address(method, world.daily))
                if answer.status_code != wanted or not is_as_declared(answer, method, wanted):
                    wrong[method, door.rule] = answer.status_code
    assert wrong == {}


def is_as_declared(answer, method, status):
    """Whether a refusal says what it should and nothing else."""
    if status == 303:
        return answer.location.split("?")[0] == "/login"
    if method == "HEAD":
        return answer.text == ""
    if status == 401:
        return answer.json["error"]["code"] == "no_token"
    told = SENTENCES[status] in answer.text
    return told and "hush" not in answer.text and "ONLY_" not in answer.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nobody", "mallory", "removed"])
def test_a_foreign_unit_answers_byte_for_byte_like_none(app, world, login, name):
    visitor, wrong = arrive(name, app, world, login), {}
    for door in doors(app):
        if "slug" not in door.arguments:
            continue
        for method in ("GET", "POST"):
            there, nowhere = (
                plain(visitor.send(method, door.address(method, world.daily, slug)), slug)
                for slug in ("daily", "nowhere")
            )
            if there != nowhere:
                wrong[method, door.rule] = (there, nowhere)
    assert wrong == {}


@pytest.mark.slow
def test_a_foreign_unit_costs_the_same_questions_as_none(app, world, login, query_count):
    """Nobody can tell by the time either: it is the same work."""
    visitor, wrong = arrive("mallory", app, world, login), {}
    for door in doors(app):
        if "slug" not in door.arguments:
            continue
        for method in set(METHODS) & set(door.endpoints):
            asked = []
            for slug in ("daily", "nowhere"):
                with query_count() as queries:
                    visitor.send(method, door.address(method, world.daily, slug))
                asked.append(list(queries))
            if asked[0] != asked[1]:
                wrong[method, door.rule] = asked
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["olga", "rita", "bob", "alice"])
def test_who_may_look_sees_a_page_and_head_is_only_its_head(app, world, login, name):
    visitor, pages, wrong = arrive(name, app, world, login), {}, {}
    for door in doors(app):
        endpoint = door.endpoints.get("GET", "")
        if endpoint and not refusal(KNOWN[name], EXPECTED[endpoint][0]):
            answer = visitor.send("GET", door.address("GET", world.daily))
            pages[door] = answer.status_code
            if (answer.status_code >= 400) is not (endpoint in closed_to(name)):
                wrong[door.rule] = answer.status_code
            is_page = answer.status_code < 400 and b"<main" in answer.data
            if is_page and b'action="/logout"' not in answer.data:
                wrong["no way out", door.rule] = answer.status_code
    with unchanged():  # what was looked at last is known by now
        for door, status in pages.items():
            head = visitor.send("HEAD", door.address("GET", world.daily))
            if (head.status_code, head.data) != (status, b""):
                wrong["HEAD", door.rule] = head.status_code
    assert wrong == {}


def closed_to(name):
    """What refuses somebody although every signed-in user may ask for it."""
    is_admin_somewhere = name in ("alice", "mallory")
    return {"setup.show", "health.metrics", *([] if is_admin_somewhere else ["units.new"])}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nobody", "alice"])
def test_no_other_method_does_anything(app, world, login, name):
    visitor, wrong = arrive(name, app, world, login), {}
    with unchanged():
        for door in doors(app):
            for method in {"GET", "POST", *NEVER} - set(door.endpoints):
                answer = visitor.send(method, door.address(method, world.daily))
                if answer.status_code != 405:
                    wrong[method, door.rule] = answer.status_code
    assert wrong == {}


def test_setup_is_gone_for_everybody(app, world, login):
    for name in ("nobody", "olga", "alice"):
        visitor = arrive(name, app, world, login).with_token()
        with unchanged():
            for method in ("GET", "POST"):
                assert visitor.send(method, "/setup/1").status_code == 404


# Sessions


def test_a_cookie_that_was_planted_stays_nobodys(app, world):
    """Fixation: the victim logs in on top of a session that the attacker knows."""
    attacker = Visitor(app.test_client()).with_token()
    victim = app.test_client()
    victim.set_cookie(COOKIE, attacker.cookie)
    data = {"email": world.cast.alice.email, "password": PASSWORD}
    assert victim.post("/login", data=data).status_code == 303
    assert victim.get("/u/daily/admin/backup").status_code == 200
    assert victim.get_cookie(COOKIE).value != attacker.cookie
    for address in ("/units", "/u/daily/admin/backup"):
        assert attacker.send("GET", address).location.startswith("/login")
