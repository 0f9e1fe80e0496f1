"""The demo organisation, and the keys it makes up to try size."""

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

import pytest

from dashboard import db, demo, installation
from dashboard.archive import KdfCost, Row
from dashboard.archive.rules import check_value, is_key_name
from dashboard.backup import Context, export_to_file, validate_with_password
from dashboard.backup.export import content_digest
from dashboard.backup.sections import TABLE_OF, count_rows
from dashboard.models import (
    ALL_TABLES,
    Application,
    Asset,
    AuditEvent,
    ConfigKey,
    Layout,
    Plugin,
    PluginMapping,
    Profile,
    ProfileWorkspace,
    Role,
    ToolbarItem,
    Unit,
    User,
    Workspace,
)
from dashboard.models.people import PeopleError, is_password, role_of
from dashboard.plugins import configs, references, registry, render
from dashboard.plugins.checking import check
from dashboard.plugins.jsontext import read_object, to_json
from dashboard.plugins.schema import Kind
from tests import factories

PASSWORD = "harbour lights at night"
NOW = datetime(2026, 11, 22, 23, 40, tzinfo=UTC)
HARBOUR = {
    "plugins": 20,
    "plugin_permissions": 43,
    "plugin_mappings": 31,
    "assets": 1,
    "workspaces": 6,
    "applications": 38,
    "profiles": 4,
    "profile_workspaces": 9,
    "profile_roles": 10,
    "toolbar": 4,
    "config_keys": 43,
}
KEYS = """
    ENV_NAME=demo  ENV_BANNER_COLOR=#7a4cff  ORG_TIMEZONE=Europe/Stockholm  ORG_LOCALE=en-GB
    CONTENT_API_URL=https://content.harbour.example/api  CONTENT_API_USER=dashboard-reader
    CONTENT_API_PASSWORD=(secret)  CONTENT_STREAM_URL=wss://content.harbour.example/stream
    CONTENT_PAGE_SIZE=50  CONTENT_TIMEOUT_MS=15000
    CONTENT_COPY_URL=https://copy.harbour.example/
    ARCHIVE_API_URL=https://archive.harbour.example/search  ARCHIVE_API_KEY=(secret)
    IMAGE_BASE_URL=https://images.harbour.example  IMAGE_THUMB_WIDTH=240
    IMAGE_SIGNING_KEY=(secret)  EDITOR_URL=https://editor.harbour.example/
    EDITOR_CONFIG_NAME=harbour-standard  EDITOR_AUTOSAVE_SECONDS=30
    STATUS_DRAFT_COLOR=#757575  STATUS_REVIEW_COLOR=#e6a100  STATUS_READY_COLOR=#1e8e4e
    STATUS_PUBLISHED_COLOR=#2a6fdb  STATUS_HELD_COLOR=#c0392b
    CHANNELS=["web","app","print","newsletter"]  DEFAULT_CHANNEL=web
    SECTIONS=["News","Sport","Culture","Business","Opinion"]  PLANNER_DAYS_AHEAD=5
    PLANNER_DEFAULT_DESK=news  PLANNER_DESKS=["news","sport","culture","photo","web"]
    PLANNER_SLOT_MINUTES=15  PLANNER_DEADLINES={"newsletter":"05:45","print":"22:30"}
    WIRE_FEEDS=[{"id":"national","url":"https://wire.harbour.example/national.xml"},
    {"id":"sport","url":"https://wire.harbour.example/sport.xml"},
    {"id":"local-rss","url":"https://town.harbour.example/rss"}]  WIRE_REFRESH_MINUTES=5
    WIRE_FLASH_WORDS=["FLASH","URGENT","EMBARGO"]  WIRE_API_TOKEN=(secret)
    NOTIFY_MAIL_GATEWAY_URL=https://mail.harbour.example/send
    NOTIFY_MAIL_FROM=desk@harbour.example  NOTIFY_SOUND_ENABLED=true  NOTIFY_RETENTION_HOURS=24
    INTRANET_URL=https://intranet.harbour.example/  SUPPORT_URL=https://support.harbour.example/
    ANALYTICS_URL=https://stats.harbour.example/live
"""


