"""What can be wrong with a backup file.

    ArchiveError
    ├── NotABackup          some other file
    ├── NewerVersion        made by a newer version of the format
    ├── Damaged             not the bytes that were written: cut, changed, reordered
    ├── WrongPassword       a sound header that this password does not open
    │   └── NoPasswordSlot  there is no password to try: it is sealed to a key
    ├── LimitExceeded       asks for more memory, time or space than we grant
    └── InvalidContent      opened and untampered, but what it says breaks a rule
        └── NotExportable   what was to be written breaks one, so there is no file

`code` is stable (commands print it in `--json`); the message is safe to show.
"""

import json
from typing import ClassVar

_MOST_OF_NAME = 200  # characters that a message repeats of what a row is sorted by


class ArchiveError(Exception):
    """The file is wrong. Nothing was changed."""

    code = "archive"


class NotABackup(ArchiveError):
    """The file is something else."""

    code = "not_a_backup"

    def __init__(self) -> None:
        super().__init__("This is not a Dashboard backup. Choose a file that ends in .dbk.")


class NewerVersion(ArchiveError):
    """The file has a format version that this program does not know."""

    code = "newer_version"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"This backup was made by a newer version of Dashboard (file format {version}, this "
            "program reads 1). Update this server, then try again."
        )


class Damaged(ArchiveError):
    """The file is not what was written."""

    code = "damaged"

    def __init__(self, where: str) -> None:
        super().__init__(f"This backup is damaged: {where}. Use another copy of the file.")


class WrongPassword(ArchiveError):
    """The header is sound but no slot opens with this password."""

    code = "wrong_password"

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message or "This is not the password of this backup. The file is sound; try again."
        )


class NoPasswordSlot(WrongPassword):
    """The header has no slot that could be opened with what was given."""

    def __init__(self) -> None:
        super().__init__(
            "This backup cannot be opened with a password: it is sealed to a key. "
            "Use the server that owns the key."
        )


class _OfContent(Exception):
    """Something in the content is wrong: *what*, and maybe in which row of a section.

    *row* counts from 0; *name* follows its number where it is known.
    """

    says: ClassVar[str]
    advice: ClassVar[str] = ""

    def __init__(self, what: str, section: str = "", row: int = 0, name: str = "") -> None:
        self.what, self.section, self.row = what, section, row
        self.reason = f"{section}, row {row + 1}{name}: {what}" if section else what
        super().__init__(f"{self.says}: {self.reason}.{self.advice}")


class LimitExceeded(_OfContent, ArchiveError):
    """The file asks for more than the limits grant."""

    code = "limit"
    says = "This backup is over a limit"


class InvalidContent(_OfContent, ArchiveError):
    """What is inside breaks a rule of the format."""

    code = "invalid_content"
    says = "This backup holds something that is not allowed"


class NotExportable(InvalidContent):
    """A row that is to be written breaks a rule or a limit: no reader would take it."""

    says = "This unit holds something that no backup may hold"
    advice = " Mend or delete it, then try again."

    def __init__(self, error: InvalidContent | LimitExceeded, key: object) -> None:
        parts = key if isinstance(key, tuple) else (key,)
        # By its escapes: what is in it may be what is wrong.
        name = ", ".join(json.dumps(part)[:_MOST_OF_NAME] for part in parts)
        super().__init__(error.what, error.section, error.row, f" ({name})")
