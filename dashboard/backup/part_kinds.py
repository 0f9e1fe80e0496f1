"""Which files hold one part of a unit, and where those are imported.

They are archives like any other; the manifest's note tells them from the backup of a whole unit.
"""

from enum import StrEnum

from ..archive import Manifest
from .errors import NotThisPart, PartOfUnit

NOTE = "part:"  # a note that begins so: this file is not a backup of a whole unit
WHOLE = ("the backup of a whole unit", "on the Backup page of Admin settings")
UNKNOWN = ("a part of a unit that this version does not know", "with a newer version of Dashboard")


class PartKind(StrEnum):
    """The parts of a unit that have files of their own."""

    PLUGIN = "plugin"
    WORKSPACE = "workspace"

    @property
    def note(self) -> str:
        """Return the note of such a file."""
        return f"{NOTE}{self}"

    @property
    def words(self) -> tuple[str, str]:
        """Return what such a file holds, and where it is imported."""
        return {
            PartKind.PLUGIN: (
                "the configuration of one plugin",
                "on the page of that plugin, under Plugins in Admin settings",
            ),
            PartKind.WORKSPACE: ("one workspace", "under Workspaces in Admin settings"),
        }[self]


def part_words(manifest: Manifest) -> tuple[str, str] | None:
    """Return what the file of *manifest* holds and where it belongs; None if a whole unit."""
    if not manifest.note.startswith(NOTE):
        return None
    kind = manifest.note.removeprefix(NOTE)
    return PartKind(kind).words if kind in list(PartKind) else UNKNOWN


def require_whole(manifest: Manifest) -> None:
    """Raise `PartOfUnit` unless the file of *manifest* holds a whole unit."""
    if words := part_words(manifest):
        raise PartOfUnit(*words)


def require_part(manifest: Manifest, kind: PartKind) -> None:
    """Raise `NotThisPart` unless the file of *manifest* holds a part of *kind*."""
    if manifest.note != kind.note:
        found, where = part_words(manifest) or WHOLE
        raise NotThisPart(found, kind.words[0], where)
