"""Unit -> backup file. One read transaction, constant memory, read back before it counts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from ..archive import (
    ArchiveWriter,
    ContentDigest,
    KdfCost,
    Manifest,
    ReadBack,
    Slot,
    UnitLabel,
    new_file_key,
    password_slot,
    section_heads,
)
from ..db import read_snapshot
from ..models import Installation, Unit
from .errors import PasswordTooLong, PasswordTooShort
from .gate import key_derivation
from .progress import Counter, Progress, Stage, silent
from .report import Report
from .sections import TABLES, count_rows

# Characters of a new backup password. What opens a file is only bounded where strangers may ask:
# another program may have made it under a longer one, and a command opens that.
PASSWORD_MAX = 1024


@dataclass(frozen=True, slots=True)
class Lock:
    """A fresh file key and the slots that open it."""

    file_key: bytes
    slots: tuple[Slot, ...]


def lock_with_password(password: str, cost: KdfCost, *, least: int) -> Lock:
    """Make a file key that *password* opens.

    Raise `PasswordTooShort` under *least* characters, `PasswordTooLong` over `PASSWORD_MAX`. The
    slow step of an export, done first: bad input must be an answer, not half a file.
    """
    if len(password) < least:
        raise PasswordTooShort(least)
    if len(password) > PASSWORD_MAX:
        raise PasswordTooLong(PASSWORD_MAX)
    file_key = new_file_key()
    with key_derivation():
        return Lock(file_key, (password_slot(file_key, password, cost),))


def export(
    unit: Unit,
    sink: BinaryIO,
    lock: Lock,
    *,
    app: str,
    by: str,
    note: str = "",
    progress: Progress = silent,
) -> Report:
    """Write the whole state of *unit* to *sink* as one backup file, and read it back.

    *sink* is a file on disk, open for reading too. Raise `NotExportable` for a row that could not
    be imported again, and `Damaged` if the file does not read back as it was written.
    """
    with read_snapshot():
        manifest = manifest_of(unit, count_rows(unit), app=app, by=by, note=note)
        rows = Counter(progress, Stage.WRITE, sum(manifest.counts.values()))
        with (
            ReadBack(sink.fileno(), lock.file_key) as read_back,
            ArchiveWriter(sink, lock.file_key, lock.slots, manifest, read_back=read_back) as writer,
        ):
            writer.write_sections(
                (table.section.name, rows.through(table.lines(unit))) for table in TABLES
            )
            trailer = writer.finish()
            proof = read_back.finish()
    return Report(
        manifest=manifest,
        content=trailer.content,
        file_bytes=proof.file_bytes,
        file_sha256=proof.file_sha256,
        payload_bytes=proof.payload_bytes,
        file_key=lock.file_key,
    )


def content_digest(unit: Unit, *, progress: Progress = silent, total: int = 0) -> str:
    """Return the content digest of the unit's state as an export would write it now."""
    rows = Counter(progress, Stage.VERIFY, total)
    digest = ContentDigest()
    for table in TABLES:
        for lines in rows.through(table.lines(unit)):
            digest.update(table.section.name, lines.text, len(lines.keys))
    return digest.trailer().content


def manifest_of(unit: Unit, counts: Mapping[str, int], *, app: str, by: str, note: str) -> Manifest:
    """Return the first line of a file made now, which has *counts* rows of *unit*."""
    return Manifest(
        format=1,
        app=app,
        created_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        created_by=by,
        instance=Installation.select(Installation.uid).scalar(),
        organisation=unit.organisation.name,
        unit=UnitLabel(uid=unit.uid, slug=unit.slug, name=unit.name),
        note=note,
        sections=section_heads(counts),
    )
