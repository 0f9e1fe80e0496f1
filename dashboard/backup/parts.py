"""Files of one part of a unit: a plugin's configuration, or a workspace with its applications.

Each is a sound archive of version 1 that holds the rows of its part alone, and is read by the same
reader. Without a password it is sealed with the empty one and holds no secret values. Parts are
small, so they are bytes in memory.
"""

import hashlib
import io
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from ..archive import (
    SECTION_BY_NAME,
    SECTIONS,
    ArchiveError,
    ArchiveReader,
    ArchiveWriter,
    InvalidContent,
    KdfCost,
    LimitExceeded,
    Manifest,
    NoPasswordSlot,
    PasswordSlot,
    Row,
    Slot,
    WrongPassword,
    lines_of,
    with_file_key,
    with_password,
)
from ..archive.keys import Opener
from ..archive.limits import KDF_MEM_RANGE, KDF_OPS_RANGE
from ..db import read_snapshot
from ..models import (
    Application,
    Asset,
    Plugin,
    PluginMapping,
    PluginPermission,
    Unit,
    User,
    Workspace,
    audit,
)
from . import store
from .attempts import attempted_part
from .context import Context
from .errors import NotVerified, PartGone, PartTooLarge
from .export import Lock, lock_with_password, manifest_of
from .gate import key_derivation
from .part_kinds import PartKind, require_part, require_whole
from .sections import TABLE_OF

MAX_PART_BYTES = 4 << 20
MAX_PART_TEXT_BYTES = 32 << 20  # unpacked; all of it is held in memory
MAX_APPLICATIONS = 2_000
# The empty password protects nothing, so there is no use in a costly derivation.
OPEN_COST = KdfCost(KDF_OPS_RANGE[0], KDF_MEM_RANGE[0])
Rows = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Read:
    """A file of a part that was read to its end and found to be sound."""

    manifest: Manifest
    rows: Rows
    content: str  # its content digest
    file: bytes
    file_key: bytes

    @property
    def file_sha256(self) -> str:
        """Return what the audit log names the file by."""
        return hashlib.sha256(self.file).hexdigest()


@dataclass(frozen=True, slots=True)
class PluginPart:
    """One plugin's configuration as a file brings it. `config` and `secrets` are JSON objects."""

    read: Read
    bundle: str
    name: str
    version: str
    config: str
    secrets: str
    permissions: tuple[tuple[str, str], ...]  # (permission key, role)
    mappings: tuple[tuple[str, str, str, str], ...]  # kind, requirement, target bundle, target


@dataclass(frozen=True, slots=True)
class WorkspacePart:
    """One workspace as a file brings it; rows by the names of their columns."""

    read: Read
    workspace: dict[str, Any]
    applications: tuple[dict[str, Any], ...]
    asset: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Return the workspace's name."""
        return str(self.workspace["name"])

    @property
    def has_secrets(self) -> bool:
        """Return whether the file brings secret values."""
        return any(row["secrets"] != "{}" for row in self.applications)


def export_plugin(unit: Unit, bundle: str, password: str, context: Context, *, by: User) -> bytes:
    """Return the file of the configuration of an installed plugin, permissions and mappings too.

    Without a *password* it holds no secret values. Raise `PasswordTooShort`, `PasswordTooLong`,
    `PartTooLarge`, or `NotExportable` for a row that could not be imported again.
    """
    with attempted_part(unit, "plugin.export", by, subject=bundle):
        lock = _lock(password, context)
        with read_snapshot():
            rows = {
                "plugins": _rows(unit, "plugins", Plugin.bundle == bundle),
                "plugin_permissions": _rows(
                    unit, "plugin_permissions", PluginPermission.bundle == bundle
                ),
                "plugin_mappings": _rows(unit, "plugin_mappings", PluginMapping.bundle == bundle),
            }
        if not rows["plugins"]:
            raise PartGone
        if not password:
            rows["plugins"] = _without_secrets("plugins", rows["plugins"])
        file = _write(unit, PartKind.PLUGIN, rows, lock, context, by)
    _note_export("plugin.export", unit, by, bundle, file, bool(password))
    return file


