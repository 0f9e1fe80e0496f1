"""What can be wrong with the situation, while the file may be fine.

    BackupError
    ├── UnitBusy           something else is under way in the unit
    ├── Cancelled          somebody wanted it to stop
    ├── Interrupted        the program was told to stop
    ├── PasswordTooShort   no file is made under such a password
    ├── PasswordTooLong    nor under such a one
    ├── UnitChanged        the unit is not what was previewed any more
    ├── NoLongerAllowed    who pressed Import may not import any more
    ├── TicketUnusable     not validated, or too long ago, or by somebody else
    ├── UploadGone         the uploaded file is not kept any more
    ├── UploadsWaiting     too many uploads wait for their import already
    ├── SafetyCopiesFull   the safety copies of the unit take too much of the disk
    ├── WrongUnit          a backup of another unit, and its import was not asked for by name
    ├── NotConfirmed       the name that was typed is not the unit's
    ├── NoSafetyCopy       the present state could not be saved first
    ├── NothingToUndo      no import of this unit can be undone any more
    ├── NoSpace            the disk has not the room that is needed
    ├── OutcomeUnknown     the disk failed at the commit, and after it
    ├── DiskUnusable       the disk was full, read-only or failing when it came to it
    ├── TooBusy            too many key derivations at once
    ├── NotVerified        what was read back is not what was written
    ├── FileChanged        not the file that was validated
    ├── PartOfUnit         the file holds one part of a unit, and a whole one was asked for
    ├── NotThisPart        the other way round, or another part
    ├── PartGone           what was to be exported is not there any more
    ├── PartTooLarge       too much for the file of a part
    └── PreviewUnusable    what was previewed is not what is to be applied

`code` is stable (commands print it in `--json`); the message is safe to show.
"""

import time


class BackupError(Exception):
    """The situation is wrong. Nothing was changed."""

    code = "backup"


class UnitBusy(BackupError):
    """An export, validation, import or undo of the same unit is running."""

    code = "unit_busy"

    def __init__(self) -> None:
        super().__init__(
            "A backup of this unit is being made, checked or imported just now. One at a time: "
            "wait until it has ended, then try again."
        )


class Cancelled(BackupError):
    """Raised by the listener of an act, to end it."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("Cancelled. Nothing was changed.")


class Interrupted(BackupError):
    """Raised by the listener of an act when the program has to end."""

    code = "interrupted"

    def __init__(self) -> None:
        super().__init__("The program stopped. Nothing was changed.")


class PasswordTooShort(BackupError):
    """The backup password is shorter than the setting allows."""

    code = "password_too_short"

    def __init__(self, least: int) -> None:
        super().__init__(f"Use at least {least} characters for the backup password.")


class PasswordTooLong(BackupError):
    """No page would take a password of that length."""

    code = "password_too_long"

    def __init__(self, most: int) -> None:
        super().__init__(f"Use at most {most} characters for the backup password.")


class UnitChanged(BackupError):
    """Somebody changed the unit between Validate and Import.

    *revision* is the one that was previewed. With the *token* of the ticket, if the raiser knows
    it, the same file can be previewed again (`previews.renew`).
    """

    code = "unit_changed"

    def __init__(self, revision: int, token: str = "") -> None:
        super().__init__(
            "The unit has changed since this backup was validated. Nothing was imported. "
            "Validate the file again to see what an import would do now."
        )
        self.revision, self.token = revision, token


class NoLongerAllowed(BackupError):
    """Between the press of Import and the wipe, the right to import was lost."""

    code = "no_longer_allowed"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} before the import began, so nothing was imported.")


class TicketUnusable(BackupError):
    """There is no ticket like this for this user and unit, or it has expired."""

    code = "ticket_unusable"

    def __init__(self) -> None:
        super().__init__(
            "This validation is no longer open: it ends after 15 minutes. Nothing was imported. "
            "Upload the file and validate it again."
        )


class UploadGone(BackupError):
    """The upload that a form names is not there."""

    code = "upload_gone"

    def __init__(self) -> None:
        super().__init__("The uploaded file is not kept any more. Choose it again.")


class UploadsWaiting(BackupError):
    """No more uploads may wait: *own* of this user, or None if those of all are too many.

    *until* is when the first of them goes by itself.
    """

    code = "uploads_waiting"

    def __init__(self, own: int | None, until: int) -> None:
        at = time.strftime("%H:%M UTC", time.gmtime(until + 59))  # the minute in which it is over
        if own is None:
            sentence = (
                "Too many uploads wait on this server just now, so nothing was kept of yours. "
                f"Try again at {at}."
            )
        else:
            count = "An upload" if own == 1 else f"{own} uploads"
            sentence = (
                f"{count} of yours {'waits' if own == 1 else 'wait'} on the server already, and "
                "there is no room for another, so nothing was kept of this one. Import or discard "
                f"one that you validated, or try again at {at}."
            )
        super().__init__(sentence)
        self.own, self.retry_after = own, max(1, until - int(time.time()) + 1)


class SafetyCopiesFull(BackupError):
    """The safety copies of a unit take *taken* bytes, and none is ever deleted for another."""

    code = "safety_copies_full"

    def __init__(self, taken: int) -> None:
        super().__init__(
            f"The safety copies of this unit take {taken >> 20} MiB of the server's disk, and an "
            "import would add one. Nothing was imported. Delete those that you do not need on the "
            "Backup page, then try again."
        )


class WrongUnit(BackupError):
    """The backup was made of another unit."""

    code = "wrong_unit"

    def __init__(self, made_of: str, into: str, way_on: str) -> None:
        super().__init__(
            f"This is a backup of the unit {made_of}, not of {into}. Nothing was imported. {way_on}"
        )


class NotConfirmed(BackupError):
    """The unit's name was asked for, and another was typed."""

    code = "not_confirmed"

    def __init__(self) -> None:
        super().__init__("That is not the unit's name. Nothing was changed.")


