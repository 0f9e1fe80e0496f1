"""What no program could leave out: each unavoidable step with the library alone, one at a time.

    python -m bench.limits prepare FOLDER PAYLOAD DDL    rows of a decrypted backup -> limits.db
    python -m bench.limits export  FOLDER
    python -m bench.limits validate FOLDER               reads what `export` made
    python -m bench.limits import  FOLDER                into limits.db, which it changes

The steps share one pass in batches of the size the product uses, so memory stays small and caches
warm, but each is timed by itself. Nothing of the product is imported. Only config keys, which are
all but some 150 of the rows. The last line printed is JSON: {step: [seconds, CPU seconds]}.
"""

import gc
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter, lt
from pathlib import Path
from typing import Annotated, Any, Literal

import apsw
import msgspec
import nacl.pwhash.argon2id
import zstandard
from nacl.bindings import crypto_secretbox, crypto_secretbox_open, randombytes

BATCH_ROWS = 500
INSERT_ROWS = 100
BLOCK_BYTES = 1 << 20
CHUNK_BYTES = 1 << 16
KEY = bytes(range(32))
KDF_OPS, KDF_BYTES = 3, 256 << 20
UNIT = 1
Kind = Literal["string", "number", "boolean", "json", "secret"]
KeyRow = tuple[str, Kind, str, Annotated[str, msgspec.Meta(max_length=2_000)]]


class Steps:
    """Sums wall and CPU seconds by step."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    @contextmanager
    def time(self, step: str) -> Iterator[None]:
        """Add what the block takes to *step*."""
        wall, cpu = time.perf_counter(), time.thread_time()
        yield
        sums = self.taken.setdefault(step, [0.0, 0.0])
        sums[0] += time.perf_counter() - wall
        sums[1] += time.thread_time() - cpu


def connect(path: Path) -> apsw.Connection:
    """Open *path* with what the product promises: write-ahead log, flushed to disk at commit."""
    database = apsw.Connection(str(path))
    for pragma in ("journal_mode=wal", "synchronous=full", "cache_size=-16384"):
        database.execute(f"PRAGMA {pragma}")
    return database


def prepare(folder: Path, payload: Path, ddl: Path) -> None:
    """Fill `limits.db` with the config keys of *payload*; secrets sealed, so they can be opened."""
    (folder / "limits.db").unlink(missing_ok=True)
    database = connect(folder / "limits.db")
    database.execute("CREATE TABLE unit (id INTEGER PRIMARY KEY)")
    database.execute("INSERT INTO unit VALUES (?), (?)", [UNIT, UNIT + 1])
    database.execute(ddl.read_text())
    with payload.open("rb") as lines:
        heads = json.loads(lines.readline())["sections"]
        for _ in range(sum(head["count"] for head in heads[:-1])):
            lines.readline()
        assert heads[-1]["name"] == "config_keys"
        rows = (msgspec.json.decode(lines.readline()) for _ in range(heads[-1]["count"]))
        database.execute("BEGIN")
        insert(database, rows, Steps())
        # Somebody else's rows in the same table: a wipe cannot just drop it.
        database.execute(
            "INSERT INTO config_key (unit_id, name, type, value, secret, description, checked) "
            "SELECT ?, name, type, value, secret, description, 1 FROM config_key LIMIT 50",
            [UNIT + 1],
        )
        database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def insert(database: apsw.Connection, rows: Iterable[Any], steps: Steps) -> None:
    """Insert *rows* by many VALUES at a time; secrets sealed, in a column others leave out."""
    waiting = iter(rows)
    while some := list(islice(waiting, BATCH_ROWS)):
        with steps.time("insert"):
            plain = [row for row in some if row[1] != "secret"]
            _insert(database, ("name", "type", "value", "description"), plain)
        with steps.time("seal"):
            sealed = [
                (name, kind, "", description, seal(value))
                for name, kind, value, description in some
                if kind == "secret"
            ]
        with steps.time("insert"):
            _insert(database, ("name", "type", "value", "description", "secret"), sealed)


def _insert(database: apsw.Connection, columns: tuple[str, ...], rows: list[Any]) -> None:
    head = f"INSERT INTO config_key (unit_id, checked, {', '.join(columns)}) VALUES "  # noqa: S608 - ours
    one = f"({UNIT},1{',?' * len(columns)})"
    for at in range(0, len(rows), INSERT_ROWS):
        some = rows[at : at + INSERT_ROWS]
        database.execute(head + ",".join([one] * len(some)), list(chain.from_iterable(some)))


def seal(text: str) -> bytes:
    """Return *text* sealed under `KEY`, its nonce in front."""
    nonce = randombytes(24)
    return nonce + crypto_secretbox(text.encode(), nonce, KEY)


def read(database: apsw.Connection, steps: Steps, prefix: str = "") -> Iterator[tuple[Any, int]]:
    """Yield (lines, rows) of the unit's config keys in key order."""
    encoder = msgspec.json.Encoder()
    cursor = database.execute(
        "SELECT CAST(json_array(name, type, value, description) AS BLOB), name, secret, "
        "description FROM config_key WHERE unit_id = ? ORDER BY name",
        [UNIT],
    )
    while True:
        with steps.time(prefix + "read"):
            rows = list(islice(cursor, BATCH_ROWS))
        if not rows:
            return
        with steps.time(prefix + "encode"):
            lines = [*map(itemgetter(0), rows), b""]
        with steps.time(prefix + "unseal"):
            for at in [at for at, row in enumerate(rows) if row[2] is not None]:
                _, name, box, description = rows[at]
                value = crypto_secretbox_open(box[24:], box[:24], KEY).decode()
                lines[at] = encoder.encode((name, "secret", value, description))
        with steps.time(prefix + "encode"):
            text = b"\n".join(lines)
        yield text, len(rows)


