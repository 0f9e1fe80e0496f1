"""The preview that a ticket stands for: once more, afresh after a change, or forgotten."""

from contextlib import suppress
from typing import BinaryIO

from ..archive import with_file_key
from ..models import BackupRun, ImportTicket, RunKind, RunState, Unit, User
from . import runs, tickets
from .context import Context, recorded
from .errors import FileChanged, TicketUnusable, UnitBusy
from .progress import Progress, silent
from .report import Preview, preview_file
from .store import remove
from .tickets import Claim
from .turn import turn
from .verbs import end_validation, find_upload


def preview_again(unit: Unit, user: User, token: str, context: Context) -> tuple[Preview, bool]:
    """Return the preview of a ticket once more, and whether it is an undo; the ticket stays."""
    claimed = tickets.peek(token, tickets.find(token, unit, user), context.folders)
    with _opened(claimed) as source:
        found = preview_file(source, with_file_key(claimed.plan.file_key), unit)
    return found, claimed.kind is RunKind.UNDO


def begin_renewal(
    unit: Unit, user: User, token: str, context: Context
) -> tuple[BackupRun, RunKind]:
    """Begin the run that previews the file of a ticket afresh; give what the ticket is for, too.

    Raise `TicketUnusable` if its time is over or it was imported.
    """
    ticket = _renewable(unit, user, token)
    _opened(tickets.peek(token, ticket, context.folders)).close()
    return runs.begin(unit, RunKind.VALIDATE, user), RunKind(ticket.kind)


def renew(
    unit: Unit,
    user: User,
    token: str,
    context: Context,
    *,
    progress: Progress = silent,
    run: BackupRun | None = None,
) -> tuple[str, Preview]:
    """Compare the very same file with what *unit* is now; the ticket gives way to a new one.

    Neither file nor password is needed again: the ticket holds the key of the file, which *token*
    opens. Give the new ticket's token and the preview.
    """
    run = run or begin_renewal(unit, user, token, context)[0]
    with recorded(run):
        old = _renewable(unit, user, token)
        claimed = tickets.peek(token, old, context.folders)
        with _opened(claimed) as source:
            opener = with_file_key(claimed.plan.file_key)
            found = preview_file(source, opener, unit, progress=progress)
        if found.report.file_sha256 != claimed.plan.file_sha256:
            raise FileChanged
        with turn(progress):
            new = tickets.replace(old, unit, user, found)
            end_validation(run, found)
    return new, found


def discard_ticket(unit: Unit, user: User, token: str, context: Context) -> None:
    """Forget what was validated and delete the upload; nothing happens if it is gone already."""
    with suppress(TicketUnusable):
        tickets.discard(tickets.find(token, unit, user), context.folders)


def discard_upload(unit: Unit, user: User, uid: str, context: Context) -> None:
    """Delete the upload *uid* of *user*, and the tickets for it.

    Raise `UploadGone` if there is none, and `UnitBusy` while it is validated or imported.
    """
    run = find_upload(unit, user, uid, context)
    of_it = ImportTicket.upload == uid  # one for each time that it was validated
    using = [run, *(ticket.run for ticket in ImportTicket.select().where(of_it) if ticket.run)]
    if any(at.state == RunState.RUNNING for at in using):
        raise UnitBusy
    ImportTicket.delete().where(of_it).execute()
    remove(context.folders.uploads, uid)


def _renewable(unit: Unit, user: User, token: str) -> ImportTicket:
    ticket = tickets.find(token, unit, user)
    if ticket.run is not None and ticket.run.state in (RunState.RUNNING, RunState.DONE):
        raise TicketUnusable
    return ticket


def _opened(claimed: Claim) -> BinaryIO:
    try:
        return claimed.path.open("rb")
    except FileNotFoundError:
        raise TicketUnusable from None
