"""Manifests: those of the store, and strange ones."""

import json

import pytest

from dashboard.models import Plugin
from dashboard.plugins.manifest import ManifestProblem, parse_manifest, read_manifest
from dashboard.plugins.registry import catalogue, find, manifest_of
from dashboard.plugins.schema import Kind

SMALL = {"bundle": "org.team.small", "name": "Small", "version": "1.0.0"}
WITH_CODE = (
    "agenda",
    "announcements",
    "clock",
    "feed-reader",
    "links",
    "notes",
    "status-board",
    "web_view",
)


def test_every_manifest_of_the_store_is_read():
    bundles = set(catalogue())
    assert len(bundles) == 14 + len(WITH_CODE)
    assert "example.deskworks.photo-desk" in bundles


@pytest.mark.parametrize("name", WITH_CODE)
def test_a_plugin_with_code_has_what_its_manifest_promises(name):
    code = find(f"dashboard.core.{name}")
    assert code is not None
    assert code.folder == name.replace("-", "_")
    for part in code.manifest.parts & {"application", "widget"}:
        assert code.call(part)
        assert (code.path / f"{part}.html").is_file()
    for offer in code.manifest.offers:
        assert code.has_offer(offer)
        assert offer.kind == "action" or (code.path / "portals" / f"{offer.id}.html").is_file()
    offered = {offer.id for offer in code.manifest.offers}
    assert set(code.actions) | set(code.portals) == offered
    keys = {key.id for key in code.manifest.permission_keys}
    for action in code.actions.values():
        assert action.permission == "" or action.permission in keys
    assert {act.permission for act in code.acts.values()} <= keys


def test_the_parts_of_a_full_manifest_are_read():
    story = catalogue()["example.deskworks.story-search"].manifest
    fields = {field.key: field.kind for field in story.plugin_fields}
    assert fields["archiveKey"] is Kind.PASSWORD
    assert fields["sortings"] is Kind.JSON
    assert [field.kind for field in story.application_fields] == [
        Kind.TEXT, Kind.TEXT, Kind.SWITCH,
    ]  # fmt: skip
    portal = next(needed for needed in story.requirements if needed.kind == "portal")
    assert (portal.id, portal.suggested_bundle) == (
        "ARTICLE_CARD",
        "example.deskworks.utility-agent",
    )
    planner = catalogue()["example.deskworks.desk-planner"].manifest
    assert planner.application_fields[0].kind is Kind.SELECT
    assert planner.application_fields[0].choices


def test_a_manifest_without_parts_is_an_application():
    assert read_manifest(SMALL).parts == {"application"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bundle": ""}, "bundle"),
        ({"bundle": "a b"}, "not a bundle"),
        ({"bundle": "../up"}, "not a bundle"),
        ({"name": 7}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"version": None}, "version"),
        ({"parts": ["kernel"]}, "parts"),
        ({"parts": "application"}, "parts"),
        ({"actions": {}}, "actions"),
        ({"actions": [{"id": "a/b"}]}, "not an id"),
        ({"portals": ["x"]}, "portals"),
        ({"permissionKeys": [{"label": "no id"}]}, "not an id"),
        ({"dependencies": [{"version": "1"}]}, "bundle"),
        ({"actions": [{"id": "a"}] * 201}, "at most 200"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(change, words):
    with pytest.raises(ManifestProblem, match=words):
        read_manifest(SMALL | change)


def test_an_unreadable_text_is_refused():
    with pytest.raises(ManifestProblem, match="Line 1"):
        parse_manifest("{")


@pytest.mark.parametrize("text", ["{", "[]", '{"parts":["kernel"]}', '{"actions":7}'])
def test_an_installed_plugin_with_a_strange_manifest_stays_usable(text):
    manifest = manifest_of(Plugin(bundle="a.b.c", name="Abc", version="1", manifest=text))
    assert (manifest.bundle, manifest.name) == ("a.b.c", "Abc")
    assert manifest.problem


def test_strange_schemas_give_no_fields_and_no_error():
    schemas = {"plugin": [], "application": {"properties": {"": {}, "a b": {}, "ok": {}, "n": 1}}}
    manifest = read_manifest(SMALL | {"settingsSchema": schemas})
    assert manifest.plugin_fields == ()
    assert [field.key for field in manifest.application_fields] == ["ok"]


def test_what_the_product_does_not_know_is_kept_in_the_installed_text():
    data = json.loads(catalogue()["example.deskworks.web-view"].text)
    assert data["wiki_url"]
    assert data["allowRunInModal"] is True


def test_settings_keep_the_order_of_their_manifest_when_they_are_installed():
    release = catalogue()["example.deskworks.content-agent"]
    keys = [field.key for field in parse_manifest(release.text).plugin_fields]
    assert keys == [field.key for field in release.manifest.plugin_fields]
    assert keys[0] == "apiUrl"
