"""What happens to a workspace: what a saved form changes, and that somebody looked at it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import peewee
from flask import Response, after_this_request, g

from ..models import (
    POSITION_MAX,
    Application,
    Layout,
    Membership,
    Plugin,
    Profile,
    ProfileWorkspace,
    Workspace,
    being_restored,
    changing,
    last_place,
    order_of,
    require_room,
)
from ..plugins import placing
from ..plugins.queries import tuples
from . import pictures
from .forms_content import NewWorkspaceForm, WorkspaceForm

log = logging.getLogger(__name__)
NAMED_MAX = 20
LISTED_MAX = 100  # profiles in the form of a workspace
_COLUMNS = (
    "name", "layout", "icon_text", "icon_color", "icon_asset", "shared", "owner_email", "position",
)  # fmt: skip


def initials(name: str) -> str:
    """Return the first character of up to three words of *name*."""
    return "".join(word[0] for word in name.split()[:3]).upper()[:3]


def create(form: NewWorkspaceForm) -> str:
    """Make the workspace that the form describes, as one change; return its uid."""
    uid, name, revision = placing.new_uid("ws"), form.name.data, form.revision_number()
    with changing(g.unit, "workspace.create", by=g.user, revision=revision, subject=name):
        require_room(g.unit, Workspace)
        Workspace.create(
            unit=g.unit,
            uid=uid,
            name=name,
            layout=form.layout.data,
            icon_text=initials(name),
            shared=form.shared.data,
            owner_email=None if form.shared.data else g.user.email,
            position=last_place(g.unit, Workspace),
        )
        for profile in sorted(set(form.profiles.data)):
            append_to_profile(profile, uid)
    return uid


@dataclass(frozen=True, slots=True)
class Losses:
    """What goes with a workspace: names of the first ones, and how many there are."""

    applications: list[str]
    placed: int
    profiles: list[str]
    listed: int


def losses(workspace: Workspace) -> Losses:
    """Return what is lost when *workspace* is deleted."""
    placed = Application.of(g.unit).where(Application.workspace == workspace.uid)
    first = list(placed.order_by(Application.column, Application.position).limit(NAMED_MAX))
    plugins = Plugin.of(g.unit, Plugin.bundle, Plugin.name)
    names = dict(tuples(plugins.where(Plugin.bundle.in_([row.bundle for row in first]))))
    inside = ProfileWorkspace.of(g.unit, ProfileWorkspace.profile).where(
        ProfileWorkspace.workspace == workspace.uid
    )
    profiles = Profile.of(g.unit).where(Profile.uid.in_(inside))
    return Losses(
        [row.title or names.get(row.bundle, row.bundle) for row in first],
        placed.count(),
        [profile.name for profile in profiles.order_by(*order_of(Profile)).limit(NAMED_MAX)],
        profiles.count(),
    )


@dataclass(frozen=True, slots=True)
class Offered:
    """The profiles in a workspace's form, those that hold it first, and whether there are more."""

    profiles: list[Profile]
    inside: list[str]
    more: bool


def offered_profiles(workspace: str) -> Offered:
    """Return the profiles that the form of a workspace lists."""
    rows = ProfileWorkspace.of(g.unit, ProfileWorkspace.profile)
    holding = rows.where(ProfileWorkspace.workspace == workspace)
    order = order_of(Profile)
    inside = list(
        Profile.of(g.unit).where(Profile.uid.in_(holding)).order_by(*order).limit(LISTED_MAX)
    )
    others = Profile.of(g.unit).where(Profile.uid.not_in(holding)).order_by(*order)
    found = inside + list(others.limit(LISTED_MAX + 1))
    uids = [profile.uid for profile in inside]
    return Offered(found[:LISTED_MAX], uids, len(found) > LISTED_MAX)


def put_into_profiles(workspace: str, offered: Offered, chosen: Sequence[str]) -> None:
    """Let the listed profiles hold the workspace, at their end, or not; inside a change."""
    inside = set(offered.inside)
    leave = [uid for uid in inside if uid not in chosen]
    here = (ProfileWorkspace.unit == g.unit) & (ProfileWorkspace.workspace == workspace)
    ProfileWorkspace.delete().where(here & ProfileWorkspace.profile.in_(leave)).execute()
    for profile in sorted(set(chosen) - inside):
        append_to_profile(profile, workspace)


