"""Backup file -> unit. The one place where state is wiped."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .. import db
from ..archive import ArchiveReader, ContentDigest, encode_rows, with_file_key
from ..models import Unit, revision_of
from .errors import FileChanged, NotVerified, UnitChanged
from .export import content_digest
from .part_kinds import require_whole
from .progress import Counter, Progress, Stage, silent
from .sections import TABLE_OF, WIPE_ORDER
from .store import require_space, sha256

SPARE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What was validated and previewed: exactly this is restored, or nothing."""

    file_key: bytes
    file_sha256: str
    payload_bytes: int
    unit_revision: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in the unit now."""

    content: str
    counts: dict[str, int]
    revision: int


def restore(
    unit: Unit, source: BinaryIO, plan: Plan, data_dir: Path, *, progress: Progress = silent
) -> Restored:
    """Replace the state of *unit* by the backup in *source*, wholly or not at all.

    The caller holds the write transaction (`db.write_transaction`) that this becomes part of, so
    that its own records of the result are committed with it; any error must leave that block.

    1. the file is the one that was validated, and there is room for it
    2. the unit is what it was at the preview, and the file holds all of one
    3. wipe this unit's rows, children first
    4. load the sections, parents first
    5. no row refers to nothing
    6. what an export would write now has the content digest of the backup
    7. raise the unit's revision
    """
    if sha256(source) != plan.file_sha256:
        raise FileChanged
    require_disk_room(data_dir, plan)

    revision = revision_of(unit)
    if revision != plan.unit_revision:
        raise UnitChanged(plan.unit_revision)

    reader = ArchiveReader(source, with_file_key(plan.file_key))
    require_whole(reader.manifest)
    for model in WIPE_ORDER:
        model.delete().where(model.unit == unit).execute()

    total = sum(reader.manifest.counts.values())
    rows = Counter(progress, Stage.LOAD, total)
    # These bytes passed every check at the validation, whose digest they have.
    for batch in reader.batches(known=True):
        TABLE_OF[batch.section.name].insert(unit, batch.rows)
        rows.add(len(batch.rows))

    if db.broken_references():
        raise NotVerified("The restored state")

    if reader.trailer is None:
        raise NotVerified("The restored state")
    found = content_digest(unit, progress=progress, total=total)
    if found != reader.trailer.content and found != _respelled(source, plan.file_key):
        raise NotVerified("The restored state")

    Unit.update(revision=Unit.revision + 1).where(Unit.id == unit.id).execute()
    return Restored(found, reader.manifest.counts, revision + 1)


def require_disk_room(data_dir: Path, plan: Plan, *, wiped_bytes: int = 0) -> None:
    """Raise `NoSpace` unless an import of *plan* has the room it may need.

    *wiped_bytes*: of the payload that the unit's present state has, where that is known.
    """
    # The write-ahead log holds the new pages and the old ones, overwritten, until the commit.
    require_space(data_dir, 3 * plan.payload_bytes + 2 * wiped_bytes + SPARE_BYTES)


def _respelled(source: BinaryIO, file_key: bytes) -> str:
    """Return the content digest of a file whose rows are spelled otherwise than we spell them.

    JSON may be written in more than one way; a file made by another program need not choose ours.
    """
    source.seek(0)
    digest = ContentDigest()
    for batch in ArchiveReader(source, with_file_key(file_key)).batches(known=True):
        lines = encode_rows(batch.section, batch.rows)
        digest.update(batch.section.name, lines, len(batch.rows))
    return digest.trailer().content
