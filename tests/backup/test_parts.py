"""Files of one part: what they hold, where they are refused, and what their import makes."""

import io
import json

import pytest

from dashboard import backup
from dashboard.archive import (
    SECTIONS,
    ArchiveWriter,
    InvalidContent,
    KdfCost,
    LimitExceeded,
    WrongPassword,
    lines_of,
    open_with_password,
)
from dashboard.backup import errors, parts, restore
from dashboard.backup.export import lock_with_password, manifest_of
from dashboard.backup.part_kinds import PartKind
from dashboard.backup.part_tickets import Held, hold, take
from dashboard.models import (
    Application,
    Asset,
    AuditEvent,
    NoRoom,
    Plugin,
    StaleRevision,
    Unit,
    Workspace,
    room,
)
from tests.archive import second_reader
from tests.backup.conftest import PASSWORD, Unchanged

NOTES = "dashboard.core.notes"


def plugin_file(cast, engine, password=PASSWORD) -> bytes:
    return parts.export_plugin(cast.daily, NOTES, password, engine, by=cast.alice)


def workspace_file(cast, engine, password=PASSWORD, uid="ws-two") -> bytes:
    return parts.export_workspace(cast.daily, uid, password, engine, by=cast.alice)


def read_plugin(cast, data, password=PASSWORD):
    return parts.read_plugin(cast.daily, io.BytesIO(data), password, by=cast.alice)


def read_workspace(cast, data, password=PASSWORD, unit=None):
    return parts.read_workspace(unit or cast.daily, io.BytesIO(data), password, by=cast.alice)


def events(action: str) -> list[AuditEvent]:
    return list(AuditEvent.select().where(AuditEvent.action == action))


def forged(unit: Unit, kind: PartKind, rows) -> bytes:
    """A sound file that calls itself a part of *kind*, whatever it holds."""
    counts = {section.name: len(rows.get(section.name, ())) for section in SECTIONS}
    lock = lock_with_password("", KdfCost(1, 8 << 20), least=0)
    manifest = manifest_of(unit, counts, app="Other", by="x", note=kind.note)
    sink = io.BytesIO()
    with ArchiveWriter(sink, lock.file_key, lock.slots, manifest) as writer:
        writer.write_sections(
            (section.name, [lines_of(section, rows[section.name])] if counts[section.name] else [])
            for section in SECTIONS
        )
        writer.finish()
    return sink.getvalue()


def test_the_file_of_a_plugin_holds_its_rows_and_no_others(cast, engine):
    data = plugin_file(cast, engine)
    part = read_plugin(cast, data)
    assert second_reader.read(data, PASSWORD).content == part.read.content
    assert {name: len(rows) for name, rows in part.read.rows.items() if rows} == {
        "plugins": 1,
        "plugin_permissions": 2,
    }
    assert (part.bundle, part.version) == (NOTES, "1.2.3")
    assert json.loads(part.secrets) == {"apiKey": "hush-plugin"}
    assert part.permissions == (("EDIT", "admin"), ("EDIT", "user"))


def test_the_file_of_a_plugin_holds_its_own_mappings(cast, engine):
    ghost = "example.desk.ghost"
    data = parts.export_plugin(cast.daily, ghost, "", engine, by=cast.alice)
    part = read_plugin(cast, data, "")
    assert part.mappings == (("action", "SAVE", NOTES, "append-note"),)


def test_the_file_of_a_workspace_holds_its_rows_and_no_others(cast, engine):
    data = workspace_file(cast, engine)
    part = read_workspace(cast, data)
    assert second_reader.read(data, PASSWORD).content == part.read.content
    counts = {name: len(rows) for name, rows in part.read.rows.items() if rows}
    assert counts == {"assets": 1, "workspaces": 1, "applications": 2}
    assert part.workspace["owner_email"] is None
    assert b"bob@" not in b"".join(repr(row).encode() for row in part.read.rows["workspaces"])
    assert part.has_secrets