def save_settings(workspace: Workspace, form: WorkspaceForm, offered: Offered) -> None:
    """Take over what the form says, as one change; applications of lost columns find a new one."""
    fewer = Layout(form.layout.data).columns < placing.layout_of(workspace).columns
    revision, name = form.revision_number(), form.name.data
    with changing(g.unit, "workspace.change", by=g.user, revision=revision, subject=name):
        apply(workspace, form)
        put_into_profiles(workspace.uid, offered, form.profiles.data)
        if fewer:
            placing.fit_into(g.unit, workspace)


def apply(workspace: Workspace, form: WorkspaceForm) -> None:
    """Take over what the form says, inside a change; who makes a workspace private owns it."""
    before = workspace.icon_asset
    workspace.name = form.name.data
    workspace.layout = form.layout.data
    workspace.icon_text = form.icon_text.data or initials(form.name.data)
    workspace.icon_color = form.icon_color.data
    workspace.position = form.position.data
    workspace.icon_asset = pictures.store(form.icon_file) or before
    if form.shared.data:
        workspace.owner_email = None
    elif workspace.shared or workspace.owner_email is None:
        workspace.owner_email = g.user.email
    workspace.shared = form.shared.data
    save(workspace)
    if before != workspace.icon_asset:
        pictures.forget(before)


def remove_picture(workspace: Workspace) -> None:
    """Let the workspace show its characters again."""
    before, workspace.icon_asset = workspace.icon_asset, None
    save(workspace)
    pictures.forget(before)


def append_to_profile(profile: str, workspace: str) -> None:
    """Put a workspace at the end of a profile, inside a change."""
    here = (ProfileWorkspace.unit == g.unit) & (ProfileWorkspace.profile == profile)
    last = ProfileWorkspace.select(peewee.fn.MAX(ProfileWorkspace.position)).where(here).scalar()
    if last is not None and last >= POSITION_MAX:  # a backup of another program may say so
        rows = ProfileWorkspace.select(ProfileWorkspace.workspace).where(here)
        inside = [uid for (uid,) in tuples(rows.order_by(ProfileWorkspace.position))]
        store_places(profile, [*inside, workspace])
        return
    require_room(g.unit, ProfileWorkspace)
    position = 0 if last is None else last + 1
    ProfileWorkspace.create(unit=g.unit, profile=profile, workspace=workspace, position=position)


def store_places(profile: str, workspaces: Sequence[str]) -> None:
    """Let a profile hold exactly these workspaces in this order, inside a change."""
    here = (ProfileWorkspace.unit == g.unit) & (ProfileWorkspace.profile == profile)
    ProfileWorkspace.delete().where(here).execute()
    require_room(g.unit, ProfileWorkspace, len(workspaces))
    rows = [
        {"unit": g.unit, "profile": profile, "position": position, "workspace": uid}
        for position, uid in enumerate(workspaces)
    ]
    for batch in peewee.chunked(rows, 1000):
        ProfileWorkspace.insert_many(batch).execute()


def save(workspace: Workspace) -> None:
    """Write the row."""
    values = {column: getattr(workspace, column) for column in _COLUMNS}
    Workspace.update(**values).where(is_row(workspace.uid)).execute()


def is_row(uid: str) -> Any:
    """Return the condition that a row is this workspace of the unit."""
    return (Workspace.unit == g.unit) & (Workspace.uid == uid)


def remember(workspace: Workspace) -> None:
    """Note which workspace to open next time, unless an import holds the write lock.

    People who only look must not queue behind an import, of whichever unit it is.
    """
    if g.membership.workspace_uid == workspace.uid:
        return
    after_this_request(partial(_remember, workspace.uid))


def _remember(uid: str, response: Response) -> Response:
    if being_restored().exists():
        return response
    own = (Membership.user == g.user) & (Membership.unit == g.unit)
    try:
        Membership.update(workspace_uid=uid).where(own).execute()
    except peewee.OperationalError:
        log.info("the last workspace was not remembered: the database is busy")
    return response
