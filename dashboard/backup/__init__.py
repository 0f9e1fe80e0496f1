"""The engine: what a unit's backup is. No web, no terminal, no environment.

    export     unit -> file: one read transaction, constant memory, read back before it counts
    inspect    file -> what it tells without a password
    validate   file -> report: every byte and every row checked, nothing written
    preview    report and unit -> what an import would do
    import     safety copy, then wipe, load, verify and commit as one transaction
    undo       an import of the safety copy

Promise: a unit is wholly before or wholly after an import, and other units are untouched.
"""

from .errors import BackupError
from .report import Inspection, Preview, Report, decrypt, inspect, preview
from .runs import last_import, mark_interrupted, newest_safety_copy, sweep
from .store import Folders
from .verbs import (
    Context,
    export_for_download,
    export_to_file,
    import_file,
    import_ticket,
    prepare_undo,
    undo,
    validate_upload,
    validate_with_password,
)

__all__ = [
    "BackupError",
    "Context",
    "Folders",
    "Inspection",
    "Preview",
    "Report",
    "decrypt",
    "export_for_download",
    "export_to_file",
    "import_file",
    "import_ticket",
    "inspect",
    "last_import",
    "mark_interrupted",
    "newest_safety_copy",
    "prepare_undo",
    "preview",
    "sweep",
    "undo",
    "validate_upload",
    "validate_with_password",
]
