"""Where applications stand in a workspace: add, move, remove, and what a smaller layout does."""

import secrets
from typing import Any

from ..models import (
    Application,
    Layout,
    Unit,
    User,
    Workspace,
    changing,
    last_place,
    require_room,
)
from . import configs
from .install import PluginProblem, plugin_of
from .registry import manifest_of

_STEPS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
DIRECTIONS = tuple(_STEPS)
Columns = list[list[Application]]


def new_uid(prefix: str) -> str:
    """Return a uid that nothing has yet, like `ws-3f9c1a2b7d`."""
    return f"{prefix}-{secrets.token_hex(5)}"


def layout_of(workspace: Workspace) -> Layout:
    """Return the workspace's layout; an unknown one counts as one column."""
    known = {layout.value for layout in Layout}
    return Layout(workspace.layout) if workspace.layout in known else Layout.ONE


def columns_of(unit: Unit, workspace: Workspace) -> Columns:
    """Return the applications by column, in order; the last column takes what has none."""
    columns: Columns = [[] for _ in range(layout_of(workspace).columns)]
    rows = Application.of(unit).where(Application.workspace == workspace.uid)
    for row in rows.order_by(Application.column, Application.position, Application.uid):
        columns[min(max(row.column, 0), len(columns) - 1)].append(row)
    return columns


def find_application(unit: Unit, workspace: Workspace, uid: str) -> Application | None:
    """Return the placed application, or None."""
    rows = Application.of(unit).where(
        Application.workspace == workspace.uid, Application.uid == uid
    )
    found: Application | None = rows.first()
    return found


def add(
    unit: Unit,
    workspace: Workspace,
    bundle: str,
    column: int,
    *,
    by: User,
    revision: int | None = None,
) -> Application:
    """Place an active plugin at the end of a column, with its default config."""
    with changing(unit, "application.add", by=by, revision=revision, subject=bundle):
        plugin = plugin_of(unit, bundle)
        if plugin is None or not plugin.active:
            raise PluginProblem("This plugin is not active any more. Choose another.")
        require_room(unit, Application)
        fields = manifest_of(plugin).application_fields
        config, sealed = configs.split(fields, configs.defaults(fields))
        columns = columns_of(unit, workspace)
        column = min(max(column, 0), len(columns) - 1)
        _store(unit, columns)  # so that there is a place after the last
        return Application.create(
            unit=unit,
            workspace=workspace.uid,
            uid=new_uid("app"),
            column=column,
            position=len(columns[column]),
            bundle=bundle,
            config=config,
            secrets=sealed,
        )


def move(
    unit: Unit,
    workspace: Workspace,
    uid: str,
    direction: str,
    *,
    by: User,
    revision: int | None = None,
) -> None:
    """Move an application one place; at the edge it stays where it is."""
    right, down = _STEPS[direction]
    with changing(unit, "application.move", by=by, revision=revision, subject=workspace.name):
        columns = columns_of(unit, workspace)
        at = _find(columns, uid)
        # Never round: what is beyond an edge is no place.
        if at is not None and 0 <= at[0] + right < len(columns) and at[1] + down >= 0:
            _put(columns, at, at[0] + right, at[1] + down)
            _store(unit, columns)


def move_to(
    unit: Unit,
    workspace: Workspace,
    uid: str,
    column: int,
    place: int,
    *,
    by: User,
    revision: int | None = None,
) -> None:
    """Move an application to a column, so that *place* others stand above it there.

    What is beyond an edge is at the edge.
    """
    with changing(unit, "application.move", by=by, revision=revision, subject=workspace.name):
        columns = columns_of(unit, workspace)
        at = _find(columns, uid)
        if at is not None:
            _put(columns, at, min(max(column, 0), len(columns) - 1), max(place, 0))
            _store(unit, columns)


def _find(columns: Columns, uid: str) -> tuple[int, int] | None:
    for number, column in enumerate(columns):
        for place, row in enumerate(column):
            if row.uid == uid:
                return number, place
    return None


def _put(columns: Columns, at: tuple[int, int], column: int, place: int) -> None:
    row = columns[at[0]].pop(at[1])
    columns[column].insert(place, row)


def remove(
    unit: Unit, workspace: Workspace, uid: str, *, by: User, revision: int | None = None
) -> None:
    """Take an application and its config away."""
    with changing(unit, "application.remove", by=by, revision=revision, subject=workspace.name):
        Application.delete().where(_is(unit, workspace.uid, uid)).execute()


def duplicate(
    unit: Unit, workspace: Workspace, name: str, *, by: User, revision: int | None = None
) -> str:
    """Make a workspace like *workspace*, with its applications, for *by* alone; return its uid."""
    uid = new_uid("ws")
    with changing(unit, "workspace.copy", by=by, revision=revision, subject=workspace.name):
        placed: Any = Application.of(unit).where(Application.workspace == workspace.uid)
        rows: list[dict[str, Any]] = list(placed.dicts())
        require_room(unit, Workspace)
        require_room(unit, Application, len(rows))
        Workspace.create(
            unit=unit,
            uid=uid,
            name=name,
            layout=workspace.layout,
            icon_text=workspace.icon_text,
            icon_color=workspace.icon_color,
            icon_asset=workspace.icon_asset,
            shared=False,
            owner_email=by.email,
            position=last_place(unit, Workspace),
        )
        for row in rows:
            Application.create(**(row | {"workspace": uid, "unit": unit}))
    return uid


def configure(
    unit: Unit,
    workspace: Workspace,
    uid: str,
    *,
    by: User,
    revision: int | None = None,
    **values: str,
) -> None:
    """Store the given columns (title, config, secrets) of an application."""
    with changing(unit, "application.configure", by=by, revision=revision, subject=workspace.name):
        Application.update(**values).where(_is(unit, workspace.uid, uid)).execute()


def fit_into(unit: Unit, workspace: Workspace) -> None:
    """Move what stands in lost columns to the end of the last one. Inside the caller's change."""
    _store(unit, columns_of(unit, workspace))


def _store(unit: Unit, columns: Columns) -> None:
    for number, column in enumerate(columns):
        for place, row in enumerate(column):
            if (row.column, row.position) != (number, place):
                there = _is(unit, row.workspace, row.uid)
                Application.update(column=number, position=place).where(there).execute()


def _is(unit: Unit, workspace_uid: str, uid: str) -> Any:
    return (
        (Application.unit == unit)
        & (Application.workspace == workspace_uid)
        & (Application.uid == uid)
    )
