"""The file of a workspace -> a new workspace of the unit. What the unit has is not touched."""

import secrets

from ..archive import SECTION_BY_NAME
from ..archive.limits import MAX_POSITION
from ..models import Application, Asset, Unit, User, Workspace, changing, require_room
from .parts import WorkspacePart
from .sections import TABLE_OF


def import_workspace(
    unit: Unit, part: WorkspacePart, *, by: User, revision: int | None = None
) -> Workspace:
    """Make a new workspace of *part*, the last in the bar, as one change of *unit*.

    It gets a new uid, keeps its name and its applications' uids, and belongs to *by* if it is
    private. Raise `StaleRevision`, `UnitBeingRestored` or `NoRoom` with nothing changed.
    """
    digest = part.read.file_sha256
    with changing(
        unit, "workspace.import", by=by, revision=revision, subject=part.name, file_sha256=digest
    ):
        require_room(unit, Workspace)
        require_room(unit, Application, len(part.applications))
        _keep_asset(unit, part)
        positions = Workspace.of(unit, Workspace.position)
        last = positions.order_by(Workspace.position.desc()).limit(1).scalar()
        values = part.workspace | {
            "uid": _new_uid(unit),
            "owner_email": None if part.workspace["shared"] else by.email,
            "position": 0 if last is None else min(last + 1, MAX_POSITION),
        }
        workspace = Workspace.create(unit=unit, **values)
        TABLE_OF["applications"].insert(
            unit,
            [tuple((row | {"workspace": workspace.uid}).values()) for row in part.applications],
        )
    return workspace


def _keep_asset(unit: Unit, part: WorkspacePart) -> None:
    asset = part.asset
    if asset is None or Asset.of(unit).where(Asset.sha256 == asset["sha256"]).exists():
        return
    require_room(unit, Asset)
    columns = SECTION_BY_NAME["assets"].columns
    TABLE_OF["assets"].insert(unit, [tuple(asset[column] for column in columns)])


def _new_uid(unit: Unit) -> str:
    while True:
        uid = f"ws-{secrets.token_hex(5)}"
        if not Workspace.of(unit).where(Workspace.uid == uid).exists():
            return uid
