"""What a plugin does through another, as people meet it: buttons, refusals, portals."""

import json
import logging

import pytest

from dashboard.models import (
    Application,
    AuditEvent,
    Plugin,
    PluginMapping,
    PluginPermission,
    Session,
)
from dashboard.plugins import install
from tests.plugins.made_up import CALLER, CALLER_FILES, SERVER, SERVER_FILES
from tests.web.unit_state import state_of

HOME = "/u/daily/w/ws-one"
CARD = f"{HOME}/a/call"
PRESS = f"{CARD}/act/press"
ANNOUNCEMENTS, CLOCK = "dashboard.core.announcements", "dashboard.core.clock"


@pytest.fixture
def unit(cast, new_plugin):
    """The daily with both plugins and one caller: KEEP has mapped itself, BESIDE is chosen."""
    new_plugin("caller", CALLER_FILES)
    new_plugin("server", SERVER_FILES)
    for bundle in (CALLER, SERVER):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    permit(cast, CALLER, "PRESS", "power_user", "user", "readonly")
    permit(cast, SERVER, "KEEP_IT", "user", "readonly")
    map_to(cast, "portal", "BESIDE", "window")
    Plugin.update(config='{"said":"${DBKS:K0005}hello"}').where(Plugin.bundle == SERVER).execute()
    Application.create(
        unit=cast.daily, workspace="ws-one", uid="call", bundle=CALLER, position=5, column=0
    )
    return cast.daily


def permit(cast, bundle, key, *roles):
    for role in roles:
        PluginPermission.create(unit=cast.daily, bundle=bundle, key=key, role=role)


def map_to(cast, kind, requirement, target, bundle=CALLER, target_bundle=SERVER):
    PluginMapping.create(unit=cast.daily, bundle=bundle, kind=kind, requirement=requirement,
                         target_bundle=target_bundle, target=target)  # fmt: skip


def as_(app, cast, login, name):
    return login(app.test_client(), getattr(cast, name))


@pytest.mark.parametrize("use_htmx", [False, True])
def test_pressing_the_button_serves_through_the_other_plugin(
    unit, app, cast, login, as_htmx, use_htmx
):
    client, before = as_(app, cast, login, "ursula"), unit.revision
    headers = as_htmx if use_htmx else {}
    answer = client.post(PRESS, data={"text": "a line"}, headers=headers)
    assert answer.status_code == (200 if use_htmx else 303)
    assert "pressed 1" in client.get(CARD, headers=as_htmx).text
    assert json.loads(install.plugin_of(unit, SERVER).config)["lines"] == ["a line"]
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert json.loads(event.detail)["revision"] == before + 1
    page = as_(app, cast, login, "alice").get("/u/daily/admin/audit").text
    assert "Used an application" in page
    assert "act: Caller: press" in page
    assert "served: Server: Keep" in page


def test_the_button_is_there_only_for_whom_it_works(unit, app, cast, login, as_htmx):
    def shows(name):
        return "<button>Press" in as_(app, cast, login, name).get(CARD, headers=as_htmx).text

    assert shows("ursula")
    assert not shows("bob")  # without the permission of the server
    assert not shows("rita")  # readonly, whatever the permissions say
    PluginMapping.delete().where(PluginMapping.requirement == "KEEP").execute()
    assert not shows("ursula")


@pytest.mark.parametrize("use_htmx", [False, True])
@pytest.mark.parametrize("name", ["bob", "alice"])
def test_a_faked_button_is_refused_with_the_permission_it_lacks(
    unit, app, cast, login, as_htmx, use_htmx, name
):
    client, before = as_(app, cast, login, name), state_of(unit)
    answer = client.post(PRESS, data={"text": "x"}, headers=as_htmx if use_htmx else {})
    assert answer.status_code == 403
    label = "Keep lines” of Server" if name == "bob" else "Press the button” of Caller"
    assert label in answer.text
    assert state_of(unit) == before
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.outcome) == ("access.refuse", "refused")


@pytest.mark.parametrize("use_htmx", [False, True])
def test_a_refusal_is_told_in_the_card_and_keeps_what_was_typed(
    unit, app, cast, login, as_htmx, use_htmx
):
    client, headers = as_(app, cast, login, "ursula"), as_htmx if use_htmx else {}
    Plugin.update(active=False).where(Plugin.bundle == SERVER).execute()
    before = state_of(unit)
    answer = client.post(PRESS, data={"text": 'kept "x"'}, headers=headers)
    assert answer.status_code == 422
    assert "“Keep a line” is not connected. Server is not active." in answer.text
    assert ("<h1>One</h1>" in answer.text) is not use_htmx
    assert state_of(unit) == before
    Plugin.update(active=True).where(Plugin.bundle == SERVER).execute()
    answer = client.post(PRESS, data={"text": 'kept "\0"'}, headers=headers)
    assert answer.status_code == 422
    assert 'value="kept &#34;' in answer.text


def test_a_plugin_that_breaks_while_it_serves_changes_nothing(
    unit, app, cast, login, as_htmx, caplog
):
    app.testing = False
    client, before = as_(app, cast, login, "ursula"), state_of(unit)
    with caplog.at_level(logging.CRITICAL):
        answer = client.post(f"{CARD}/act/break", headers=as_htmx)
    assert answer.status_code == 500
    assert "incident id" in answer.text
    assert state_of(unit) == before


