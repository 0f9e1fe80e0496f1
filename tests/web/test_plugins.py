import json

import pytest

from dashboard import backup
from dashboard.archive import KdfCost
from dashboard.models import ConfigKey, Plugin, PluginMapping, PluginPermission
from dashboard.plugins import install, registry
from tests.web.unit_state import form, revision, state_of

DESKWORKS = "example.deskworks."
STATUS, UTILITY = DESKWORKS + "status-map", DESKWORKS + "utility-agent"
CONTENT = DESKWORKS + "content-agent"
ADMIN = "/u/daily/admin/plugins"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def have(cast, *bundles):
    for bundle in bundles:
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)


def row(cast, bundle):
    return install.plugin_of(cast.daily, bundle)


def test_the_page_lists_what_is_installed_and_the_store(alice, cast):
    page = alice.get(ADMIN).text
    assert "Plugin dashboard.core.notes" in page
    assert "example.desk.ghost" in page
    assert "No code on this server" in page
    assert "Photo Desk" in page
    assert f'href="{ADMIN}/dashboard.core.notes/deactivate"' in page


def test_a_unit_without_plugins_is_told_what_to_do(alice, cast):
    Plugin.delete().execute()
    assert "No plugin yet" in alice.get(ADMIN).text


def test_installing_leads_to_the_settings(alice, cast):
    answer = alice.post(f"{ADMIN}/{STATUS}/install", data=form(cast.daily))
    assert answer.location == f"{ADMIN}/{STATUS}"
    assert not row(cast, STATUS).active
    assert "Colour for unknown status" in alice.get(answer.location).text


@pytest.mark.parametrize("bundle", ["no.such.plugin", "example.deskworks.status-map"])
def test_what_cannot_be_installed_is_refused(alice, cast, bundle):
    have(cast, STATUS)
    before = state_of(cast.daily)
    answer = alice.post(f"{ADMIN}/{bundle}/install", data=form(cast.daily))
    assert answer.status_code == 422
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("use_htmx", [False, True])
def test_a_plugin_is_activated_and_deactivated(alice, cast, as_htmx, use_htmx):
    headers = as_htmx if use_htmx else {}
    for value, active in (("yes", True), ("no", False)):
        data = form(cast.daily, active=value)
        address = f"{ADMIN}/example.desk.ghost/active"
        answer = alice.post(address, data=data, headers=headers)
        assert (answer.status_code, answer.location) == (303, ADMIN)
        assert row(cast, "example.desk.ghost").active is active


@pytest.mark.parametrize(
    "address",
    ["active", "uninstall", "update", "config", "permissions", "mappings"],
)
def test_a_stale_page_changes_nothing(alice, cast, address):
    before = state_of(cast.daily)
    bundle = "dashboard.core.notes"
    assert alice.post(f"{ADMIN}/{bundle}/{address}", data={"revision": "99"}).status_code == 409
    assert alice.post(f"{ADMIN}/{STATUS}/install", data={"revision": "99"}).status_code == 409
    assert alice.post(f"{ADMIN}/{bundle}/{address}", data={}).status_code == 409
    assert state_of(cast.daily) == before


@pytest.mark.parametrize("address", ["", "/active", "/uninstall", "/config", "/permissions"])
def test_a_plugin_that_is_not_installed_is_not_there(alice, cast, address):
    if address in ("", "/uninstall"):
        assert alice.get(f"{ADMIN}/{STATUS}{address}").status_code == 404
    else:
        answer = alice.post(f"{ADMIN}/{STATUS}{address}", data=form(cast.daily))
        assert answer.status_code == 404


def test_uninstalling_says_first_what_will_break(alice, cast):
    have(cast, STATUS, UTILITY)
    page = alice.get(f"{ADMIN}/{STATUS}/uninstall").text
    assert "Utility Agent" in page
    assert "GET_STATUSES" in page
    page = alice.get(f"{ADMIN}/dashboard.core.notes/uninstall").text
    assert "2 placed applications show" in page
    assert alice.post(f"{ADMIN}/{STATUS}/uninstall", data=form(cast.daily)).status_code == 303
    assert row(cast, STATUS) is None
    assert "not offered now" in alice.get(f"{ADMIN}/{UTILITY}").text
    assert "1 mapping broken" in alice.get(ADMIN).text


def test_the_configuration_is_saved_and_secrets_stay_apart(alice, cast):
    have(cast, CONTENT)
    ConfigKey.create(unit=cast.daily, name="SIZE", type="number", value="20")
    data = form(cast.daily) | {"config-apiUrl": "https://x.example", "config-apiPassword": "hush-9",
            "config-pageSize": "${DBKS:SIZE}", "config-providers": '["a"]'}  # fmt: skip
    assert alice.post(f"{ADMIN}/{CONTENT}/config", data=data).status_code == 303
    config = json.loads(row(cast, CONTENT).config)
    assert (config["apiUrl"], config["providers"]) == ("https://x.example", ["a"])
    assert config["pageSize"] == "${DBKS:SIZE}"
    assert row(cast, CONTENT).secrets == '{"apiPassword":"hush-9"}'
    assert "hush-9" not in alice.get(f"{ADMIN}/{CONTENT}").text


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"config-apiUrl": ""}, "Fill this in."),
        ({"config-pageSize": "501"}, "at most 500"),
        ({"config-providers": '["a",\n]'}, "Line 2, column 1: a value is missing here."),
    ],
)
def test_a_bad_configuration_is_refused_on_the_same_page(alice, cast, bad, words):
    have(cast, CONTENT)
    before = state_of(cast.daily)
    data = form(cast.daily) | {"config-apiUrl": "https://x.example"} | bad
    answer = alice.post(f"{ADMIN}/{CONTENT}/config", data=data)
    assert answer.status_code == 422
    assert words in answer.text
    assert "Permissions" in answer.text
    assert state_of(cast.daily) == before


