"""File -> report: what can be said of a backup without a password, and with one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from ..archive import (
    ArchiveReader,
    Manifest,
    PasswordSlot,
    Proven,
    Row,
    SealedSlot,
    Section,
    encode_line,
    read_header,
)
from ..archive.keys import Opener
from ..archive.worker import Worker
from ..db import read_snapshot
from ..models import Unit, revision_of
from .compare import NAMES, Comparer, Comparison
from .part_kinds import require_whole
from .progress import Counter, Progress, Stage, silent
from .sections import count_rows
from .store import sha256_beside


@dataclass(frozen=True, slots=True)
class SlotReport:
    """One key slot: "password" with its cost, "sealed", or a type we do not know."""

    type: str
    ops: int | None = None
    mem_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that a file tells without a password."""

    format: int
    file_bytes: int
    slots: tuple[SlotReport, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A backup that was read to its end and found to be whole."""

    manifest: Manifest
    content: str
    file_bytes: int
    file_sha256: str
    payload_bytes: int
    file_key: bytes

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of rows of each section."""
        return self.manifest.counts


@dataclass(frozen=True, slots=True)
class Change:
    """One section: how many rows there are now, and how many the backup brings."""

    section: str
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import of a backup into a unit would do."""

    report: Report
    same_unit: bool
    changes: tuple[Change, ...]
    unit_revision: int
    comparison: Comparison | None = None


def inspect(source: BinaryIO) -> Inspection:
    """Read the header of *source*; raise `ArchiveError` if it is not a sound one."""
    size = _size(source)
    header = read_header(source)
    slots = []
    for slot in header.slots:
        match slot:
            case PasswordSlot(cost):
                slots.append(SlotReport("password", cost.ops, cost.mem))
            case SealedSlot():
                slots.append(SlotReport("sealed"))
            case _:
                slots.append(SlotReport(slot.type))
    return Inspection(1, size, tuple(slots))


def validate(
    source: BinaryIO,
    opener: Opener,
    *,
    password: bool = False,
    progress: Progress = silent,
    observe: Callable[[Section, Sequence[Row]], None] | None = None,
    proven: Proven | None = None,
) -> Report:
    """Read *source* from its beginning to its very end and check everything. Writes nothing.

    Raise an `ArchiveError` at the first fault. *observe* gets the rows that passed so far;
    *proven* is asked for those that need no decoding, as by `ArchiveReader.batches`.
    """
    with Worker() as worker:
        digest = sha256_beside(source, worker)
        reader = ArchiveReader(source, opener, password=password)
        rows = Counter(progress, Stage.CHECK, sum(reader.manifest.counts.values()))
        for batch in reader.batches(proven=proven):
            if observe is not None:
                observe(batch.section, batch.rows)
            rows.add(len(batch.rows))
        return _report(source, reader, digest.result())


def _report(source: BinaryIO, reader: ArchiveReader, file_sha256: str) -> Report:
    if reader.trailer is None:
        raise RuntimeError("the reader ended without a trailer")
    return Report(
        manifest=reader.manifest,
        content=reader.trailer.content,
        file_bytes=_size(source),
        file_sha256=file_sha256,
        payload_bytes=reader.payload_bytes,
        file_key=reader.file_key,
    )


def decrypt(source: BinaryIO, opener: Opener, *, password: bool = False) -> Iterator[bytes]:
    """Yield the payload of *source* as NDJSON text, some lines at a time.

    It is proven whole only when the iteration has ended.
    """
    reader = ArchiveReader(source, opener, password=password)
    yield encode_line(reader.manifest)
    yield from (batch.lines for batch in reader.batches())
    if reader.trailer is not None:
        yield encode_line(reader.trailer)


def preview(report: Report, unit: Unit, comparison: Comparison | None = None) -> Preview:
    """Say what an import of a validated backup into *unit* would do.

    Without a *comparison* only the numbers are compared. With one, the revision is the one that
    was compared, so that exactly what was shown can be imported. Raise `PartOfUnit` for the file
    of a part: there is no import of it that would not lose all the rest.
    """
    require_whole(report.manifest)
    if comparison is None:
        revision = revision_of(unit)  # first: what comes between the two makes the preview stale
        now = count_rows(unit)
    else:
        now = {section.section: section.now for section in comparison.sections}
        revision = comparison.unit_revision
    return Preview(
        report=report,
        same_unit=report.manifest.unit.uid == unit.uid,
        changes=tuple(Change(name, now[name], then) for name, then in report.counts.items()),
        unit_revision=revision,
        comparison=comparison,
    )


def preview_file(
    source: BinaryIO,
    opener: Opener,
    unit: Unit,
    *,
    password: bool = False,
    progress: Progress = silent,
    names: int = NAMES,
) -> Preview:
    """Validate *source* and compare it with *unit* row by row, both in one reading."""
    with read_snapshot():
        comparer = Comparer(unit, names=names)
        report = validate(
            source,
            opener,
            password=password,
            progress=progress,
            observe=comparer.add,
            proven=comparer.proven,
        )
        return preview(report, unit, comparer.finish())


def _size(source: BinaryIO) -> int:
    at = source.tell()
    size = source.seek(0, 2)
    source.seek(at)
    return size
