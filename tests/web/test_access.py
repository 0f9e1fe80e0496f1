"""Every route against everybody: who gets in, and how the others are turned away."""

import time

import pytest

from dashboard.models import Role, Session, User
from dashboard.models.people import set_role
from dashboard.web import access
from tests.web.conftest import COOKIE

MEMBERS, EDITORS, ADMIN = access.MEMBERS, access.EDITORS, access.ADMIN
USERS = (Role.ADMIN, Role.POWER_USER, Role.USER)

# Endpoint -> who may use it ("token": scripts, with the scope that follows), and "fresh" (a login
# of the last 30 minutes), "preview" (and 15 more, for what was previewed), "large" (a large body).
# A route that is missing here fails the tests: its author has to say what was meant.
EXPECTED = {
    "static": ("public",),
    "auth.login": ("public",),
    "auth.log_in": ("public",),
    "auth.logout": ("signed_in",),
    "auth.confirm": ("signed_in",),
    "auth.confirmed": ("signed_in",),
    "auth.theme": ("signed_in",),
    "second_step.ask": ("public",),
    "second_step.check": ("public",),
    "account.show": ("signed_in",),
    "account.change_password": ("signed_in",),
    "account.end_session": ("signed_in", "fresh"),
    "account.end_others": ("signed_in", "fresh"),
    "second_factor.show": ("signed_in", "fresh"),
    "second_factor.turn_on": ("signed_in", "fresh"),
    "second_factor.renew_codes": ("signed_in", "fresh"),
    "second_factor.turn_off": ("signed_in", "fresh"),
    "health.alive": ("public",),
    "health.ready": ("public",),
    "health.metrics": ("public",),
    "setup.show": ("public",),
    "setup.create": ("public",),
    "units.start": ("public",),
    "units.index": ("signed_in",),
    "units.new": ("signed_in",),
    "units.rename": (ADMIN,),
    "units.home": (MEMBERS,),
    "units.admin": (ADMIN,),
    "workspaces.show": (MEMBERS,),
    "workspaces.asset": (MEMBERS,),
    "workspaces.new": (EDITORS,),
    "workspaces.settings": (EDITORS,),
    "workspaces.remove_picture": (EDITORS,),
    "workspaces.delete": (EDITORS,),
    "workspaces.index": (MEMBERS,),
    "workspaces.manage": (ADMIN,),
    "workspaces.move": (ADMIN,),
    "workspace_files.copy": (EDITORS,),
    "workspace_files.export": (EDITORS, "fresh"),
    "workspace_files.import_": (EDITORS, "part"),
    "applications.show": (MEMBERS,),
    "workspaces.toolbar": (MEMBERS,),
    "applications.portal": (MEMBERS,),
    "applications.act": (USERS,),
    "applications.index": (EDITORS,),
    "applications.settings": (EDITORS,),
    "applications.move": (EDITORS,),
    "applications.remove": (EDITORS,),
    "profiles.choose": (MEMBERS,),
    "profiles.index": (EDITORS,),
    "profiles.new": (EDITORS,),
    "profiles.edit": (EDITORS,),
    "profiles.move": (EDITORS,),
    "profiles.delete": (EDITORS,),
    "profiles.manage": (ADMIN,),
    "plugins.index": (ADMIN,),
    "plugins.show": (ADMIN,),
    "plugins.add": (ADMIN,),
    "plugins.activate": (ADMIN,),
    "plugins.update": (ADMIN,),
    "plugins.configure": (ADMIN,),
    "plugins.permit": (ADMIN,),
    "plugins.map_requirements": (ADMIN,),
    "plugins.uninstall": (ADMIN,),
    "plugins.deactivate": (ADMIN,),
    "plugins.file": (ADMIN, "fresh"),
    "plugins.export_config": (ADMIN, "fresh"),
    "plugins.preview_config": (ADMIN, "fresh", "part"),
    "plugins.import_config": (ADMIN, "fresh", "preview", "part"),
    "keystore.index": (ADMIN,),
    "keystore.new": (ADMIN,),
    "keystore.edit": (ADMIN,),
    "keystore.delete": (ADMIN,),
    "key_deletion.delete": (ADMIN,),
    "keystore.reveal": (ADMIN, "fresh"),
    "members.index": (ADMIN,),
    "members.require_second_factor": (ADMIN, "fresh"),
    "members.edit": (ADMIN, "fresh"),
    "members.remove": (ADMIN, "fresh"),
    "invites.new": (ADMIN, "fresh"),
    "invites.end": (ADMIN, "fresh"),
    "invites.show": ("public",),
    "invites.join": ("public",),
    "audit.index": (ADMIN,),
    "audit.download": (ADMIN,),
    "news.revision": (MEMBERS,),
    "backups.index": (ADMIN, "fresh"),
    "backups.export": (ADMIN, "fresh"),
    "backups.download": (ADMIN,),
    "backups.validate": (ADMIN, "fresh", "large"),
    "backups.import_": (ADMIN, "fresh", "preview"),
    "backups.undo": (ADMIN, "fresh"),
    "backups.renew": (ADMIN, "fresh", "preview"),
    "backups.delete_copy": (ADMIN, "fresh"),
    "backups.discard": (ADMIN,),
    "backups.job": (ADMIN,),
    "backups.show_job": (ADMIN,),
    "backups.cancel": (ADMIN,),
    "changes.fields": (ADMIN, "fresh", "preview"),
    "access_tokens.new": ("signed_in", "fresh"),
    "access_tokens.revoke": ("signed_in", "fresh"),
    "api.openapi": ("public",),
    "api.units": ("token", "status"),
    "api.status": ("token", "status"),
    "api.export": ("token", "export"),
    "api.download": ("token", "export"),
    "api.upload": ("token", "validate", "large"),
    "api.discard": ("token", "validate"),
    "api.validate": ("token", "validate"),
    "api.import_": ("token", "import"),
    "api.prepare_undo": ("token", "undo"),
    "api.undo": ("token", "undo"),
    # Any: what the job does decides.
    "api.job": ("token",),
    "api.cancel": ("token",),
}
PEOPLE = ("nobody", "olga", "mallory", "rita", "ursula", "bob", "alice")
ROLES = {"rita": Role.READONLY, "ursula": Role.USER, "bob": Role.POWER_USER, "alice": Role.ADMIN}