@pytest.mark.parametrize("make", [plugin_file, workspace_file])
def test_without_a_password_no_secret_is_in_the_file(cast, engine, make):
    data = make(cast, engine, "")
    reader = open_with_password(io.BytesIO(data), "")
    text = b"".join(batch.lines for batch in reader.batches())
    assert b"hush" not in text
    assert b"{}" in text


@pytest.mark.parametrize(
    ("password", "refusal"),
    [("abc", errors.PasswordTooShort), ("x" * 1025, errors.PasswordTooLong)],
)
@pytest.mark.parametrize("make", [plugin_file, workspace_file])
def test_a_bad_password_is_refused_and_written_down(cast, engine, make, password, refusal):
    with Unchanged(cast.daily), pytest.raises(refusal):
        make(cast, engine, password)
    action = "plugin.export" if make is plugin_file else "workspace.export"
    assert [event.outcome for event in events(action)] == ["refused"]


@pytest.mark.parametrize("make", [plugin_file, workspace_file])
def test_an_export_is_in_the_audit_log_and_raises_no_revision(cast, engine, make):
    with Unchanged(cast.daily, cast.weekly):
        make(cast, engine)
    action = "plugin.export" if make is plugin_file else "workspace.export"
    (event,) = events(action)
    assert event.outcome == "done"
    assert json.loads(event.detail)["secrets"] == "included"


@pytest.mark.parametrize("make", [plugin_file, workspace_file])
def test_the_import_of_a_whole_unit_refuses_a_part_at_the_preview(cast, engine, make, bring_in):
    data = make(cast, engine)
    with Unchanged(cast.daily, cast.weekly), pytest.raises(errors.PartOfUnit) as caught:
        bring_in(cast.daily, cast.alice, data)
    assert "not a whole unit" in str(caught.value)
    assert list(engine.folders.uploads.iterdir()) == []
    (event,) = events("backup.validate")
    assert event.outcome == "refused"


def test_a_restore_refuses_a_part_before_it_wipes(cast, engine):
    data = plugin_file(cast, engine)
    read = read_plugin(cast, data).read
    plan = restore.Plan(read.file_key, read.file_sha256, 1, cast.daily.revision)
    with Unchanged(cast.daily, cast.weekly), pytest.raises(errors.PartOfUnit):
        restore.restore(cast.daily, io.BytesIO(data), plan, engine.folders.data)


def test_a_part_of_an_unknown_kind_is_no_whole_unit_either(cast, engine):
    manifest = read_plugin(cast, plugin_file(cast, engine)).read.manifest
    with pytest.raises(errors.PartOfUnit, match="newer version"):
        backup.part_kinds.require_whole(type(manifest)(**_fields(manifest) | {"note": "part:x"}))


def _fields(manifest):
    return {name: getattr(manifest, name) for name in manifest.__struct_fields__}


@pytest.mark.parametrize("read", [read_plugin, read_workspace])
def test_a_whole_backup_is_refused_where_a_part_is_expected(cast, make_backup, read):
    data = make_backup(cast.daily)
    with Unchanged(cast.daily, cast.weekly), pytest.raises(errors.NotThisPart) as caught:
        read(cast, data)
    assert "backup of a whole unit" in str(caught.value)
    assert "Backup page" in str(caught.value)


def test_one_part_is_refused_where_another_is_expected(cast, engine):
    with pytest.raises(errors.NotThisPart, match="one workspace, not the configuration"):
        read_plugin(cast, workspace_file(cast, engine))
    with pytest.raises(errors.NotThisPart, match="of one plugin, not one workspace"):
        read_workspace(cast, plugin_file(cast, engine))
    assert [event.outcome for event in events("plugin.import")] == ["refused"]
    assert [event.outcome for event in events("workspace.import")] == ["refused"]


def test_a_wrong_password_is_refused_and_written_down(cast, engine):
    with pytest.raises(WrongPassword):
        read_plugin(cast, plugin_file(cast, engine), "something else")
    assert [event.outcome for event in events("plugin.import")] == ["refused"]


