"""What goes over the wire: every body that is taken in, and every answer.

These types are the API's description, too (`description`), so it cannot say anything else than what
is done. All times are `YYYY-MM-DDTHH:MM:SSZ`.
"""

import time
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ...backup.export import PASSWORD_MAX
from ...models.tokens import Scope
from ..refusals import Error

Password = Annotated[
    str, Meta(min_length=1, max_length=PASSWORD_MAX, description="The backup password.")
]
Ticket = Annotated[
    str, Meta(min_length=1, max_length=200, description="Of the preview; works for 15 minutes.")
]
Act = Literal["export", "validate", "prepare_undo", "import", "undo"]
State = Literal["queued", "running", "done", "refused", "failed", "cancelled", "interrupted"]
Counts = dict[str, int]  # section -> rows


def moment(seconds: int) -> str:
    """Return seconds since 1970 as answers tell a time."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


class NewExport(Struct, forbid_unknown_fields=True):
    """Make a backup."""

    password: Password


class NewValidation(Struct, forbid_unknown_fields=True):
    """Read an upload to its end."""

    password: Password


class NewImport(Struct, forbid_unknown_fields=True):
    """Import what was validated. *unit_name* confirms the import of another unit's backup."""

    ticket: Ticket
    unit_name: Annotated[str, Meta(max_length=200)] = ""


class NewUndo(Struct, forbid_unknown_fields=True):
    """Bring back what the preview of an undo showed."""

    ticket: Ticket


class UnitName(Struct):
    """One unit that the token reaches."""

    slug: str
    name: str


class Units(Struct):
    """The units that the token reaches, and what it may do there."""

    units: list[UnitName]
    scopes: list[Scope]


class LastBackup(Struct):
    """The newest export that was written and read back."""

    made_at: str
    made_by: str
    file_bytes: int
    file_sha256: str
    content: str


class Running(Struct):
    """What is under way; `act` is what the database knows of it."""

    job: str
    act: Act
    by: str
    since: str


class Undoable(Struct):
    """What an undo would bring back: the state from before this."""

    act: Literal["import", "undo", "unknown"]
    at: str
    by: str
    source: str


class Status(Struct):
    """How a unit stands."""

    slug: str
    name: str
    revision: int
    counts: Counts
    last_backup: LastBackup | None
    running: Running | None
    undo: Undoable | None


class Upload(Struct):
    """A file that waits, encrypted, to be validated: half an hour."""

    id: str
    file_bytes: int
    file_sha256: str


class Export(Struct):
    """A backup that can be downloaded for an hour."""

    id: str
    file_bytes: int
    file_sha256: str
    content: str
    counts: Counts


class Section(Struct):
    """What an import would do to the rows of one section."""

    section: str
    now: int
    then: int
    come: int
    gone: int
    change: int


class MadeOf(Struct):
    """The unit that a backup was made of."""

    uid: str
    slug: str
    name: str


class Preview(Struct):
    """What is in a backup, and what its import would do to the unit as it is now."""

    ticket: str
    same_unit: bool
    unit_revision: int
    app: str
    created_at: str
    created_by: str
    organisation: str
    unit: MadeOf
    file_bytes: int
    file_sha256: str
    content: str
    counts: Counts
    sections: list[Section]


class Imported(Struct):
    """What the unit holds since an import or undo."""

    content: str
    counts: Counts


class Job(Struct):
    """One act on backups, under way or ended. Of its last three fields at most one is there."""

    id: str
    unit: str
    act: Act
    state: State
    stage: str | None
    rows_done: int
    rows_total: int
    error: Error | None
    export: Export | None
    preview: Preview | None
    imported: Imported | None
