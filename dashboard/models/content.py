"""Unit state: every table here is in the unit's backup, and nothing else is.

Rows are named by natural keys (bundle, uid, name), never by numbers, so that a row means the same
in every unit and on every server, and a backup is read and written without translating ids.

The tables are ordinary ones with a unique index on that key. Stored in the order of the key
instead (SQLite's WITHOUT ROWID), a million config keys were read no faster after an import, which
loads them in order, and were wiped at half the speed.
"""

from typing import Any, Self

import peewee

from ..db import BaseModel
from ..vault import SealedField
from .accounts import Unit


def _refers(columns: str, table: str, key: str) -> peewee.SQL:
    return peewee.SQL(f"FOREIGN KEY ({columns}) REFERENCES {table} ({key}) ON DELETE CASCADE")


class UnitOwned(BaseModel):
    """A row that belongs to exactly one unit and goes into its backup."""

    # Not indexed: it is the first column of every primary key below.
    unit = peewee.ForeignKeyField(Unit, on_delete="CASCADE", index=False)

    @classmethod
    def of(cls, unit: Unit, *columns: Any) -> "peewee.ModelSelect[Self]":
        """Select this table's rows of *unit* (all columns unless some are given)."""
        return cls.select(*columns).where(cls.unit == unit)


class Plugin(UnitOwned):
    """A plugin installed in a unit, with a copy of the manifest it was installed with."""

    bundle = peewee.CharField(max_length=128)
    name = peewee.CharField(max_length=120)
    version = peewee.CharField(max_length=64)
    manifest = peewee.TextField(default="{}")
    source = peewee.TextField(default="store")
    active = peewee.BooleanField(default=False)
    config = peewee.TextField(default="{}")
    secrets = SealedField(default="{}")

    class Meta:
        primary_key = peewee.CompositeKey("unit", "bundle")


class PluginPermission(UnitOwned):
    """One role that has one of a plugin's permission keys. No row: nobody has it."""

    bundle = peewee.CharField(max_length=128)
    key = peewee.CharField(max_length=128)
    role = peewee.CharField(max_length=16)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "bundle", "key", "role")
        constraints = [_refers("unit_id, bundle", "plugin", "unit_id, bundle")]


class PluginMapping(UnitOwned):
    """Whose action or portal serves a plugin's requirement. The target may be missing."""

    bundle = peewee.CharField(max_length=128)
    kind = peewee.CharField(max_length=8)
    requirement = peewee.CharField(max_length=128)
    target_bundle = peewee.CharField(max_length=128)
    target = peewee.CharField(max_length=128)
    auto = peewee.BooleanField(default=False)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "bundle", "kind", "requirement")
        constraints = [_refers("unit_id, bundle", "plugin", "unit_id, bundle")]


class Asset(UnitOwned):
    """An icon image, named by its SHA-256 (hex)."""

    sha256 = peewee.CharField(max_length=64)
    mime = peewee.CharField(max_length=16)
    content = peewee.BlobField()

    class Meta:
        primary_key = peewee.CompositeKey("unit", "sha256")


class Workspace(UnitOwned):
    """A page of applications. A private one names its owner by e-mail."""

    uid = peewee.CharField(max_length=64)
    name = peewee.CharField(max_length=120)
    layout = peewee.CharField(max_length=16, default="1")
    icon_text = peewee.CharField(max_length=3)
    icon_color = peewee.CharField(max_length=7, default="#2a6fdb")
    icon_asset = peewee.CharField(max_length=64, null=True)
    shared = peewee.BooleanField(default=True)
    owner_email = peewee.CharField(max_length=254, null=True)
    position = peewee.IntegerField(default=0)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "uid")
        constraints = [
            # No action: an asset in use cannot go, and SET NULL would null the unit too.
            peewee.SQL("FOREIGN KEY (unit_id, icon_asset) REFERENCES asset (unit_id, sha256)")
        ]


class Application(UnitOwned):
    """A plugin placed in a column of a workspace. The plugin may be missing."""

    workspace = peewee.CharField(max_length=64)
    uid = peewee.CharField(max_length=64)
    column = peewee.IntegerField(default=0)
    position = peewee.IntegerField(default=0)
    bundle = peewee.CharField(max_length=128)
    title = peewee.CharField(max_length=120, default="")
    config = peewee.TextField(default="{}")
    secrets = SealedField(default="{}")

    class Meta:
        primary_key = peewee.CompositeKey("unit", "workspace", "uid")
        constraints = [_refers("unit_id, workspace", "workspace", "unit_id, uid")]


class Profile(UnitOwned):
    """A named, ordered choice of workspaces."""

    uid = peewee.CharField(max_length=64)
    name = peewee.CharField(max_length=120)
    position = peewee.IntegerField(default=0)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "uid")


class ProfileWorkspace(UnitOwned):
    """A workspace's place in a profile."""

    profile = peewee.CharField(max_length=64)
    position = peewee.IntegerField()
    workspace = peewee.CharField(max_length=64)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "profile", "position")
        indexes = ((("unit", "workspace"), False),)
        constraints = [
            _refers("unit_id, profile", "profile", "unit_id, uid"),
            _refers("unit_id, workspace", "workspace", "unit_id, uid"),
        ]


class ProfileRole(UnitOwned):
    """A role that may see a profile. No row: only those who edit profiles see it."""

    profile = peewee.CharField(max_length=64)
    role = peewee.CharField(max_length=16)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "profile", "role")
        constraints = [_refers("unit_id, profile", "profile", "unit_id, uid")]


class ToolbarItem(UnitOwned):
    """A widget's place in the toolbar. The plugin may be missing."""

    position = peewee.IntegerField()
    bundle = peewee.CharField(max_length=128)
    visible = peewee.BooleanField(default=True)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "position")


class ConfigKey(UnitOwned):
    """A named value. Plain ones are in `value`; a secret is in `secret`, sealed, and only there."""

    name = peewee.CharField(max_length=128)
    type = peewee.CharField(max_length=8)
    value = peewee.TextField(default="")
    secret = SealedField(null=True)
    description = peewee.TextField(default="")
    # Whether it was proven by the rules of a backup as it is now: an import does, and a trigger
    # takes it back from whoever changes the row. An export checks all others.
    checked = peewee.BooleanField(default=False)

    class Meta:
        primary_key = peewee.CompositeKey("unit", "name")
        proof_field = "checked"
        constraints = [
            peewee.Check("(type = 'secret') = (secret IS NOT NULL)"),
            peewee.Check("type <> 'secret' OR value = ''"),
        ]


# Parents before children: the order of the sections of a backup.
UNIT_STATE: tuple[type[UnitOwned], ...] = (
    Plugin,
    PluginPermission,
    PluginMapping,
    Asset,
    Workspace,
    Application,
    Profile,
    ProfileWorkspace,
    ProfileRole,
    ToolbarItem,
    ConfigKey,
)