def test_a_file_without_a_password_opens_whatever_is_typed(cast, engine):
    file = workspace_file(cast, engine, password="")
    assert (
        read_workspace(cast, file, "typed all the same").name == read_workspace(cast, file, "").name
    )


def test_a_file_with_a_password_asks_for_it(cast, engine):
    with pytest.raises(WrongPassword, match="This file has a password"):
        read_plugin(cast, plugin_file(cast, engine), "")
    assert [event.outcome for event in events("plugin.import")] == ["refused"]


@pytest.mark.parametrize("make", [plugin_file, workspace_file])
def test_a_part_without_a_password_is_told_from_a_unit_whatever_is_typed(cast, engine, make):
    file = io.BytesIO(make(cast, engine, password=""))
    with Unchanged(cast.daily), pytest.raises(errors.PartOfUnit):
        backup.preview_with_password(file, "four words of mine", cast.daily)
    locked = io.BytesIO(make(cast, engine))
    with Unchanged(cast.daily), pytest.raises(WrongPassword):
        backup.preview_with_password(locked, "four words of mine", cast.daily)


def test_a_file_that_is_too_large_is_refused_unread(cast):
    with pytest.raises(errors.PartTooLarge, match="4 MiB"):
        read_plugin(cast, bytes(parts.MAX_PART_BYTES + 1))


@pytest.mark.parametrize("extra", ["plugins", "config_keys", "profiles"])
def test_a_part_with_other_rows_in_it_is_refused(cast, engine, extra):
    rows = dict(read_plugin(cast, plugin_file(cast, engine)).read.rows)
    rows[extra] = {
        "plugins": [("a.b", "A", "1", "{}", "store", True, "{}", "{}"), *rows["plugins"]],
        "config_keys": [("KEY", "string", "x", "")],
        "profiles": [("p", "Profile", 0)],
    }[extra]
    data = forged(cast.daily, PartKind.PLUGIN, rows)
    with pytest.raises(InvalidContent, match=extra):
        read_plugin(cast, data, "")


def test_a_picture_that_nothing_shows_is_refused(cast, engine):
    rows = dict(read_workspace(cast, workspace_file(cast, engine)).read.rows)
    rows["workspaces"] = [parts._with("workspaces", rows["workspaces"][0], icon_asset=None)]
    with pytest.raises(InvalidContent, match="picture"):
        read_workspace(cast, forged(cast.daily, PartKind.WORKSPACE, rows), "")


def test_a_part_that_unpacks_to_too_much_is_refused(cast, monkeypatch):
    monkeypatch.setattr(parts, "MAX_PART_TEXT_BYTES", 1 << 20)
    row = ("a.b", "A", "1", "{}", "store", True, json.dumps({"a": "x" * 900_000}), "{}")
    rows = {"plugins": [(*row[:-1], json.dumps({"b": "y" * 900_000}))]}
    data = forged(cast.daily, PartKind.PLUGIN, rows)
    assert len(data) < 100_000
    with pytest.raises(LimitExceeded):
        read_plugin(cast, data, "")


def test_what_is_too_much_for_a_part_is_not_exported(cast, engine, monkeypatch):
    monkeypatch.setattr(parts, "MAX_APPLICATIONS", 1)
    with pytest.raises(errors.PartTooLarge, match="whole unit"):
        workspace_file(cast, engine)


def test_an_imported_workspace_is_a_new_one_and_the_last(cast, engine):
    part = read_workspace(cast, workspace_file(cast, engine))
    before = cast.daily.revision
    made = backup.import_workspace(cast.daily, part, by=cast.alice, revision=before)
    row = Workspace.get(Workspace.unit == cast.daily, Workspace.uid == made.uid)
    assert made.uid not in {"ws-one", "ws-two"}
    assert (row.name, row.shared, row.owner_email) == ("Zwei – 二 😀", False, cast.alice.email)
    assert row.position == 2
    assert Unit.get_by_id(cast.daily.id).revision == before + 1
    old, new = (
        [
            (app.uid, app.column, app.position, app.bundle, app.title, app.config, app.secrets)
            for app in Application.of(cast.daily).where(Application.workspace == uid)
        ]
        for uid in ("ws-two", made.uid)
    )
    assert old == new
    assert '{"token":"hush-application"}' in new[0]
    assert Asset.of(cast.daily).count() == 1
    (event,) = events("workspace.import")
    assert json.loads(event.detail)["file_sha256"] == part.read.file_sha256


