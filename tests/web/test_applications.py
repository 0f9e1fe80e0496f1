import json
import logging

import pytest

from dashboard.models import (
    Application,
    ConfigKey,
    Plugin,
    PluginPermission,
    ToolbarItem,
    Workspace,
)
from dashboard.plugins import registry
from dashboard.plugins.jsontext import to_json
from tests.web.unit_state import form, state_of

HOME = "/u/daily/w/ws-one"
NOTES = "dashboard.core.notes"
SCHEMA = {
    "word": {"type": "string", "title": "Word"},
    "text": {"type": "string", "x-widget": "textarea"},
    "size": {"type": "integer", "minimum": 1, "maximum": 50},
    "ratio": {"type": "number"},
    "on": {"type": "boolean"},
    "pick": {"type": "string", "enum": ["a", "b"]},
    "color": {"type": "string", "x-widget": "color"},
    "list": {"type": "array", "x-widget": "json-editor"},
    "password": {"type": "string", "format": "password"},
}
MANIFEST = {
    "bundle": NOTES,
    "name": "Notes",
    "version": "1.0.0",
    "settingsSchema": {"application": {"type": "object", "properties": SCHEMA}},
}


@pytest.fixture
def bob(client, cast, login):
    Plugin.update(manifest=registry.catalogue()[NOTES].text).where(Plugin.bundle == NOTES).execute()
    return login(client, cast.bob)


@pytest.fixture
def full(bob, cast):
    """The notes of ws-one with a manifest that has every kind of setting."""
    Plugin.update(manifest=json.dumps(MANIFEST)).where(Plugin.bundle == NOTES).execute()
    store(cast, config='{"other":{"kept":1}}', secrets='{"password":"hush","token":"t"}')
    return bob


def placed(cast, uid="app-1"):
    here = (Application.workspace == "ws-one") & (Application.uid == uid)
    return Application.of(cast.daily).where(here).get()


def store(cast, **columns):
    here = (Application.unit == cast.daily) & (Application.workspace == "ws-one")
    Application.update(**columns).where(here & (Application.uid == "app-1")).execute()


def save(client, cast, **values):
    data = form(cast.daily, title="", **{f"config-{key}": text for key, text in values.items()})
    return client.post(f"{HOME}/applications/app-1/settings", data=data)


def test_a_card_shows_what_the_plugin_shows(bob, cast, as_htmx):
    page = bob.get(f"{HOME}/a/app-1", headers=as_htmx)
    assert page.status_code == 200
    assert page.text.lstrip().startswith('<article id="card-app-1"')
    assert "<h3>Hello</h3>" in page.text


def test_a_card_asked_for_without_htmx_leads_to_its_page(bob, cast):
    answer = bob.get(f"{HOME}/a/app-1")
    assert (answer.status_code, answer.location) == (303, HOME)


def test_three_kinds_of_missing_plugin_have_three_different_words(bob, cast, as_htmx):
    def words():
        text = bob.get(f"{HOME}/a/app-1", headers=as_htmx).text
        assert "app-card--missing" in text
        assert f"<code>{NOTES}</code>" in text or "no.such.code" in text
        return text.split("<strong>")[1].split("</strong>")[0]

    Plugin.update(active=False).where(Plugin.bundle == NOTES).execute()
    inactive = words()
    Plugin.delete().where(Plugin.bundle == NOTES).execute()
    missing = words()
    assert "Ask an admin" in bob.get(f"{HOME}/a/app-1", headers=as_htmx).text
    assert "does not have it" in bob.get(f"{HOME}/a/app-0", headers=as_htmx).text
    store(cast, bundle="no.such.code")
    Plugin.create(unit=cast.daily, bundle="no.such.code", name="N", version="1", active=True)
    assert len({inactive, missing, words()}) == 3


def test_it_comes_alive_again_when_the_plugin_is_back(bob, cast, as_htmx):
    Plugin.update(active=False).where(Plugin.bundle == NOTES).execute()
    assert "Hello" not in bob.get(f"{HOME}/a/app-1", headers=as_htmx).text
    Plugin.update(active=True).where(Plugin.bundle == NOTES).execute()
    assert "Hello" in bob.get(f"{HOME}/a/app-1", headers=as_htmx).text


def test_one_broken_application_shows_its_error_in_its_own_box(bob, cast, monkeypatch, caplog):
    def broken(here):
        raise RuntimeError("hush-reason")

    monkeypatch.setattr(registry.find(NOTES).module, "application", broken)
    with caplog.at_level(logging.ERROR):
        page = bob.get(f"{HOME}?plain=1")
    assert page.status_code == 200
    assert "This application failed." in page.text
    assert "The plugin is not installed." in page.text  # the other one still shows
    assert "hush-reason" not in page.text
    [record] = caplog.records
    incident = page.text.split("incident id <code>")[1].split("<")[0]
    assert incident in record.getMessage()


