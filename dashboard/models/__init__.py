"""The tables and their rules. `accounts` and `operations` stay; `content` is what a backup is."""

from ..db import BaseModel
from .accounts import Installation, Invite, Membership, Organisation, Session, Unit, User
from .changes import (
    StaleRevision,
    UnitBeingRestored,
    UnitChange,
    audit,
    being_restored,
    changes_since,
    changing,
    restored_since,
)
from .content import (
    UNIT_STATE,
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
from .enums import KeyType, Layout, Role, RunKind, RunState
from .operations import AuditEvent, BackupRun, ImportTicket, SafetyCopy
from .places import POSITION_MAX, last_place, move_to, order_of, place_of
from .room import ROOM, NoRoom, require_room

GLOBAL_TABLES: tuple[type[BaseModel], ...] = (
    Installation,
    Organisation,
    Unit,
    User,
    Membership,
    Invite,
    Session,
    BackupRun,
    ImportTicket,
    SafetyCopy,
    AuditEvent,
)
ALL_TABLES: tuple[type[BaseModel], ...] = (*GLOBAL_TABLES, *UNIT_STATE)

__all__ = [
    "ALL_TABLES",
    "GLOBAL_TABLES",
    "POSITION_MAX",
    "ROOM",
    "UNIT_STATE",
    "Application",
    "Asset",
    "AuditEvent",
    "BackupRun",
    "ConfigKey",
    "ImportTicket",
    "Installation",
    "Invite",
    "KeyType",
    "Layout",
    "Membership",
    "NoRoom",
    "Organisation",
    "Plugin",
    "PluginMapping",
    "PluginPermission",
    "Profile",
    "ProfileRole",
    "ProfileWorkspace",
    "Role",
    "RunKind",
    "RunState",
    "SafetyCopy",
    "Session",
    "StaleRevision",
    "ToolbarItem",
    "Unit",
    "UnitBeingRestored",
    "UnitChange",
    "UnitOwned",
    "User",
    "Workspace",
    "audit",
    "being_restored",
    "changes_since",
    "changing",
    "last_place",
    "move_to",
    "order_of",
    "place_of",
    "require_room",
    "restored_since",
]
