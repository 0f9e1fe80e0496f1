"""The first and the last line of a payload, and the digests that the last one carries."""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from . import strict_json
from .errors import InvalidContent, LimitExceeded, NewerVersion
from .limits import MAX_DESCRIPTION_CHARS, MAX_ROWS
from .rows import SECTIONS, Name, Uid, reason
from .worker import Worker

FORMAT = 1
MAX_WAITING = 2  # batches held for the worker that digests
_T = TypeVar("_T")
_PLAIN = r"^[^\x00-\x1f\x7f]*\Z"
_App = Annotated[str, Meta(min_length=1, max_length=64, pattern=_PLAIN)]
_Person = Annotated[str, Meta(max_length=120, pattern=_PLAIN)]
_Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}\Z")]
_Time = Annotated[str, Meta(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z\Z")]
_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Count = Annotated[int, Meta(ge=0)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class UnitLabel(_Strict, frozen=True):
    """Which unit a backup was made of. `uid` is what tells two units apart."""

    uid: Uid
    slug: _Slug
    name: Name


class SectionHead(_Strict, frozen=True):
    """A section that follows: its columns, and how many rows it has."""

    name: str
    columns: list[str]
    count: _Count


class Manifest(_Strict, frozen=True):
    """What a backup says about itself, once it is open."""

    format: int
    app: _App
    created_at: _Time
    created_by: _Person
    instance: Uid
    organisation: Name
    unit: UnitLabel
    note: Annotated[str, Meta(max_length=MAX_DESCRIPTION_CHARS)]
    sections: list[SectionHead]

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of rows of each section."""
        return {head.name: head.count for head in self.sections}


class _SectionTail(_Strict, frozen=True):
    name: str
    count: _Count
    blake2b: _Hex


class Trailer(_Strict, frozen=True):
    """Proof at the end: count and digest of each section, and the content digest over them."""

    sections: list[_SectionTail]
    content: _Hex


class ContentDigest:
    """Digests the lines of each section, then the digests: the content digest of a state."""

    def __init__(self) -> None:
        self._hashes = {section.name: hashlib.blake2b(digest_size=32) for section in SECTIONS}
        self.counts = dict.fromkeys(self._hashes, 0)

    def update(self, section: str, lines: bytes | memoryview, rows: int) -> None:
        """Take the next *lines*, which hold *rows* rows, of *section*."""
        self._hashes[section].update(lines)
        self.counts[section] += rows

    def trailer(self) -> Trailer:
        """Return the trailer for what was taken."""
        digests = {name: found.digest() for name, found in self._hashes.items()}
        return Trailer(
            sections=[
                _SectionTail(name=name, count=self.counts[name], blake2b=digest.hex())
                for name, digest in digests.items()
            ],
            content=hashlib.blake2b(b"".join(digests.values()), digest_size=32).hexdigest(),
        )


class BackgroundDigest:
    """A `ContentDigest` that a worker makes."""

    def __init__(self, worker: Worker) -> None:
        self._digest = ContentDigest()
        self._worker = worker
        self._waiting: deque[Future[None]] = deque()

    def add(self, section: str, lines: bytes, rows: int) -> None:
        """Take the next *lines*, which hold *rows* rows, of *section*."""
        self._settle(MAX_WAITING - 1)
        self._waiting.append(self._worker.submit(self._digest.update, section, lines, rows))

    def _settle(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.popleft().result()

    def trailer(self) -> Trailer:
        """Return the trailer for what was taken."""
        self._settle(0)
        return self._digest.trailer()


def section_heads(counts: Mapping[str, int]) -> list[SectionHead]:
    """Return the manifest's list of sections for *counts*."""
    return [
        SectionHead(name=section.name, columns=list(section.columns), count=counts[section.name])
        for section in SECTIONS
    ]


def encode_line(value: Manifest | Trailer) -> bytes:
    """Return *value* as the line it is in the file."""
    return msgspec.json.encode(value) + b"\n"


def decode_manifest(line: bytes) -> Manifest:
    """Read the first line; check versions, sections and counts before any row is read."""
    parsed = _strict(line, "its first line")
    found = parsed.get("format")
    if isinstance(found, int) and not isinstance(found, bool) and found > FORMAT:
        raise NewerVersion(str(found))
    manifest = _convert(parsed, Manifest, "its first line")
    if manifest.format != FORMAT:
        raise InvalidContent(f"format {manifest.format}")
    _check_time(manifest.created_at)
    expected = [(section.name, list(section.columns)) for section in SECTIONS]
    if [(head.name, head.columns) for head in manifest.sections] != expected:
        raise InvalidContent("sections or columns that version 1 does not have")
    for name, count in manifest.counts.items():
        if count > MAX_ROWS[name]:
            raise LimitExceeded(f"{count} rows in {name}, {MAX_ROWS[name]} allowed")
    return manifest


def decode_trailer(line: bytes) -> Trailer:
    """Read the last line."""
    return _convert(_strict(line, "its last line"), Trailer, "its last line")


def _check_time(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise InvalidContent("a date that does not exist") from None


def _strict(line: bytes, where: str) -> dict[str, Any]:
    try:
        parsed = strict_json.parse(line.decode())
    except (ValueError, UnicodeDecodeError):
        raise InvalidContent(f"{where} is not strict JSON") from None
    if not isinstance(parsed, dict):
        raise InvalidContent(f"{where} is not an object")
    return parsed


def _convert(parsed: dict[str, Any], kind: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(parsed, kind, strict=True)
    except msgspec.ValidationError as error:
        raise InvalidContent(f"{where}: {reason(error)}") from None


def differing_section(claimed: Sequence[_SectionTail], found: Sequence[_SectionTail]) -> str:
    """Return the name of the first section whose count or digest is not as claimed, or ''."""
    if len(claimed) != len(found):
        return "the list of sections"
    return next((b.name for a, b in zip(claimed, found, strict=True) if a != b), "")
