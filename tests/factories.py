"""Makes people, units and unit state for tests."""

import base64
import hashlib
import json

from dashboard.models import (
    Application,
    Asset,
    ConfigKey,
    Organisation,
    Plugin,
    PluginMapping,
    PluginPermission,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    Role,
    ToolbarItem,
    Unit,
    User,
    Workspace,
)
from dashboard.models.people import create_organisation, create_unit, create_user, set_role

PASSWORD = "correct horse battery"
# The smallest PNG: one transparent pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def make_organisation() -> Organisation:
    """Return the organisation, made on the first call."""
    return Organisation.select().first() or create_organisation("harbour", "Harbour Media Group")


def make_unit(slug: str = "daily", name: str = "Harbour Daily") -> Unit:
    """Create an empty unit."""
    make_organisation()
    return create_unit(slug, name)


def make_user(name: str, **roles: Role) -> User:
    """Create `<name>@harbour.example` with a role in each unit named by its slug."""
    make_organisation()
    user = create_user(f"{name}@harbour.example", name.title(), PASSWORD)
    for slug, role in roles.items():
        set_role(user, Unit.get(Unit.slug == slug), role)
    return user


def make_full_unit(slug: str = "daily", name: str = "Harbour Daily", *, keys: int = 20) -> Unit:
    """Create a unit with at least one row in every table of the unit's state."""
    unit = make_unit(slug, name)
    fill(unit, keys=keys)
    return unit


def fill(unit: Unit, *, keys: int = 20) -> None:
    """Give *unit* some of every kind of state, with awkward characters among it."""
    manifest = json.dumps({"manifestVersion": "1.0.0", "name": "Notes", "x": [1, 2.50, "é"]})
    for bundle, active in (("dashboard.core.notes", True), ("example.desk.ghost", False)):
        Plugin.create(
            unit=unit,
            bundle=bundle,
            name=f"Plugin {bundle}",
            version="1.2.3",
            manifest=manifest,
            source="store",
            active=active,
            config='{"b": 1, "a": "${DBKS:K0001}"}',
            secrets='{"apiKey":"hush-plugin"}',
        )
    PluginPermission.create(unit=unit, bundle="dashboard.core.notes", key="EDIT", role="user")
    PluginPermission.create(unit=unit, bundle="dashboard.core.notes", key="EDIT", role="admin")
    PluginMapping.create(
        unit=unit,
        bundle="example.desk.ghost",
        kind="action",
        requirement="SAVE",
        target_bundle="dashboard.core.notes",
        target="append-note",
        auto=True,
    )
    digest = hashlib.sha256(PIXEL).hexdigest()
    Asset.create(unit=unit, sha256=digest, mime="image/png", content=PIXEL)
    for number, (uid, text) in enumerate((("ws-one", "One"), ("ws-two", "Zwei – 二 😀"))):
        Workspace.create(
            unit=unit,
            uid=uid,
            name=text,
            layout="2-equal",
            icon_text=text[0],
            icon_asset=digest if number else None,
            shared=not number,
            owner_email="bob@harbour.example" if number else None,
            position=number,
        )
        for place in range(2):
            Application.create(
                unit=unit,
                workspace=uid,
                uid=f"app-{place}",
                column=place,
                position=0,
                bundle="dashboard.core.notes" if place else "example.gone.away",
                title="",
                config='{"text":"# Hello"}',
                secrets='{"token":"hush-application"}',
            )
    Profile.create(unit=unit, uid="pf-all", name="Everything", position=0)
    for place, uid in enumerate(("ws-two", "ws-one")):
        ProfileWorkspace.create(unit=unit, profile="pf-all", position=place, workspace=uid)
    for role in (Role.ADMIN, Role.USER):
        ProfileRole.create(unit=unit, profile="pf-all", role=role)
    ToolbarItem.create(unit=unit, position=0, bundle="dashboard.core.notes", visible=True)
    ToolbarItem.create(unit=unit, position=1, bundle="example.gone.away", visible=False)
    samples = (
        ("string", 'plain – text\nwith \t\x01 \u2028 \U0001f600 "quotes" and \\'),
        ("number", "-12.50e+3"),
        ("boolean", "true"),
        ("json", '{"b": [1, null], "a": "ä"}'),
        ("secret", "hush-key-store"),
        ("string", ""),
    )
    for number in range(keys):
        kind, value = samples[number % len(samples)]
        secret = kind == "secret"
        ConfigKey.create(
            unit=unit,
            name=f"K{number:04d}",
            type=kind,
            value="" if secret else value,
            secret=value if secret else None,
            description=f"key {number}",
        )
