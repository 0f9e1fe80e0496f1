"""Feeds, checks and calendars as people meet them: never waited for, saved by whoever may."""

import re
import threading
import time
from dataclasses import replace

import pytest

from dashboard.models import (
    Application,
    AuditEvent,
    Plugin,
    PluginMapping,
    PluginPermission,
)
from dashboard.plugins import install
from dashboard.plugins.jsontext import to_json
from dashboard.plugins.sources import Sources
from dashboard.web import build_app
from tests.plugins.servers import answer, client_for, serving
from tests.web.conftest import LONG
from tests.web.unit_state import state_of

HOME = "/u/daily/w/ws-one"
CORE = "dashboard.core."
FEED, STATUS, AGENDA, NOTES, NEWS = (
    CORE + name for name in ("feed-reader", "status-board", "agenda", "notes", "announcements")
)
RSS = b"""<rss version="2.0"><channel><title>Wire</title><item><guid>1</guid>
<title>Ferry &lt;b&gt;strike&lt;/b&gt; ${DBKS:K0001}</title><link>https://wire.example/1</link>
<description>&lt;script&gt;alert(1)&lt;/script&gt;No *ferries* &amp;amp; boats</description>
</item></channel></rss>"""
SAVE = f"{HOME}/a/feed/act/save"


@pytest.fixture
def gate():
    """The server below answers only while this is set."""
    gate = threading.Event()
    gate.set()
    yield gate
    gate.set()


@pytest.fixture
def server(gate):
    def say(request):
        assert gate.wait(LONG)
        if request.path == "/down":
            return answer(status="503 Unavailable")
        if request.path == "/ics":
            day = time.strftime("%Y%m%d", time.gmtime(time.time() + 86400))
            event = f"BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:{day}\nSUMMARY:<i>Council\nEND:VEVENT"
            text = f"BEGIN:VCALENDAR\n{event}\nEND:VCALENDAR"
            return answer(text.encode(), content_type="text/calendar")
        return answer(RSS, content_type="application/rss+xml")

    with serving(say) as server:
        yield server


@pytest.fixture
def unit(app, cast, server, gate):
    """The daily with the three plugins placed, and what their requirements map to."""
    app.extensions["sources"] = Sources(client_for(server))
    for bundle in (NEWS, FEED, STATUS, AGENDA):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    Plugin.delete().where(Plugin.bundle == NOTES).execute()
    plugin = install.install(cast.daily, NOTES, by=cast.alice)
    install.set_active(cast.daily, plugin, True, by=cast.alice)
    configs = {
        "feed": (FEED, {"address": server.address}),
        "note": (NOTES, {"text": "# Saved"}),
        "status": (STATUS, {"services": f"Site | {server.address}\nShop | {server.address}down"}),
        "agenda": (AGENDA, {"url": f"{server.address}ics"}),
    }
    Application.delete().where(Application.workspace == "ws-one").execute()
    for at, (uid, (bundle, config)) in enumerate(configs.items()):
        Application.create(unit=cast.daily, workspace="ws-one", uid=uid, bundle=bundle, position=at,
                           config=to_json(config), secrets="{}")  # fmt: skip
    for bundle, key in ((FEED, "SAVE_ITEM"), (NOTES, "ADD_TO_NOTE"), (STATUS, "ANNOUNCE_DOWN"),
                        (NEWS, "ANNOUNCE")):  # fmt: skip
        for role in ("admin", "user", "readonly"):
            PluginPermission.get_or_create(unit=cast.daily, bundle=bundle, key=key, role=role)
    yield cast.daily
    gate.set()


def loaded(client, uid, words, as_htmx):
    """Return a card when it says *words*, as its page would get it."""
    end = time.monotonic() + LONG
    while words not in (text := client.get(f"{HOME}/a/{uid}", headers=as_htmx).text):
        assert time.monotonic() < end, text
        time.sleep(0.01)
    return text


def item_of(text):
    return text.split('name="item" value="')[1].split('"')[0]


def config_of(uid):
    return Application.get(Application.uid == uid).config


def test_it_has_mapped_itself(unit):
    rows = PluginMapping.of(unit).where(PluginMapping.bundle.in_([FEED, STATUS]))
    assert {(row.requirement, row.target_bundle, row.target) for row in rows} == {
        ("SAVE_NOTE", NOTES, "append-note"),
        ("NOTIFY", NEWS, "notify"),
    }


@pytest.mark.parametrize("uid", ["feed", "status", "agenda"])
def test_a_source_that_hangs_never_slows_a_page(unit, app, cast, login, as_htmx, gate, uid):
    client = login(app.test_client(), cast.ursula)
    client.get(HOME)
    gate.clear()
    begun = time.monotonic()
    text = client.get(f"{HOME}/a/{uid}", headers=as_htmx).text
    assert {"feed": "It is being fetched", "status": "Checking…", "agenda": "is being fetched"}[
        uid
    ] in text
    assert re.search('hx-trigger="every [1-3]s"', text)
    assert client.get(f"{HOME}?plain=1").status_code == 200
    assert time.monotonic() - begun < 5  # the server would take longer: until the test ends
    gate.set()
    words = {"feed": "as of", "status": " ms", "agenda": "Fetched"}[uid]
    text = loaded(client, uid, words, as_htmx)
    assert "is being fetched" not in text


def test_a_feed_shows_text_and_links(unit, app, cast, login, as_htmx):
    text = loaded(login(app.test_client(), cast.ursula), "feed", "Ferry", as_htmx)
    assert '<a href="https://wire.example/1" rel="noopener noreferrer nofollow">' in text
    assert "Ferry strike ${DBKS:K0001}" in text
    assert "No *ferries* &amp; boats" in text
    assert "alert(1)" not in text
    assert 'hx-trigger="every 300s"' in text