def declared(view):
    """What a view says about itself, in the words of EXPECTED."""
    rule = access.rule_of(view)
    return (
        rule.kind if rule.kind == "token" else rule.roles or rule.kind,
        *([str(rule.scope)] if rule.scope else []),
        *(["fresh"] if getattr(view, "access_fresh", False) else []),
        *(["preview"] if getattr(view, "access_grace_seconds", 0) else []),
        *(["large"] if getattr(view, "access_large_body", False) else []),
        *(["part"] if getattr(view, "access_large_form", False) else []),
    )


@pytest.fixture
def doors(app):
    """The routes of the application as (endpoint, method, address), every view replaced by 204."""
    found = []
    for rule in app.url_map.iter_rules():
        method = next(name for name in ("GET", "POST", "DELETE") if name in rule.methods)
        values = dict.fromkeys(rule.arguments, "1") | {"slug": "daily"}
        values = {name: values[name] for name in rule.arguments}
        found.append((rule.endpoint, method, app.url_map.bind("").build(rule.endpoint, values)))

    def stand_in(view):
        def answer(**_values):
            return "", 204

        vars(answer).update(vars(view))
        return answer

    real = dict(app.view_functions)
    for endpoint, view in real.items():
        app.view_functions[endpoint] = stand_in(view)
    # The pages that a test browser takes its token from stay as they are.
    app.view_functions["auth.login"] = real["auth.login"]
    app.view_functions["auth.confirm"] = real["auth.confirm"]
    return found


def may(name, who):
    """What *name* gets at a door for *who*: True, or the status of the refusal."""
    if who == "public":
        return True
    if who == "token":
        return 401  # whoever it is: a cookie is nothing there
    if name == "nobody":
        return 303
    if who == "signed_in":
        return True
    if name not in ROLES:
        return 404
    return True if ROLES[name] in who else 403


def sent(client, method, address):
    """What comes of it; with a form token if it is a form."""
    return client.post(address) if method == "POST" else client.open(address, method=method)


def test_every_route_is_in_the_table(app):
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(EXPECTED)


def test_every_view_declares_what_the_table_says(app):
    assert {name: declared(view) for name, view in app.view_functions.items()} == EXPECTED


def test_a_route_inside_a_unit_names_the_unit(app):
    for rule in app.url_map.iter_rules():
        inside = isinstance(EXPECTED[rule.endpoint][0], tuple)
        assert rule.rule.startswith("/u/<slug>/") is inside, rule
        is_for_scripts = rule.endpoint.startswith("api.")
        assert rule.rule.startswith("/api/v1/") is is_for_scripts, rule