@pytest.fixture
def harbour(folders):
    """The demo organisation's first unit, just filled."""
    demo.fill(PASSWORD)
    return Unit.get(Unit.slug == "harbour-daily")


@pytest.fixture
def program(folders):
    return Context(folders, "Dashboard 1.0.0", KdfCost(1, 8 << 20), 4)


def counts_of(slug):
    return count_rows(Unit.get(Unit.slug == slug))


def everything():
    return {model.__name__: list(model.select().tuples()) for model in ALL_TABLES}


def test_the_three_units_are_full_small_and_empty(harbour):
    assert counts_of("harbour-daily") == HARBOUR
    nothing = dict.fromkeys(HARBOUR, 0)
    small = {"plugins": 5, "plugin_permissions": 5, "plugin_mappings": 2, "config_keys": 43}
    assert counts_of("coast-weekly") == nothing | small
    assert counts_of("sandbox") == nothing


@pytest.mark.slow
def test_everybody_can_log_in_with_the_role_that_was_said(folders):
    logins = {login.email.split("@")[0]: login for login in demo.fill(PASSWORD)}
    assert {name: login.roles for name, login in logins.items()} == {
        "maja.lind": {"harbour-daily": "admin", "coast-weekly": "power_user", "sandbox": "admin"},
        "omar.haddad": {"harbour-daily": "power_user"},
        "ingrid.berg": {"harbour-daily": "user", "coast-weekly": "user"},
        "tom.okafor": {"harbour-daily": "user"},
        "lena.fors": {"harbour-daily": "readonly"},
        "pia.strand": {"coast-weekly": "admin"},
    }
    for login in logins.values():
        user = User.get(User.email == login.email)
        assert user.name == login.name
        assert login.password == PASSWORD
        assert is_password(user, PASSWORD)
        for unit in Unit.select():
            assert role_of(user, unit) == login.roles.get(unit.slug)


@pytest.mark.slow
def test_without_a_password_everybody_gets_a_fresh_one(folders):
    logins = demo.fill(None)
    words = [login.password for login in logins]
    assert len(set(words)) == len(words)
    for login in logins:
        # Four times four of 32 characters: 80 bits.
        assert re.fullmatch(r"[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){3}", login.password)
        assert is_password(User.get(User.email == login.email), login.password)


def test_the_set_up_link_is_worthless_afterwards(folders):
    token = installation.new_setup_token()
    assert installation.is_setup_token(token)
    demo.fill(PASSWORD)
    assert installation.is_set_up()
    assert not installation.is_setup_token(token)


def test_a_second_fill_is_refused_and_changes_nothing(harbour):
    before = everything()
    with pytest.raises(demo.NotEmpty, match="DASHBOARD_DATA_DIR"):
        demo.fill(PASSWORD, config_keys=10)
    assert everything() == before


def test_an_organisation_of_ones_own_is_left_alone(folders):
    factories.make_unit()
    before = everything()
    with pytest.raises(demo.NotEmpty, match="Harbour Media Group already"):
        demo.fill(PASSWORD)
    assert everything() == before


@pytest.mark.parametrize(
    ("password", "keys", "error"),
    [
        ("short", 0, PeopleError),
        (PASSWORD, -1, ValueError),
        (PASSWORD, demo.MAX_CONFIG_KEYS + 1, ValueError),
    ],
)
def test_a_refused_fill_leaves_nothing_behind(folders, password, keys, error):
    before = everything()
    with pytest.raises(error):
        demo.fill(password, config_keys=keys)
    assert everything() == before


def test_a_fault_half_way_leaves_nothing_behind(folders, monkeypatch):
    def run_out(count):
        yield ("DEMO.A", "string", "a", "")
        raise OSError("disk full")

    before = everything()
    monkeypatch.setattr(demo, "made_up_keys", run_out)
    with pytest.raises(OSError, match="disk full"):
        demo.fill(PASSWORD, config_keys=2)
    assert everything() == before