def test_a_secret_key_is_never_shown_in_a_note(bob, cast, as_htmx):
    ConfigKey.create(unit=cast.daily, name="PW", type="secret", secret="hush-in-note")
    store(cast, config=to_json({"text": "pw ${DBKS:PW} gone ${DBKS:GONE}"}), secrets="{}")
    text = bob.get(f"{HOME}/a/app-1", headers=as_htmx).text
    assert "hush-in-note" not in text
    assert "<code>PW</code> is a secret" in text
    assert "No config key named <code>GONE</code>" in text


def test_a_widget_of_an_active_plugin_is_in_the_toolbar(bob, cast, monkeypatch):
    text = registry.catalogue()["dashboard.core.links"].text
    config = to_json({"toolbar": "Start | https://start.example"})
    Plugin.create(unit=cast.daily, bundle="dashboard.core.links", name="Links", version="1",
                  manifest=text, config=config, active=True)  # fmt: skip
    ToolbarItem.create(unit=cast.daily, bundle="dashboard.core.links", position=5)
    assert 'href="https://start.example"' in bob.get(HOME).text
    monkeypatch.setattr(registry.find("dashboard.core.links").module, "widget", lambda here: 1 / 0)
    assert bob.get(HOME).status_code == 200


@pytest.mark.parametrize("name", ["ursula", "rita"])
def test_a_line_is_added_only_with_the_permission_key(app, cast, login, name, bob):
    PluginPermission.create(unit=cast.daily, bundle=NOTES, key="ADD_TO_NOTE", role="user")
    PluginPermission.create(unit=cast.daily, bundle=NOTES, key="ADD_TO_NOTE", role="readonly")
    client = login(app.test_client(), getattr(cast, name))
    answer = client.post(f"{HOME}/a/app-1/act/append-note", data={"line": "new line"})
    if name == "ursula":
        assert answer.status_code == 303
        assert json.loads(placed(cast).config)["text"] == "# Hello\n- new line\n"
        assert placed(cast).secrets == '{"token":"hush-application"}'
    else:
        assert answer.status_code == 403  # readonly never changes anything
    assert bob.post(f"{HOME}/a/app-1/act/append-note", data={"line": "x"}).status_code == 403


def test_an_act_that_fails_says_so_in_the_card(app, cast, login, bob, as_htmx):
    PluginPermission.create(unit=cast.daily, bundle=NOTES, key="ADD_TO_NOTE", role="user")
    client = login(app.test_client(), cast.ursula)
    before = state_of(cast.daily)
    address = f"{HOME}/a/app-1/act/append-note"
    answer = client.post(address, data={"line": " "}, headers=as_htmx)
    assert (answer.status_code, "Write what to add." in answer.text) == (422, True)
    page = client.post(address, data={"line": " "})  # without JavaScript: the whole page
    assert (page.status_code, "Write what to add." in page.text) == (422, True)
    assert "<h1>One</h1>" in page.text
    page = client.post(address, data={"line": "x" * 2001}, headers=as_htmx)
    assert f'value="{"x" * 2001}"' in page.text
    assert client.post(f"{HOME}/a/app-1/act/explode").status_code == 404
    assert state_of(cast.daily) == before


def test_an_application_is_added_at_the_end_of_a_column(bob, cast):
    data = form(cast.daily, bundle=NOTES, column="1")
    answer = bob.post(f"{HOME}/applications", data=data)
    rows = Application.of(cast.daily).where(Application.workspace == "ws-one")
    new = rows.where(Application.column == 1).order_by(Application.position.desc()).first()
    assert (new.bundle, new.position, new.config) == (NOTES, 1, '{"text":""}')
    assert answer.location == f"{HOME}/applications/{new.uid}/settings"


@pytest.mark.parametrize(
    "bad", [{"bundle": "example.desk.ghost"}, {"bundle": ""}, {"column": "2"}, {"column": "x"}]
)
def test_what_is_not_offered_cannot_be_added(bob, cast, bad):
    before = state_of(cast.daily)
    data = form(cast.daily, **{"bundle": NOTES, "column": "0", **bad})
    assert bob.post(f"{HOME}/applications", data=data).status_code == 422
    assert state_of(cast.daily) == before


def test_without_an_active_plugin_the_page_says_what_to_do(bob, cast):
    Plugin.update(active=False).execute()
    assert "No plugin to add" in bob.get(f"{HOME}/applications").text


