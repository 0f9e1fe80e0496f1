"""A second, independent reader of the backup file, for tests only.

It is written from FORMAT.md alone, shares no code with the product, holds the whole file in
memory and is slow on purpose: what it says must be easy to check against the text. `read` follows
the order of FORMAT.md, "Reading, in this order"; its functions stand in that order.
"""

import base64
import functools
import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import nacl.pwhash.argon2id
import nacl.secret
import zstandard
from nacl.exceptions import CryptoError

from tests.archive.second_content import (
    SECTIONS,
    check_order,
    check_references,
    read_manifest,
    read_row,
    read_trailer,
)
from tests.archive.second_json import Refused, invalid, strict_json

MIB, GIB = 1 << 20, 1 << 30
CHUNK = 65536
TAG = 16
MAX_LINE2 = 16384


@dataclass(frozen=True)
class Limits:
    """Bounds that only huge files reach; tests lower them."""

    packed: int = GIB
    unpacked: int = 8 * GIB
    ratio: int = 200
    ratio_from: int = 64 * MIB
    block: int = 4 * MIB
    packed_block: int = 4 * MIB + 65536
    ops: tuple[int, int] = (1, 8)
    mem: tuple[int, int] = (8 * MIB, 512 * MIB)
    slots: tuple[int, int] = (1, 16)


DEFAULT = Limits()


@dataclass(frozen=True)
class Header:
    """The clear part of a file."""

    line1: bytes
    lines: bytes
    mac: bytes
    chunk: int
    slots: list[dict[str, Any]]


@dataclass(frozen=True)
class Backup:
    """A file that passed every check."""

    manifest: dict[str, object]
    sections: dict[str, list[dict[str, object]]]
    trailer: dict[str, object]
    content: str
    lines: list[bytes]


def read(data: bytes, password: str, limits: Limits = DEFAULT) -> Backup:
    """Return what the file says, or raise Refused."""
    if len(data) > limits.packed:
        raise Refused("limit", "the file is larger than accepted")
    line1 = read_version(data)
    header = read_header(data, line1)
    check_bounds(header, limits)
    file_key = open_slots(header, password)
    check_mac(header, file_key)
    payload = open_chunks(data[len(header.lines) + 32 :], payload_key(file_key, line1))
    return read_lines(unpack(payload, len(data), limits))


# Magic and version


def read_version(data: bytes) -> bytes:
    """Return line 1, or say what the file is instead."""
    line1, lf, _ = data[:64].partition(b"\n")
    match = re.fullmatch(rb"dashboard-backup/([1-9][0-9]{0,8})", line1)
    if not lf or not match:
        raise Refused("not_a_backup", "does not begin as a backup does")
    if match[1] != b"1":
        raise Refused("newer_version", f"made as version {match[1].decode()}")
    return line1 + lf


# Header


def read_header(data: bytes, line1: bytes) -> Header:
    """Read lines 2 and 3 and the mac; nothing is opened yet."""
    line2, lf, rest = data[len(line1) :].partition(b"\n")
    if not lf or len(line2) + 1 > MAX_LINE2:
        raise Refused("damaged", "header: line 2 is cut or too long")
    fields = read_line2(line2)
    line3, mac = rest[:65], rest[65:97]
    digest = hashlib.blake2b(line1 + line2 + lf, digest_size=32).hexdigest()
    if line3 != digest.encode() + b"\n":
        raise Refused("damaged", "header: line 3 does not match")
    if len(mac) != 32:
        raise Refused("damaged", "header: the mac is cut")
    return Header(line1, line1 + line2 + lf + line3, mac, **fields)


def read_line2(line2: bytes) -> dict[str, Any]:
    """Return chunk and slots, bytes decoded; numbers are not judged yet."""
    try:
        header = strict_json(line2.decode("utf-8"))
        if canonical(header) != line2:
            raise ValueError("not canonical")
        if not isinstance(header, dict) or set(header) != {"chunk", "slots"}:
            raise ValueError("not exactly the keys chunk and slots")
        if not isinstance(header["slots"], list) or type(header["chunk"]) is not int:
            raise ValueError("chunk or slots of a wrong type")
        return {"chunk": header["chunk"], "slots": [read_slot(slot) for slot in header["slots"]]}
    except ValueError as error:
        raise Refused("damaged", f"header: {error}") from error