@pytest.mark.parametrize("slug", ["harbour-daily", "coast-weekly", "sandbox"])
def test_a_backup_of_each_unit_is_valid(harbour, program, tmp_path, slug):
    path = tmp_path / "unit.dbk"
    made = export_to_file(Unit.get(Unit.slug == slug), path, "good night", "demo", program)
    with path.open("rb") as source:
        found = validate_with_password(source, "good night")
    assert found.counts == counts_of(slug)
    assert found.content == made.content


def test_filling_is_one_change_of_each_unit_and_in_the_audit_log(harbour):
    assert {unit.revision for unit in Unit.select()} == {1}
    events = AuditEvent.select().where(AuditEvent.action == "demo.fill")
    assert {event.unit_name for event in events} == {"Harbour Daily", "Coast Weekly", "Sandbox"}


def test_the_key_store_is_that_of_the_newsroom(harbour):
    wanted = dict(
        re.sub(r"\s", "", item).split("=", 1) for item in re.split(r"\s\s+(?=[A-Z])", KEYS.strip())
    )
    found = {key.name: key for key in ConfigKey.of(harbour)}
    shown = {name: "(secret)" if key.type == "secret" else key.value for name, key in found.items()}
    assert shown == wanted
    assert Counter(key.type for key in found.values()) == {
        "string": 24, "number": 8, "json": 6, "secret": 4, "boolean": 1,
    }  # fmt: skip
    assert all(key.secret.startswith("demo-") for key in found.values() if key.type == "secret")
    assert all(key.description for key in found.values())
    for key in found.values():
        check_value(key.type, key.value)


def test_every_reference_finds_its_key_and_two_keys_are_used_by_nothing(harbour):
    names = {key.name for key in ConfigKey.of(harbour)}
    assert names - set(references.uses(harbour)) == {"ENV_BANNER_COLOR", "SECTIONS"}
    for unit in Unit.select():
        keys = {key.name for key in ConfigKey.of(unit)}
        assert set(references.uses(unit)) <= keys


def test_plugins_are_what_the_catalogue_offers(harbour):
    for unit in Unit.select():
        for plugin in Plugin.of(unit):
            release = registry.catalogue()[plugin.bundle]
            assert (plugin.name, plugin.version) == (
                release.manifest.name,
                release.manifest.version,
            )
            assert plugin.manifest == release.text
    inactive = [plugin.name for plugin in Plugin.of(harbour) if not plugin.active]
    assert inactive == ["Concept Admin"]
    with_code = {code.bundle for code in Plugin.of(harbour) if registry.find(code.bundle)}
    assert with_code >= {f"dashboard.core.{name}" for name in ("notes", "links", "clock")}


def rows_of(section: str, unit: Unit) -> Iterator[Row]:
    """Yield the unit's rows of *section*."""
    return chain.from_iterable(TABLE_OF[section].batches(unit))


def test_permissions_are_only_of_keys_that_the_manifests_declare(harbour):
    for plugin in Plugin.of(harbour):
        declared = {key.id for key in registry.manifest_of(plugin).permission_keys}
        allowed = rows_of("plugin_permissions", harbour)
        assert {key for bundle, key, _ in allowed if bundle == plugin.bundle} == declared


def test_one_optional_requirement_is_left_open_and_all_others_are_served(harbour):
    served = {(row.bundle, row.kind, row.requirement) for row in PluginMapping.of(harbour)}
    wanted = {
        (plugin.bundle, needed.kind, needed.id): needed.optional
        for plugin in Plugin.of(harbour)
        for needed in registry.manifest_of(plugin).requirements
    }
    open_ones = set(wanted) - served
    assert open_ones == {("example.deskworks.desk-planner", "portal", "IMAGE_GALLERY")}
    assert all(wanted[place] for place in open_ones)


def test_passwords_in_configs_are_references_so_that_none_is_in_the_clear(harbour):
    fields = [
        (configs.read(plugin.config), field.key)
        for plugin in Plugin.of(harbour)
        for field in registry.manifest_of(plugin).plugin_fields
        if field.kind is Kind.PASSWORD
    ]
    assert len(fields) == 4
    assert all(references.is_reference(config[key]) for config, key in fields)