class NoSafetyCopy(BackupError):
    """The safety copy could not be written and read back, so there is no import."""

    code = "no_safety_copy"

    def __init__(self, reason: str, *, step: str = "Make room on the server's disk") -> None:
        super().__init__(
            f"The present state could not be saved first ({reason}), so nothing was imported. "
            f"{step}, then try again."
        )


class NothingToUndo(BackupError):
    """There is no safety copy of this unit."""

    code = "nothing_to_undo"

    def __init__(self) -> None:
        super().__init__("There is no import of this unit that could be undone.")


class NoSpace(BackupError):
    """The disk is too full."""

    code = "no_space"

    def __init__(self, needed: int, free: int) -> None:
        # Rounded apart: both as the same number would explain nothing.
        super().__init__(
            f"This needs {-(-needed >> 20)} MiB on the server's disk and {free >> 20} MiB are "
            "free. Nothing was changed. Make room, then try again."
        )


class DiskUnusable(BackupError):
    """The disk did not do it: full, read-only or failing."""

    code = "disk"


class OutcomeUnknown(BackupError):
    """The commit failed, and nothing could be written after it: the only error that may be done.

    What a database wrote of a commit it may find again at its next start, and then it counts.
    """

    code = "outcome_unknown"

    def __init__(self) -> None:
        super().__init__(
            "The server's disk failed at the last moment, and it could not be written down what "
            "came of it. The unit is wholly as it was, or wholly as in the backup. See to the "
            "disk, start the server again, then look at the Backup page: it knows which."
        )


class TooBusy(BackupError):
    """Too many backups are being opened at this moment."""

    code = "too_busy"

    def __init__(self) -> None:
        super().__init__("Too many backups are being opened just now. Try again in a minute.")


class NotVerified(BackupError):
    """What was written did not read back as the same."""

    code = "not_verified"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} did not read back as it was written, so nothing was changed. "
            "Check the server's disk and memory."
        )


class FileChanged(BackupError):
    """The file is not the one that was validated."""

    code = "file_changed"

    def __init__(self) -> None:
        super().__init__(
            "The file is not the one that was validated. Nothing was imported. Validate it again."
        )


class PartOfUnit(BackupError):
    """The file holds one part of a unit; an import of it would wipe all the others."""

    code = "part_of_unit"

    def __init__(self, what: str, where: str) -> None:
        super().__init__(
            f"This file holds {what}, not a whole unit. Nothing was imported. Import it {where}."
        )


class NotThisPart(BackupError):
    """The file is a sound one, but not one of the part that was asked for."""

    code = "not_this_part"

    def __init__(self, found: str, wanted: str, where: str) -> None:
        super().__init__(
            f"This file holds {found}, not {wanted}. Nothing was imported. Import it {where}."
        )


class PartGone(BackupError):
    """What was to be exported was deleted at the same moment."""

    code = "part_gone"

    def __init__(self) -> None:
        super().__init__("This is not there any more. Reload the page.")


class PartTooLarge(BackupError):
    """The file of a part is larger than one may be."""

    code = "part_too_large"


class PreviewUnusable(BackupError):
    """The form of a preview is not the one that was given out, or too old."""

    code = "preview_unusable"

    def __init__(self) -> None:
        super().__init__(
            "This preview is no longer open: it ends after 15 minutes. Nothing was imported. "
            "Choose the file again."
        )