@pytest.mark.slow
@pytest.mark.parametrize("name", PEOPLE)
def test_the_matrix(app, cast, login, doors, name):
    client = app.test_client()
    if name != "nobody":
        login(client, getattr(cast, name))
    wrong = {}
    for endpoint, method, address in doors:
        if endpoint in ("auth.login", "auth.confirm"):
            continue  # these lead signed-in people on; test_auth has them
        answer = sent(client, method, address)
        wanted = may(name, EXPECTED[endpoint][0])
        if answer.status_code != (204 if wanted is True else wanted):
            wrong[endpoint] = (answer.status_code, wanted)
        if wanted == 303:
            assert answer.location.startswith("/login"), endpoint
    assert not wrong


def test_htmx_is_sent_to_the_login_page_as_a_whole(app, client, cast, doors, as_htmx):
    for endpoint, method, address in doors:
        if EXPECTED[endpoint][0] in ("public", "token"):
            continue
        headers = as_htmx | {"HX-Current-URL": "http://localhost/u/daily/"}
        answer = client.open(address, method=method, headers=headers)
        assert answer.status_code == 401, endpoint
        assert answer.headers["HX-Redirect"] == "/login?next=/u/daily/"
        assert answer.get_data() == b""


def test_an_old_login_is_confirmed_where_the_table_says_fresh(app, cast, login, doors, as_htmx):
    client = login(app.test_client(), cast.alice, fresh=False)
    for endpoint, method, address in doors:
        if endpoint in ("auth.login", "auth.confirm"):
            continue
        wanted = 303 if "fresh" in EXPECTED[endpoint] else 204
        wanted = 401 if EXPECTED[endpoint][0] == "token" else wanted
        answer = sent(client, method, address)
        assert answer.status_code == wanted, endpoint
        if wanted == 303:
            assert answer.location.startswith("/confirm")
            answer = client.open(address, method=method, headers=as_htmx)
            assert answer.status_code == 401
            assert answer.headers["HX-Redirect"].startswith("/confirm")


def test_what_was_previewed_may_be_done_while_the_preview_is_open(app, cast, login, doors):
    """15 minutes more than the 30: the ticket, made with a fresh login, is good for no longer."""
    client = login(app.test_client(), cast.alice)
    for minutes, is_open in ((31, True), (44, True), (46, False)):
        Session.update(fresh_at=int(time.time()) - minutes * 60).execute()
        for endpoint, method, address in doors:
            if "fresh" in EXPECTED[endpoint]:
                answer = sent(client, method, address)
                is_let_in = is_open and "preview" in EXPECTED[endpoint]
                assert answer.status_code == (204 if is_let_in else 303), endpoint


def test_a_role_is_read_again_on_every_request(app, cast, login, doors):
    client = login(app.test_client(), cast.bob)
    assert client.get("/u/daily/profiles").status_code == 204
    set_role(cast.bob, cast.daily, Role.READONLY)
    assert client.get("/u/daily/profiles").status_code == 403
    set_role(cast.bob, cast.daily, None)
    assert client.get("/u/daily/profiles").status_code == 404


def test_a_role_counts_in_its_own_unit_only(app, cast, login, doors):
    client = login(app.test_client(), cast.mallory)
    assert client.get("/u/weekly/admin/").status_code == 204
    assert client.get("/u/daily/admin/").status_code == 404


@pytest.mark.parametrize("slug", ["none", "DAILY", "daily%00", "..", "weekly"])
def test_a_foreign_unit_answers_like_a_missing_one(client, cast, login, slug):
    login(client, cast.bob)
    answer = client.get(f"/u/{slug}/")
    missing = client.get("/u/missing-unit/")
    assert answer.status_code == missing.status_code == 404
    # Alike but for the token of the page.
    assert len(answer.text) == len(missing.text)


def test_a_made_up_role_in_the_cookie_or_form_is_nothing(client, cast, login):
    login(client, cast.rita)
    client.set_cookie("role", "admin")
    answer = client.get("/u/daily/admin/?role=admin", headers={"X-Role": "admin"})
    assert answer.status_code == 403


def test_the_method_that_a_view_does_not_take_gets_nothing(client, cast, login):
    login(client, cast.alice)
    assert client.delete("/u/daily/").status_code == 405
    assert client.options("/u/none/").status_code == 404


def test_a_cookie_is_worth_nothing_once_its_user_is_deleted(client, cast, login):
    login(client, cast.rita)
    assert client.get_cookie(COOKIE)
    User.delete().where(User.id == cast.rita.id).execute()
    assert client.get("/units").location.startswith("/login")
