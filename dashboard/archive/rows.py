"""The typed rows of each section: what they look like as lines, and what they look like in here.

A row is a tuple of plain values in the order of its section's columns. JSON columns are JSON text,
exactly as spelled; `content` of an asset is bytes.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw

from .errors import InvalidContent
from .limits import (
    MAX_DESCRIPTION_CHARS,
    MAX_NAME_CHARS,
    MAX_POSITION,
)

Row = tuple[Any, ...]

_ONE_LINE = r"^[^\x00-\x1f\x7f]*\Z"
Bundle = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){1,7}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARS, pattern=_ONE_LINE)]
Title = Annotated[str, Meta(max_length=MAX_NAME_CHARS, pattern=_ONE_LINE)]
Version = Annotated[str, Meta(min_length=1, max_length=64, pattern=_ONE_LINE)]
Source = Annotated[str, Meta(min_length=1, max_length=2_048, pattern=_ONE_LINE)]
Word = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,127}\Z")]
Target = Annotated[str, Meta(min_length=1, max_length=128, pattern=_ONE_LINE)]
Uid = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Color = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
IconText = Annotated[str, Meta(min_length=1, max_length=3, pattern=_ONE_LINE)]
Email = Annotated[
    str, Meta(min_length=3, max_length=254, pattern=r"^[^\x00-\x1f\x7f]*@[^\x00-\x1f\x7f]*\Z")
]
Position = Annotated[int, Meta(ge=0, le=MAX_POSITION)]
ColumnNumber = Annotated[int, Meta(ge=0, le=3)]
Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION_CHARS)]
Role = Literal["admin", "power_user", "user", "readonly"]
Kind = Literal["action", "portal"]
KeyType = Literal["string", "number", "boolean", "json", "secret"]
Mime = Literal["image/png", "image/jpeg"]
Layout = Literal[
    "1", "2-equal", "2-wide-left", "2-wide-right", "3-equal", "3-wide-center", "4-equal"
]
Json = Raw  # an object; its text is checked by `rules`


class Base64(str):
    """Marks a column that is base64 in the file and bytes in here."""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the file: its columns with their types, and what its rows are sorted by."""

    name: str
    key: tuple[str, ...]
    types: dict[str, Any]
    columns: tuple[str, ...] = field(init=False)
    key_at: tuple[int, ...] = field(init=False)
    json_at: tuple[int, ...] = field(init=False)
    bytes_at: tuple[int, ...] = field(init=False)
    decoder: "msgspec.json.Decoder[Any]" = field(init=False)

    def __post_init__(self) -> None:
        """Work out the positions that the loops need."""
        columns = tuple(self.types)
        kinds = tuple(str if kind is Base64 else kind for kind in self.types.values())
        setattr_ = object.__setattr__
        setattr_(self, "columns", columns)
        setattr_(self, "key_at", tuple(columns.index(name) for name in self.key))
        setattr_(self, "json_at", _positions(self.types, Json))
        setattr_(self, "bytes_at", _positions(self.types, Base64))
        row_type: Any = tuple[kinds]  # type: ignore[valid-type]
        setattr_(self, "decoder", msgspec.json.Decoder(row_type))

    def keys_of(self, rows: Sequence[Row]) -> list[Any]:
        """Return what each of *rows* is sorted by: a value, or a tuple of several."""
        return list(map(itemgetter(*self.key_at), rows))


def _positions(types: dict[str, Any], kind: Any) -> tuple[int, ...]:
    return tuple(at for at, found in enumerate(types.values()) if found is kind)


SECTIONS = (
    Section(
        "plugins",
        ("bundle",),
        {
            "bundle": Bundle,
            "name": Name,
            "version": Version,
            "manifest": Json,
            "source": Source,
            "active": bool,
            "config": Json,
            "secrets": Json,
        },
    ),
    Section(
        "plugin_permissions",
        ("bundle", "key", "role"),
        {"bundle": Bundle, "key": Word, "role": Role},
    ),
    Section(
        "plugin_mappings",
        ("bundle", "kind", "requirement"),
        {
            "bundle": Bundle,
            "kind": Kind,
            "requirement": Word,
            "target_bundle": Bundle,
            "target": Target,
            "auto": bool,
        },
    ),
    Section("assets", ("sha256",), {"sha256": Digest, "mime": Mime, "content": Base64}),
    Section(
        "workspaces",
        ("uid",),
        {
            "uid": Uid,
            "name": Name,
            "layout": Layout,
            "icon_text": IconText,
            "icon_color": Color,
            "icon_asset": Digest | None,
            "shared": bool,
            "owner_email": Email | None,
            "position": Position,
        },
    ),
    Section(
        "applications",
        ("workspace", "uid"),
        {
            "workspace": Uid,
            "uid": Uid,
            "column": ColumnNumber,
            "position": Position,
            "bundle": Bundle,
            "title": Title,
            "config": Json,
            "secrets": Json,
        },
    ),
    Section("profiles", ("uid",), {"uid": Uid, "name": Name, "position": Position}),
    Section(
        "profile_workspaces",
        ("profile", "position"),
        {"profile": Uid, "position": Position, "workspace": Uid},
    ),
    Section("profile_roles", ("profile", "role"), {"profile": Uid, "role": Role}),
    Section("toolbar", ("position",), {"position": Position, "bundle": Bundle, "visible": bool}),
    # The name is checked by `rules`, many at a time: a pattern here costs half a second a million.
    Section(
        "config_keys",
        ("name",),
        {"name": str, "type": KeyType, "value": str, "description": Description},
    ),
)
SECTION_BY_NAME = {section.name: section for section in SECTIONS}

