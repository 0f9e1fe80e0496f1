"""Tickets: proof of what was validated, and the only way to import it.

Between Validate and Import the server keeps ciphertext, and the file key sealed under a token that
only the browser has. A ticket is bound to user, unit, file digest and unit revision, is good for
15 minutes and for one import; used again it shows that import's result.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..db import write_transaction
from ..models import BackupRun, ImportTicket, RunKind, Unit, User
from ..vault import KeyUnusable, open_under, seal_under
from .errors import TicketUnusable
from .report import Preview
from .restore import Plan
from .runs import now
from .store import Folders, file_path

TICKET_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Claim:
    """What a good ticket stands for: what to restore, and from which file."""

    plan: Plan
    path: Path
    kind: RunKind
    source: str


def issue(file_uid: str, unit: Unit, user: User, preview: Preview, kind: RunKind) -> str:
    """Make a ticket for the validated file *file_uid* and return its token."""
    token = secrets.token_urlsafe(32)
    report = preview.report
    ImportTicket.create(
        token_hash=_hash(token),
        upload=file_uid,
        unit=unit,
        user=user,
        kind=kind,
        file_sha256=report.file_sha256,
        unit_revision=preview.unit_revision,
        same_unit=preview.same_unit,
        sealed_key=seal_under(token, report.file_key),
        summary=json.dumps({"payload_bytes": report.payload_bytes, "source": source_of(preview)}),
        expires_at=now() + TICKET_SECONDS,
    )
    return token


def replace(old: ImportTicket, unit: Unit, user: User, preview: Preview) -> str:
    """Make a ticket for the file of *old*, which is good for nothing from then on."""
    with write_transaction():
        ImportTicket.delete().where(ImportTicket.token_hash == old.token_hash).execute()
        return issue(old.upload, unit, user, preview, RunKind(old.kind))


def source_of(preview: Preview) -> str:
    """Return where a backup comes from, in words."""
    manifest = preview.report.manifest
    return f"{manifest.unit.name}, {manifest.created_at}"


def find(token: str, unit: Unit, user: User) -> ImportTicket:
    """Return the ticket of *token*; raise `TicketUnusable` unless it is this user's and unit's."""
    ticket = ImportTicket.get_or_none(
        (ImportTicket.token_hash == _hash(token))
        & (ImportTicket.unit == unit)
        & (ImportTicket.user == user)
    )
    if ticket is None:
        raise TicketUnusable
    return ticket


def peek(
    token: str, ticket: ImportTicket, folders: Folders, *, run: BackupRun | None = None
) -> Claim:
    """Return what *ticket* stands for; raise `TicketUnusable` when it has expired.

    Not so for the *run* that it was used for in time and that had to wait for its turn.
    """
    if ticket.expires_at < now() and (run is None or ticket.run != run):
        raise TicketUnusable
    try:
        file_key = open_under(token, ticket.sealed_key)
    except KeyUnusable:
        raise TicketUnusable from None
    summary: dict[str, Any] = json.loads(ticket.summary)
    kind = RunKind(ticket.kind)
    folder = folders.safety if kind is RunKind.UNDO else folders.uploads
    return Claim(
        plan=Plan(file_key, ticket.file_sha256, summary["payload_bytes"], ticket.unit_revision),
        path=file_path(folder, ticket.upload),
        kind=kind,
        source=summary["source"],
    )


def use_up(ticket: ImportTicket, run: BackupRun) -> None:
    """Mark *ticket* as used by *run*, in the transaction in which it was found unused."""
    ImportTicket.update(run=run).where(ImportTicket.token_hash == ticket.token_hash).execute()


def discard(ticket: ImportTicket, folders: Folders) -> None:
    """Forget a ticket, and its upload with it (a safety copy stays)."""
    ticket.delete_instance()
    if ticket.kind != RunKind.UNDO:
        file_path(folders.uploads, ticket.upload).unlink(missing_ok=True)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
