"""Rows -> lines -> blocks -> chunks: the pipeline of an export."""

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Self

from .blocks import LineGrouper, pack_block, store_block
from .chunks import ChunkWriter
from .header import LINE1, write_header
from .keys import Slot, payload_key
from .limits import MAX_RATIO, RATIO_FREE_BYTES
from .manifest import ContentDigest, Manifest, Trailer, encode_line
from .rows import SECTIONS, Row, check_types, encode_rows
from .rules import RowChecker

COMPRESSORS = 2
MAX_BLOCKS_WAITING = 4


class ArchiveWriter:
    """Writes one backup file to *sink*: header, then rows section by section, then the trailer.

    Threads of its own compress, while the caller's reads, encodes, and seals what is compressed: a
    thread has to wait for the interpreter after each call of a library, so the many short calls
    for chunks stay here, and a second compressor works while the first one waits. Use as a
    context manager; a file without `finish` has no last chunk and is refused.
    """

    def __init__(
        self, sink: BinaryIO, file_key: bytes, slots: tuple[Slot, ...], manifest: Manifest
    ) -> None:
        sink.write(write_header(slots, file_key))
        self._chunks = ChunkWriter(sink, payload_key(file_key, LINE1))
        self._digest = ContentDigest()
        self._lines = LineGrouper(self._submit)
        self._pool = ThreadPoolExecutor(COMPRESSORS, thread_name_prefix="archive")
        self._waiting: deque[tuple[bytes, Future[bytes]]] = deque()
        self._unpacked = self._packed = 0
        self._claimed = manifest.counts
        self._lines.add(encode_line(manifest))

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._digest.__exit__()

    def write_sections(self, sections: Iterable[tuple[str, Iterable[Sequence[Row]]]]) -> None:
        """Write batches of rows for every section, which must come in the order of `SECTIONS`.

        Raise `InvalidContent` for a row that a reader would refuse: better no backup, and the
        reason, than one that cannot be imported.
        """
        checker = RowChecker()
        for section, (name, batches) in zip(SECTIONS, sections, strict=True):
            if section.name != name:
                raise ValueError(f"{name} where {section.name} belongs")
            done = 0
            for rows in batches:
                # The rules ask of a config key all that its types say, and in less time.
                if section.name != "config_keys":
                    check_types(section, rows)
                lines = encode_rows(section, rows)
                checker.check(section, rows, done, lines)
                self._digest.add(name, lines, len(rows))
                self._lines.add(lines)
                done += len(rows)

    def finish(self) -> Trailer:
        """Write the trailer and the last chunk; return the trailer. Does not close the sink."""
        trailer = self._digest.trailer()
        if self._digest.counts != self._claimed:
            raise ValueError("the rows are not as many as the manifest says")
        self._lines.add(encode_line(trailer))
        self._lines.flush()
        self._settle(0)
        self._chunks.finish()
        return trailer

    def _submit(self, lines: bytes) -> None:
        self._settle(MAX_BLOCKS_WAITING - 1)
        self._waiting.append((lines, self._pool.submit(pack_block, lines)))

    def _settle(self, most: int) -> None:
        """Seal and write the oldest blocks until at most *most* are being compressed."""
        while len(self._waiting) > most:
            lines, packing = self._waiting.popleft()
            block = packing.result()
            self._unpacked += len(lines)
            # A reader refuses what unpacks to too many times its size: stay at half of that.
            if self._unpacked * 2 > max(RATIO_FREE_BYTES, self._packed * MAX_RATIO):
                block = store_block(lines)
            self._packed += len(block)
            self._chunks.write(block)