def export_workspace(
    unit: Unit, uid: str, password: str, context: Context, *, by: User, with_secrets: bool = True
) -> bytes:
    """Return the file of a workspace with its applications and its picture.

    It holds secret values only with a *password*, and if *by* may have them (*with_secrets*); it
    never holds its owner's address. Raise as `export_plugin` does.
    """
    with_secrets = with_secrets and bool(password)
    with attempted_part(unit, "workspace.export", by, subject=uid):
        lock = _lock(password, context)
        with read_snapshot():
            found = _rows(unit, "workspaces", Workspace.uid == uid)
            if not found:
                raise PartGone
            named = _named("workspaces", found[0])
            name, asset = named["name"], named["icon_asset"]
            rows = {
                "assets": _rows(unit, "assets", Asset.sha256 == asset) if asset else [],
                "workspaces": [_with("workspaces", found[0], owner_email=None)],
                "applications": _rows(unit, "applications", Application.workspace == uid),
            }
        if not with_secrets:
            rows["applications"] = _without_secrets("applications", rows["applications"])
        file = _write(unit, PartKind.WORKSPACE, rows, lock, context, by)
    _note_export("workspace.export", unit, by, name, file, with_secrets)
    return file


def read_plugin(unit: Unit, source: BinaryIO, password: str, *, by: User) -> PluginPart:
    """Read the file of a plugin's configuration to its end; *unit* is where it is to go.

    Raise `ArchiveError`, `NotThisPart`, `PartTooLarge` or `TooBusy`, with that in the audit log.
    """
    with _attempted(unit, "plugin.import", source, by), key_derivation():
        return plugin_part(_read_with_password(source, password, PartKind.PLUGIN))


def read_workspace(unit: Unit, source: BinaryIO, password: str, *, by: User) -> WorkspacePart:
    """Read the file of a workspace to its end, as `read_plugin` does."""
    with _attempted(unit, "workspace.import", source, by), key_derivation():
        return workspace_part(_read_with_password(source, password, PartKind.WORKSPACE))


def refuse_open_part(source: BinaryIO) -> None:
    """Raise `PartOfUnit` if *source* is a part that was saved without a password.

    For whoever asks for a whole unit, and whose password does not open it: no other would.
    """
    source.seek(0)
    with suppress(ArchiveError):
        require_whole(ArchiveReader(source, _without_password, password=True).manifest)


def read_again(file: bytes, file_key: bytes, kind: PartKind) -> Read:
    """Read *file*, which was read before, with its key."""
    return _read(io.BytesIO(file), with_file_key(file_key), kind)


def plugin_part(read: Read) -> PluginPart:
    """Return what a read file says of a plugin."""
    row = _named("plugins", read.rows["plugins"][0])
    wanted = ("bundle", "name", "version", "config", "secrets")
    return PluginPart(
        read,
        **{name: row[name] for name in wanted},
        permissions=tuple((key, role) for _, key, role in read.rows["plugin_permissions"]),
        mappings=tuple(row[1:5] for row in read.rows["plugin_mappings"]),
    )


def workspace_part(read: Read) -> WorkspacePart:
    """Return what a read file says of a workspace."""
    workspace = _named("workspaces", read.rows["workspaces"][0])
    assets = [_named("assets", row) for row in read.rows["assets"]]
    if any(asset["sha256"] != workspace["icon_asset"] for asset in assets):
        raise InvalidContent("a picture that is not the workspace's")
    applications = tuple(_named("applications", row) for row in read.rows["applications"])
    return WorkspacePart(read, workspace, applications, assets[0] if assets else None)


def _attempted(unit: Unit, action: str, source: BinaryIO, by: User) -> Any:
    digest = store.sha256(source) if store.size(source) <= MAX_PART_BYTES else None
    return attempted_part(unit, action, by, file_sha256=digest)


def _lock(password: str, context: Context) -> Lock:
    if not password:
        return lock_with_password("", OPEN_COST, least=0)
    return lock_with_password(password, context.cost, least=context.password_min)


def _rows(unit: Unit, name: str, condition: Any) -> list[Row]:
    """Return the rows of a part in the order of the file, secrets opened."""
    table = TABLE_OF[name]
    query = table.model.of(unit, *table.fields).where(condition).order_by(*table.order())
    rows: list[Row] = []
    size = 0
    for row in query.tuples().iterator():
        rows.append(row)
        size += sum(len(value) for value in row if isinstance(value, str | bytes))
        if size > MAX_PART_TEXT_BYTES or len(rows) > _most_rows(name):
            raise _too_large()
    return rows


def _most_rows(name: str) -> int:
    return {"applications": MAX_APPLICATIONS}.get(name, 10_000)


