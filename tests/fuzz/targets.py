"""What is fuzzed: one function for the product, one for the second reader, the same question.

Each takes any bytes and returns an answer: a word (`ok` or the class of the refusal) and, with
`ok`, what was read. Nothing but the declared errors may come out of the product, and the two
answers must be equal. What the product has no public door for is entered here, in one place.
"""

import functools
import hashlib
import io
import json
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.archive import SECTION_BY_NAME, SECTIONS, ArchiveError, read_header, strict_json
from dashboard.archive.blocks import BlockReader
from dashboard.archive.chunks import ChunkReader
from dashboard.archive.manifest import decode_manifest
from dashboard.archive.rows import decode_rows
from dashboard.archive.rules import RowChecker
from tests.archive import second_content, second_json, second_reader
from tests.archive.cases.state import ALPHA, ICONS, PARENTS, full
from tests.archive.second_json import Refused
from tests.archive.second_writer import (
    CHUNK,
    LINE1,
    Maker,
    compact,
    digest_line,
    empty_rows,
    keyed,
    packed,
    text,
)
from tests.fuzz import verdicts

Answer = tuple[str, Any]
VECTORS = Path(__file__).parents[1] / "archive" / "vectors"
MAKER = Maker("fuzz")
LINE2 = MAKER.header()
KEY = keyed(MAKER.file_key, b"dbk1 payload" + LINE1)


@dataclass(frozen=True)
class Target:
    """A part of the reader, twice, and inputs to begin with."""

    product: Callable[[bytes], Answer]
    second: Callable[[bytes], Answer]
    seeds: Callable[[], Iterable[bytes]]
    max_bytes: int = 4_096
    # Given an input, ways to change it that keep it worth reading; see `mutators`.
    mutator: str = ""
    tokens: tuple[bytes, ...] = field(default=())
    # A reader that streams may meet another of several faults first: both refuse, that is all.
    streams: bool = False


def answer_of(read: Callable[[], Any]) -> Answer:
    """Return the answer that *read* comes to; what is not declared comes out as it is."""
    try:
        return "ok", read()
    except ArchiveError as error:
        return error.code, None
    except Refused as refused:
        return refused.kind, None


def vectors(prefix: str = "") -> Iterator[bytes]:
    """Yield the test vectors whose names begin with *prefix*, small ones only."""
    for path in sorted(VECTORS.glob(f"{prefix}*.dbk")):
        if path.stat().st_size < 8_000:
            yield path.read_bytes()


# header: any bytes; header_line: line 2 alone, digest and mac there


def product_header(data: bytes) -> Answer:
    return answer_of(lambda: len(read_header(io.BytesIO(data)).slots))


def second_header(data: bytes) -> Answer:
    def read() -> int:
        header = second_reader.read_header(data, second_reader.read_version(data))
        second_reader.check_bounds(header, second_reader.DEFAULT)
        return len(header.slots)

    return answer_of(read)


def with_line2(data: bytes) -> bytes:
    line2 = data.split(b"\n", 1)[0] + b"\n"
    return LINE1 + line2 + digest_line(LINE1, line2) + bytes(32)


def line2_of(data: bytes) -> bytes:
    return data.split(b"\n", 2)[1]


def header_lines() -> Iterator[bytes]:
    for prefix in ("line2", "slot", "sealed", "ops", "mem", "chunk-size", "slots", "ok"):
        yield from (line2_of(data) for data in vectors(prefix) if data.count(b"\n") > 2)
    for odd in ("\0", 10**64, 1.5, [[[]]], "\U0001f600", -0.0, True, None):
        yield MAKER.header(MAKER.slot(), {"a": odd, "type": "new"})[:-1]


# chunks: a plan of which sealed pieces follow each other


def chunk_pieces() -> list[bytes]:
    """Return pieces for a plan: chunks of two files, in several places, with both marks."""
    other = Maker("another file")
    pieces = []
    for maker in (MAKER, other):
        for index in range(4):
            for mark in (0, 1):
                for size in (CHUNK, CHUNK - 1, CHUNK + 1, 100, 1, 0):
                    body = bytes([index + 1]) * size
                    pieces.append(maker.seal(body, index, mark))
    return pieces


PIECES = chunk_pieces()
STEPS = (0, 1, 33, 4_096, CHUNK + 15, CHUNK + 16, CHUNK + 17)


@functools.lru_cache(1)  # both readers get the same
def planned(data: bytes) -> bytes:
    """Return what a plan says: each byte a piece, or (over 200) some of the bytes that follow."""
    out, at = [], 2
    while at < len(data) and len(out) < 6:
        which = data[at]
        at += 1
        if which < 200:
            out.append(PIECES[which % len(PIECES)])
        else:
            out.append(data[at : at + which - 199])
            at += which - 199
    return b"".join(out)


