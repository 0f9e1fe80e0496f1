"""Reads a file back while it is being written, by the very steps of a reader, from the disk's side.

Every block is opened, unpacked and compared with the lines it was made of. So the proof is ready a
moment after the last byte is written, and is that of equal bytes, not of equal digests.
"""

import hashlib
import os
import sys
import threading
from collections import deque
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from typing import Any, Self

from .blocks import BlockReader, check_ratio
from .chunks import ChunkReader
from .errors import Damaged
from .header import LINE1, read_header
from .keys import is_mac, payload_key

READ_BYTES = 256 << 10  # at once: each reading waits for the interpreter
MAX_LINES_KEPT = 4  # blocks; of more that wait only digests are kept
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found in a file that reads back as it was written."""

    file_bytes: int
    file_sha256: str
    payload_bytes: int


class ReadBack:
    """Follows the writing of the file behind the descriptor *file*, in a thread of its own.

    Whoever writes tells it of each block (`expect`) and of all that has reached the file (`grown`).
    Use as a context manager around the writer.
    """

    def __init__(self, file: int, file_key: bytes) -> None:
        self._source = _GrowingFile(file)
        self._file_key = file_key
        self._expected: deque[tuple[int, bytes]] = deque()
        self._proof: Proof | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, name="read-back", daemon=True)

    def __enter__(self) -> Self:
        """Begin to follow."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop, wherever it is."""
        self._source.end()
        self._thread.join()

    def expect(self, lines: bytes) -> None:
        """Say that the next block must hold *lines*."""
        # What compresses to nearly nothing waits long for a chunk to be full: memory has a bound.
        kept = lines if len(self._expected) < MAX_LINES_KEPT else _digest(lines)
        self._expected.append((len(lines), kept))

    def grown(self, size: int) -> None:
        """Say that the file has *size* bytes now; raise what was found to be wrong with it."""
        if self._error is not None:
            raise self._error
        self._source.grow(size)

    def finish(self) -> Proof:
        """Wait until the file was read to its end; raise an `ArchiveError` if it is not right."""
        self._source.end()
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._proof is None:
            raise RuntimeError("read back without a proof")
        return self._proof

    def _follow(self) -> None:
        try:
            self._proof = self._read()
        except BaseException as error:
            self._error = error

    def _read(self) -> Proof:
        source = BufferedReader(self._source, READ_BYTES)
        header = read_header(source)
        if not is_mac(header.mac, self._file_key, header.lines):
            raise _not_as_written()
        chunks = ChunkReader(source, payload_key(self._file_key, LINE1))
        unpacked = 0
        for lines in BlockReader(chunks.read, sys.maxsize):
            if not self._expected:
                raise _not_as_written()
            size, kept = self._expected.popleft()
            same = lines == kept if len(kept) == size else _digest(lines) == kept
            if not same or len(lines) != size:
                raise _not_as_written()
            unpacked += size
        if self._expected:
            raise _not_as_written()
        check_ratio(unpacked, self._source.size)
        return Proof(self._source.size, self._source.sha256.hexdigest(), unpacked)


def _digest(lines: bytes) -> bytes:
    return hashlib.blake2b(lines, digest_size=_DIGEST_BYTES).digest()


def _not_as_written() -> Damaged:
    return Damaged("it does not read back as it was written")


class _GrowingFile(RawIOBase):
    """A file that somebody else still writes: reading waits for bytes, and its end for `end`."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._at = self.size = 0
        self._ended = False
        self._changed = threading.Condition()
        self.sha256 = hashlib.sha256()

    def grow(self, size: int) -> None:
        with self._changed:
            self.size = size
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self.size > self._at)
            size = min(len(buffer), self.size - self._at)
        data = os.pread(self._file, size, self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        self.sha256.update(data)
        return len(data)
