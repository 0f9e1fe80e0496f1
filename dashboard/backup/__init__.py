"""The engine: what a unit's backup is. No web, no terminal, no environment.

    export     unit -> file: one read transaction, constant memory, read back before it counts
    inspect    file -> what it tells without a password
    validate   file -> report: every byte and every row checked, nothing written
    preview    report and unit -> what an import would do
    import     safety copy, then wipe, load, verify and commit as one transaction
    undo       an import of the safety copy
    parts      one plugin's configuration or one workspace as a file: the modules `part*`

Promise: a unit is wholly before or wholly after an import, and other units are untouched.
"""

from ..archive import ArchiveError
from ..models import RunKind
from . import sections
from .attempts import attempted, refused
from .compare import Comparison, SectionChange
from .context import Context
from .errors import BackupError, WrongUnit
from .imports import begin_import, import_file, import_ticket
from .part_kinds import PartKind, part_words
from .part_tickets import Held
from .part_workspaces import import_workspace
from .parts import MAX_PART_BYTES, PluginPart, WorkspacePart
from .previews import begin_renewal, discard_ticket, discard_upload, preview_again, renew
from .report import Inspection, Preview, Report, inspect, preview
from .runs import begin, last_import, mark_interrupted, newest_safety_copy, require_free
from .safety import StandingCopy, delete_copy, standing_copies
from .store import Folders
from .sweeping import sweep, sweep_beside
from .verbs import (
    begin_validation,
    decrypt_with_password,
    export_for_download,
    export_to_file,
    keep_upload,
    open_safety_copy,
    prepare_undo,
    preview_with_password,
    validate_upload,
    validate_with_password,
)

__all__ = [
    "MAX_PART_BYTES",
    "ArchiveError",
    "BackupError",
    "Comparison",
    "Context",
    "Folders",
    "Held",
    "Inspection",
    "PartKind",
    "PluginPart",
    "Preview",
    "Report",
    "RunKind",
    "SectionChange",
    "StandingCopy",
    "WorkspacePart",
    "WrongUnit",
    "attempted",
    "begin",
    "begin_import",
    "begin_renewal",
    "begin_validation",
    "decrypt_with_password",
    "delete_copy",
    "discard_ticket",
    "discard_upload",
    "export_for_download",
    "export_to_file",
    "import_file",
    "import_ticket",
    "import_workspace",
    "inspect",
    "keep_upload",
    "last_import",
    "mark_interrupted",
    "newest_safety_copy",
    "open_safety_copy",
    "part_words",
    "prepare_undo",
    "preview",
    "preview_again",
    "preview_with_password",
    "refused",
    "renew",
    "require_free",
    "sections",
    "standing_copies",
    "sweep",
    "sweep_beside",
    "validate_upload",
    "validate_with_password",
]
