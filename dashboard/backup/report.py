"""File -> report: what can be said of a backup without a password, and with one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..archive import (
    ArchiveReader,
    Manifest,
    PasswordSlot,
    SealedSlot,
    encode_line,
    read_header,
)
from ..archive.keys import Opener
from ..models import Unit
from .progress import Counter, Progress, Stage, silent
from .sections import count_rows
from .store import sha256


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
    source: BinaryIO, opener: Opener, *, password: bool = False, progress: Progress = silent
) -> Report:
    """Read *source* from its beginning to its very end and check everything. Writes nothing.

    Raise an `ArchiveError` at the first fault.
    """
    digest = sha256(source)
    reader = ArchiveReader(source, opener, password=password)
    rows = Counter(progress, Stage.CHECK, sum(reader.manifest.counts.values()))
    for batch in reader.batches():
        rows.add(len(batch.rows))
    return _report(source, reader, digest)


def skim(source: BinaryIO, opener: Opener, *, progress: Progress = silent) -> Report:
    """Read *source* to its very end, proving every byte and digest, without looking at rows.

    For a file that was written a moment ago from rows that were checked then.
    """
    digest = sha256(source)
    reader = ArchiveReader(source, opener)
    rows = Counter(progress, Stage.READ_BACK, sum(reader.manifest.counts.values()))
    for count in reader.skim():
        rows.add(count)
    return _report(source, reader, digest)


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


def preview(report: Report, unit: Unit) -> Preview:
    """Compare the numbers of a validated backup with what *unit* holds now."""
    now = count_rows(unit)
    revision = int(Unit.select(Unit.revision).where(Unit.id == unit.id).scalar())
    return Preview(
        report=report,
        same_unit=report.manifest.unit.uid == unit.uid,
        changes=tuple(Change(name, now[name], then) for name, then in report.counts.items()),
        unit_revision=revision,
    )


def _size(source: BinaryIO) -> int:
    at = source.tell()
    size = source.seek(0, 2)
    source.seek(at)
    return size