@pytest.mark.parametrize("use_htmx", [False, True])
def test_applications_move_by_their_arrows(bob, cast, as_htmx, use_htmx):
    headers = as_htmx if use_htmx else {}

    def move(uid, direction):
        data = form(cast.daily, direction=direction)
        address = f"{HOME}/applications/{uid}/move"
        assert bob.post(address, data=data, headers=headers).status_code == 303
        order = (Application.column, Application.position)
        rows = Application.of(cast.daily).where(Application.workspace == "ws-one").order_by(*order)
        return [(row.uid, row.column, row.position) for row in rows]

    assert move("app-0", "right") == [("app-0", 1, 0), ("app-1", 1, 1)]
    assert move("app-0", "down") == [("app-1", 1, 0), ("app-0", 1, 1)]
    assert move("app-0", "right") == [("app-1", 1, 0), ("app-0", 1, 1)]
    assert move("app-0", "up") == [("app-0", 1, 0), ("app-1", 1, 1)]
    assert move("app-1", "left") == [("app-1", 0, 0), ("app-0", 1, 0)]


def test_a_direction_that_is_no_arrow_is_refused(bob, cast):
    before = state_of(cast.daily)
    data = form(cast.daily, direction="away")
    assert bob.post(f"{HOME}/applications/app-0/move", data=data).status_code == 422
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("address", ["", "/app-1/move", "/app-1/settings", "/app-1/remove"])
def test_a_stale_page_changes_nothing(bob, cast, address):
    before = state_of(cast.daily)
    data = {"revision": "99", "bundle": NOTES, "column": "0", "direction": "up"}
    assert bob.post(f"{HOME}/applications{address}", data=data).status_code == 409
    assert state_of(cast.daily) == before


def test_removing_asks_first(bob, cast):
    assert "Remove “" in bob.get(f"{HOME}/applications/app-1/remove").text
    data = form(cast.daily)
    assert bob.post(f"{HOME}/applications/app-1/remove", data=data).status_code == 303
    assert Application.of(cast.daily).where(Application.workspace == "ws-one").count() == 1


def test_every_kind_of_setting_is_saved(full, cast):
    answer = save(full, cast, word="w", text="a\r\nb", size="7", ratio="1.5", on="y", pick="b",
                  color="#ffffff", list="[1,\n 2]", password="")  # fmt: skip
    assert answer.status_code == 303
    assert json.loads(placed(cast).config) == {
        "word": "w", "text": "a\nb", "size": 7, "ratio": 1.5, "on": True, "pick": "b",
        "color": "#ffffff", "list": [1, 2], "other": {"kept": 1},
    }  # fmt: skip
    assert json.loads(placed(cast).secrets) == {"password": "hush", "token": "t"}


def test_references_are_accepted_in_any_field(full, cast):
    values = {"A": ("string", "a"), "N": ("number", "7"), "B": ("boolean", "true"),
              "L": ("json", "[1]")}  # fmt: skip
    for name, (kind, value) in values.items():
        ConfigKey.create(unit=cast.daily, name=name, type=kind, value=value)
    a, number, yes = "${DBKS:A}", "${DBKS:N}", "${DBKS:B}"
    everything = dict.fromkeys(("word", "text", "pick", "color", "password"), a)
    everything |= {"size": number, "ratio": number, "list": "${DBKS:L}"}
    answer = save(full, cast, **everything)
    assert answer.status_code == 303
    config = json.loads(placed(cast).config)
    assert all(config[key] == text for key, text in everything.items() if key != "password")
    assert json.loads(placed(cast).secrets)["password"] == a
    store(cast, config=to_json(config | {"on": yes}))
    page = full.get(f"{HOME}/applications/app-1/settings").text
    assert 'name="config-on" type="text" value="${DBKS:B}"' in page
    assert save(full, cast, **everything, on=yes).status_code == 303
    assert json.loads(placed(cast).config)["on"] == yes