def canonical(value: object) -> bytes:
    """Return the one accepted spelling."""
    if any(isinstance(item, float) for item in walk(value)):
        raise ValueError("a fraction or an exponent")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def walk(value: object) -> list[object]:
    """Return a value and all values inside it."""
    inside = (
        value
        if isinstance(value, list)
        else list(value.values())
        if isinstance(value, dict)
        else []
    )
    return [value, *(deep for item in inside for deep in walk(item))]


def read_slot(slot: object) -> dict[str, object]:
    """Check the shape of one slot and decode its bytes."""
    if not isinstance(slot, dict) or not isinstance(slot.get("type"), str):
        raise ValueError("a slot without a type")
    if slot["type"] == "password":
        if set(slot) != {"kdf", "key", "mem", "ops", "salt", "type"} or slot["kdf"] != "argon2id13":
            raise ValueError("a password slot with other keys or another kdf")
        if type(slot["ops"]) is not int or type(slot["mem"]) is not int:
            raise ValueError("ops or mem is not an integer")
        return slot | {"key": base64url(slot["key"], 72), "salt": base64url(slot["salt"], 16)}
    if slot["type"] == "sealed":
        if set(slot) != {"key", "recipient", "type"}:
            raise ValueError("a sealed slot with other keys")
        return slot | {
            "key": base64url(slot["key"], 80),
            "recipient": base64url(slot["recipient"], 32),
        }
    return slot


def base64url(value: object, length: int) -> bytes:
    """Decode unpadded base64url; one spelling only, and exactly *length* bytes."""
    if (
        not isinstance(value, str)
        or not re.fullmatch("[A-Za-z0-9_-]*", value)
        or len(value) % 4 == 1
    ):
        raise ValueError("not base64url")
    content = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != value or len(content) != length:
        raise ValueError("base64url with spare bits, or of a wrong length")
    return content


def check_bounds(header: Header, limits: Limits) -> None:
    """Check every number of the header before anything is allocated for it."""
    if header.chunk != CHUNK:
        raise Refused("limit", "header: another chunk size")
    if not limits.slots[0] <= len(header.slots) <= limits.slots[1]:
        raise Refused("limit", f"header: {len(header.slots)} slots")
    for slot in password_slots(header):
        for name, (low, high) in (("ops", limits.ops), ("mem", limits.mem)):
            if not low <= slot[name] <= high:
                raise Refused("limit", f"header: {name} {slot[name]}")


def password_slots(header: Header) -> list[dict[str, Any]]:
    """Return the slots a password can open."""
    return [slot for slot in header.slots if slot["type"] == "password"]


# Keys


def open_slots(header: Header, password: str) -> bytes:
    """Try each password slot in turn and return the file key."""
    try:
        secret = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError as error:
        raise Refused("wrong_password", "a lone surrogate in the password") from error
    for slot in password_slots(header):
        key = derive(secret, slot["salt"], slot["ops"], slot["mem"])
        try:
            return nacl.secret.SecretBox(key).decrypt(slot["key"])
        except CryptoError:
            continue
    raise Refused("wrong_password", "no slot opens")


@functools.cache  # tests read one header many times
def derive(secret: bytes, salt: bytes, ops: int, mem: int) -> bytes:
    """Turn the password into the key that wraps the file key."""
    return nacl.pwhash.argon2id.kdf(32, secret, salt, opslimit=ops, memlimit=mem)


def check_mac(header: Header, file_key: bytes) -> None:
    """Check that the header was written by one who knew the file key."""
    if keyed(file_key, b"dbk1 header" + header.lines) != header.mac:
        raise Refused("damaged", "header: the mac does not match")


def payload_key(file_key: bytes, line1: bytes) -> bytes:
    """Derive the key of the chunks."""
    return keyed(file_key, b"dbk1 payload" + line1)