def test_configs_are_written_the_canonical_way_and_fit_their_manifests(harbour):
    fields = {
        plugin.bundle: registry.manifest_of(plugin)
        for plugin in Plugin.of(harbour)
        if plugin.active
    }
    for row in [*Plugin.of(harbour), *Application.of(harbour)]:
        config = read_object(row.config)
        assert row.config == to_json(config)
        if row.bundle in fields:
            manifest = fields[row.bundle]
            is_plugin = isinstance(row, Plugin)
            known = manifest.plugin_fields if is_plugin else manifest.application_fields
            assert set(config) <= {field.key for field in known}
            schema = manifest.plugin_schema if is_plugin else manifest.application_schema
            findings = check(
                schema, config, references.look_up(harbour, references.names_in(config))
            )
            assert (findings.problems, findings.unchecked) == ((), "")
            assert not configs.missing_required(known, config)


def test_every_workspace_begins_each_column_with_something_that_works(harbour):
    for workspace in Workspace.of(harbour):
        rows = list(Application.of(harbour).where(Application.workspace == workspace.uid))
        columns = Layout(workspace.layout).columns
        assert {row.column for row in rows} == set(range(columns))
        for column in range(columns):
            here = sorted((r for r in rows if r.column == column), key=lambda r: r.position)
            assert [row.position for row in here] == list(range(len(here)))
            alive = [registry.find(row.bundle) is not None for row in here]
            assert alive == sorted(alive, reverse=True)
            assert alive[0]


def test_applications_are_those_of_the_newsroom_and_one_has_no_plugin(harbour):
    installed = {plugin.bundle for plugin in Plugin.of(harbour)}
    rows = list(Application.of(harbour))
    assert [row.title for row in rows if row.bundle not in installed] == ["Pictures"]
    newsroom = Counter(row.bundle.split(".")[-1] for row in rows if row.bundle[:4] == "exam")
    assert newsroom == {
        "story-search": 3, "desk-planner": 3, "story-editor": 2, "wire-monitor": 4,
        "publish-planner": 2, "web-view": 2, "photo-desk": 1,
    }  # fmt: skip
    assert all(row.uid.startswith("app-") and row.title for row in rows)


@pytest.mark.parametrize("role", Role)
def test_every_application_with_code_has_something_to_show(harbour, role):
    shown = [render.show_application(harbour, row, role, NOW) for row in Application.of(harbour)]
    ready = [found for found in shown if found.standing is render.Standing.READY]
    assert Counter(found.name for found in ready) == {
        "Notes": 8, "Links": 4, "Clock": 4, "Announcements": 2, "Agenda": 1,
        "Feed reader": 1, "Status board": 1,
    }  # fmt: skip
    for found in ready:
        assert not found.missing
        assert not found.withheld
        if found.name == "Notes":
            assert re.search("<(table|ul|ol)>", found.context["html"])
            assert found.context["may_add"] is (role is not Role.READONLY)
        elif found.name == "Links":
            links = [link for group in found.context["groups"] for link in group.links]
            assert len(links) >= 5
            assert all(link.address for link in links)
        elif found.name == "Clock":
            assert all(place.time for place in found.context["places"])
            if found.context["countdown_title"]:
                assert re.fullmatch(r"\d+ d .+ min", found.context["countdown"])


def test_the_announcements_show_the_time_line_of_the_clock(harbour):
    bundle = "dashboard.core.announcements"
    shown = render.show_portal(harbour, bundle, "BESIDE", Role.READONLY, NOW)
    assert [place.name for place in shown.context["places"]] == [
        "Newsroom", "London", "New York", "Tokyo",
    ]  # fmt: skip
    assert all(place.time for place in shown.context["places"])


def test_the_toolbar_has_one_hidden_widget_and_shows_the_others(harbour):
    items = {item.bundle.split(".")[-1]: item.visible for item in ToolbarItem.of(harbour)}
    assert items == {
        "announcements": True, "links": True, "notification-agent": True, "link-bar": False,
    }  # fmt: skip
    shown = [show().context for show in render.show_widgets(harbour, Role.USER, NOW)]
    assert len(shown) == 2
    assert all(shown)