def test_switches_and_choices_can_be_typed(full, cast):
    page = full.get(f"{HOME}/applications/app-1/settings?as=text").text
    assert 'name="config-on" type="text"' in page
    assert 'name="config-pick" type="text"' in page
    data = form(cast.daily, title="") | {"config-on": "${DBKS:K0002}", "config-pick": "a"}
    full.post(f"{HOME}/applications/app-1/settings?as=text", data=data)
    assert json.loads(placed(cast).config)["on"] == "${DBKS:K0002}"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"size": "1.5"}, "whole number"),
        ({"size": "0"}, "at least 1"),
        ({"size": "51"}, "at most 50"),
        ({"size": "9" * 400}, "whole number"),
        ({"ratio": "NaN"}, "number"),
        ({"ratio": "x"}, "number"),
        ({"pick": "c"}, "Choose one"),
        ({"color": "red"}, "colour"),
        ({"list": "[1,\n 2"}, "Line 2, column 3"),
        ({"list": "{}"}, "A list [ … ] belongs here."),
        ({"list": '{"a":1,"a":2}'}, "only once"),
        ({"word": "a\0b"}, "NUL"),
        ({"password": "a\0b"}, "NUL"),
        ({"text": "x" * (1 << 20)}, "1 MiB"),
        ({"list": "[" * 31 + "]" * 31}, "Nest less"),
        ({"size": "1" * 65}, "whole number"),
    ],
)
def test_a_bad_setting_is_refused_with_what_was_typed(full, cast, bad, words):
    before = state_of(cast.daily)
    answer = save(full, cast, **bad)
    assert answer.status_code == 422
    assert words in answer.text
    assert state_of(cast.daily) == before


def test_passwords_are_never_sent_back(full, cast):
    page = full.get(f"{HOME}/applications/app-1/settings").text
    assert "hush" not in page
    assert "leave this empty to keep it" in page
    answer = save(full, cast, password="hush-new", size="x")
    assert answer.status_code == 422
    assert "hush-new" not in answer.text


def test_a_password_is_replaced_or_removed(full, cast):
    save(full, cast, password="new")
    assert json.loads(placed(cast).secrets)["password"] == "new"
    data = form(cast.daily, title="") | {"clear-password": "y"}
    full.post(f"{HOME}/applications/app-1/settings", data=data)
    assert json.loads(placed(cast).secrets) == {"token": "t"}


def test_what_is_stored_as_a_secret_is_a_password_whatever_the_manifest_says(full, cast):
    store(cast, secrets='{"word":"hush"}')
    page = full.get(f"{HOME}/applications/app-1/settings").text
    assert "hush" not in page
    save(full, cast, word="")
    assert json.loads(placed(cast).secrets) == {"word": "hush"}


def test_a_value_of_a_strange_type_survives_a_save(full, cast):
    store(cast, config='{"word":[1,2],"size":"many"}')
    save(full, cast, word="[1,2]", size="many")
    config = json.loads(placed(cast).config)
    assert (config["word"], config["size"]) == ([1, 2], "many")


def test_the_title_is_kept_without_the_plugin(bob, cast):
    Plugin.delete().where(Plugin.bundle == NOTES).execute()
    data = form(cast.daily, title="My notes")
    assert bob.post(f"{HOME}/applications/app-1/settings", data=data).status_code == 303
    row = placed(cast)
    assert (row.title, row.config) == ("My notes", '{"text":"# Hello"}')
    assert row.secrets == '{"token":"hush-application"}'
    data = form(cast.daily, title="x" * 121)
    assert bob.post(f"{HOME}/applications/app-1/settings", data=data).status_code == 422


def test_applications_of_a_foreign_workspace_are_not_there(bob, cast):
    Workspace.create(unit=cast.daily, uid="ws-new", name="New", icon_text="N")
    assert bob.get("/u/daily/w/ws-new/a/app-1").status_code == 404
    assert bob.get("/u/daily/w/ws-new/applications/app-1/settings").status_code == 404


def test_only_a_workspace_page_lets_frames_load_allowed_hosts(bob, cast):
    bundle = "dashboard.core.web_view"
    config = to_json({"allowedHosts": ["${DBKS:STATS}", "evil.example; script-src *"]})
    ConfigKey.create(unit=cast.daily, name="STATS", type="string", value="stats.example")
    Plugin.create(unit=cast.daily, bundle=bundle, name="Web view", version="1", active=True,
                  manifest=registry.catalogue()[bundle].text, config=config)  # fmt: skip
    store(cast, bundle=bundle, config=to_json({"url": "https://stats.example/live"}))
    page = bob.get(f"{HOME}?plain=1")
    assert 'src="https://stats.example/live"' in page.text
    # Never: top navigation, popups that leave the sandbox, downloads, modals.
    assert 'sandbox="allow-scripts allow-forms allow-popups allow-same-origin"' in page.text
    assert 'referrerpolicy="no-referrer"' in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "frame-src https://stats.example;" in policy
    assert "evil" not in policy
    assert "stats" not in bob.get(f"{HOME}/applications").headers["Content-Security-Policy"]
    Plugin.update(active=False).where(Plugin.bundle == bundle).execute()
    assert "stats" not in bob.get(HOME).headers["Content-Security-Policy"]
