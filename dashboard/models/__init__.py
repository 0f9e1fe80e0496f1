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
]