_ENCODER = msgspec.json.Encoder()
_BEHIND_BRACKET = b"\\"  # the byte that follows "["
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_AS_THEY_ARE = msgspec.json.Decoder(list[Raw])
# Where msgspec repeats what it found.
_ECHO = re.compile(r"(Invalid enum value|unknown field) .*?(?= - at `[$.\[\]\w]*`\Z|\Z)", re.DOTALL)


def encode_rows(section: Section, rows: Sequence[Row]) -> bytes:
    """Return *rows* as lines, in the one spelling that this program writes."""
    if section.json_at or section.bytes_at:
        rows = [_to_wire(section, row) for row in rows]
    return _ENCODER.encode_lines(rows)


def with_value(section: Section, line: bytes, column: str, value: str) -> bytes:
    """Return *line* of *section* with the text *value* in *column*, and all else as it is."""
    values = _AS_THEY_ARE.decode(line)
    values[section.columns.index(column)] = Raw(_ENCODER.encode(value))
    return _ENCODER.encode(values)


def _to_wire(section: Section, row: Row) -> Row:
    values = list(row)
    for at in section.json_at:
        values[at] = Raw(values[at])
    for at in section.bytes_at:
        values[at] = base64.b64encode(values[at]).decode()
    return tuple(values)


def split_lines(text: bytes) -> list[bytes]:
    """Return the lines of *text*, which ends with one, without their ends."""
    lines = text.split(b"\n")
    lines.pop()
    return lines


def decode_rows(
    section: Section, text: bytes, first: int, lines: Sequence[bytes] = ()
) -> list[Row]:
    """Return the rows of the whole lines of *text*; *first* is the number of the first one.

    *lines*: what `split_lines` makes of it, if that is known. Raise `InvalidContent` for what is
    not one row of the right shape on each line.
    """
    lines = lines or split_lines(text)
    try:
        if section.json_at and not text.isascii():
            text.decode()  # msgspec passes over bad UTF-8 in what it does not decode
        rows: list[Row] = section.decoder.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        rows = []
    if len(rows) != len(lines) or not _is_a_row_a_line(section, text, lines):
        rows = _decode_one_by_one(section, lines, first)
    if section.json_at or section.bytes_at:
        rows = [_from_wire(section, row, first + at) for at, row in enumerate(rows)]
    return rows


def _is_a_row_a_line(section: Section, text: bytes, lines: Sequence[bytes]) -> bool:
    """Return whether each of *lines* is one of the rows, of which there are as many."""
    if section.json_at:
        # A line that ends with "]" before one that begins with "[" can only end a whole row there.
        seams = text.count(b"]\n[")
        return seams == len(lines) - 1 and text.startswith(b"[") and text.endswith(b"]\n")
    # In a row of texts and numbers "[" stands at its beginning alone. So where all lines begin with
    # it, all rows do so on a line of their own.
    return min(lines) >= b"[" and max(lines) < _BEHIND_BRACKET


def read_texts(text: bytes) -> list[Row]:
    """Return the rows of lines that hold nothing but texts, whatever rule these break.

    For what a unit holds already: it may be damaged, and is to be replaced all the same. What is
    not UTF-8 comes as U+FFFD.
    """
    rows: list[Row] = _TEXTS.decode_lines(text.decode(errors="replace"))
    return rows


def _decode_one_by_one(section: Section, lines: Sequence[bytes], first: int) -> list[Row]:
    """Decode each line by itself: slower, and able to name the row that is wrong."""
    rows = []
    for at, line in enumerate(lines):
        try:
            line.decode()
            rows.append(section.decoder.decode(line))
        except msgspec.ValidationError as error:
            raise InvalidContent(reason(error), section.name, first + at) from None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise InvalidContent("not strict JSON", section.name, first + at) from None
    return rows


def reason(error: msgspec.ValidationError) -> str:
    """Return what is wrong, without what is there instead: that may be long, or a secret."""
    return _ECHO.sub(r"\1", str(error))


def _from_wire(section: Section, row: Row, number: int) -> Row:
    values = list(row)
    for at in section.json_at:
        values[at] = bytes(values[at]).decode()
    for at in section.bytes_at:
        text = values[at]
        try:
            values[at] = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            values[at] = b""
        if base64.b64encode(values[at]).decode() != text:
            raise InvalidContent("content is not base64", section.name, number)
    return tuple(values)
