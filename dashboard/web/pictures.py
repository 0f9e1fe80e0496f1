"""Icon pictures: kept once per unit, named by their content, gone when nothing shows them."""

import hashlib

from flask import g

from ..models import Asset, Workspace, require_room
from .forms_content import IconField


def store(field: IconField) -> str | None:
    """Keep the uploaded picture and return its name; None if there is none."""
    if field.picture is None:
        return None
    mime, content = field.picture
    sha256 = hashlib.sha256(content).hexdigest()
    if not Asset.of(g.unit).where(Asset.sha256 == sha256).exists():
        require_room(g.unit, Asset)
        Asset.create(unit=g.unit, sha256=sha256, mime=mime, content=content)
    return sha256


def forget(sha256: str | None) -> None:
    """Delete a picture that no workspace shows any more."""
    if sha256 and not Workspace.of(g.unit).where(Workspace.icon_asset == sha256).exists():
        Asset.delete().where((Asset.unit == g.unit) & (Asset.sha256 == sha256)).execute()
