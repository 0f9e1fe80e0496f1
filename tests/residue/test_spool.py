"""The file that request bodies wait in: it comes back whole, and the disk has none of it."""

import io
import random

from dashboard.cli.spool import BLOCK_BYTES, Body, SealedFile

CANARY = b"canary-of-a-request-body"


def test_it_reads_like_any_file():
    chance = random.Random(3)
    with SealedFile() as ours:
        model, place = io.BytesIO(), 0
        for _ in range(300):
            if chance.random() < 0.4:
                data = chance.randbytes(
                    chance.choice((0, 1, 100, BLOCK_BYTES, 3 * BLOCK_BYTES - 1))
                )
                model.seek(0, io.SEEK_END)
                assert ours.write(data) == model.write(data)
            else:
                place = chance.randrange(model.getbuffer().nbytes + 10)
                assert ours.seek(place) == model.seek(place)
                size = chance.choice((1, 100, 2 * BLOCK_BYTES, -1))
                wanted = model.read(size)
                found = ours.read(size)
                model.seek(place + len(found))
                assert wanted.startswith(found)  # a raw file may give less, but not nothing
                assert bool(found) == bool(wanted)
            assert ours.tell() == model.tell()
        ours.seek(0)
        assert ours.readall() == model.getvalue()


def test_nothing_of_it_is_on_the_disk():
    with SealedFile() as file:
        file.write(CANARY * BLOCK_BYTES)
        file._file.seek(0)
        on_disk = file._file.read()
        assert len(on_disk) > len(CANARY) * (BLOCK_BYTES - 1)
        assert CANARY not in on_disk


def test_two_files_and_two_blocks_are_sealed_differently():
    with SealedFile() as one, SealedFile() as other:
        for file in (one, other):
            file.write(bytes(2 * BLOCK_BYTES))
            file._file.seek(0)
        pieces = [file._file.read(BLOCK_BYTES + 16) for file in (one, one, other, other)]
    assert len(set(pieces)) == 4


def test_a_small_body_makes_no_file_and_a_large_one_comes_back_whole():
    body = Body(2 * BLOCK_BYTES)
    whole = random.Random(4).randbytes(5 * BLOCK_BYTES + 7)
    body.append(whole[:100])
    assert not isinstance(body.getfile(), SealedFile)
    for start in range(100, len(whole), 9_999):
        body.append(whole[start : start + 9_999])
    file = body.getfile()
    assert isinstance(file, SealedFile)
    assert b"".join(iter(lambda: file.read(10_000), b"")) == whole
    body.close()
    assert file.closed
