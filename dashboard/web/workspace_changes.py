"""What a saved settings form does to a workspace. Inside the caller's change of the unit."""

from typing import Any

from flask import g

from ..models import Workspace
from . import pictures
from .forms_content import WorkspaceForm

_COLUMNS = (
    "name", "layout", "icon_text", "icon_color", "icon_asset", "shared", "owner_email", "position",
)  # fmt: skip


def initials(name: str) -> str:
    """Return the first character of up to three words of *name*."""
    return "".join(word[0] for word in name.split()[:3]).upper()[:3]


def apply(workspace: Workspace, form: WorkspaceForm) -> None:
    """Take over what the form says; who makes a workspace private owns it."""
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


def save(workspace: Workspace) -> None:
    """Write the row."""
    values = {column: getattr(workspace, column) for column in _COLUMNS}
    Workspace.update(**values).where(is_row(workspace.uid)).execute()


def is_row(uid: str) -> Any:
    """Return the condition that a row is this workspace of the unit."""
    return (Workspace.unit == g.unit) & (Workspace.uid == uid)