def export(folder: Path) -> Steps:
    """Database -> sealed chunks in `limits.bin`, and the length of each frame in `limits.json`."""
    steps = Steps()
    with steps.time("kdf"):
        nacl.pwhash.argon2id.kdf(32, b"a password", bytes(16), KDF_OPS, KDF_BYTES)
    database = connect(folder / "limits.db")
    digest = hashlib.blake2b(digest_size=32)
    compressor = zstandard.ZstdCompressor(level=3, write_content_size=True)
    frames: list[int] = []
    parts: list[bytes] = []
    pending = bytearray()
    size = chunks = 0
    with (folder / "limits.bin").open("wb") as sink:

        def pack() -> None:
            with steps.time("zstd"):
                frame = compressor.compress(b"".join(parts))
            frames.append(len(frame))
            pending.extend(frame)

        def send(least: int) -> None:
            nonlocal chunks
            while len(pending) > least:
                plain = bytes(pending[:CHUNK_BYTES])
                del pending[:CHUNK_BYTES]
                with steps.time("encrypt"):
                    box = crypto_secretbox(plain, chunks.to_bytes(24, "big"), KEY)
                with steps.time("write"):
                    sink.write(box)
                chunks += 1

        for lines, _ in read(database, steps):
            with steps.time("digest"):
                digest.update(lines)
            parts.append(lines)
            size += len(lines)
            if size >= BLOCK_BYTES:
                pack()
                send(CHUNK_BYTES)
                parts, size = [], 0
        pack()
        send(0)
        with steps.time("write"):
            sink.flush()
            os.fsync(sink.fileno())
    told = {"frames": frames, "digest": digest.hexdigest()}
    (folder / "limits.json").write_text(json.dumps(told))
    return steps


def unpacked(folder: Path, steps: Steps) -> Iterator[bytes]:
    """Yield the lines of each block of `limits.bin`, and check the digest of them all."""
    told = json.loads((folder / "limits.json").read_text())
    digest = hashlib.blake2b(digest_size=32)
    decompressor = zstandard.ZstdDecompressor()
    pending = bytearray()
    chunks = 0
    with (folder / "limits.bin").open("rb") as source:
        for length in told["frames"]:
            with steps.time("decrypt"):
                while len(pending) < length:
                    box = source.read(CHUNK_BYTES + 16)
                    pending += crypto_secretbox_open(box, chunks.to_bytes(24, "big"), KEY)
                    chunks += 1
            frame = bytes(pending[:length])
            del pending[:length]
            with steps.time("unzstd"):
                lines = decompressor.decompress(frame)
            with steps.time("digest"):
                digest.update(lines)
            yield lines
    assert digest.hexdigest() == told["digest"]


def decoded(folder: Path, steps: Steps, *, inner: bool = False) -> Iterator[list[Any]]:
    """Yield the rows of each block, typed, in strictly ascending order; *inner*: and JSON read."""
    decoder = msgspec.json.Decoder(KeyRow)
    last = ""
    for lines in unpacked(folder, steps):
        with steps.time("decode"):
            rows = decoder.decode_lines(lines)
        if inner:
            texts = [row[2] for row in rows if row[1] == "json"]
            with steps.time("inner"):
                list(map(msgspec.json.decode, texts))
        with steps.time("order"):
            names = list(map(itemgetter(0), rows))
            assert last < names[0]
            assert all(map(lt, names, names[1:]))
            last = names[-1]
        yield rows


def validate(folder: Path) -> Steps:
    """Sealed chunks -> typed rows, nothing kept."""
    steps = Steps()
    for _ in decoded(folder, steps, inner=True):
        pass
    return steps


def import_(folder: Path) -> Steps:
    """Sealed chunks -> database, in place of what the unit had, and read again for the digest."""
    steps = Steps()
    database = connect(folder / "limits.db")
    database.execute("PRAGMA foreign_keys=off")
    database.execute("BEGIN IMMEDIATE")
    with steps.time("wipe"):
        database.execute("DELETE FROM config_key WHERE unit_id = ?", [UNIT])
    for rows in decoded(folder, steps):
        insert(database, rows, steps)
    with steps.time("references"):
        assert not database.execute("PRAGMA foreign_key_check").fetchall()
    digest = hashlib.blake2b(digest_size=32)
    for lines, _ in read(database, steps, "re-"):
        with steps.time("re-digest"):
            digest.update(lines)
    assert digest.hexdigest() == json.loads((folder / "limits.json").read_text())["digest"]
    with steps.time("commit"):
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return steps


def main(verb: str, folder: Path, *files: str) -> None:
    """Do *verb* and print what each step took."""
    gc.disable()  # nothing here is ever a cycle; looking for some costs a tenth of decoding
    if verb == "prepare":
        prepare(folder, *map(Path, files))
        return
    steps = {"export": export, "validate": validate, "import": import_}[verb](folder)
    print(json.dumps(steps.taken))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
