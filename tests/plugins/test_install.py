"""A plugin's life in a unit."""

import json

import pytest

from dashboard.models import (
    AuditEvent,
    Plugin,
    PluginMapping,
    PluginPermission,
    StaleRevision,
    ToolbarItem,
)
from dashboard.plugins import configs, install
from dashboard.plugins.leaving import what_breaks
from dashboard.plugins.mappings import State, choose, standings
from dashboard.plugins.registry import manifest_of
from tests import factories

DESKWORKS = "example.deskworks."


@pytest.fixture
def unit(folders):
    return factories.make_unit()


@pytest.fixture
def admin(unit):
    return factories.make_user("alice", daily="admin")


def add(unit, admin, *names, active=True):
    for name in names:
        bundle = name if "." in name else DESKWORKS + name
        plugin = install.install(unit, bundle, by=admin)
        if active:
            install.set_active(unit, plugin, True, by=admin)


def test_installing_gives_the_defaults_and_leaves_it_inactive(unit, admin):
    plugin = install.install(unit, DESKWORKS + "content-agent", by=admin)
    assert not plugin.active
    assert json.loads(plugin.config)["pageSize"] == 50
    assert "apiPassword" not in json.loads(plugin.config)
    assert unit.revision == 1
    assert AuditEvent.get().action == "plugin.install"


def test_installing_twice_is_refused_and_changes_nothing(unit, admin):
    add(unit, admin, "status-map")
    before = unit.revision
    with pytest.raises(install.PluginProblem, match="installed already"):
        install.install(unit, DESKWORKS + "status-map", by=admin)
    assert Plugin.of(unit).count() == 1
    assert type(unit).get_by_id(unit.id).revision == before


def test_a_plugin_that_the_store_does_not_have_is_refused(unit, admin):
    with pytest.raises(install.PluginProblem, match="store"):
        install.install(unit, "no.such.thing", by=admin)


def test_a_second_plugin_of_the_same_name_is_refused(unit, admin):
    Plugin.create(unit=unit, bundle="other.status.map", name="Status Map", version="1")
    with pytest.raises(install.PluginProblem, match="another plugin named"):
        install.install(unit, DESKWORKS + "status-map", by=admin)


def test_a_stale_page_changes_nothing(unit, admin):
    with pytest.raises(StaleRevision):
        install.install(unit, DESKWORKS + "status-map", by=admin, revision=7)
    assert Plugin.of(unit).count() == 0


def test_requirements_map_themselves_where_exactly_one_active_offer_fits(unit, admin):
    add(unit, admin, "status-map", "image-provider", active=False)
    add(unit, admin, "utility-agent")
    assert PluginMapping.of(unit).count() == 0
    status = install.plugin_of(unit, DESKWORKS + "status-map")
    install.set_active(unit, status, True, by=admin)
    row = PluginMapping.of(unit).get()
    assert (row.requirement, row.target, row.auto) == ("GET_STATUSES", "get-status-map", True)


def test_an_offer_outside_the_suggested_version_does_not_fit(unit, admin):
    add(unit, admin, "status-map")
    Plugin.update(version="3.0.0").execute()
    manifest = Plugin.get().manifest.replace('"version":"2.2.0"', '"version":"3.0.0"')
    Plugin.update(manifest=manifest).execute()
    add(unit, admin, "utility-agent")
    assert PluginMapping.of(unit).count() == 0


def test_a_chosen_mapping_is_not_taken_over(unit, admin):
    add(unit, admin, "utility-agent")
    needed = manifest_of(Plugin.get()).requirements[0]
    choose(unit, DESKWORKS + "utility-agent", needed, ("some.other.plugin", "statuses"))
    add(unit, admin, "status-map")
    row = PluginMapping.of(unit).where(PluginMapping.requirement == needed.id).get()
    assert (row.target_bundle, row.auto) == ("some.other.plugin", False)


def test_what_nothing_serves_is_known(unit, admin):
    add(unit, admin, "status-map", "utility-agent")
    bundle = DESKWORKS + "utility-agent"
    assert not any(found.matters for found in standings(unit)[bundle])
    target = install.plugin_of(unit, DESKWORKS + "status-map")
    install.set_active(unit, target, False, by=admin)
    [left] = [found for found in standings(unit)[bundle] if found.matters]
    assert (left.needed.id, left.state) == ("GET_STATUSES", State.BROKEN)


def test_activating_a_widget_gives_it_a_place_once(unit, admin):
    add(unit, admin, "link-bar", "dashboard.core.links")
    plugin = install.plugin_of(unit, "dashboard.core.links")
    install.set_active(unit, plugin, False, by=admin)
    install.set_active(unit, plugin, True, by=admin)
    assert [(row.position, row.bundle) for row in ToolbarItem.of(unit)] == [
        (0, DESKWORKS + "link-bar"),
        (1, "dashboard.core.links"),
    ]


def test_uninstalling_leaves_foreign_mappings_and_says_so_before(unit, admin):
    add(unit, admin, "status-map", "utility-agent")
    plugin = install.plugin_of(unit, DESKWORKS + "status-map")
    lost = what_breaks(unit, plugin.bundle)
    assert (lost.placed, [row.bundle for row in lost.pointing]) == (
        (),
        [DESKWORKS + "utility-agent"],
    )
    install.save_permissions(unit, plugin, [("K", "admin")], by=admin)
    install.uninstall(unit, plugin, by=admin)
    assert install.plugin_of(unit, plugin.bundle) is None
    assert PluginMapping.of(unit).count() == 1
    assert PluginPermission.of(unit).count() == 0


def test_an_update_moves_settings_and_adds_new_ones(unit, admin):
    add(unit, admin, "story-editor")
    Plugin.update(version="4.1.0", config='{"writerUrl":"https://w.example","mine":1}').execute()
    plugin = install.plugin_of(unit, DESKWORKS + "story-editor")
    assert install.has_update(plugin)
    install.update(unit, plugin, by=admin)
    plugin = install.plugin_of(unit, plugin.bundle)
    config = json.loads(plugin.config)
    assert (plugin.version, config["editorUrl"], config["mine"]) == (
        "4.2.0", "https://w.example", 1,
    )  # fmt: skip
    assert config["autosaveSeconds"] == 30
    assert "writerUrl" not in config
    with pytest.raises(install.PluginProblem, match="up to date"):
        install.update(unit, plugin, by=admin)


def test_secrets_are_kept_apart_from_the_config(unit, admin):
    add(unit, admin, "content-agent")
    plugin = install.plugin_of(unit, DESKWORKS + "content-agent")
    fields = manifest_of(plugin).plugin_fields
    texts = configs.split(fields, {"apiUrl": "u", "apiPassword": "hush"})
    install.save_config(unit, plugin, *texts, by=admin)
    plugin = install.plugin_of(unit, plugin.bundle)
    assert plugin.config == '{"apiUrl":"u"}'
    assert plugin.secrets == '{"apiPassword":"hush"}'
    assert configs.merge(plugin.config, plugin.secrets)["apiPassword"] == "hush"


def test_what_is_sealed_already_stays_secret_without_a_manifest():
    config, secrets = configs.split((), {"a": 1, "token": "hush"}, sealed=["token"])
    assert (config, secrets) == ('{"a":1}', '{"token":"hush"}')


def test_an_unreadable_config_counts_as_empty():
    assert configs.read("[") == {}
