"""The header: who may open the file. Strict, and checked before any costly work."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn

from . import strict_json
from .errors import Damaged, LimitExceeded, NewerVersion, NotABackup
from .keys import (
    PUBLIC_KEY_BYTES,
    SALT_BYTES,
    SEALED_BYTES,
    WRAPPED_BYTES,
    KdfCost,
    PasswordSlot,
    SealedSlot,
    Slot,
    UnknownSlot,
    header_mac,
)
from .limits import (
    CHUNK_BYTES,
    KDF_MEM_RANGE,
    KDF_OPS_RANGE,
    MAX_HEADER_LINE_BYTES,
    MAX_MAGIC_LINE_BYTES,
    MAX_SLOTS,
)
from .streams import read_exactly

MAGIC = b"dashboard-backup/"
LINE1 = MAGIC + b"1\n"
MAC_BYTES = 32
_DIGEST_LINE_BYTES = 65  # 64 hex digits and LF
_VERSION = re.compile(rb"[1-9][0-9]{0,8}\n")
_KDF = "argon2id13"
_PASSWORD_KEYS = {"kdf", "key", "mem", "ops", "salt", "type"}
_SEALED_KEYS = {"key", "recipient", "type"}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before it is opened: its slots, the three lines, and their MAC."""

    slots: tuple[Slot, ...]
    lines: bytes
    mac: bytes


def write_header(slots: tuple[Slot, ...], file_key: bytes) -> bytes:
    """Return the bytes of the header for *slots*, bound to *file_key*."""
    line2 = _canonical({"chunk": CHUNK_BYTES, "slots": [_slot_to_json(s) for s in slots]}) + b"\n"
    lines = LINE1 + line2 + _digest_line(LINE1 + line2)
    return lines + header_mac(file_key, lines)


def read_header(source: BinaryIO) -> Header:
    """Read and check the header; *source* is left at the first chunk.

    Order matters: magic, version, shape, digest ("damaged"), then bounds ("limit").
    """
    line1 = source.readline(MAX_MAGIC_LINE_BYTES)
    if not line1.startswith(MAGIC):
        raise NotABackup
    if line1 != LINE1:
        if _VERSION.fullmatch(line1[len(MAGIC) :]):
            raise NewerVersion(line1[len(MAGIC) : -1].decode())
        raise NotABackup
    line2 = source.readline(MAX_HEADER_LINE_BYTES)
    if not line2.endswith(b"\n"):
        raise Damaged("its header is cut short or too long")
    parsed = _parse_canonical(line2[:-1])
    line3 = read_exactly(source, _DIGEST_LINE_BYTES)
    if not hmac.compare_digest(line3, _digest_line(line1 + line2)):
        raise Damaged("its header was changed")
    slots = _read_slots(parsed)
    mac = read_exactly(source, MAC_BYTES)
    if len(mac) != MAC_BYTES:
        raise Damaged("it ends within the header")
    _check_bounds(parsed["chunk"], slots)
    return Header(slots, line1 + line2 + line3, mac)


def _digest_line(lines: bytes) -> bytes:
    return hashlib.blake2b(lines, digest_size=32).hexdigest().encode() + b"\n"


def _canonical(value: object) -> bytes:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _parse_canonical(line: bytes) -> dict[str, Any]:
    try:
        parsed = strict_json.parse(line.decode())
        if not isinstance(parsed, dict) or _canonical(parsed) != line:
            raise ValueError("not canonical")
        json.loads(line, parse_float=_no_fraction)
    except ValueError:
        raise Damaged("its header cannot be read") from None
    return parsed


def _no_fraction(_text: str) -> NoReturn:
    raise ValueError("a header has whole numbers only")


def _check_bounds(chunk: int, slots: tuple[Slot, ...]) -> None:
    """Refuse numbers out of bounds, before anything is allocated by them."""
    if chunk != CHUNK_BYTES:
        raise LimitExceeded(f"chunks of {chunk} bytes, {CHUNK_BYTES} allowed")
    if not 1 <= len(slots) <= MAX_SLOTS:
        raise LimitExceeded(f"{len(slots)} key slots, 1 to {MAX_SLOTS} allowed")
    for slot in slots:
        if not isinstance(slot, PasswordSlot):
            continue
        if not KDF_OPS_RANGE[0] <= slot.cost.ops <= KDF_OPS_RANGE[1]:
            raise LimitExceeded(f"{slot.cost.ops} passes of key derivation")
        if not KDF_MEM_RANGE[0] <= slot.cost.mem <= KDF_MEM_RANGE[1]:
            raise LimitExceeded(f"{slot.cost.mem} bytes of memory for key derivation")


def _read_slots(parsed: dict[str, Any]) -> tuple[Slot, ...]:
    if set(parsed) != {"chunk", "slots"} or not _is_int(parsed["chunk"]):
        raise Damaged("its header has other fields than it should")
    listed = parsed["slots"]
    if not isinstance(listed, list):
        raise Damaged("its header has no list of slots")
    return tuple(_slot_from_json(item) for item in listed)


def _slot_to_json(slot: Slot) -> dict[str, object]:
    match slot:
        case PasswordSlot(cost, salt, wrapped):
            return {
                "kdf": _KDF,
                "key": _encode(wrapped),
                "mem": cost.mem,
                "ops": cost.ops,
                "salt": _encode(salt),
                "type": "password",
            }
        case SealedSlot(recipient, sealed):
            return {"key": _encode(sealed), "recipient": _encode(recipient), "type": "sealed"}
    raise ValueError("a slot of an unknown type cannot be written")


def _slot_from_json(item: Any) -> Slot:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise Damaged("a key slot in its header cannot be read")
    if item["type"] == "password":
        return _password_slot(item)
    if item["type"] == "sealed":
        if set(item) != _SEALED_KEYS:
            raise Damaged("a key slot in its header has other fields than it should")
        recipient = _decode(item["recipient"], PUBLIC_KEY_BYTES)
        return SealedSlot(recipient, _decode(item["key"], SEALED_BYTES))
    return UnknownSlot(item["type"])


def _password_slot(item: dict[str, Any]) -> PasswordSlot:
    ops, mem = item.get("ops"), item.get("mem")
    shape = set(item) == _PASSWORD_KEYS and item["kdf"] == _KDF
    if not shape or not isinstance(ops, int) or not isinstance(mem, int):
        raise Damaged("a key slot in its header has other fields than it should")
    if isinstance(ops, bool) or isinstance(mem, bool):
        raise Damaged("a key slot in its header cannot be read")
    salt, wrapped = _decode(item["salt"], SALT_BYTES), _decode(item["key"], WRAPPED_BYTES)
    return PasswordSlot(KdfCost(ops, mem), salt, wrapped)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: object, length: int) -> bytes:
    try:
        if not isinstance(text, str):
            raise ValueError("not text")
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        data = b""
    if len(data) != length or _encode(data) != text:
        raise Damaged("a key in its header cannot be read")
    return data
