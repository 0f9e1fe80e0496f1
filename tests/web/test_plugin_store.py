"""Installing, updating, leaving: what each page says before anything is done."""

import json

import pytest

from dashboard.models import AuditEvent, Plugin, PluginMapping, PluginPermission, ToolbarItem, room
from dashboard.plugins import install, registry
from tests.web.unit_state import form, revision, state_of

DESKWORKS = "example.deskworks."
STATUS, UTILITY = DESKWORKS + "status-map", DESKWORKS + "utility-agent"
PHOTO, IMAGES, CONTENT = (
    DESKWORKS + name for name in ("photo-desk", "image-provider", "content-agent")
)
STORY = DESKWORKS + "story-editor"
ADMIN = "/u/daily/admin/plugins"


@pytest.fixture
def alice(client, cast, login):
    return login(client, cast.alice)


def have(cast, *bundles, active=True):
    for bundle in bundles:
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        if active:
            install.set_active(cast.daily, plugin, True, by=cast.alice)


def row(cast, bundle):
    return install.plugin_of(cast.daily, bundle)


def words_of(page: str) -> str:
    return " ".join(page.split())


def test_the_overview_says_what_it_works_with(alice, cast):
    have(cast, CONTENT, active=False)
    before = state_of(cast.daily)
    page = alice.get(f"{ADMIN}/{PHOTO}/install").text
    assert "Install Photo Desk?" in page
    assert f'name="also" value="{IMAGES}" checked' in page
    assert f'name="also" value="{DESKWORKS}notification-agent">' in page  # optional: not ticked
    assert f'value="{CONTENT}"' not in page
    assert "Installed, not active" in page
    assert "Nobody has these until you choose roles" in page
    assert state_of(cast.daily) == before


def test_the_overview_says_what_maps_by_itself_and_why_the_rest_stays_open(alice, cast):
    page = words_of(alice.get(f"{ADMIN}/{UTILITY}/install").text)
    assert "once that is installed and active" in page
    have(cast, STATUS, active=False)
    page = words_of(alice.get(f"{ADMIN}/{UTILITY}/install").text)
    assert "offers it, and it is not active." in page
    install.set_active(cast.daily, row(cast, STATUS), True, by=cast.alice)
    page = words_of(alice.get(f"{ADMIN}/{UTILITY}/install").text)
    assert "Maps by itself" in page
    assert "to Status Map: " in page
    needs = registry.catalogue()[UTILITY].manifest.requirements[0]
    twin = {"actions": [{"id": needs.suggested_id, "name": "Twin"}], "manifestVersion": "1"}
    Plugin.create(unit=cast.daily, bundle="org.twin.one", name="Twin", version="2.2.0", active=True,
                  manifest=json.dumps(twin))  # fmt: skip
    page = words_of(alice.get(f"{ADMIN}/{UTILITY}/install").text)
    assert "Maps by itself" in page  # the suggestion names one bundle


def test_what_nothing_offers_is_said_to_stay_open(alice, cast, monkeypatch):
    manifest = {"bundle": "org.t.asks", "name": "Asks", "version": "1", "manifestVersion": "1",
                "requirements": {"actions": [{"id": "DO_IT", "name": "Do it"},
                                             {"id": "APPEND_NOTE", "name": "Keep"}]}}  # fmt: skip
    release = registry.Release(
        registry.parse_manifest(json.dumps(manifest)), json.dumps(manifest), has_code=False
    )
    everything = {**registry.catalogue(), "org.t.asks": release}
    for module in ("registry", "install", "overview"):
        monkeypatch.setattr(f"dashboard.plugins.{module}.catalogue", lambda: everything)
    offers = {"actions": [{"id": "append-note", "name": "Note"}]}
    for name in ("One", "Two"):
        Plugin.create(unit=cast.daily, bundle=f"org.{name}.x", name=name, version="1", active=True,
                      manifest=json.dumps(offers))  # fmt: skip
    page = words_of(alice.get(f"{ADMIN}/org.t.asks/install").text)
    assert "Nothing in this unit or in the store offers it." in page
    assert "Several fit (" in page


