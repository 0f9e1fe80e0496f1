"""Payload bytes <-> sealed chunks.

The nonce of chunk i is i as 23 bytes, big endian, then 0x01 for the last chunk and 0x00 for every
other. So a chunk opens only in its own place, only in its own file, and only as what it is.
"""

from typing import BinaryIO

from .errors import Damaged
from .keys import open_chunk, seal_chunk
from .limits import CHUNK_BYTES, CHUNK_OVERHEAD
from .streams import read_exactly

_SEALED_CHUNK_BYTES = CHUNK_BYTES + CHUNK_OVERHEAD


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(23, "big") + (b"\x01" if last else b"\x00")


class ChunkWriter:
    """Seals what is written to it and passes the chunks to *sink*. Call `finish` at the end."""

    def __init__(self, sink: BinaryIO, key: bytes) -> None:
        self._sink = sink
        self._key = key
        self._number = 0
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        """Take *data*; at least one byte always waits, since only the end knows the last chunk."""
        self._pending += data
        full = (len(self._pending) - 1) // CHUNK_BYTES
        if full <= 0:
            return
        with memoryview(self._pending) as view:
            for at in range(0, full * CHUNK_BYTES, CHUNK_BYTES):
                self._seal(bytes(view[at : at + CHUNK_BYTES]), last=False)
        del self._pending[: full * CHUNK_BYTES]

    def finish(self) -> None:
        """Write the last chunk."""
        if not self._pending:
            raise ValueError("a payload has at least one byte")
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._sink.write(seal_chunk(plain, _nonce(self._number, last=last), self._key))
        self._number += 1


class ChunkReader:
    """Opens the chunks that follow the header in *source*, and gives out only proven bytes."""

    def __init__(self, source: BinaryIO, key: bytes) -> None:
        self._source = source
        self._key = key
        self._number = 0
        self._plain = b""
        self._at = 0
        self._ahead = read_exactly(source, _SEALED_CHUNK_BYTES)
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return exactly *size* bytes, fewer only at the proven end of the payload."""
        left = len(self._plain) - self._at
        if size <= left:
            self._at += size
            return self._plain[self._at - size : self._at]
        parts = [self._plain[self._at :]]
        missing = size - left
        while missing > 0 and not self._ended:
            self._next()
            parts.append(self._plain[:missing])
            self._at = len(parts[-1])
            missing -= self._at
        if missing > 0:
            self._plain, self._at = b"", 0
        return b"".join(parts)

    def _next(self) -> None:
        sealed = self._ahead
        self._ahead = read_exactly(self._source, _SEALED_CHUNK_BYTES)
        last = not self._ahead
        if len(sealed) <= CHUNK_OVERHEAD or (not last and len(sealed) != _SEALED_CHUNK_BYTES):
            raise Damaged("it is cut short")
        plain = open_chunk(sealed, _nonce(self._number, last=last), self._key)
        if plain is None:
            raise Damaged(self._explain(sealed, last=last))
        self._plain, self._at = plain, 0
        self._number += 1
        self._ended = last

    def _explain(self, sealed: bytes, *, last: bool) -> str:
        if open_chunk(sealed, _nonce(self._number, last=not last), self._key) is None:
            at = self._number * _SEALED_CHUNK_BYTES
            return f"byte {at} of its content, or one soon after, is not what was written"
        return "it is cut short" if last else "something was added at its end"
