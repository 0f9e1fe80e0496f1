"""Which table is which section of a backup. This one list drives every verb.

Column names of a section are field names of its model; `ConfigKey` alone keeps one column of the
file in two columns of the table, because secrets are sealed there.
"""

from ..archive import SECTION_BY_NAME
from ..models import (
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
    Unit,
    UnitOwned,
    Workspace,
)
from .key_table import KeyTable
from .tables import Table

TABLES = (
    Table(SECTION_BY_NAME["plugins"], Plugin),
    Table(SECTION_BY_NAME["plugin_permissions"], PluginPermission),
    Table(SECTION_BY_NAME["plugin_mappings"], PluginMapping),
    Table(SECTION_BY_NAME["assets"], Asset),
    Table(SECTION_BY_NAME["workspaces"], Workspace),
    Table(SECTION_BY_NAME["applications"], Application),
    Table(SECTION_BY_NAME["profiles"], Profile),
    Table(SECTION_BY_NAME["profile_workspaces"], ProfileWorkspace),
    Table(SECTION_BY_NAME["profile_roles"], ProfileRole),
    Table(SECTION_BY_NAME["toolbar"], ToolbarItem),
    KeyTable(SECTION_BY_NAME["config_keys"], ConfigKey),
)
TABLE_OF = {table.section.name: table for table in TABLES}

# Plugins first, config key store last, and children always before their parents.
WIPE_ORDER: tuple[type[UnitOwned], ...] = (
    PluginMapping,
    PluginPermission,
    Plugin,
    ToolbarItem,
    ProfileRole,
    ProfileWorkspace,
    Profile,
    Application,
    Workspace,
    Asset,
    ConfigKey,
)


def count_rows(unit: Unit) -> dict[str, int]:
    """Return how many rows of each section *unit* has now."""
    return {table.section.name: table.model.of(unit).count() for table in TABLES}
