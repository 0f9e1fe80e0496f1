"""Where request bodies wait that are too large for memory: in files that nobody can read.

The form around an upload carries a password. A temporary file keeps it on the disk after the file
is gone, so what goes into it is sealed with a key that never leaves the memory.
"""

import io
import tempfile
from typing import TYPE_CHECKING

from nacl.bindings import crypto_secretbox, crypto_secretbox_open
from nacl.utils import random
from waitress.buffers import FileBasedBuffer, OverflowableBuffer

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

BLOCK_BYTES = 64 << 10
_SEALED_BYTES = BLOCK_BYTES + 16  # with the tag
_NONCE_BYTES = 24


class SealedFile(io.RawIOBase):
    """A temporary file without a name that only this object can read. Writing adds at the end."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with this one
        self._key = random(32)
        self._blocks = 0  # in the file; what follows is not a whole block yet, and in memory
        self._rest = bytearray()
        self._place = 0
        self._known = (-1, b"")  # the block that was read last

    def write(self, data: "ReadableBuffer") -> int:
        """Add *data* at the end, wherever the place for reading was."""
        added = bytes(data)
        self._rest += added
        while len(self._rest) >= BLOCK_BYTES:
            block = bytes(self._rest[:BLOCK_BYTES])
            del self._rest[:BLOCK_BYTES]
            self._file.seek(self._blocks * _SEALED_BYTES)
            self._file.write(crypto_secretbox(block, _nonce(self._blocks), self._key))
            self._blocks += 1
        self._place = self._end()
        return len(added)

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read from the place on, at most to the end of a block."""
        number, start = divmod(self._place, BLOCK_BYTES)
        into = memoryview(buffer).cast("B")
        found = self._block(number)[start : start + len(into)]
        into[: len(found)] = found
        self._place += len(found)
        return len(found)

    def _block(self, number: int) -> bytes:
        if number >= self._blocks:
            return bytes(self._rest) if number == self._blocks else b""
        if self._known[0] != number:
            self._file.seek(number * _SEALED_BYTES)
            sealed = self._file.read(_SEALED_BYTES)
            self._known = number, crypto_secretbox_open(sealed, _nonce(number), self._key)
        return self._known[1]

    def _end(self) -> int:
        return self._blocks * BLOCK_BYTES + len(self._rest)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end()}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def seekable(self) -> bool:
        """Return that one can go to a place in it."""
        return True

    def close(self) -> None:
        """Give up the file."""
        self._file.close()
        super().close()


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES, "big")  # one key for each file, one number for each block


class Body(OverflowableBuffer):  # type: ignore[misc]  # waitress has no types
    """What a request body is kept in: memory, and a `SealedFile` when it becomes too large."""

    buf: FileBasedBuffer | None

    def _set_large_buffer(self) -> None:
        self.buf = FileBasedBuffer(SealedFile(), self.buf)
        self.overflowed = True
