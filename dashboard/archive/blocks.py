"""Lines <-> zstd blocks.

A block is a skippable frame that tells the compressed length of the one zstd frame behind it; that
frame declares its content size and holds whole lines. So memory is known before it is spent, and
`zstd -d` alone turns a payload into text.
"""

import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import NamedTuple

import zstandard

from .errors import ArchiveError, InvalidContent, LimitExceeded
from .limits import (
    BLOCK_TARGET_BYTES,
    MAX_BLOCK_BYTES,
    MAX_PACKED_BYTES,
    MAX_RATIO,
    MAX_UNPACKED_BYTES,
    RATIO_FREE_BYTES,
)
from .worker import Worker

_SKIPPABLE_MAGIC = 0x184D2A50
_PREFIX = struct.Struct("<III")  # magic, size of the frame's content (4), compressed length
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # a skippable frame has a size too
_RAW_BYTES = 128 << 10  # the most a block of a zstd frame may hold
# Level 3 with tables that fit the caches of a processor: as small a file, an eighth less time.
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    3, source_size=BLOCK_TARGET_BYTES, hash_log=16, chain_log=15
)
_of_thread = threading.local()


class Piece(NamedTuple):
    """Some whole lines of one section; of none ("") for the first line and the last."""

    section: str
    text: bytes
    rows: int


def _compressor() -> zstandard.ZstdCompressor:
    """Return the compressor of this thread: making one for each block costs a quarter more."""
    found: zstandard.ZstdCompressor | None = getattr(_of_thread, "compressor", None)
    if found is None:
        found = zstandard.ZstdCompressor(compression_params=_PARAMETERS)
        _of_thread.compressor = found
    return found


def pack_block(lines: bytes) -> bytes:
    """Return one block holding *lines*."""
    frame = _compressor().compress(lines)
    return _PREFIX.pack(_SKIPPABLE_MAGIC, 4, len(frame)) + frame


def store_block(lines: bytes) -> bytes:
    """Return one block holding *lines* as they are: a zstd frame of raw blocks (RFC 8878)."""
    frame = [_ZSTD_MAGIC, b"\xa0", struct.pack("<I", len(lines))]  # one segment, its size
    for at in range(0, len(lines), _RAW_BYTES):
        raw = lines[at : at + _RAW_BYTES]
        last = at + _RAW_BYTES >= len(lines)
        frame += [(len(raw) << 3 | last).to_bytes(3, "little"), raw]
    size = sum(map(len, frame))
    return b"".join([_PREFIX.pack(_SKIPPABLE_MAGIC, 4, size), *frame])


class LineGrouper:
    """Collects whole lines into blocks of about `BLOCK_TARGET_BYTES`.

    A block is handed to *emit* as the pieces that it is to be joined from.
    """

    def __init__(self, emit: Callable[[list[Piece]], None]) -> None:
        self._emit = emit
        self._pending: list[Piece] = []
        self._size = 0

    def add(self, piece: Piece) -> None:
        """Take one or more whole lines."""
        size = len(piece.text)
        if size > BLOCK_TARGET_BYTES:
            lines = piece.text.splitlines(keepends=True)
            if len(lines) > 1:
                for line in lines:
                    self.add(Piece(piece.section, line, 1))
                return
            if size > MAX_BLOCK_BYTES:
                raise LimitExceeded("a record of more than 4 MiB")
        if self._size + size > BLOCK_TARGET_BYTES:
            self.flush()
        self._pending.append(piece)
        self._size += size

    def flush(self) -> None:
        """Emit what was collected, if anything."""
        if self._pending:
            self._emit(self.take())

    def take(self) -> list[Piece]:
        """Return what was collected, and forget it."""
        taken, self._pending, self._size = self._pending, [], 0
        return taken


class BlockReader:
    """The lines of each block of the payload that *read* gives, bounded at every step.

    *file_bytes* is the size of the whole file, which the size of the text is compared with. With a
    `worker` the next block is unpacked while whoever took one looks at it.
    """

    def __init__(self, read: Callable[[int], bytes], file_bytes: int) -> None:
        self.worker: Worker | None = None
        self._blocks = _packed_blocks(read, file_bytes)
        self._decompressor = zstandard.ZstdDecompressor()
        self._ahead: Future[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the lines of each block that is left."""
        while lines := self.take():
            yield lines

    def take(self) -> bytes:
        """Return the lines of the next block; nothing at the proven end."""
        ahead = self._ahead or self._begin()
        self._ahead = self._begin() if self.worker is not None else None
        return ahead.result()

    def _begin(self) -> Future[bytes]:
        """Return what will hold the lines of the next block, or what is wrong with it."""
        begun: Future[bytes] = Future()
        try:
            frame, size = next(self._blocks, (b"", 0))
            if self.worker is not None and frame:
                return self.worker.submit(self._unpack, frame, size)
            begun.set_result(self._unpack(frame, size) if frame else b"")
        except ArchiveError as error:  # told in its turn: something before may be wrong, too
            begun.set_exception(error)
        return begun

    def _unpack(self, frame: bytes, size: int) -> bytes:
        try:
            lines = self._decompressor.decompress(
                frame, max_output_size=size, allow_extra_data=False
            )
        except zstandard.ZstdError:
            raise InvalidContent("a block that cannot be decompressed") from None
        if len(lines) != size or not lines.endswith(b"\n"):
            raise InvalidContent("a block that does not hold whole lines")
        return lines


def _packed_blocks(read: Callable[[int], bytes], file_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Yield the zstd frame of each block, and how many bytes it says it unpacks to."""
    unpacked = 0
    while prefix := read(_PREFIX.size):
        length = _compressed_length(prefix)
        frame = read(length)
        if len(frame) != length:
            raise InvalidContent("a block that is shorter than it says")
        size = _content_size(frame)
        unpacked += size
        if unpacked > MAX_UNPACKED_BYTES:
            raise LimitExceeded("more than 8 GiB when unpacked")
        check_ratio(unpacked, file_bytes)
        yield frame, size


def check_ratio(unpacked: int, file_bytes: int) -> None:
    """Raise `LimitExceeded` if *unpacked* bytes are too many for a file of *file_bytes*."""
    if unpacked > RATIO_FREE_BYTES and unpacked > file_bytes * MAX_RATIO:
        raise LimitExceeded(f"it unpacks to more than {MAX_RATIO} times its size")


def _compressed_length(prefix: bytes) -> int:
    if len(prefix) != _PREFIX.size:
        raise InvalidContent("a block that is cut short")
    magic, size, length = _PREFIX.unpack(prefix)
    if magic != _SKIPPABLE_MAGIC or size != 4 or length == 0:
        raise InvalidContent("something between the blocks")
    if length > MAX_PACKED_BYTES:
        raise InvalidContent("a block that is longer than any can be")
    return int(length)


def _content_size(frame: bytes) -> int:
    if not frame.startswith(_ZSTD_MAGIC):
        raise InvalidContent("a block that is not a zstd frame")
    try:
        parameters = zstandard.get_frame_parameters(frame)
    except zstandard.ZstdError:
        raise InvalidContent("a block that is not a zstd frame") from None
    size = int(parameters.content_size)
    if size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR):
        raise InvalidContent("a block that does not declare its size")
    if size == 0:
        raise InvalidContent("an empty block")
    if size > MAX_BLOCK_BYTES:
        raise LimitExceeded("a block of more than 4 MiB")
    if parameters.dict_id:
        raise InvalidContent("a block that needs a dictionary")
    return size
