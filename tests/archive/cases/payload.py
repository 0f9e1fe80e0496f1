"""Faults of chunks and blocks: what is wrong before any line is looked at."""

from collections.abc import Callable, Iterator

import nacl.secret

from tests.archive.cases.case import Case
from tests.archive.cases.state import around, key, only
from tests.archive.second_writer import (
    BLOCK,
    CHUNK,
    Maker,
    Rows,
    Stream,
    empty_rows,
    frame,
    packed,
    payload,
    text,
)

Make = Callable[[Maker], bytes]


def cases() -> Iterator[Case]:
    yield from chunk_faults()
    yield from long_chunk_faults()
    yield from block_faults()
    yield from bombs()


def file_of(data: bytes) -> Make:
    """Return the maker of a file with this payload."""
    return lambda m: m.file(data)


def sized(size: int) -> Rows:
    """Return rows whose payload has exactly *size* bytes."""
    noise = Stream("noise").take(size // 2).hex()
    length = size // 2
    while True:
        rows = only("config_keys", key(noise[:length]))
        missing = size - len(payload(text(rows)))
        if not missing:
            return rows
        length += missing


def chunk_faults() -> Iterator[Case]:
    """Faults that a single small chunk can have."""

    def data(m: Maker) -> bytes:
        return m.rows(empty_rows())

    makes: tuple[tuple[str, Make, str], ...] = (
        ("no-last", lambda m: m.file([m.seal(data(m), 0, 0)]), "no chunk is marked as the last"),
        ("flag-2", lambda m: m.file([m.seal(data(m), 0, 2)]), "the last byte of the nonce is 2"),
        ("index-1", lambda m: m.file([m.seal(data(m), 1, 1)]), "the first chunk is counted as 1"),
        ("empty", lambda m: m.file([m.seal(b"", 0, 1)]), "the only chunk is empty"),
        (
            "nonce-inside",
            lambda m: m.file([m.nonce(0, 1) + m.seal(data(m), 0, 1)]),
            "the chunk carries its nonce",
        ),
        (
            "flag-first",
            lambda m: m.file([m.seal_with(data(m), b"\x01" + bytes(23))]),
            "the flag is the first byte of the nonce",
        ),
        (
            "other-line1",
            lambda m: m.file([m.seal(data(m), 0, 1, line1=b"dashboard-backup/2\n")]),
            "sealed under the key of another version",
        ),
        (
            "key-without-line1",
            lambda m: m.file([m.seal(data(m), 0, 1, line1=b"")]),
            "the payload key is not bound to line 1",
        ),
        ("one-byte-more", lambda m: m.empty() + b"\0", "a byte after the last chunk"),
        ("newline-more", lambda m: m.empty() + b"\n", "a newline after the last chunk"),
        ("file-twice", lambda m: m.empty() * 2, "the whole file twice"),
        ("tag-flipped", lambda m: flip(m.empty(), chunk_at(m)), "a bit of the tag is flipped"),
        ("text-flipped", lambda m: flip(m.empty(), -1), "a bit of the last byte is flipped"),
    )
    for name, make, why in makes:
        yield Case(f"chunk-{name}", "damaged", why, make)

    def file_key(m: Maker) -> bytes:
        box = nacl.secret.SecretBox(m.file_key)
        return m.file([box.encrypt(data(m), m.nonce(0, 1)).ciphertext])

    yield Case("chunk-file-key", "damaged", "sealed with the file key itself", file_key)


def flip(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def chunk_at(m: Maker) -> int:
    """Return where the chunks begin in a file with one password slot."""
    return len(Maker("any").file([]))


def long_chunk_faults() -> Iterator[Case]:
    """Faults that need several chunks."""
    two, three = CHUNK + 100, 2 * CHUNK + 100

    def arranged(size: int, arrange: Callable[[Maker, list[bytes]], list[bytes]]) -> Make:
        return lambda m: m.file(arrange(m, m.chunks(m.rows(sized(size)))))

    def pieces(m: Maker, size: int) -> list[bytes]:
        data = m.rows(sized(size))
        return [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]

    def early(m: Maker) -> bytes:
        first, second = pieces(m, two)
        return m.file([m.seal(first, 0, 1), m.seal(second, 1, 1)])

    def only_early(m: Maker) -> bytes:
        first, second = pieces(m, two)
        return m.file([m.seal(first, 0, 1), m.seal(second, 1, 0)])

    def empty_last(m: Maker) -> bytes:
        (first,) = pieces(m, CHUNK)
        return m.file([m.seal(first, 0, 0), m.seal(b"", 1, 1)])

    def short_first(m: Maker) -> bytes:
        data = m.rows(sized(two))
        return m.file([m.seal(data[: CHUNK - 1], 0, 0), m.seal(data[CHUNK - 1 :], 1, 1)])

    def long_only(m: Maker) -> bytes:
        return m.file([m.seal(m.rows(sized(CHUNK + 1)), 0, 1)])

    def little_endian(m: Maker) -> bytes:
        first, second = pieces(m, two)
        return m.file([m.seal(first, 0, 0), m.seal_with(second, b"\x01" + bytes(22) + b"\x01")])

    def same_index(m: Maker) -> bytes:
        first, second = pieces(m, two)
        return m.file([m.seal(first, 0, 0), m.seal(second, 0, 1)])

    def foreign(m: Maker, chunks: list[bytes]) -> list[bytes]:
        other = Maker("another file with the same password")
        return [chunks[0], *other.chunks(other.rows(sized(two)))[1:]]

    for name, make, why in (
        ("early-last", early, "chunk 0 is marked as the last, and so is chunk 1"),
        ("only-early-last", only_early, "chunk 0 alone is marked as the last, chunk 1 follows"),
        ("empty-last", empty_last, "a full chunk, then an empty last one"),
        ("short-first", short_first, "a chunk before the last carries 65,535 bytes"),
        ("long-last", long_only, "the last chunk carries 65,537 bytes"),
        ("little-endian", little_endian, "the index in the nonce is little-endian"),
        ("same-index", same_index, "two chunks are counted as 0"),
        ("foreign", arranged(two, foreign), "chunk 1 is from another file with this password"),
        ("no-end", arranged(two, lambda m, c: c[:-1]), "the last chunk is missing"),
        ("swapped", arranged(three, lambda m, c: [c[1], c[0], c[2]]), "chunks 0 and 1 are swapped"),
        ("dropped", arranged(three, lambda m, c: [c[0], c[2]]), "chunk 1 is missing"),
        ("doubled", arranged(two, lambda m, c: [c[0], c[0], c[1]]), "chunk 0 comes twice"),
    ):
        yield Case(f"chunks-{name}", "damaged", why, make)

    def other_header(m: Maker) -> bytes:
        other = Maker("another file with the same password")
        return other.file(m.chunks(m.rows(empty_rows())))

    why = "header of one file, chunks of another with the same password"
    yield Case("chunks-other-header", "damaged", why, other_header)


def block_faults() -> Iterator[Case]:
    raw = text(around("profiles"))
    cut = raw.index(b"\n") + 1
    one = frame(raw)
    good = packed(one)
    kind = "invalid_content"
    reserved = one[:9] + bytes([one[9] | 0b110]) + one[10:]
    checksum = frame(raw, descriptor=0b100) + b"\0\0\0\0"
    dictionary = one[:4] + b"\xa1\x07" + one[5:]
    for name, data, why in (
        ("wrong-magic", b"\x51" + good[1:], "the skippable frame has another of the 16 magics"),
        ("no-skippable", one, "a zstd frame without the skippable frame before it"),
        (
            "skippable-long",
            good[:4] + b"\x08" + good[5:12] + bytes(4) + one,
            "the skippable frame has 8 bytes",
        ),
        ("length-less", packed(one, len(one) - 1), "the length is one byte too small"),
        ("length-more", packed(one, len(one) + 1), "the length goes beyond the payload"),
        ("length-zero", packed(one, 0), "the length is 0"),
        ("length-huge", packed(one, (1 << 32) - 1), "the length is 4 GiB"),
        (
            "two-frames",
            packed(frame(raw[:cut]) + frame(raw[cut:])),
            "the length covers two frames",
        ),
        (
            "length-into-next",
            packed(frame(raw[:cut]), len(frame(raw[:cut])) + 12) + packed(frame(raw[cut:])),
            "the length of block 0 reaches into block 1",
        ),
        ("skippable-inside", packed(good[:12]), "the frame is a skippable one"),
        ("not-zstd", packed(raw), "the frame is not compressed at all"),
        ("reserved-block", packed(reserved), "a zstd block of the reserved type"),
        ("checksum", packed(checksum), "the frame's own checksum is wrong"),
        ("dictionary", packed(dictionary), "the frame asks for a dictionary"),
        ("frame-cut", packed(one[:-1]), "the frame is cut, and its length says so"),
        ("undeclared", packed(frame(raw, declared=None)), "the content size is not declared"),
        ("declares-less", packed(frame(raw, declared=len(raw) - 1)), "declares a byte less"),
        ("declares-more", packed(frame(raw, declared=len(raw) + 1)), "declares a byte more"),
        ("declares-zero", packed(frame(raw, declared=0)), "declares 0 bytes and has some"),
        (
            "empty",
            packed(frame(raw[:cut])) + packed(frame(b"")) + packed(frame(raw[cut:])),
            "a block of 0 bytes",
        ),
        (
            "half-line",
            packed(frame(raw[: cut - 9])) + packed(frame(raw[cut - 9 :])),
            "a line goes from one block into the next",
        ),
        ("no-lf-at-end", packed(frame(raw[:-1])), "the last line has no LF"),
        ("zeros-after", good + bytes(12), "zero bytes after the last block"),
        ("byte-after", good + b"\n", "one byte after the last block"),
        ("cut-in-skippable", good + good[:7], "the payload ends within a skippable frame"),
        ("cut-in-length", good + good[:10], "the payload ends within a length"),
        ("cut-after-length", good + good[:12], "the payload ends after a length"),
    ):
        yield Case(f"block-{name}", kind, why, file_of(data))


def bombs() -> Iterator[Case]:
    big = key("a" * (1 << 20), name="A")
    filler = [key("b" * (1 << 20), name=f"B{n}") for n in range(2)]

    def over(m: Maker) -> bytes:
        """Build one block of 4 MiB and a byte; everything in it is right."""
        rows = only("config_keys", big, *filler, key("", name="C"))
        rows["config_keys"][-1][2] = "c" * (BLOCK + 1 - len(text(rows)))
        assert len(text(rows)) == BLOCK + 1
        return m.file(m.rows(rows, BLOCK + 1))

    why = "a block of 4 MiB and one byte, right but for that"
    yield Case("limit-block", "limit", why, over)
    why = "a small block that declares 4 GiB - 1 byte"
    huge = packed(frame(text(empty_rows()), declared=(1 << 32) - 1))
    yield Case("limit-block-declared", "limit", why, file_of(huge))

    def ratio(m: Maker) -> bytes:
        keys = [key("z" * (1 << 20), name=f"K{n:02}") for n in range(72)]
        return m.file(m.rows(only("config_keys", *keys)))

    why = "72 MiB out of a few KiB: more than 200 times, past 64 MiB; every row is right"
    yield Case("limit-ratio", "limit", why, ratio)
