"""How many rows a unit may have: never more than its backup holds, or it could not be saved.

The numbers are those of `archive.limits`, which this floor does not know; a test holds them
together.
"""

from .accounts import Unit
from .content import (
    Application,
    Asset,
    ConfigKey,
    Plugin,
    PluginMapping,
    PluginPermission,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    ToolbarItem,
    UnitOwned,
    Workspace,
)

# Table -> how many rows a unit may have, and what they are called.
ROOM: dict[type[UnitOwned], tuple[int, str]] = {
    Plugin: (2_000, "plugins"),
    PluginPermission: (100_000, "permissions"),
    PluginMapping: (100_000, "mappings"),
    Asset: (20_000, "icon pictures"),
    Workspace: (20_000, "workspaces"),
    Application: (200_000, "applications"),
    Profile: (5_000, "profiles"),
    ProfileWorkspace: (500_000, "places in profiles"),
    ProfileRole: (20_000, "roles of profiles"),
    ToolbarItem: (2_000, "places in the toolbar"),
    ConfigKey: (5_000_000, "config keys"),
}


class NoRoom(Exception):
    """The unit has as many rows of a kind as a backup of it may hold."""

    def __init__(self, most: int, words: str) -> None:
        super().__init__(
            f"There is no room for this: a unit has at most {most:,} {words}, for its backup holds "
            "no more. Nothing was changed. Remove some first."
        )


def require_room(unit: Unit, table: type[UnitOwned], more: int = 1) -> None:
    """Raise `NoRoom` unless *unit* may have *more* rows of *table*. Call it inside the change."""
    most, words = ROOM[table]
    if more > 0 and table.of(unit).count() + more > most:
        raise NoRoom(most, words)