def keyed(key: bytes, message: bytes) -> bytes:
    """Return BLAKE2b-256 of *message* under *key*."""
    return hashlib.blake2b(message, digest_size=32, key=key).digest()


# Chunks


def open_chunks(sealed: bytes, key: bytes) -> bytes:
    """Open every chunk; what is at the end of the file must say that it is the last."""
    if not sealed:
        raise Refused("damaged", "no chunk")
    step = CHUNK + TAG
    pieces = [sealed[at : at + step] for at in range(0, len(sealed), step)]
    return b"".join(
        open_chunk(key, index, piece, is_last=index == len(pieces) - 1)
        for index, piece in enumerate(pieces)
    )


def open_chunk(key: bytes, index: int, piece: bytes, *, is_last: bool) -> bytes:
    """Open the chunk at *index*."""
    if len(piece) <= TAG:
        raise Refused("damaged", f"chunk {index} is cut or empty")
    nonce = index.to_bytes(23, "big") + (b"\x01" if is_last else b"\x00")
    try:
        return nacl.secret.SecretBox(key).decrypt(piece, nonce)
    except CryptoError as error:
        raise Refused("damaged", f"chunk {index} does not open") from error


# Blocks


def unpack(payload: bytes, packed: int, limits: Limits) -> list[bytes]:
    """Return the text of every block; totals count what is declared, before unpacking."""
    blocks, total, at = [], 0, 0
    while at < len(payload):
        if payload[at : at + 8] != b"\x50\x2a\x4d\x18\x04\x00\x00\x00" or at + 12 > len(payload):
            raise invalid(f"byte {at} of the payload: no block begins here")
        length = int.from_bytes(payload[at + 8 : at + 12], "little")
        frame = payload[at + 12 : at + 12 + length]
        if not 0 < length <= limits.packed_block or len(frame) != length:
            raise invalid(f"byte {at} of the payload: the block lies about its length")
        size = declared_size(frame)
        if size > limits.block:
            raise Refused("limit", f"a block of {size} bytes")
        total += size
        if total > limits.unpacked or (total > limits.ratio_from and total > limits.ratio * packed):
            raise Refused("limit", f"{total} bytes out of {packed}")
        blocks.append(unpack_frame(frame, size))
        at += 12 + length
    return blocks


def declared_size(frame: bytes) -> int:
    """Return the content size that the frame's header declares."""
    if frame[:4] != b"\x28\xb5\x2f\xfd":
        raise invalid("a block without a zstd frame")
    try:
        size = zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise invalid("a broken frame header") from error
    if size < 0:
        raise invalid("a frame that does not declare its size")
    return size


def unpack_frame(frame: bytes, size: int) -> bytes:
    """Unpack one frame that is neither longer nor shorter than it said."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(
            frame, max_output_size=size, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise invalid(f"a frame that does not unpack: {error}") from error
    if len(raw) != size or not raw:
        raise invalid("an empty block, or not of the declared size")
    if not raw.endswith(b"\n"):
        raise invalid("a block that ends within a line")
    return raw


# Lines


def read_lines(blocks: list[bytes]) -> Backup:
    """Check manifest, rows and trailer, in the order of the lines."""
    lines = [line for block in blocks for line in block.split(b"\n")[:-1]]
    manifest = read_manifest(lines[0])
    counts = [entry["count"] for entry in manifest["sections"]]  # type: ignore[attr-defined]
    sections: dict[str, list[dict[str, object]]] = {}
    raw: dict[str, list[bytes]] = {}
    at = 1
    for name, count in zip(SECTIONS, counts, strict=True):
        own = lines[at : at + count]
        sections[name] = [
            read_row(name, line, f"{name} row {number}") for number, line in enumerate(own, 1)
        ]
        raw[name] = [line + b"\n" for line in own]
        check_order(name, sections[name])
        at += count
    check_references(sections)
    if len(lines) != at + 1:
        raise invalid("lines are missing, or follow the trailer")
    trailer = read_trailer(lines[at], raw)
    return Backup(manifest, sections, trailer, str(trailer["content"]), lines)