class Trickle(io.RawIOBase):
    """A source that gives at most *step* bytes at a time (0: as many as are asked for)."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step, self._at = data, step, 0

    def read(self, size: int = -1) -> bytes:
        most = min(size, self._step) if self._step > 1 else size
        piece = self._data[self._at : self._at + most]
        self._at += len(piece)
        return piece


def product_chunks(data: bytes) -> Answer:
    sizes = (1 << 20, CHUNK, CHUNK - 1, CHUNK + 1, 4_099)
    step, size = (data[0] if data else 0), sizes[(data[1] if len(data) > 1 else 0) % len(sizes)]

    def read() -> str:
        reader = ChunkReader(Trickle(planned(data), STEPS[step % len(STEPS)]), KEY)
        digest = hashlib.blake2b()
        while piece := reader.read(size):
            digest.update(piece)
        return digest.hexdigest()

    return answer_of(read)


def second_chunks(data: bytes) -> Answer:
    return answer_of(
        lambda: hashlib.blake2b(second_reader.open_chunks(planned(data), KEY)).hexdigest()
    )


def plans() -> Iterator[bytes]:
    size = len(PIECES) // 2 // 4 // 2  # sizes for each place and mark
    place, mark = 2 * size, size
    good = [0, place, 2 * place, 3 * place]
    yield bytes(2)
    for count in range(4):
        for step in range(len(STEPS)):
            yield bytes([step, step, *good[:count], good[count] + mark])
            yield bytes([step, step, *good[:count], good[count] + mark + 3])
    yield bytes([0, 0, *good])
    yield bytes([0, 0, mark, good[1] + mark])
    yield bytes([0, 0, good[1], good[0], good[2] + mark])
    yield bytes([0, 0, mark, 200, 10])
    yield bytes([0, 0, len(PIECES) // 2 + mark])
    yield bytes([0, 0, 210, *b"not a chunk"])


# blocks: a payload


def raw_frame(data: bytes) -> bytes:
    """Return a zstd frame that stores *data*, quickly."""
    pieces = [data[at : at + (1 << 17)] for at in range(0, len(data), 1 << 17)] or [b""]
    body = b"".join(
        (len(piece) << 3 | (at == len(pieces) - 1)).to_bytes(3, "little") + piece
        for at, piece in enumerate(pieces)
    )
    return b"\x28\xb5\x2f\xfd" + struct.pack("<BI", 0xA0, len(data)) + body


def packed_lines(lines: bytes, each: int = 0) -> bytes:
    """Return the payload of *lines*: one block, or a block for every *each* lines."""
    if not each:
        return packed(raw_frame(lines))
    split = lines.splitlines(keepends=True)
    groups = (b"".join(split[at : at + each]) for at in range(0, len(split), each))
    return b"".join(packed(raw_frame(group)) for group in groups)


def product_blocks(data: bytes) -> Answer:
    return answer_of(lambda: b"".join(BlockReader(io.BytesIO(data).read, len(data))))


def second_blocks(data: bytes) -> Answer:
    return answer_of(lambda: b"".join(second_reader.unpack(data, len(data), second_reader.DEFAULT)))


def payload_of(data: bytes, file_key: bytes) -> bytes:
    """Return what is inside the chunks of a sound small file."""
    head = b"".join(data.splitlines(keepends=True)[:3])
    return second_reader.open_chunks(
        data[len(head) + 32 :], second_reader.payload_key(file_key, LINE1)
    )


def payloads() -> Iterator[bytes]:
    for path in sorted(VECTORS.glob("block-*.dbk")):
        file_key = Maker(path.stem).file_key
        yield payload_of(path.read_bytes(), file_key)
    lines = text(full())
    yield from (packed_lines(lines, each) for each in (0, 1, 7))
    yield packed(b"\x28\xb5\x2f\xfd\x24\x03\x19\x00\x00a\n\n\x00\x00\x00\x00")


# rows-<section>: lines of one section, behind the right rows of those it refers to


def rows_of(section: str) -> tuple[Callable[[bytes], Answer], Callable[[bytes], Answer]]:
    parents = [name for name in SECTION_BY_NAME if name in PARENTS.get(section, ())]
    state = {name: full()[name] for name in parents}
    before = {name: b"".join(compact(row) + b"\n" for row in rows) for name, rows in state.items()}
    columns = list(second_content.SECTIONS[section].columns)
    known = {
        name: [second_content.read_row(name, compact(row), "") for row in state.get(name, [])]
        for name in second_content.SECTIONS
    }
    is_json = {i for i, c in enumerate(columns) if c in ("manifest", "config", "secrets")}

    def checked(checker: RowChecker, name: str, lines: bytes) -> list[tuple]:
        kind = SECTION_BY_NAME[name]
        rows = decode_rows(kind, lines, 0)
        checker.check(kind, rows, 0, lines)
        return rows

    def plain(row: Iterable[Any]) -> list[Any]:
        return [
            json.dumps(json.loads(v), sort_keys=True) if i in is_json and isinstance(v, str)
            else len(v) if isinstance(v, bytes)
            else v
            for i, v in enumerate(row)
        ]  # fmt: skip

    def product(data: bytes) -> Answer:
        lines = whole_lines(data)
        if b"\r" in lines:  # the reader looks for it in whole blocks
            return "invalid_content", None
        checker = RowChecker()
        for name, own in before.items():
            checked(checker, name, own)
        return answer_of(lambda: [plain(row) for row in checked(checker, section, lines)])

    def second(data: bytes) -> Answer:
        def read() -> list[list[Any]]:
            lines = whole_lines(data)[:-1].split(b"\n")
            rows = [second_content.read_row(section, line, section) for line in lines]
            second_content.check_order(section, rows)
            second_content.check_references(known | {section: rows})
            return [
                plain(
                    json.dumps(v) if i in is_json
                    else bytes(len(v) * 3 // 4 - v.count("=")) if columns[i] == "content"
                    else v
                    for i, v in enumerate(row.values())
                )
                for row in rows
            ]  # fmt: skip

        return answer_of(read)

    return product, second


def whole_lines(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"


def row_seeds(section: str) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        rows = [compact(row) + b"\n" for row in full()[section]]
        yield b"".join(rows)
        yield from rows
        yield b"".join(rows[::-1])
        yield rows[-1] * 2
        for name in ("example.desk.nobody", "nobody", "0" * 64):  # whom nothing here is
            for first in (ALPHA, "ws-a", "pr-a", ICONS[0][0]):
                yield from (row.replace(first.encode(), name.encode()) for row in rows)
        yield b" [ " + rows[0][1:-2].replace(b",", b" ,\t") + b" ] \n"
        for path in sorted(VECTORS.glob(f"{section}-*.dbk")):
            if path.stat().st_size < 8_000:
                payload = payload_of(path.read_bytes(), Maker(path.stem).file_key)
                lines = b"".join(second_reader.unpack(payload, 1 << 30, second_reader.DEFAULT))
                last = [ln for ln in lines.splitlines(keepends=True)[1:-1] if len(ln) < 2_000]
                yield from last[-1:]

    return seeds


# manifest: the first line


def product_manifest(data: bytes) -> Answer:
    line = data.split(b"\n", 1)[0] + b"\n"
    if b"\r" in line:
        return "invalid_content", None
    return answer_of(lambda: decode_manifest(line).unit.uid)


def second_manifest(data: bytes) -> Answer:
    line = data.split(b"\n", 1)[0]
    return answer_of(lambda: second_content.read_manifest(line)["unit"]["uid"])  # type: ignore[index]


def manifests() -> Iterator[bytes]:
    yield text(empty_rows()).split(b"\n")[0]
    for prefix in ("manifest", "created", "format", "sections", "limit-count"):
        for path in sorted(VECTORS.glob(f"{prefix}-*.dbk")):
            payload = payload_of(path.read_bytes(), Maker(path.stem).file_key)
            yield b"".join(
                second_reader.unpack(payload, 1 << 30, second_reader.DEFAULT)
            ).split(b"\n")[0]  # fmt: skip


# strict_json: one text


def read_json(parse: Callable[[str], Any]) -> Callable[[bytes], Answer]:
    def read(data: bytes) -> Answer:
        try:
            return "ok", repr(parse(data.decode()))
        except ValueError:
            return "invalid_content", None

    return read


JSON_SEEDS = (
    *(b"null", b"true", b"-0", b"-12.50e+3", b"1E400", b"1.0", b"1e16", b"0.1", b"NaN"),
    *(b"18446744073709551616", b"1.7976931348623159e308", b"9" * 64, b"[" + b"9" * 65 + b"]"),
    *(b'"\\ud83d\\ude00\\u0000"', b'"\\/\\b\\f"', b'"\x7f\xc2\x85\xe2\x80\xa8"'),
    *(b'["' + b"9" * 70 + b'"]', b'{"":{}}', b'{"a":1,"\\u0061":2}', b" [ 1 , 2 ]\r\n\t"),
    *(b"[" * 32 + b"]" * 32, b"[" * 33 + b"]" * 33, b'{"a":[1,{"b":null}],"\xc3\xa9":""}'),
    b'["\\u00e9",' + b"[" * 40 + b"]" * 40 + b"]",
)


# plain-json: texts (with a NUL between them) that a quick look at all of them may prove


def product_plain(data: bytes) -> Answer:
    texts = split_texts(data)
    return "ok", bool(texts) and strict_json.are_plain(texts)


def second_plain(data: bytes) -> Answer:
    """Return the answer of the product, unless it proves what is not so: no other is wrong."""
    texts = split_texts(data)
    proven = bool(texts) and strict_json.are_plain(texts)
    for each in texts if proven else ():
        try:
            second_json.strict_json(each)
        except ValueError:
            return "invalid_content", None
    return "ok", proven


def split_texts(data: bytes) -> list[str]:
    try:
        return [part for part in data.decode().split("\0") if part]
    except ValueError:
        return []


# reader: a whole file under a key that the mutator knows


def product_reader(data: bytes) -> Answer:
    word = verdicts.product(data, MAKER.file_key)
    if word == "ok" and (quick := verdicts.product(data, MAKER.file_key, way="known")) != "ok":
        word = f"raised {quick} of a known file that was ok"
    return word, None


def second_whole(data: bytes) -> Answer:
    return verdicts.second(data, MAKER.file_key), None


def sealed_text(lines: bytes, each: int = 0) -> bytes:
    return MAKER.file(packed_lines(lines, each), line2=LINE2)


def files() -> Iterator[bytes]:
    for each in (0, 1, 5):
        yield sealed_text(text(full()), each)
    yield sealed_text(text(empty_rows()))
    for section in SECTION_BY_NAME:
        rows = full()
        for other in SECTION_BY_NAME:
            if other != section and other not in PARENTS.get(section, ()):
                rows[other] = []
        yield sealed_text(text(rows))
        rows[section].reverse()
        yield sealed_text(text(rows))
    yield MAKER.empty(line2=MAKER.header(MAKER.slot(), MAKER.sealed_slot(), {"type": "new"}))


WORDS = (
    *(b"null", b"true", b"false", b"-0", b"1.0", b"2147483648", b"1e999", b"NaN", b"9" * 65),
    *(b'""', b'"\\u0000"', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"A\\nB"', b'"a.b"', b'"ws-a"'),
    *(b"[]", b"{}", b'{"a":1,"a":2}', b"[" * 32, b"]\n[", b'"format":1', b'"count":'),
    *(b"\\u", b'"', b"[", b"]", b"{", b"}", b",", b":", b"\n", b"\\", b" ", b"\t", b"\r"),
    *(b"\xed\xa0\x80", b"\xff", b'"admin"', b'"image/png"'),
    *(b'"secret"', b'"json"', b'"number"', b'"boolean"', b'"string"'),
)

TARGETS: dict[str, Target] = {
    "header": Target(product_header, second_header, lambda: vectors(), tokens=(LINE1, b"\n")),
    "header-line": Target(
        lambda data: product_header(with_line2(data)),
        lambda data: second_header(with_line2(data)),
        header_lines,
        mutator="tokens",
        tokens=(*WORDS, b'"password"', b'"sealed"', b'"type":', b"65536", b'"slots":', b"8388608"),
    ),
    "chunks": Target(product_chunks, second_chunks, plans, max_bytes=64),
    "blocks": Target(product_blocks, second_blocks, payloads, mutator="blocks"),
    "manifest": Target(
        product_manifest, second_manifest, manifests, mutator="tokens", tokens=WORDS
    ),
    "strict-json": Target(
        read_json(strict_json.parse),
        read_json(second_json.strict_json),
        lambda: JSON_SEEDS,
        max_bytes=2_048,
        mutator="tokens",
        tokens=WORDS,
    ),
    "plain-json": Target(
        product_plain,
        second_plain,
        lambda: [*JSON_SEEDS, b"\0".join(JSON_SEEDS[:4]), b'[1]\0{"a":[]}\0"x"'],
        max_bytes=2_048,
        mutator="tokens",
        tokens=(*WORDS, b"\0", b"[" * 33 + b"1" + b"]" * 33, b'{"a":' * 32, b"}" * 32, b" " * 32),
    ),
    **{
        f"rows-{section.name}": Target(
            *rows_of(section.name),
            row_seeds(section.name),
            max_bytes=2_048,
            mutator="tokens",
            tokens=WORDS,
        )
        for section in SECTIONS
    },
    "reader": Target(
        product_reader,
        second_whole,
        files,
        max_bytes=16_384,
        mutator="reseal",
        tokens=WORDS,
        streams=True,
    ),
}


CONTENT = {"damaged", "limit", "invalid_content", "newer_version"}


def differ(target: Target, data: bytes) -> tuple[Answer, Answer] | None:
    """Return both answers when they are not one, or not one of the declared."""
    ours, theirs = target.product(data), target.second(data)
    if ours[0] not in verdicts.CLASSES:
        return ours, theirs
    if ours == theirs or (target.streams and {ours[0], theirs[0]} <= CONTENT):
        return None
    return ours, theirs
