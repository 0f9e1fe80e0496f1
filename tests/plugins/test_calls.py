"""Acts and the actions that they call: one change, with permission, and nothing else."""

import json
import threading
from datetime import UTC, datetime

import pytest

from dashboard import backup, db
from dashboard.archive import KdfCost
from dashboard.models import (
    Application,
    AuditEvent,
    Plugin,
    PluginMapping,
    PluginPermission,
    Role,
    StaleRevision,
    Unit,
    Workspace,
    audit,
)
from dashboard.plugins import calls, install, references, registry
from dashboard.plugins.acts import ActProblem, ActRefused, NoSuchAct
from dashboard.plugins.mappings import State, standing, standings
from dashboard.plugins.render import placement
from tests.plugins.made_up import CALLER, CALLER_FILES, SERVER, SERVER_FILES
from tests.web.unit_state import state_of

NOW = datetime(2026, 11, 25, 11, 10, tzinfo=UTC)


@pytest.fixture
def unit(cast, new_plugin):
    """The daily with both plugins, KEEP mapped, everybody permitted, and one caller placed."""
    new_plugin("caller", CALLER_FILES)
    new_plugin("server", SERVER_FILES)
    for bundle in (CALLER, SERVER):
        plugin = install.install(cast.daily, bundle, by=cast.alice)
        install.set_active(cast.daily, plugin, True, by=cast.alice)
    for bundle, key in ((CALLER, "PRESS"), (SERVER, "KEEP_IT")):
        for role in Role:
            PluginPermission.create(unit=cast.daily, bundle=bundle, key=key, role=role)
    map_to(cast.daily, SERVER, "keep")
    place(cast.daily, "ws-one", "call", CALLER)
    return cast.daily


def map_to(unit, bundle, target, requirement="KEEP", kind="action"):
    PluginMapping.delete().where(PluginMapping.bundle == CALLER).execute()
    PluginMapping.create(
        unit=unit,
        bundle=CALLER,
        kind=kind,
        requirement=requirement,
        target_bundle=bundle,
        target=target,
    )


def place(unit, workspace, uid, bundle, **columns):
    return Application.create(
        unit=unit, workspace=workspace, uid=uid, bundle=bundle, **{"position": 9} | columns
    )


def config_of(unit, uid, workspace="ws-one"):
    here = (Application.workspace == workspace) & (Application.uid == uid)
    return json.loads(Application.of(unit).where(here).get().config)


def plugin_config(unit, bundle):
    return json.loads(install.plugin_of(unit, bundle).config)


def do(cast, name="press", who="ursula", role=Role.USER, seen=None, **form):
    workspace = Workspace.of(cast.daily).where(Workspace.uid == "ws-one").get()
    calls.act(
        cast.daily,
        workspace,
        "call",
        name,
        form,
        by=getattr(cast, who),
        role=role,
        now=NOW,
        seen=seen,
    )


def test_an_act_and_its_action_are_one_change_and_one_event(unit, cast):
    before, events = unit.revision, AuditEvent.select().count()
    place(unit, "ws-one", "kept", SERVER)
    do(cast, text="first", times="2")
    assert config_of(unit, "call") == {"count": 1}
    assert config_of(unit, "kept") == {"lines": ["first", "first"]}  # the second saw the first
    assert plugin_config(unit, SERVER) == {"lines": ["first", "first"]}
    assert Unit.get_by_id(unit.id).revision == before + 1
    assert AuditEvent.select().count() == events + 1
    event = AuditEvent.select().order_by(AuditEvent.id.desc()).first()
    assert (event.action, event.subject, event.user_email) == (
        "application.act",
        "One",
        cast.ursula.email,
    )
    detail = json.loads(event.detail)
    assert detail["act"] == "Caller: press"
    assert detail["served"] == "Server: Keep, Server: Keep"


def deactivate(unit):
    Plugin.update(active=False).where(Plugin.bundle == SERVER).execute()


