"""Reading from sources that may give less than was asked for."""

from typing import BinaryIO


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """Return *size* bytes of *source*; fewer only at its end."""
    data = source.read(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    got = len(data)
    while got < size and (data := source.read(size - got)):
        parts.append(data)
        got += len(data)
    return b"".join(parts)


def size_of(source: BinaryIO) -> int:
    """Return how many bytes *source* has, and leave it at its beginning."""
    size = source.seek(0, 2)
    source.seek(0)
    return size
