"""What the frame around every unit page shows, and who sees which workspace."""

import re
from functools import cached_property
from typing import Any

from flask import Flask, g, request, url_for
from peewee import ModelSelect, fn

from ..models import (
    Membership,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    Role,
    Unit,
    User,
    Workspace,
    order_of,
)
from .access import EDITORS

# Section of Admin settings -> (label, icon), in the order of the side list.
ADMIN_SECTIONS = {
    "backups.index": ("Backup", "archive"),
    "plugins.index": ("Plugins", "blocks"),
    "keystore.index": ("Config key store", "key-round"),
    "profiles.manage": ("Profiles", "layers"),
    "workspaces.manage": ("Workspaces", "layout-dashboard"),
    "members.index": ("Members", "users"),
    "audit.index": ("Audit log", "scroll-text"),
}
# A unit may hold 20,000 workspaces; a bar of icons helps nobody find one among so many.
BAR_MAX = 200
MENU_MAX = 50  # and 5,000 profiles
DEFAULT_COLOR = "#2a6fdb"


def can_see(workspace: Workspace, user: User) -> bool:
    """Return whether *user*, a member of the workspace's unit, may open it."""
    return bool(workspace.shared) or (workspace.owner_email or "").lower() == user.email


def seen_by(user: User) -> Any:
    """Return the condition that *user* may open a workspace: `can_see` for the database."""
    return Workspace.shared | (fn.LOWER(Workspace.owner_email) == user.email)


def visible_workspaces(unit: Unit, user: User, profile_uid: str | None) -> list[Workspace]:
    """Return what *user* finds in the left bar, and one more if the bar has not the room for all.

    It is a profile's workspaces in its order, or everything.
    """
    if profile_uid is None:
        rows = Workspace.of(unit).order_by(*order_of(Workspace))
    else:
        rows = (
            Workspace.of(unit)
            .join(
                ProfileWorkspace,
                on=(ProfileWorkspace.unit == Workspace.unit)
                & (ProfileWorkspace.workspace == Workspace.uid),
            )
            .where(ProfileWorkspace.profile == profile_uid)
            .order_by(ProfileWorkspace.position)
        )
    seen = rows.where(seen_by(user)).limit(BAR_MAX + 1)
    return list({workspace.uid: workspace for workspace in seen}.values())


def profiles_for(unit: Unit, role: Role) -> "ModelSelect[Profile]":
    """Select the profiles that members with *role* may choose."""
    shown_to = ProfileRole.of(unit, ProfileRole.profile).where(ProfileRole.role == role)
    return Profile.of(unit).where(Profile.uid.in_(shown_to))


class Shell:
    """The unit around a page. Everything is looked up only when a template asks for it."""

    def __init__(self, unit: Unit, user: User, role: Role, membership: Membership):
        self.unit = unit
        self.user = user
        self.role = role
        self._membership = membership

    @property
    def is_admin(self) -> bool:
        """Return whether Admin settings are offered."""
        return self.role is Role.ADMIN

    @property
    def is_editor(self) -> bool:
        """Return whether workspaces and profiles can be changed."""
        return self.role in EDITORS

    @cached_property
    def profiles(self) -> list[Profile]:
        """The profiles to choose from in the menu: the first ones, and the chosen one."""
        found = list(self._profiles[:MENU_MAX])
        chosen = self.profile
        if chosen is not None and chosen not in found:
            found[-1:] = [chosen]
        return found

    @property
    def has_more_profiles(self) -> bool:
        """Return whether the menu does not show all."""
        return len(self._profiles) > MENU_MAX

    @cached_property
    def _profiles(self) -> list[Profile]:
        query = profiles_for(self.unit, self.role).order_by(*order_of(Profile))
        return list(query.limit(MENU_MAX + 1))

    @cached_property
    def profile(self) -> Profile | None:
        """The chosen profile; None for "Show all", and while the chosen one cannot be seen."""
        uid = self._membership.profile_uid
        if uid is None:
            return None
        found: Profile | None = profiles_for(self.unit, self.role).where(Profile.uid == uid).first()
        return found

    @cached_property
    def workspaces(self) -> list[Workspace]:
        """The workspaces in the left bar."""
        return self._workspaces[:BAR_MAX]

    @property
    def has_more_workspaces(self) -> bool:
        """Return whether the left bar does not show all."""
        return len(self._workspaces) > BAR_MAX

    @cached_property
    def _workspaces(self) -> list[Workspace]:
        profile_uid = self.profile.uid if self.profile is not None else None
        return visible_workspaces(self.unit, self.user, profile_uid)

    @cached_property
    def workspace_uid(self) -> str | None:
        """The uid of the open workspace, if the address names one that the user may see."""
        if request.blueprint not in ("workspaces", "applications"):
            return None
        uid = (request.view_args or {}).get("uid")
        if uid is None:
            return None
        found = Workspace.of(self.unit).where(Workspace.uid == uid).first()
        return uid if found is not None and can_see(found, self.user) else None

    @cached_property
    def first_page(self) -> Workspace | None:
        """The workspace to open first: the one looked at last, or else the first in the bar."""
        last = self._membership.workspace_uid
        shown = {workspace.uid: workspace for workspace in self.workspaces}
        found = shown.get(last or "")
        if found is None and last and self.profile is None and self.has_more_workspaces:
            found = Workspace.of(self.unit).where(Workspace.uid == last, seen_by(self.user)).first()
        return found or next(iter(self.workspaces), None)

    @property
    def admin_sections(self) -> list[tuple[str, str, str]]:
        """The side list of Admin settings: address, label, icon."""
        return [
            (url_for(endpoint, slug=self.unit.slug), label, icon)
            for endpoint, (label, icon) in ADMIN_SECTIONS.items()
        ]


def here() -> Shell | None:
    """Return the shell of this request, or None outside a unit."""
    if "unit" not in g:
        return None
    if "shell" not in g:
        g.shell = Shell(g.unit, g.user, g.role, g.membership)
    found: Shell = g.shell
    return found


def icon_image(workspace: Workspace) -> str:
    """Return the address of a workspace's icon image, or "" if it has characters instead."""
    if workspace.icon_asset is None:
        return ""
    return url_for("workspaces.asset", slug=g.unit.slug, sha256=workspace.icon_asset)


def icon_color(workspace: Workspace) -> str:
    """Return the colour of a workspace's tile; one that is no colour becomes the default."""
    color = str(workspace.icon_color)
    return color if re.fullmatch(r"#[0-9A-Fa-f]{6}", color) else DEFAULT_COLOR


def ink_on(color: str) -> str:
    """Return white, or black where white has less than WCAG's 3:1 for signs on *color*."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (luminance + 0.05) >= 3 else "#000000"


def init_app(app: Flask) -> None:
    """Give templates the `shell` and what draws it."""
    app.context_processor(lambda: {"shell": here()})
    app.jinja_env.globals.update(icon_image=icon_image)
    app.jinja_env.filters["icon_color"] = icon_color
    app.jinja_env.filters["ink_on"] = ink_on