def _named(section: str, row: Row) -> dict[str, Any]:
    return dict(zip(SECTION_BY_NAME[section].columns, row, strict=True))


def _with(section: str, row: Row, **values: Any) -> Row:
    return tuple((_named(section, row) | values).values())


def _without_secrets(section: str, rows: Iterable[Row]) -> list[Row]:
    return [_with(section, row, secrets="{}") for row in rows]


def _write(unit: Unit, kind: PartKind, rows: Rows, lock: Lock, context: Context, by: User) -> bytes:
    """Return the file of *rows*, which has been read back."""
    counts = {section.name: len(rows.get(section.name, ())) for section in SECTIONS}
    manifest = manifest_of(unit, counts, app=context.app, by=by.name, note=kind.note)
    sink = io.BytesIO()
    with ArchiveWriter(sink, lock.file_key, lock.slots, manifest) as writer:
        writer.write_sections(
            (section.name, [lines_of(section, found)] if (found := rows.get(section.name)) else [])
            for section in SECTIONS
        )
        content = writer.finish().content
    file = sink.getvalue()
    if len(file) > MAX_PART_BYTES:
        raise _too_large()
    if read_again(file, lock.file_key, kind).content != content:
        raise NotVerified("The file")
    return file


def _too_large() -> PartTooLarge:
    return PartTooLarge(
        f"This is too much for a file of its own, which has at most {MAX_PART_BYTES >> 20} MiB and "
        f"{MAX_APPLICATIONS:,} applications. Export a backup of the whole unit instead."
    )


def _without_password(slot: Slot) -> bytes | None:
    is_open = isinstance(slot, PasswordSlot) and slot.cost == OPEN_COST
    return with_password("")(slot) if is_open else None


def _read_with_password(source: BinaryIO, password: str, kind: PartKind) -> Read:
    """Read a file of a part; one without a password opens whatever was typed."""
    typed = with_password(password)

    def opener(slot: Slot) -> bytes | None:
        return typed(slot) or _without_password(slot)

    try:
        return _read(source, opener, kind, password=True)
    except NoPasswordSlot:
        raise
    except WrongPassword:
        if password:
            raise
        raise WrongPassword("This file has a password. Type it, then try again.") from None


def _read(source: BinaryIO, opener: Opener, kind: PartKind, *, password: bool = False) -> Read:
    if store.size(source) > MAX_PART_BYTES:
        raise PartTooLarge(
            f"This file is larger than {MAX_PART_BYTES >> 20} MiB, so it does not hold "
            f"{kind.words[0]}. A backup of a whole unit is imported on the Backup page."
        )
    reader = ArchiveReader(source, opener, password=password)
    require_part(reader.manifest, kind)
    _check_counts(reader.manifest, kind)
    rows: Rows = {section.name: [] for section in SECTIONS}
    for batch in reader.batches():
        rows[batch.section.name] += batch.rows
        if reader.payload_bytes > MAX_PART_TEXT_BYTES:
            raise LimitExceeded(f"more than {MAX_PART_TEXT_BYTES >> 20} MiB in the file of a part")
    if reader.trailer is None:
        raise RuntimeError("the reader ended without a trailer")
    source.seek(0)
    return Read(reader.manifest, rows, reader.trailer.content, source.read(), reader.file_key)


# Section -> the fewest and the most rows in the file of a part; all other sections are empty.
_COUNTS = {
    PartKind.PLUGIN: {
        "plugins": (1, 1),
        "plugin_permissions": (0, 10_000),
        "plugin_mappings": (0, 10_000),
    },
    PartKind.WORKSPACE: {
        "assets": (0, 1),
        "workspaces": (1, 1),
        "applications": (0, MAX_APPLICATIONS),
    },
}


def _check_counts(manifest: Manifest, kind: PartKind) -> None:
    for name, count in manifest.counts.items():
        least, most = _COUNTS[kind].get(name, (0, 0))
        if not least <= count <= most:
            raise InvalidContent(f"{count} rows in {name}, in a file of {kind.words[0]}")


def _note_export(
    action: str, unit: Unit, by: User, subject: str, file: bytes, with_secrets: bool
) -> None:
    audit(
        action,
        by=by,
        unit=unit,
        subject=subject,
        file_sha256=hashlib.sha256(file).hexdigest(),
        secrets="included" if with_secrets else "left out",
    )