def test_a_plugin_is_installed_with_others_and_activated_in_one_change(alice, cast):
    before = revision(cast.daily)
    data = form(cast.daily, also=[IMAGES, CONTENT], then="activate")
    answer = alice.post(f"{ADMIN}/{PHOTO}/install", data=data)
    assert answer.location == f"{ADMIN}/{PHOTO}"
    assert [row(cast, bundle).active for bundle in (PHOTO, IMAGES, CONTENT)] == [True] * 3
    assert revision(cast.daily) == before + 1
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).get()
    assert (event.action, event.subject) == ("plugin.install", PHOTO)
    assert IMAGES in json.loads(event.detail)["also"]
    assert (
        PluginMapping.of(cast.daily)
        .where(PluginMapping.bundle == PHOTO, PluginMapping.auto)
        .exists()
    )
    assert "installed, with 2 others and active." in alice.get(answer.location).text


@pytest.mark.parametrize("also", ["org.evil.other", CONTENT])
def test_what_the_overview_did_not_offer_is_not_installed(alice, cast, also):
    have(cast, CONTENT)
    before = state_of(cast.daily)
    answer = alice.post(f"{ADMIN}/{PHOTO}/install", data=form(cast.daily, also=also))
    assert answer.status_code == 422
    assert state_of(cast.daily) == before


def test_the_overview_of_what_is_there_or_nowhere(alice, cast):
    have(cast, STATUS)
    assert alice.get(f"{ADMIN}/{STATUS}/install").location == f"{ADMIN}/{STATUS}"
    assert alice.get(f"{ADMIN}/no.such.plugin/install").status_code == 404


def test_a_stale_overview_keeps_what_was_ticked(alice, cast):
    data = {"revision": "99", "also": [IMAGES]}
    answer = alice.post(f"{ADMIN}/{PHOTO}/install", data=data)
    assert answer.status_code == 409
    assert f'value="{IMAGES}" checked' in answer.text
    assert f'value="{CONTENT}" checked' not in answer.text
    assert row(cast, PHOTO) is None


@pytest.mark.parametrize("table", [Plugin, ToolbarItem])
def test_a_unit_takes_no_more_than_its_backup_holds(alice, cast, monkeypatch, table):
    monkeypatch.setitem(room.ROOM, table, (2, "things"))
    before = state_of(cast.daily)
    data = form(cast.daily, then="activate")
    answer = alice.post(f"{ADMIN}/dashboard.core.links/install", data=data)
    assert answer.status_code == 422
    assert "at most 2 things" in answer.text
    assert state_of(cast.daily) == before


def test_permissions_stop_at_what_a_backup_holds(alice, cast, monkeypatch):
    have(cast, CONTENT)
    monkeypatch.setitem(room.ROOM, PluginPermission, (3, "permissions"))
    before = state_of(cast.daily)
    data = form(cast.daily) | {"roles.STORE_CONTENT": ["user", "admin"]}
    assert alice.post(f"{ADMIN}/{CONTENT}/permissions", data=data).status_code == 422
    assert state_of(cast.daily) == before