def uninstall(unit):
    Plugin.delete().where(Plugin.bundle == SERVER).execute()


def unmap(unit):
    PluginMapping.delete().where(PluginMapping.bundle == CALLER).execute()


def map_to_self(unit):
    map_to(unit, CALLER, "keep")


def map_elsewhere(unit):
    map_to(unit, SERVER, "throw-away")


def take_the_code(unit):
    Plugin.create(unit=unit, bundle="org.made.bare", name="Bare", version="1", active=True,
                  manifest=json.dumps({"actions": [{"id": "keep"}]}))  # fmt: skip
    map_to(unit, "org.made.bare", "keep")


def offer_without_code(unit):
    manifest = SERVER_FILES["manifest.json"] | {"actions": [{"id": "later"}]}
    Plugin.update(manifest=json.dumps(manifest)).where(Plugin.bundle == SERVER).execute()
    map_to(unit, SERVER, "later")


@pytest.mark.parametrize(
    ("what_is_wrong", "state", "why"),
    [
        (unmap, State.OPEN, "Nothing is chosen."),
        (uninstall, State.BROKEN, "org.made.server is not installed."),
        (deactivate, State.BROKEN, "Server is not active."),
        (map_elsewhere, State.BROKEN, "Server 1.0.0 does not offer throw-away."),
        (offer_without_code, State.BROKEN, "Server 1.0.0 does not offer later."),
        (take_the_code, State.BROKEN, "The code of Bare does not come with this server."),
        (map_to_self, State.BROKEN, "A plugin cannot serve itself."),
    ],
)
def test_what_is_not_connected_says_why_and_changes_nothing(unit, cast, what_is_wrong, state, why):
    what_is_wrong(unit)
    before = state_of(unit)
    with pytest.raises(ActProblem, match=f"“Keep a line” is not connected. {why}") as caught:
        do(cast, text="x")
    assert not isinstance(caught.value, ActRefused)
    assert state_of(unit) == before
    [found] = [found for found in standing(unit, CALLER) if found.needed.id == "KEEP"]
    assert (found.state, found.why, found.matters) == (state, why, True)
    assert standings(unit)[CALLER] == standing(unit, CALLER)
    assert not can(cast)


def can(cast, role=Role.USER):
    plugin = install.plugin_of(cast.daily, CALLER)
    row = Application.of(cast.daily).where(Application.uid == "call").get()
    return placement(cast.daily, plugin, row, role, NOW)[0].can("KEEP")


def test_what_is_connected_is_served(unit, cast):
    keep, tell, beside = standing(unit, CALLER)
    assert (keep.state, keep.why, keep.matters) == (State.SERVED, "", False)
    assert (keep.plugin.name, keep.offer.name, keep.code.folder) == ("Server", "Keep", "server")
    assert (tell.state, tell.matters) == (beside.state, beside.matters) == (State.OPEN, False)
    assert standing(unit, "org.made.nothing") == []
    assert can(cast)


def test_two_plugins_without_code_here_are_connected_for_the_server_that_has_it(unit):
    for name, manifest in (
        ("needs", {"requirements": {"actions": [{"id": "DO"}]}}),
        ("gives", {"actions": [{"id": "do"}]}),
    ):
        Plugin.create(unit=unit, bundle=f"org.made.{name}", name=name, version="1", active=True,
                      manifest=json.dumps(manifest))  # fmt: skip
    PluginMapping.create(unit=unit, bundle="org.made.needs", kind="action", requirement="DO",
                         target_bundle="org.made.gives", target="do")  # fmt: skip
    [found] = standing(unit, "org.made.needs")
    assert (found.state, found.code) == (State.SERVED, None)


