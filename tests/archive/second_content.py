"""What the lines of a payload may say: manifest, rows, order, references, trailer.

The upper half of the second reader, written from FORMAT.md alone.
"""

import base64
import hashlib
import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.archive.second_json import Refused, invalid, line_json, raw_values, strict_json

MAX_OBJECT_BYTES = 1 << 20
MAX_VALUE_BYTES = 1 << 20
MAX_ICON_BYTES = 256 << 10


# Rules for one value. Each takes the value and its raw text, and raises Refused.

Rule = Callable[[object, str], None]


def text(low: int, high: int, *, controls: bool = False) -> Rule:
    """Return the rule for *low* to *high* code points."""

    def rule(value: object, raw: str) -> None:
        if not isinstance(value, str):
            raise invalid("not a string")
        if not low <= len(value) <= high:
            raise invalid(f"not {low} to {high} code points")
        if not controls and re.search("[\x00-\x1f\x7f]", value):
            raise invalid("a control character")

    return rule


def pattern(regex: str, longest: int = 128) -> Rule:
    """Return the rule for a string that *regex* matches from end to end."""

    def rule(value: object, raw: str) -> None:
        if not isinstance(value, str) or len(value) > longest or not re.fullmatch(regex, value):
            raise invalid(f"not a string like {regex}")

    return rule


def one_of(*allowed: str) -> Rule:
    """Return the rule for one of a few words."""

    def rule(value: object, raw: str) -> None:
        if not isinstance(value, str) or value not in allowed:
            raise invalid(f"not one of {allowed}")

    return rule


def integer(low: int, high: int) -> Rule:
    """Return the rule for a JSON integer from *low* to *high*; true is none, nor is 1.0."""

    def rule(value: object, raw: str) -> None:
        if type(value) is not int or not low <= value <= high:
            raise invalid(f"not an integer from {low} to {high}")

    return rule


def or_null(inner: Rule) -> Rule:
    """Return the rule for null or what *inner* accepts."""
    return lambda value, raw: None if value is None else inner(value, raw)


def boolean(value: object, raw: str) -> None:
    """Refuse all but true and false."""
    if type(value) is not bool:
        raise invalid("not true or false")


def json_object(value: object, raw: str) -> None:
    """Refuse all but a JSON object of at most 1 MiB as written."""
    if not isinstance(value, dict):
        raise invalid("not an object")
    if len(raw.encode()) > MAX_OBJECT_BYTES:
        raise Refused("limit", "an object over 1 MiB")


def key_value(value: object, raw: str) -> None:
    """Refuse all but a string of at most 1 MiB in UTF-8."""
    if not isinstance(value, str):
        raise invalid("not a string")
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise Refused("limit", "a value over 1 MiB")


def email(value: object, raw: str) -> None:
    """Refuse what cannot be an e-mail address."""
    text(3, 254)(value, raw)
    if "@" not in str(value):
        raise invalid("no @")


def base64_icon(value: object, raw: str) -> None:
    """Refuse all but canonical, padded base64 of 1 byte to 256 KiB."""
    try:
        content = base64.b64decode(str(value), validate=True)
    except ValueError as error:
        raise invalid("not base64") from error
    if not isinstance(value, str) or not content or base64.b64encode(content).decode() != value:
        raise invalid("empty, or not canonical base64")
    if len(content) > MAX_ICON_BYTES:
        raise Refused("limit", "an icon over 256 KiB")


# The sections

ROLES = ("admin", "power_user", "user", "readonly")
KEY_TYPES = ("string", "number", "boolean", "json", "secret")
LAYOUTS = ("1", "2-equal", "2-wide-left", "2-wide-right", "3-equal", "3-wide-center", "4-equal")
SIGNATURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
JSON_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"

