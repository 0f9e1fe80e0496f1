"""What the two readers say of a file, in one word each: `ok`, or the class of the refusal.

Anything else that comes out of a reader is a bug, and said as `raised <its type>`.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO

from dashboard.archive import ArchiveError, ArchiveReader, with_file_key
from dashboard.archive.keys import Opener
from tests.archive import second_reader
from tests.archive.second_json import KINDS, Refused
from tests.archive.second_reader import DEFAULT, Backup, Limits

CLASSES = ("ok", *KINDS)


def product(data: bytes, file_key: bytes, *, way: str = "batches") -> str:
    """Return what the product's reader says of *data*, whose key is known."""
    return product_of(io.BytesIO(data), with_file_key(file_key), way=way)


def product_of(source: BinaryIO, opener: Opener, *, way: str = "batches") -> str:
    """Return what the product's reader says of *source*; a refused file must not count as valid."""
    reader = None
    try:
        reader = ArchiveReader(source, opener)
        for _ in rows_of(reader, way):
            if reader.trailer is not None:
                return "raised nothing, and counted as valid before the end"
    except ArchiveError as error:
        if reader is not None and reader.trailer is not None:
            return f"raised {error.code}, and counted as valid"
        return error.code if error.code in CLASSES else f"raised {error.code}"
    except Exception as error:
        return f"raised {type(error).__name__}"
    return "ok" if reader.trailer is not None else "raised nothing, and did not count as valid"


def rows_of(reader: ArchiveReader, way: str) -> Iterator[object]:
    """Return the reader's iterator of one *way* to read to the end."""
    return reader.batches(known=way == "known")


def second(data: bytes, file_key: bytes, limits: Limits = DEFAULT) -> str:
    """Return what the second reader says of *data*, whose key is known."""
    try:
        second_backup(data, file_key, limits)
    except Refused as refused:
        return refused.kind
    except Exception as error:
        return f"raised {type(error).__name__} in the second reader"
    return "ok"


def second_backup(data: bytes, file_key: bytes, limits: Limits = DEFAULT) -> Backup:
    """Read *data* like `second_reader.read`, with the file key in the place of a password."""
    if len(data) > limits.packed:
        raise Refused("limit", "the file is larger than accepted")
    line1 = second_reader.read_version(data)
    header = second_reader.read_header(data, line1)
    second_reader.check_bounds(header, limits)
    second_reader.check_mac(header, file_key)
    key = second_reader.payload_key(file_key, line1)
    payload = second_reader.open_chunks(data[len(header.lines) + 32 :], key)
    return second_reader.read_lines(second_reader.unpack(payload, len(data), limits))