def test_an_update_says_what_it_changes(alice, cast):
    have(cast, STORY)
    old = json.loads(registry.catalogue()[STORY].text)
    old |= {"version": "4.1.0", "permissionKeys": [{"id": "OLD_KEY", "label": "Old right"}],
            "requirements": {}, "actions": [{"id": "old-act", "name": "Old act"}]}  # fmt: skip
    config = '{"writerUrl":"https://w.example","copyRules":{}}'
    Plugin.update(version="4.1.0", manifest=json.dumps(old), config=config).where(
        Plugin.bundle == STORY
    ).execute()
    PluginMapping.create(unit=cast.daily, bundle="example.desk.ghost", kind="action",
                         requirement="OPEN", target_bundle=STORY, target="old-act")  # fmt: skip
    before = state_of(cast.daily)
    page = words_of(alice.get(f"{ADMIN}/{STORY}/update").text)
    new = registry.catalogue()[STORY].manifest
    for said in (
        f"From version 4.1.0 to {new.version}.",
        "4.2.0: writerUrl is called editorUrl from now on",
        "this touches: <code>writerUrl</code>",
        "Old right",
        "Old act",
        "Plugin example.desk.ghost loses what serves its action",
        new.permission_keys[0].label,
        new.requirements[0].name,
    ):
        assert said in page
    added = page.split("New settings")[1].split("</ul>")[0]
    assert "<code>30</code>" in added
    assert "copy" not in added.lower()  # it is set
    assert state_of(cast.daily) == before
    assert alice.post(f"{ADMIN}/{STORY}/update", data=form(cast.daily)).status_code == 303
    assert json.loads(row(cast, STORY).config)["editorUrl"] == "https://w.example"
    assert alice.get(f"{ADMIN}/{STORY}/update").location == f"{ADMIN}/{STORY}"


@pytest.mark.parametrize("act", ["deactivate", "uninstall"])
def test_leaving_names_who_loses_what(alice, cast, act):
    notes = "dashboard.core.notes"
    manifest = json.loads(registry.catalogue()["dashboard.core.announcements"].text)
    Plugin.update(manifest=json.dumps(manifest)).where(Plugin.bundle == notes).execute()
    needy = {"dependencies": [{"bundle": notes}]}
    Plugin.create(unit=cast.daily, bundle="org.needy.one", name="Needy", version="1", active=True,
                  manifest=json.dumps(needy))  # fmt: skip
    before = state_of(cast.daily)
    page = words_of(alice.get(f"{ADMIN}/{notes}/{act}").text)
    for said in ("2 placed applications show", "<li>One</li>", "Zwei – 二 😀", "leaves the toolbar",
                 "loses <span class=\"mono\">append-note</span>", "Needy is active"):  # fmt: skip
        assert said in page
    assert state_of(cast.daily) == before


def test_leaving_nothing_behind_is_said_too(alice, cast):
    have(cast, STATUS)
    page = alice.get(f"{ADMIN}/{STATUS}/deactivate").text
    assert "No application and no other plugin depends on it." in page
    assert 'name="active" value="no"' in page
    assert alice.get(f"{ADMIN}/no.such.plugin/deactivate").status_code == 404


def test_broken_and_open_mappings_are_marked_on_both_pages(alice, cast):
    have(cast, STATUS, UTILITY)
    mapping = PluginMapping.of(cast.daily).where(PluginMapping.bundle == UTILITY)
    assert (
        "mapping" not in alice.get(ADMIN).text.split(f'id="plugin-{UTILITY}"')[1].split("</tr>")[0]
    )
    install.set_active(cast.daily, row(cast, STATUS), False, by=cast.alice)
    assert "1 mapping broken" in alice.get(ADMIN).text
    page = alice.get(f"{ADMIN}/{UTILITY}").text
    assert "Status Map is not active." in page
    assert "not connected" in page
    PluginMapping.delete().where(PluginMapping.bundle == UTILITY).execute()
    assert mapping.count() == 0
    assert "1 mapping open" in alice.get(ADMIN).text
    assert "Nothing is chosen." in alice.get(f"{ADMIN}/{UTILITY}").text


def test_a_readme_in_the_folder_is_shown_as_safe_markdown(alice, cast, new_plugin):
    manifest = {"bundle": "org.made.told", "name": "Told", "version": "1.0.0"}
    readme = "# Told\n\n**how** to <script>alert(1)</script>"
    new_plugin("told", {"manifest.json": manifest, "__init__.py": "", "README.md": readme})
    have(cast, "org.made.told")
    page = alice.get(f"{ADMIN}/org.made.told").text
    assert "<strong>how</strong>" in page
    assert "<script>alert" not in page