def test_profiles_hold_the_workspaces_in_order_and_the_private_one_is_in_none(harbour):
    found = {}
    for profile in Profile.of(harbour).order_by(Profile.position):
        rows = ProfileWorkspace.of(harbour).where(ProfileWorkspace.profile == profile.uid)
        rows = rows.order_by(ProfileWorkspace.position)
        found[profile.name] = " ".join(row.workspace for row in rows)
    assert list(found.items()) == [
        ("Creation", "ws-reporter ws-wires"),
        ("Planning", "ws-morning ws-reporter ws-web"),
        ("Web Publishing", "ws-web ws-wires ws-morning"),
        ("Screens", "ws-wall"),
    ]
    private = [(w.uid, w.owner_email) for w in Workspace.of(harbour) if not w.shared]
    assert private == [("ws-private", "omar.haddad@harbour.example")]


def test_one_workspace_has_a_picture_for_its_icon(harbour):
    (asset,) = Asset.of(harbour)
    content = bytes(asset.content)
    assert asset.mime == "image/png"
    assert len(content) <= 20_000
    assert struct.unpack(">II", content[16:24]) == (128, 128)
    users = [w.name for w in Workspace.of(harbour) if w.icon_asset == asset.sha256]
    assert users == ["Morning Meeting"]


def test_made_up_keys_are_valid_and_of_every_kind_and_size():
    rows = list(demo.made_up_keys(20_000))
    names = [name for name, *_ in rows]
    assert names == sorted(set(names))
    assert all(name.startswith("DEMO.") and is_key_name(name) for name in names)
    sizes = []
    for _, kind, value, _description in rows:
        check_value(kind, value)
        size = len(value.encode())
        assert 0 < size <= 64 << 10
        if kind in ("string", "json"):
            assert size >= 10
            sizes.append(size)
    kinds = Counter(kind for _, kind, *_ in rows)
    assert set(kinds) == {"string", "number", "boolean", "json", "secret"}
    assert 0 < kinds["secret"] < 0.05 * len(rows)
    assert max(sizes) > 30_000
    assert sorted(sizes)[len(sizes) // 2] < 60
    # Many small ones and few large ones, and still a million of them are about 320 MB.
    total = sum(len(text.encode()) for name, _, *texts in rows for text in (name, *texts))
    assert 270 < total / len(rows) < 370


def test_more_made_up_keys_begin_with_the_same_ones():
    assert list(demo.made_up_keys(30)) == list(demo.made_up_keys(40))[:30]


def test_the_first_made_up_keys_are_these_in_every_version_of_python():
    rows = list(demo.made_up_keys(1_000))
    assert rows[0][0] == "DEMO.AAAAA.PLANNER_RULES"
    assert hashlib.sha256(repr(rows).encode()).hexdigest()[:16] == "df3abbb7cd725a23"


def test_the_same_number_of_keys_makes_the_same_state(folders):
    found = []
    for slug, count in (("one", 1_500), ("two", 1_500), ("three", 1_499)):
        unit = factories.make_unit(slug, slug)
        TABLE_OF["config_keys"].insert(unit, list(demo.made_up_keys(count)))
        found.append(content_digest(unit))
    assert found[0] == found[1] != found[2]


def test_made_up_keys_come_on_top_and_are_in_the_backup(program, tmp_path):
    demo.fill(PASSWORD, config_keys=1_234)
    assert counts_of("harbour-daily") == HARBOUR | {"config_keys": 43 + 1_234}
    assert counts_of("coast-weekly")["config_keys"] == 43
    unit = Unit.get(Unit.slug == "harbour-daily")
    made = list(demo.made_up_keys(1_234))
    stored = [row for row in rows_of("config_keys", unit) if row[0].startswith("DEMO.")]
    assert stored == made
    path = tmp_path / "big.dbk"
    export_to_file(unit, path, "good night", "demo", program)
    with path.open("rb") as source:
        found = validate_with_password(source, "good night")
    assert found.counts == counts_of("harbour-daily")


def test_filling_leaves_no_transaction_open(harbour):
    assert not db.database.in_transaction()