def test_settings_that_no_form_shows_are_kept(alice, cast):
    before = row(cast, "dashboard.core.notes")
    alice.post(f"{ADMIN}/dashboard.core.notes/config", data=form(cast.daily))
    after = row(cast, "dashboard.core.notes")
    assert json.loads(after.config) == json.loads(before.config)
    assert json.loads(after.secrets) == json.loads(before.secrets)


def test_permissions_are_roles_per_key(alice, cast):
    have(cast, CONTENT)
    data = form(cast.daily) | {"roles.STORE_CONTENT": ["user", "owner"], "roles.OTHER": "admin"}
    assert alice.post(f"{ADMIN}/{CONTENT}/permissions", data=data).status_code == 303
    rows = PluginPermission.of(cast.daily).where(PluginPermission.bundle == CONTENT)
    assert [(row.key, row.role) for row in rows] == [("STORE_CONTENT", "user")]
    alice.post(f"{ADMIN}/{CONTENT}/permissions", data=form(cast.daily))
    assert rows.count() == 0


def test_a_mapping_is_chosen_and_left_open(alice, cast):
    have(cast, STATUS, UTILITY)
    mapping = PluginMapping.of(cast.daily).where(PluginMapping.bundle == UTILITY)
    assert mapping.get().auto
    field = "action.GET_STATUSES"
    data = form(cast.daily) | {field: ""}
    assert alice.post(f"{ADMIN}/{UTILITY}/mappings", data=data).status_code == 303
    assert mapping.count() == 0
    alice.post(
        f"{ADMIN}/{UTILITY}/mappings", data=form(cast.daily) | {field: f"{STATUS}/get-status-map"}
    )
    assert (mapping.get().target, mapping.get().auto) == ("get-status-map", False)


def test_a_mapping_to_what_is_not_offered_is_refused(alice, cast):
    have(cast, STATUS, UTILITY)
    before = state_of(cast.daily)
    data = form(cast.daily) | {"action.GET_STATUSES": "evil.plugin.x/y"}
    assert alice.post(f"{ADMIN}/{UTILITY}/mappings", data=data).status_code == 422
    assert state_of(cast.daily) == before


def test_a_broken_mapping_can_be_kept(alice, cast):
    before = revision(cast.daily)
    data = form(cast.daily) | {"action.SAVE": "dashboard.core.notes/append-note"}
    alice.post(f"{ADMIN}/example.desk.ghost/mappings", data=data)
    assert PluginMapping.of(cast.daily).count() == 1
    assert revision(cast.daily) == before + 1


def test_a_newer_release_of_the_store_is_offered_and_taken(alice, cast):
    have(cast, STATUS)
    Plugin.update(version="2.1.0").where(Plugin.bundle == STATUS).execute()
    assert ">Update</" in alice.get(ADMIN).text
    assert alice.post(f"{ADMIN}/{STATUS}/update", data=form(cast.daily)).status_code == 303
    assert row(cast, STATUS).version == "2.2.0"
    assert alice.post(f"{ADMIN}/{STATUS}/update", data=form(cast.daily)).status_code == 422


def test_a_plugin_with_an_unreadable_manifest_has_a_page(alice, cast):
    Plugin.update(manifest='{"parts":["kernel"]}').execute()
    page = alice.get(f"{ADMIN}/dashboard.core.notes")
    assert page.status_code == 200
    assert "parts may hold only" in page.text
    assert "Manifest not readable" in alice.get(ADMIN).text


@pytest.mark.slow
def test_what_the_screens_make_can_be_backed_up_and_read_back(alice, cast, folders, tmp_path):
    have(cast, *(set(registry.catalogue()) - {"dashboard.core.notes"}))
    for bundle in registry.catalogue():
        keys = [key.id for key in registry.manifest_of(row(cast, bundle)).permission_keys]
        data = form(cast.daily) | {f"roles.{key}": "user" for key in keys}
        assert alice.post(f"{ADMIN}/{bundle}/permissions", data=data).status_code == 303
    pages = {
        "workspaces/new": {"name": "ß – 😀", "layout": "4-equal", "profiles": "pf-all"},
        "w/ws-one/applications": {"bundle": "dashboard.core.clock", "column": "1"},
        "profiles/new": {"name": "p\u2028", "workspace": ["ws-one"], "roles": ["user", "user"]},
        "admin/keys/-/new": {"name": "A.b-c_1", "type": "json", "value": "[" * 32 + "]" * 32},
        f"admin/plugins/{CONTENT}/config": {
            "config-apiUrl": "https://x.example/\x7f", "config-pageSize": "500",
            "config-providers": "[" * 30 + "1" * 64 + "]" * 30, "config-apiPassword": "hush 😀",
        },
    }  # fmt: skip
    for page, data in pages.items():
        answer = alice.post(f"/u/daily/{page}", data=form(cast.daily) | data)
        assert answer.status_code == 303, page
    context = backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)
    path = tmp_path / "all.dbk"
    backup.export_to_file(cast.daily, path, "four words", "test", context)
    with path.open("rb") as file:
        report = backup.validate_with_password(file, "four words")
    assert report.counts["plugins"] == Plugin.of(cast.daily).count() > 15
