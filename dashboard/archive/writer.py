"""Rows -> lines -> blocks -> chunks: the pipeline of an export."""

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, BinaryIO, Self

from .blocks import LineGrouper, Piece, pack_block, store_block
from .chunks import ChunkWriter
from .errors import InvalidContent, LimitExceeded, NotExportable
from .header import LINE1, write_header
from .keys import Slot, payload_key
from .limits import MAX_RATIO, RATIO_FREE_BYTES
from .manifest import ContentDigest, Manifest, Trailer, encode_line
from .read_back import ReadBack
from .rows import SECTIONS, Row, Section, decode_rows, encode_rows
from .rules import RowChecker
from .worker import Worker

MAX_BLOCKS_WAITING = 2


@dataclass(frozen=True, slots=True)
class Lines:
    """Some rows to be written, as the lines they are in the file, and what each is sorted by.

    *checked*: every row was proven by the rules when it came to be as it is, so only their order
    is asked again.
    """

    text: bytes
    keys: Sequence[Any]
    checked: bool = False


def lines_of(section: Section, rows: Sequence[Row], *, checked: bool = False) -> Lines:
    """Return *rows* of *section* as lines."""
    return Lines(encode_rows(section, rows), section.keys_of(rows), checked)


def _check(checker: RowChecker, section: Section, lines: Lines, first: int) -> None:
    if lines.checked:
        checker.check_order(section, lines.keys, first)
    else:
        rows = decode_rows(section, lines.text, first)
        checker.check(section, rows, first, lines.text)


class ArchiveWriter:
    """Writes one backup file to *sink*: header, then rows section by section, then the trailer.

    A thread of its own digests and compresses, while the caller's reads, encodes, and seals what is
    compressed: a thread has to wait for the interpreter after each call of a library, so the many
    short calls for chunks stay here. A second compressor gained nothing. Use as a context manager;
    a file without `finish` has no last chunk and is refused.
    """

    def __init__(
        self,
        sink: BinaryIO,
        file_key: bytes,
        slots: tuple[Slot, ...],
        manifest: Manifest,
        *,
        read_back: ReadBack | None = None,
    ) -> None:
        self._sink, self._read_back = sink, read_back
        sink.write(write_header(slots, file_key))
        self._chunks = ChunkWriter(sink, payload_key(file_key, LINE1))
        self._digest = ContentDigest()
        self._lines = LineGrouper(self._submit)
        self._worker = Worker()
        self._waiting: deque[Future[tuple[bytes, bytes]]] = deque()
        self._unpacked = self._packed = 0
        self._claimed = manifest.counts
        self._lines.add(Piece("", encode_line(manifest), 0))

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the thread."""
        self._worker.stop()

    def write_sections(self, sections: Iterable[tuple[str, Iterable[Lines]]]) -> None:
        """Write the lines of every section, which must come in the order of `SECTIONS`.

        Raise `NotExportable` for a row that a reader would refuse: better no backup, and the
        reason, than one that cannot be imported.
        """
        checker = RowChecker()
        for section, (name, batches) in zip(SECTIONS, sections, strict=True):
            if section.name != name:
                raise ValueError(f"{name} where {section.name} belongs")
            done = 0
            for lines in batches:
                try:
                    _check(checker, section, lines, done)
                except (InvalidContent, LimitExceeded) as error:
                    raise NotExportable(error, lines.keys[error.row - done]) from None
                self._lines.add(Piece(name, lines.text, len(lines.keys)))
                done += len(lines.keys)

    def finish(self) -> Trailer:
        """Write the trailer and the last chunk; return the trailer. Does not close the sink."""
        self._settle(0)
        rest = self._join(self._lines.take())
        trailer = self._digest.trailer()
        if self._digest.counts != self._claimed:
            raise ValueError("the rows are not as many as the manifest says")
        self._lines.add(Piece("", rest, 0))
        self._lines.add(Piece("", encode_line(trailer), 0))
        self._lines.flush()
        self._settle(0)
        self._chunks.finish()
        self._tell_written()
        return trailer

    def _submit(self, pieces: list[Piece]) -> None:
        self._settle(MAX_BLOCKS_WAITING - 1)
        self._waiting.append(self._worker.submit(self._pack, pieces))

    def _pack(self, pieces: list[Piece]) -> tuple[bytes, bytes]:
        lines = self._join(pieces)
        return lines, pack_block(lines)

    def _join(self, pieces: list[Piece]) -> bytes:
        """Return the lines of *pieces*, which were digested, each for its section."""
        lines = b"".join(piece.text for piece in pieces)
        at = 0
        for section, of_it in groupby(pieces, attrgetter("section")):
            sizes, rows = zip(*((len(piece.text), piece.rows) for piece in of_it), strict=True)
            end = at + sum(sizes)
            if section:
                self._digest.update(section, memoryview(lines)[at:end], sum(rows))
            at = end
        return lines

    def _settle(self, most: int) -> None:
        """Seal and write the oldest blocks until at most *most* are being compressed."""
        while len(self._waiting) > most:
            lines, block = self._waiting.popleft().result()
            self._unpacked += len(lines)
            # A reader refuses what unpacks to too many times its size: stay at half of that.
            if self._unpacked * 2 > max(RATIO_FREE_BYTES, self._packed * MAX_RATIO):
                block = store_block(lines)
            self._packed += len(block)
            if self._read_back is not None:
                self._read_back.expect(lines)
            self._chunks.write(block)
            self._tell_written()

    def _tell_written(self) -> None:
        if self._read_back is not None:
            self._sink.flush()
            self._read_back.grown(self._sink.tell())