@pytest.mark.parametrize(("name", "may"), [("ursula", "True"), ("bob", "False")])
def test_a_portal_shows_its_own_plugin_to_the_role_that_looks(
    unit, app, cast, login, as_htmx, name, may
):
    text = as_(app, cast, login, name).get(CARD, headers=as_htmx).text
    assert f"<b>hello {may} {{}}</b>" in text
    assert "<button>no" not in text
    assert text.count("portal-call-BESIDE") == 1  # nothing inside what is inside


def test_a_portal_that_fails_says_so_in_its_own_place(unit, app, cast, login, as_htmx, caplog):
    Plugin.update(config='{"broken":true}').where(Plugin.bundle == SERVER).execute()
    with caplog.at_level(logging.ERROR):
        text = as_(app, cast, login, "ursula").get(CARD, headers=as_htmx).text
    assert "This part failed." in text
    assert "pressed 0" in text
    assert "<button>Press" in text
    assert "hush-reason" not in text
    [record] = caplog.records
    assert text.split("incident id <code>")[1].split("<")[0] in record.getMessage()


def test_a_portal_looks_again_at_its_own_address(unit, app, cast, login, as_htmx):
    client = as_(app, cast, login, "rita")
    address = f"{CARD}/portal/BESIDE"
    text = client.get(address, headers=as_htmx).text
    assert text.lstrip().startswith('<div id="portal-call-BESIDE"')
    assert "<b>hello True {}</b>" in text
    assert client.get(address).location == HOME
    nothing = client.get(f"{CARD}/portal/NOPE", headers=as_htmx)
    assert (nothing.status_code, "hello" in nothing.text) == (200, False)
    assert client.get(f"{HOME}/a/none/portal/BESIDE", headers=as_htmx).status_code == 404
    Plugin.update(active=False).where(Plugin.bundle == SERVER).execute()
    assert "hello" not in client.get(address, headers=as_htmx).text


def test_editors_are_told_what_is_not_connected(unit, app, cast, login, as_htmx):
    def told(name):
        return as_(app, cast, login, name).get(CARD, headers=as_htmx).text

    assert "is not connected" not in told("alice")
    PluginMapping.delete().where(PluginMapping.bundle == CALLER).execute()
    assert f'Keep a line is not connected. <a href="/u/daily/admin/plugins/{CALLER}#mappings">' in (
        told("alice")
    )
    assert "Keep a line is not connected. An admin of the unit can connect it." in told("bob")
    assert "is not connected" not in told("ursula")
    assert "Tell others" not in told("alice")  # optional
    map_to(cast, "action", "KEEP", "gone")
    assert "Server 1.0.0 does not offer gone." in told("alice")


@pytest.fixture
def announcing(cast):
    """Announcements in ws-one and in the toolbar; the clock's time line above the messages."""
    for bundle in (ANNOUNCEMENTS, CLOCK):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    permit(cast, ANNOUNCEMENTS, "ANNOUNCE", "user", "readonly")
    map_to(cast, "portal", "BESIDE", "time-line", ANNOUNCEMENTS, CLOCK)
    Application.create(
        unit=cast.daily, workspace="ws-one", uid="call", bundle=ANNOUNCEMENTS, position=5
    )
    return cast.daily


@pytest.mark.parametrize("use_htmx", [False, True])
def test_an_announcement_is_in_the_application_and_in_the_toolbar(
    announcing, app, cast, login, as_htmx, use_htmx
):
    client = as_(app, cast, login, "ursula")
    headers = as_htmx if use_htmx else {}
    data = {"text": "<b>Ferry</b> ${DBKS:K0001}"}
    answer = client.post(f"{CARD}/act/announce", data=data, headers=headers)
    assert answer.status_code == (200 if use_htmx else 303)
    assert answer.headers.get("HX-Trigger") == ("toolbar:changed" if use_htmx else None)
    words = "&lt;b&gt;Ferry&lt;/b&gt; ${DBKS:K0001}"
    page = client.get(f"{HOME}?plain=1").text
    assert f"<li>{words} <time" in page
    assert 'id="toolbar"' in page
    toolbar = client.get("/u/daily/toolbar", headers=as_htmx).text
    assert words in toolbar
    assert toolbar.lstrip().startswith('<div id="toolbar"')
    assert client.get("/u/daily/toolbar").status_code == 303


def test_who_may_not_announce_has_no_field_and_is_refused(announcing, app, cast, login, as_htmx):
    for name in ("bob", "rita"):
        client = as_(app, cast, login, name)
        before = state_of(announcing)
        assert "Announce</button>" not in client.get(CARD, headers=as_htmx).text
        assert client.post(f"{CARD}/act/announce", data={"text": "x"}).status_code == 403
        assert state_of(announcing) == before


def test_the_time_line_is_above_the_messages_and_keeps_time(announcing, app, cast, login, as_htmx):
    text = as_(app, cast, login, "rita").get(CARD, headers=as_htmx).text
    assert '<ul class="time-line"' in text
    portal = text.split('id="portal-call-BESIDE"')[1].split(">")[0]
    assert 'hx-trigger="every 30s"' in portal


def test_an_announcement_that_is_no_widgets_leaves_the_toolbar_alone(
    unit, app, cast, login, as_htmx
):
    answer = as_(app, cast, login, "ursula").post(PRESS, data={"text": "x"}, headers=as_htmx)
    assert (answer.status_code, "HX-Trigger" in answer.headers) == (200, False)


def test_what_looks_again_by_itself_keeps_no_session_alive(unit, app, cast, login, as_htmx):
    client = as_(app, cast, login, "ursula")
    client.get(HOME)
    Session.update(seen_at=17).execute()
    for address in (CARD, f"{CARD}/portal/BESIDE"):
        assert client.get(address, headers=as_htmx).status_code == 200
    assert Session.get().seen_at == 17