def test_a_workspace_comes_into_another_unit_with_its_picture(cast, engine):
    Asset.delete().where(Asset.unit == cast.weekly, Asset.sha256 == "0").execute()
    Workspace.update(icon_asset=None).where(Workspace.unit == cast.weekly).execute()
    Asset.delete().where(Asset.unit == cast.weekly).execute()
    part = read_workspace(cast, workspace_file(cast, engine), unit=cast.weekly)
    made = backup.import_workspace(cast.weekly, part, by=cast.mallory)
    assert made.owner_email == cast.mallory.email
    assert [asset.sha256 for asset in Asset.of(cast.weekly)] == [made.icon_asset]


def test_a_shared_workspace_stays_shared(cast, engine):
    part = read_workspace(cast, workspace_file(cast, engine, uid="ws-one"))
    made = backup.import_workspace(cast.daily, part, by=cast.alice)
    assert (made.shared, made.owner_email) == (True, None)


def test_a_stale_import_of_a_workspace_changes_nothing(cast, engine):
    part = read_workspace(cast, workspace_file(cast, engine))
    with Unchanged(cast.daily), pytest.raises(StaleRevision):
        backup.import_workspace(cast.daily, part, by=cast.alice, revision=cast.daily.revision + 1)


@pytest.mark.parametrize(("table", "most"), [(Workspace, 2), (Application, 5)])
def test_an_import_makes_no_more_rows_than_a_backup_holds(cast, engine, monkeypatch, table, most):
    part = read_workspace(cast, workspace_file(cast, engine))
    monkeypatch.setitem(room.ROOM, table, (most, "rows"))
    with Unchanged(cast.daily), pytest.raises(NoRoom):
        backup.import_workspace(cast.daily, part, by=cast.alice)


def test_what_was_previewed_can_be_taken_and_nothing_else(cast, engine):
    read = read_plugin(cast, plugin_file(cast, engine)).read
    other = read_plugin(cast, plugin_file(cast, engine)).read
    where = (cast.daily, cast.alice, NOTES, 7)
    held, another = hold(read, *where), hold(other, *where)
    assert take(held, PartKind.PLUGIN, *where).rows == read.rows
    refused = [
        (held, (cast.daily, cast.bob, NOTES, 7)),
        (held, (cast.weekly, cast.alice, NOTES, 7)),
        (held, (cast.daily, cast.alice, "example.desk.ghost", 7)),
        (held, (cast.daily, cast.alice, NOTES, 8)),
        (Held(another.file, held.key, held.expires), where),
        (Held(held.file, held.key, str(int(held.expires) + 1)), where),
        (Held(held.file, "", held.expires), where),
        (Held("ä", held.key, held.expires), where),
    ]
    for given, place in refused:
        with pytest.raises(errors.PreviewUnusable):
            take(given, PartKind.PLUGIN, *place)


def test_a_preview_of_a_part_ends(cast, engine, monkeypatch):
    read = read_plugin(cast, plugin_file(cast, engine)).read
    where = (cast.daily, cast.alice, NOTES, 7)
    held = hold(read, *where)
    monkeypatch.setattr(backup.part_tickets, "now", lambda: int(held.expires) + 1)
    with pytest.raises(errors.PreviewUnusable):
        take(held, PartKind.PLUGIN, *where)


def test_a_plugin_that_is_gone_is_not_exported(cast, engine):
    Plugin.delete().where(Plugin.bundle == NOTES).execute()
    with pytest.raises(errors.PartGone):
        plugin_file(cast, engine)
    with pytest.raises(errors.PartGone):
        workspace_file(cast, engine, uid="ws-none")
