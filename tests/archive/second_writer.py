"""An independent writer that can also write wrong files: every part may be replaced.

It makes the test vectors, shares no code with the product, and gives the same bytes on every run:
what is random in a real file comes from a stream seeded with the name of the case, and zstd frames
are laid by hand from raw and run-length blocks, so that no version of a library shows in them.
"""

import base64
import functools
import hashlib
import json
import re
import struct
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import nacl.public
import nacl.pwhash.argon2id
import nacl.secret

from tests.archive.second_content import SECTIONS

PASSWORD = "correct horse battery staple"
LINE1 = b"dashboard-backup/1\n"
CHUNK = 65536
BLOCK = 4 << 20
CHEAP = (1, 8 << 20)  # Argon2id ops and bytes: the least a reader accepts

Rows = dict[str, list[Any]]  # a row is a list, or bytes: the line as it shall stand
Edit = Callable[[dict[str, Any]], Any]  # changes a manifest or trailer; bytes are taken as they are


def as_it_is(value: dict[str, Any]) -> Any:
    return value


class Stream:
    """Endless bytes that depend on the seed alone."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0

    def take(self, size: int) -> bytes:
        out = b""
        while len(out) < size:
            block = self._seed + b"/%d" % self._count
            out += hashlib.blake2b(block, person=b"dbk1 vectors").digest()
            self._count += 1
        return out[:size]


# Text


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def empty_rows() -> Rows:
    return {name: [] for name in SECTIONS}


def manifest(rows: Rows) -> dict[str, Any]:
    return {
        "format": 1,
        "app": "Dashboard 1.0.0",
        "created_at": "2026-11-22T23:40:00Z",
        "created_by": "Maja Lind",
        "instance": "inst-7f3a",
        "organisation": "Harbour Media Group",
        "unit": {"uid": "unit-harbour", "slug": "harbour-daily", "name": "Harbour Daily"},
        "note": "",
        "sections": [
            {"name": name, "columns": list(section.columns), "count": len(rows[name])}
            for name, section in SECTIONS.items()
        ],
    }


def trailer(raw: dict[str, bytes], rows: Rows) -> dict[str, Any]:
    digests = {name: hashlib.blake2b(text, digest_size=32) for name, text in raw.items()}
    whole = hashlib.blake2b(b"".join(d.digest() for d in digests.values()), digest_size=32)
    return {
        "sections": [
            {"name": name, "count": len(rows[name]), "blake2b": digest.hexdigest()}
            for name, digest in digests.items()
        ],
        "content": whole.hexdigest(),
    }


def line(value: object) -> bytes:
    return value if isinstance(value, bytes) else compact(value) + b"\n"


def text(rows: Rows, head: Edit = as_it_is, tail: Edit = as_it_is) -> bytes:
    """Return all lines; *head* and *tail* change manifest and trailer last."""
    raw = {name: b"".join(map(line, own)) for name, own in rows.items()}
    return line(head(manifest(rows))) + b"".join(raw.values()) + line(tail(trailer(raw, rows)))


# Blocks

RUN = re.compile(rb"(.)\1{255,}+", re.DOTALL)


def zstd_blocks(raw: bytes) -> list[tuple[int, int, bytes]]:
    """Cut *raw* into (type, size, bytes) of raw (0) and run-length (1) blocks."""
    pieces, at = [], 0
    for run in [*RUN.finditer(raw), None]:
        end = run.start() if run else len(raw)
        stored = raw[at:end]
        pieces += [(0, len(part), part) for part in cut(stored, 1 << 17)]
        if run:
            pieces += [(1, len(part), part[:1]) for part in cut(run.group(), 1 << 17)]
            at = run.end()
    return pieces or [(0, 0, b"")]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def frame(raw: bytes, *, declared: int | None = -1, descriptor: int = 0) -> bytes:
    """Return one zstd frame of *raw*, its content size as *declared* (None: left out)."""
    if declared is None:
        head = bytes([descriptor, 0x68])  # a window of 8 MiB instead of a size
    else:
        head = struct.pack("<BI", descriptor | 0xA0, len(raw) if declared < 0 else declared)
    pieces = zstd_blocks(raw)
    body = b""
    for index, (kind, size, content) in enumerate(pieces):
        last = index == len(pieces) - 1
        body += (size << 3 | kind << 1 | last).to_bytes(3, "little") + content
    return b"\x28\xb5\x2f\xfd" + head + body


def packed(zstd_frame: bytes, length: int | None = None) -> bytes:
    """Return a block: the skippable frame that tells the length, then the frame."""
    told = len(zstd_frame) if length is None else length
    return struct.pack("<III", 0x184D2A50, 4, told) + zstd_frame


def payload(lines: bytes, size: int = BLOCK) -> bytes:
    """Pack whole lines into blocks of at most *size* bytes."""
    blocks = [b""]
    for one in lines.splitlines(keepends=True):
        if blocks[-1] and len(blocks[-1]) + len(one) > size:
            blocks.append(b"")
        blocks[-1] += one
    return b"".join(packed(frame(block)) for block in blocks)


# File


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def keyed(key: bytes, message: bytes) -> bytes:
    return hashlib.blake2b(message, key=key, digest_size=32).digest()


def digest_line(line1: bytes, line2: bytes) -> bytes:
    return hashlib.blake2b(line1 + line2, digest_size=32).hexdigest().encode() + b"\n"


@functools.cache
def wrapping_key(password: str, cost: tuple[int, int]) -> tuple[bytes, bytes]:
    """Return salt and key. Vectors with one password share them: 600 derivations would be slow."""
    salt = Stream(f"salt for {password}").take(16)
    secret = unicodedata.normalize("NFC", password).encode()
    kek = nacl.pwhash.argon2id.kdf(32, secret, salt, opslimit=cost[0], memlimit=cost[1])
    return salt, kek


class Maker:
    """Makes one file from its own stream; *content* and *counts* tell what `rows` put in."""

    def __init__(self, case: str) -> None:
        self.random = Stream(case)
        self.file_key = self.random.take(32)
        self.content = ""
        self.counts: dict[str, int] = {}

    def slot(
        self, password: str = PASSWORD, cost: tuple[int, int] = CHEAP, **changes: object
    ) -> dict[str, Any]:
        """Return a password slot that opens; then *changes* are made to it."""
        salt, kek = wrapping_key(password, cost)
        nonce = self.random.take(24)
        key = bytes(nacl.secret.SecretBox(kek).encrypt(self.file_key, nonce))
        return {
            "kdf": "argon2id13",
            "key": base64url(key),
            "mem": cost[1],
            "ops": cost[0],
            "salt": base64url(salt),
            "type": "password",
            **changes,
        }

    def sealed_slot(self, **changes: object) -> dict[str, Any]:
        """Return a sealed slot; the sealed box is put together by hand, from the stream."""
        recipient = bytes(RECIPIENT.public_key)
        ephemeral = nacl.public.PrivateKey(self.random.take(32))
        sender = bytes(ephemeral.public_key)
        nonce = hashlib.blake2b(sender + recipient, digest_size=24).digest()
        box = nacl.public.Box(ephemeral, RECIPIENT.public_key)
        key = sender + box.encrypt(self.file_key, nonce).ciphertext
        fields = {"key": base64url(key), "recipient": base64url(recipient), "type": "sealed"}
        return {**fields, **changes}

    def header(self, *slots: object, **changes: object) -> bytes:
        """Return line 2 with *slots* (one password slot, if none is given) and *changes*."""
        return canonical({"chunk": CHUNK, "slots": slots or [self.slot()], **changes}) + b"\n"

    def rows(self, rows: Rows, size: int = BLOCK) -> bytes:
        """Return the payload of *rows* and note what it holds."""
        lines = text(rows)
        self.content = json.loads(lines.splitlines()[-1])["content"]
        self.counts = {name: len(own) for name, own in rows.items()}
        return payload(lines, size)

    def nonce(self, index: int, flag: int) -> bytes:
        return index.to_bytes(23, "big") + bytes([flag])

    def seal(self, piece: bytes, index: int, flag: int, line1: bytes = LINE1) -> bytes:
        """Return one chunk."""
        return self.seal_with(piece, self.nonce(index, flag), line1)

    def seal_with(self, piece: bytes, nonce: bytes, line1: bytes = LINE1) -> bytes:
        """Return one chunk under any nonce."""
        key = keyed(self.file_key, b"dbk1 payload" + line1)
        return bytes(nacl.secret.SecretBox(key).encrypt(piece, nonce).ciphertext)

    def chunks(self, data: bytes) -> list[bytes]:
        """Return the chunks of a payload, as they should be."""
        pieces = list(cut(data, CHUNK))
        return [self.seal(p, i, int(i == len(pieces) - 1)) for i, p in enumerate(pieces)]

    def file(
        self,
        data: bytes | list[bytes],
        *,
        line1: bytes = LINE1,
        line2: bytes | None = None,
        line3: bytes | None = None,
        mac: bytes | None = None,
    ) -> bytes:
        """Put a file together from a payload or ready chunks; what is not given is right."""
        line2 = self.header() if line2 is None else line2
        line3 = digest_line(line1, line2) if line3 is None else line3
        mac = keyed(self.file_key, b"dbk1 header" + line1 + line2 + line3) if mac is None else mac
        chunks = data if isinstance(data, list) else self.chunks(data)
        return line1 + line2 + line3 + mac + b"".join(chunks)

    def empty(self, **parts: Any) -> bytes:
        """Return a file of an empty unit, with *parts* of `file` replaced."""
        return self.file(self.rows(empty_rows()), **parts)


RECIPIENT = nacl.public.PrivateKey(Stream("recipient of the sealed slots").take(32))