BUNDLE = pattern(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){1,7}", 128)
UID = pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
KEY_NAME = pattern(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
SHA256 = pattern(r"[0-9a-f]{64}")
COLOR = pattern(r"#[0-9a-fA-F]{6}")
NAME = text(1, 120)
POSITION = integer(0, 2147483647)
ROLE = one_of(*ROLES)


@dataclass(frozen=True)
class Section:
    """How many rows a section may have, what sorts it, and a rule for each column."""

    most: int
    sort: tuple[str, ...]
    columns: dict[str, Rule]


SECTIONS = {
    "plugins": Section(2_000, ("bundle",), {
        "bundle": BUNDLE, "name": NAME, "version": text(1, 64), "manifest": json_object,
        "source": text(1, 2048), "active": boolean, "config": json_object, "secrets": json_object,
    }),
    "plugin_permissions": Section(100_000, ("bundle", "key", "role"), {
        "bundle": BUNDLE, "key": KEY_NAME, "role": ROLE,
    }),
    "plugin_mappings": Section(100_000, ("bundle", "kind", "requirement"), {
        "bundle": BUNDLE, "kind": one_of("action", "portal"), "requirement": KEY_NAME,
        "target_bundle": BUNDLE, "target": text(1, 128), "auto": boolean,
    }),
    "assets": Section(20_000, ("sha256",), {
        "sha256": SHA256, "mime": one_of(*SIGNATURES), "content": base64_icon,
    }),
    "workspaces": Section(20_000, ("uid",), {
        "uid": UID, "name": NAME, "layout": one_of(*LAYOUTS), "icon_text": text(1, 3),
        "icon_color": COLOR, "icon_asset": or_null(SHA256), "shared": boolean,
        "owner_email": or_null(email), "position": POSITION,
    }),
    "applications": Section(200_000, ("workspace", "uid"), {
        "workspace": UID, "uid": UID, "column": integer(0, 3), "position": POSITION,
        "bundle": BUNDLE, "title": text(0, 120), "config": json_object, "secrets": json_object,
    }),
    "profiles": Section(5_000, ("uid",), {"uid": UID, "name": NAME, "position": POSITION}),
    "profile_workspaces": Section(500_000, ("profile", "position"), {
        "profile": UID, "position": POSITION, "workspace": UID,
    }),
    "profile_roles": Section(20_000, ("profile", "role"), {"profile": UID, "role": ROLE}),
    "toolbar": Section(2_000, ("position",), {
        "position": POSITION, "bundle": BUNDLE, "visible": boolean,
    }),
    "config_keys": Section(5_000_000, ("name",), {
        "name": KEY_NAME, "type": one_of(*KEY_TYPES), "value": key_value,
        "description": text(0, 2000, controls=True),
    }),
}  # fmt: skip


# The manifest

MANIFEST: dict[str, Rule] = {
    "app": text(1, 64),
    "created_by": text(0, 120),
    "instance": UID,
    "organisation": NAME,
    "note": text(0, 2000, controls=True),
}
UNIT: dict[str, Rule] = {
    "uid": UID,
    "slug": pattern("[a-z0-9][a-z0-9-]{0,63}"),
    "name": NAME,
}


def read_manifest(line: bytes) -> dict[str, object]:
    """Check the first line to its last number, before any row is looked at."""
    manifest = line_json(line, "manifest")
    if not isinstance(manifest, dict):
        raise invalid("manifest: not an object")
    version = manifest.get("format")
    if type(version) is int and version > 1:
        raise Refused("newer_version", f"manifest: format {version}")
    if type(version) is not int or version != 1:
        raise invalid("manifest: format is not 1")
    _exact_keys(manifest, {"format", "created_at", "unit", "sections", *MANIFEST}, "manifest")
    for key, rule in MANIFEST.items():
        _apply(rule, manifest[key], "", f"manifest: {key}")
    _check_time(manifest["created_at"])
    unit = manifest["unit"]
    _exact_keys(unit, set(UNIT), "manifest: unit")
    assert isinstance(unit, dict)
    for key, rule in UNIT.items():
        _apply(rule, unit[key], "", f"manifest: unit.{key}")
    _check_sections(manifest["sections"])
    return manifest


def _check_time(value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch(
        r"[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}Z", value
    ):
        raise invalid("manifest: created_at is not YYYY-MM-DDTHH:MM:SSZ")
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError as error:
        raise invalid("manifest: created_at is no real time") from error


def _check_sections(entries: object) -> None:
    if not isinstance(entries, list) or len(entries) != len(SECTIONS):
        raise invalid("manifest: not the eleven sections")
    for entry, (name, section) in zip(entries, SECTIONS.items(), strict=True):
        _exact_keys(entry, {"name", "columns", "count"}, f"manifest: section {name}")
        if entry["name"] != name or entry["columns"] != list(section.columns):
            raise invalid(f"manifest: section {name} has another name, place or columns")
        if type(entry["count"]) is not int or entry["count"] < 0:
            raise invalid(f"manifest: section {name}: count")
    for entry, (name, section) in zip(entries, SECTIONS.items(), strict=True):
        if entry["count"] > section.most:
            raise Refused(
                "limit", f"manifest: {name} has {entry['count']} rows, over {section.most}"
            )


def _exact_keys(value: object, keys: set[str], where: str) -> None:
    if not isinstance(value, dict) or set(value) != keys:
        raise invalid(f"{where}: not exactly the keys {sorted(keys)}")


def _apply(rule: Rule, value: object, raw: str, where: str) -> None:
    try:
        rule(value, raw)
    except Refused as refused:
        raise Refused(refused.kind, f"{where}: {refused.why}") from refused


# Rows and trailer


def read_row(name: str, line: bytes, where: str) -> dict[str, object]:
    """Check one row by itself and return it by column."""
    row = line_json(line, where)
    columns = SECTIONS[name].columns
    if not isinstance(row, list) or len(row) != len(columns):
        raise invalid(f"{where}: not an array of {len(columns)}")
    for (column, rule), value, raw in zip(columns.items(), row, raw_values(line), strict=True):
        _apply(rule, value, raw, f"{where}: {column}")
    values = dict(zip(columns, row, strict=True))
    if name == "assets":
        _check_asset(values, where)
    if name == "config_keys":
        _check_typed_value(str(values["type"]), str(values["value"]), where)
    return values


def _check_asset(row: dict[str, object], where: str) -> None:
    content = base64.b64decode(str(row["content"]))
    if hashlib.sha256(content).hexdigest() != row["sha256"]:
        raise invalid(f"{where}: sha256 is not that of the content")
    if not content.startswith(SIGNATURES[str(row["mime"])]):
        raise invalid(f"{where}: the content does not start like {row['mime']}")


def _check_typed_value(kind: str, value: str, where: str) -> None:
    if kind == "number":
        if (
            len(value) > 64
            or not re.fullmatch(JSON_NUMBER, value)
            or not math.isfinite(float(value))
        ):
            raise invalid(f"{where}: value is not a number")
    elif kind == "boolean":
        if value not in ("true", "false"):
            raise invalid(f"{where}: value is not true or false")
    elif kind == "json":
        try:
            strict_json(value)
        except ValueError as error:
            raise invalid(f"{where}: value is not JSON: {error}") from error


def check_references(sections: dict[str, list[dict[str, object]]]) -> None:
    """Check that what a row names stands in an earlier section."""
    bundles = {row["bundle"] for row in sections["plugins"]}
    assets = {row["sha256"] for row in sections["assets"]}
    workspaces = {row["uid"] for row in sections["workspaces"]}
    profiles = {row["uid"] for row in sections["profiles"]}
    for name, column, known in (
        ("plugin_permissions", "bundle", bundles),
        ("plugin_mappings", "bundle", bundles),
        ("workspaces", "icon_asset", assets | {None}),
        ("applications", "workspace", workspaces),
        ("profile_workspaces", "profile", profiles),
        ("profile_workspaces", "workspace", workspaces),
        ("profile_roles", "profile", profiles),
    ):
        for row in sections[name]:
            if row[column] not in known:
                raise invalid(f"{name}: {column} {row[column]} is not in this file")
    links = [(row["profile"], row["workspace"]) for row in sections["profile_workspaces"]]
    if len(set(links)) != len(links):
        raise invalid("profile_workspaces: a workspace twice in one profile")


def check_order(name: str, rows: list[dict[str, object]]) -> None:
    """Check that the rows ascend strictly; Python compares strings by code point."""
    keys = [tuple(row[column] for column in SECTIONS[name].sort) for row in rows]
    if any(not before < after for before, after in itertools.pairwise(keys)):
        raise invalid(f"{name}: not strictly ascending")


def read_trailer(line: bytes, raw_sections: dict[str, list[bytes]]) -> dict[str, object]:
    """Check the last line against the raw lines (with their LF) of every section."""
    trailer = line_json(line, "trailer")
    _exact_keys(trailer, {"sections", "content"}, "trailer")
    assert isinstance(trailer, dict)
    entries = trailer["sections"]
    if not isinstance(entries, list) or len(entries) != len(SECTIONS):
        raise invalid("trailer: not the eleven sections")
    digests = []
    for entry, (name, lines) in zip(entries, raw_sections.items(), strict=True):
        _exact_keys(entry, {"name", "count", "blake2b"}, f"trailer: section {name}")
        if entry["name"] != name or type(entry["count"]) is not int or entry["count"] != len(lines):
            raise invalid(f"trailer: name or count of section {name}")
        digests.append(hashlib.blake2b(b"".join(lines), digest_size=32))
        if entry["blake2b"] != digests[-1].hexdigest():
            raise invalid(f"trailer: digest of section {name}")
    content = hashlib.blake2b(b"".join(digest.digest() for digest in digests), digest_size=32)
    if trailer["content"] != content.hexdigest():
        raise invalid("trailer: content digest")
    return trailer
