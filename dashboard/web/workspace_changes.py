"""What happens to a workspace: what a saved form changes, and that somebody looked at it."""

import logging
from typing import Any

import peewee
from flask import g

from ..models import BackupRun, Membership, ProfileWorkspace, RunKind, RunState, Workspace
from . import pictures, snapshot
from .forms_content import WorkspaceForm

log = logging.getLogger(__name__)
_COLUMNS = (
    "name", "layout", "icon_text", "icon_color", "icon_asset", "shared", "owner_email", "position",
)  # fmt: skip


def initials(name: str) -> str:
    """Return the first character of up to three words of *name*."""
    return "".join(word[0] for word in name.split()[:3]).upper()[:3]


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
    """Put a workspace at the end of a profile, inside a change; positions become 0, 1 and so on."""
    here = (ProfileWorkspace.unit == g.unit) & (ProfileWorkspace.profile == profile)
    rows = ProfileWorkspace.select(ProfileWorkspace.workspace).where(here)
    inside = [row.workspace for row in rows.order_by(ProfileWorkspace.position)]
    ProfileWorkspace.delete().where(here).execute()
    for position, uid in enumerate((*inside, workspace)):
        ProfileWorkspace.create(unit=g.unit, profile=profile, workspace=uid, position=position)


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
    importing = BackupRun.select().where(
        BackupRun.state == RunState.RUNNING, BackupRun.kind.in_([RunKind.IMPORT, RunKind.UNDO])
    )
    if importing.exists():
        return
    snapshot.leave()
    own = (Membership.user == g.user) & (Membership.unit == g.unit)
    try:
        Membership.update(workspace_uid=workspace.uid).where(own).execute()
    except peewee.OperationalError:
        log.info("the last workspace was not remembered: the database is busy")