@pytest.mark.parametrize("use_htmx", [False, True])
def test_an_item_is_saved_to_the_note_as_it_reads(unit, app, cast, login, as_htmx, use_htmx):
    client = login(app.test_client(), cast.ursula)
    item = item_of(loaded(client, "feed", "Save to notes", as_htmx))
    before = unit.revision
    data = {"item": item, "title": "forged", "text": "forged"}
    said = client.post(SAVE, data=data, headers=as_htmx if use_htmx else {})
    assert said.status_code == (200 if use_htmx else 303)
    card = client.get(f"{HOME}/a/feed", headers=as_htmx).text
    assert ">Saved<" in card
    assert "Save to notes" not in card
    note = client.get(f"{HOME}/a/note", headers=as_htmx).text
    assert '<a href="https://wire.example/1"' in note
    assert ">Ferry strike ${DBKS:K0001}</a>: No *ferries* &amp; boats" in note
    assert "forged" not in note
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, f'"revision":{before + 1}' in event.detail.replace(" ", "")) == (
        "application.act", True
    )  # fmt: skip


@pytest.mark.parametrize("bundle", [FEED, NOTES])
def test_without_either_permission_there_is_no_button_and_the_call_is_refused(
    unit, app, cast, login, as_htmx, bundle
):
    client = login(app.test_client(), cast.ursula)
    item = item_of(loaded(client, "feed", "Save to notes", as_htmx))
    PluginPermission.delete().where(
        PluginPermission.bundle == bundle, PluginPermission.role == "user"
    ).execute()
    assert "Save to notes" not in client.get(f"{HOME}/a/feed", headers=as_htmx).text
    before = state_of(unit)
    assert client.post(SAVE, data={"item": item}, headers=as_htmx).status_code == 403
    assert state_of(unit) == before


def test_readonly_sees_the_feed_and_no_button(unit, app, cast, login, as_htmx):
    client = login(app.test_client(), cast.rita)
    assert "Save to notes" not in loaded(client, "feed", "Ferry", as_htmx)
    before = state_of(unit)
    assert client.post(SAVE, data={"item": "x"}, headers=as_htmx).status_code == 403
    assert state_of(unit) == before


@pytest.mark.parametrize("use_htmx", [False, True])
def test_what_is_not_in_the_feed_is_refused_with_a_sentence(
    unit, app, cast, login, as_htmx, use_htmx
):
    client = login(app.test_client(), cast.ursula)
    loaded(client, "feed", "Ferry", as_htmx)
    before = state_of(unit)
    said = client.post(SAVE, data={"item": "0" * 16}, headers=as_htmx if use_htmx else {})
    assert said.status_code == 422
    assert "This item is not in the feed any more. Nothing was saved." in said.text
    assert state_of(unit) == before


def test_without_notes_editors_are_told_what_is_missing(unit, app, cast, login, as_htmx):
    PluginMapping.delete().where(PluginMapping.bundle == FEED).execute()
    text = loaded(login(app.test_client(), cast.alice), "feed", "Ferry", as_htmx)
    assert "Save to notes is not connected." in text
    assert 'name="item"' not in text


def test_an_outage_is_announced_once(unit, app, cast, login, as_htmx):
    client = login(app.test_client(), cast.ursula)
    text = loaded(client, "status", "It answers with 503.", as_htmx)
    assert "only while somebody looks" in text
    assert text.count('name="service"') == 1
    service = text.split('name="service" value="')[1].split('"')[0]
    there = f"{HOME}/a/status/act/announce"
    said = client.post(there, data={"service": service}, headers=as_htmx)
    assert said.status_code == 200
    assert ", announced" in said.text
    assert said.headers["HX-Trigger"] == "toolbar:changed"
    assert "Shop is down since" in Plugin.get(Plugin.bundle == NEWS).config
    before = state_of(unit)
    assert client.post(there, data={"service": service}, headers=as_htmx).status_code == 422
    assert state_of(unit) == before


def test_a_calendar_shows_the_next_days_as_text(unit, app, cast, login, as_htmx):
    text = loaded(login(app.test_client(), cast.rita), "agenda", "Council", as_htmx)
    assert "Tomorrow" in text
    assert "&lt;i&gt;Council" in text


def test_a_host_that_is_not_allowed_is_named_and_nothing_more(unit, app, cast, login, as_htmx):
    config = to_json({"address": "http://169.254.169.254/latest/meta-data"})
    Application.update(config=config).where(Application.uid == "feed").execute()
    text = loaded(login(app.test_client(), cast.ursula), "feed", "No public address", as_htmx)
    assert "No public address is known for 169.254.169.254." in text


def test_the_line_of_the_status_board_is_a_portal_for_others(
    unit, app, cast, login, as_htmx, server
):
    Plugin.update(
        config=to_json({"line": f"A | {server.address}\nB | {server.address}down"})
    ).where(Plugin.bundle == STATUS).execute()
    PluginMapping.create(unit=unit, bundle=NEWS, kind="portal", requirement="BESIDE",
                         target_bundle=STATUS, target="status-line")  # fmt: skip
    Application.create(unit=unit, workspace="ws-one", uid="news", bundle=NEWS, position=9)
    client = login(app.test_client(), cast.ursula)
    assert "1 of 2 up" in loaded(client, "news", "1 of 2 up", as_htmx)
    text = client.get(f"{HOME}/a/news/portal/BESIDE", headers=as_htmx).text
    assert 'hx-trigger="every 60s"' in text


def test_the_settings_decide_which_hosts_are_allowed(settings, folders):
    app = build_app(replace(settings, allowed_hosts=("wiki.internal:8080",)), folders)
    allowed = app.extensions["sources"]._client._allowed
    assert allowed.hosts == {("wiki.internal", 8080)}