@pytest.mark.parametrize(
    ("bundle", "label"), [(CALLER, "Press the button"), (SERVER, "Keep lines")]
)
def test_both_permissions_are_asked_for_even_if_the_button_was_faked(unit, cast, bundle, label):
    PluginPermission.delete().where(
        PluginPermission.bundle == bundle, PluginPermission.role == "user"
    ).execute()
    before = state_of(unit)
    with pytest.raises(ActRefused, match=label):
        do(cast, text="x")
    assert state_of(unit) == before
    assert can(cast) is (bundle == CALLER)
    do(cast, who="bob", role=Role.POWER_USER, text="x")
    assert config_of(unit, "call") == {"count": 1}


def test_readonly_changes_nothing_whatever_the_permissions(unit, cast):
    before = state_of(unit)
    for name in ("press", "type"):
        with pytest.raises(ActRefused, match="look"):
            do(cast, name, who="rita", role=Role.READONLY, text="x")
    assert state_of(unit) == before
    assert not can(cast, Role.READONLY)


@pytest.mark.parametrize("name", ["explode", "__class__"])
def test_what_the_application_does_not_offer_is_not_there(unit, cast, name):
    with pytest.raises(NoSuchAct):
        do(cast, name)


def test_an_inactive_plugin_does_nothing(unit, cast):
    Plugin.update(active=False).where(Plugin.bundle == CALLER).execute()
    with pytest.raises(NoSuchAct):
        do(cast, text="x")


@pytest.mark.parametrize(
    ("name", "form", "error"),
    [
        ("press", {"text": ""}, ActProblem),
        ("press", {"text": "a\0b"}, ActProblem),
        ("type", {"text": "\ud800"}, ActProblem),
        ("type", {"text": "\0{DBKS:K0001}"}, ActProblem),
        ("feed", {}, ActProblem),
        ("break", {}, ZeroDivisionError),
        ("press", {"text": "x" * (1 << 20)}, ActProblem),
        ("type", {"text": "x" * (1 << 20)}, ActProblem),
    ],
)
def test_whatever_goes_wrong_nothing_is_changed(unit, cast, name, form, error):
    before, events = state_of(unit), AuditEvent.select().count()
    with pytest.raises(error):
        do(cast, name, **form)
    assert state_of(unit) == before
    assert AuditEvent.select().count() == events
    assert Unit.get_by_id(unit.id).revision == unit.revision


def test_an_act_that_writes_nothing_makes_no_revision(unit, cast):
    before, events = unit.revision, AuditEvent.select().count()
    do(cast, "nothing")
    assert (Unit.get_by_id(unit.id).revision, AuditEvent.select().count()) == (before, events)


def test_a_full_config_says_so(unit, cast):
    do(cast, "type", text="x" * ((1 << 20) - 20))
    with pytest.raises(ActProblem, match="Caller is full"):
        do(cast, "type", text="x" * 100)


def test_what_acts_store_can_be_backed_up(unit, cast, folders, tmp_path):
    do(cast, "type", text='\x01\x7f\u2028 "😀" \\')
    do(cast, text="${DBKS:K0001}")
    context = backup.Context(folders, "Dashboard test", KdfCost(1, 8 << 20), 4)
    path = tmp_path / "all.dbk"
    backup.export_to_file(unit, path, "four words", "test", context)
    with path.open("rb") as file:
        backup.validate_with_password(file, "four words")


@pytest.mark.parametrize("typed", ["${DBKS:K0004}", "$${DBKS:K0004}", "{DBKS:K0004}", "DBKS:"])
@pytest.mark.parametrize("stored", ["${DBKS:K0001} ", "$${DBKS:K0001}", "$", "plain", "a\u0001$"])
def test_what_is_typed_reads_as_typed_and_is_never_a_reference(unit, cast, typed, stored):
    Application.update(config=json.dumps({"text": stored})).where(
        Application.uid == "call"
    ).execute()
    keys = references.look_up(unit, ["K0001", "K0004"])

    def shown(text):
        return references.resolve(text, keys, references.Resolution())

    do(cast, "type", text=typed)
    now = config_of(unit, "call")["text"]
    assert shown(now) == (f"{shown(stored)}{typed}")
    assert references.names_in(now) == references.names_in(stored)
    assert shown(plugin_config(unit, CALLER)["last"]) == typed
    do(cast, text=typed)
    assert [shown(line) for line in plugin_config(unit, SERVER)["lines"]] == [typed]


