"""A block is unpacked while the rows of the one before are looked at; faults keep their order."""

import io
import random
import threading

import pytest
import zstandard

from dashboard.archive import ArchiveReader, Damaged, InvalidContent, with_file_key
from tests.archive.cases.state import key, only
from tests.archive.second_writer import CHUNK, Maker, packed, text

SOUND, WRONG = key("1", name="A"), key("one", "number", name="A")
NOT_ZSTD = packed(b"\x28\xb5\x2f\xfd" + bytes(20))
MAKER = Maker("ahead")


def blocks(first, *behind: bytes) -> bytes:
    """Return the payload of a manifest and a row, each in a block, and what comes *behind*."""
    lines = text(only("config_keys", first, key("2", name="B"))).splitlines(keepends=True)
    return b"".join([*(packed(zstandard.compress(line)) for line in lines[:2]), *behind])


def read(data: bytes) -> list:
    reader = ArchiveReader(io.BytesIO(data), with_file_key(MAKER.file_key))
    return [row for batch in reader.batches() for row in batch.rows]


def test_a_row_with_a_fault_is_told_before_a_block_behind_it():
    with pytest.raises(InvalidContent, match="config_keys, row 1: not a number"):
        read(MAKER.file(blocks(WRONG, NOT_ZSTD)))
    with pytest.raises(InvalidContent, match="a block that"):
        read(MAKER.file(blocks(SOUND, NOT_ZSTD)))


def test_a_row_with_a_fault_is_told_before_a_chunk_behind_it():
    noise = packed(zstandard.compress(random.Random(1).randbytes(CHUNK) + b"\n"))
    for first, kind in ((WRONG, InvalidContent), (SOUND, Damaged)):
        chunks = MAKER.chunks(blocks(first, noise))
        assert len(chunks) == 2
        with pytest.raises(kind):
            read(MAKER.file([chunks[0], chunks[1][:-1] + bytes([chunks[1][-1] ^ 1])]))


def test_whoever_stops_reading_leaves_no_thread():
    before = threading.active_count()
    reader = ArchiveReader(io.BytesIO(MAKER.file(blocks(SOUND))), with_file_key(MAKER.file_key))
    batches = reader.batches()
    next(batches)
    assert threading.active_count() == before + 1
    batches.close()
    assert threading.active_count() == before