def test_a_secret_setting_stays_apart(unit, cast):
    do(cast, "secret", text="hush-typed")
    row = Application.of(unit).where(Application.uid == "call").get()
    assert (row.config, row.secrets) == ("{}", '{"token":"hush-typed"}')


def test_an_unreadable_config_is_not_replaced_by_an_empty_one(unit, cast):
    Application.update(config="{broken").where(Application.uid == "call").execute()
    with pytest.raises(ActProblem, match="cannot be read"):
        do(cast, "type", text="x")
    assert Application.of(unit).where(Application.uid == "call").get().config == "{broken"


def test_other_changes_meanwhile_are_neither_lost_nor_in_the_way(unit, cast):
    seen = unit.revision
    Application.update(config='{"count":4,"other":true}').where(Application.uid == "call").execute()
    Unit.update(revision=Unit.revision + 1).execute()
    audit("application.configure", by=cast.bob, unit=unit, revision=seen + 1)
    do(cast, text="x", seen=seen)
    assert config_of(unit, "call") == {"count": 5, "other": True}


def test_a_page_from_before_a_restore_does_nothing(unit, cast):
    seen = unit.revision
    Unit.update(revision=Unit.revision + 1).execute()
    audit("backup.import", by=cast.alice, unit=unit, revision=seen + 1)
    before = state_of(unit)
    with pytest.raises(StaleRevision):
        do(cast, text="x", seen=seen)
    assert state_of(unit) == before


def test_presses_at_the_same_moment_all_count(unit, cast):
    errors = []

    def press():
        try:
            do(cast, text="x")
        except Exception as error:
            errors.append(error)
        finally:
            db.database.close()

    threads = [threading.Thread(target=press) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert config_of(unit, "call") == {"count": 5}
    assert plugin_config(unit, SERVER) == {"lines": ["x"] * 5}


def test_an_action_is_told_of_this_workspace_first_then_of_shared_ones(unit, cast):
    place(unit, "ws-two", "private", SERVER)  # bob's own
    do(cast, text="nowhere")
    assert config_of(unit, "private", "ws-two") == {}
    Workspace.create(unit=unit, uid="ws-far", name="Far", icon_text="F", position=7)
    place(unit, "ws-far", "far", SERVER)
    do(cast, text="far")
    assert config_of(unit, "far", "ws-far") == {"lines": ["far"]}
    place(unit, "ws-one", "near-2", SERVER, column=1)
    place(unit, "ws-one", "near-1", SERVER, column=0)
    do(cast, text="near")
    assert config_of(unit, "near-1") == {"lines": ["near"]}
    assert config_of(unit, "near-2") == {}
    assert config_of(unit, "far", "ws-far") == {"lines": ["far"]}


def test_a_plugin_never_maps_itself_to_itself(unit, cast, new_plugin):
    manifest = CALLER_FILES["manifest.json"] | {
        "bundle": "org.made.alone",
        "name": "Alone",
        "actions": [{"id": "do"}],
        "requirements": {"actions": [{"id": "DO"}]},
    }
    new_plugin("alone", {"manifest.json": manifest, "__init__.py": ""})
    plugin = install.install(unit, "org.made.alone", by=cast.alice)
    install.set_active(unit, plugin, True, by=cast.alice)
    assert standing(unit, "org.made.alone")[0].state is State.OPEN


def test_the_product_is_as_before_without_the_made_up_plugins(folders):
    assert registry.find(CALLER) is None
    assert CALLER not in registry.catalogue()
