"""Faults of lines, manifest and trailer."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.archive.cases.case import Case
from tests.archive.cases.state import around, full, key, only
from tests.archive.second_content import SECTIONS
from tests.archive.second_writer import Edit, Maker, compact, empty_rows, payload, text

INVALID = "invalid_content"
Make = Callable[[Maker], bytes]


def cases() -> Iterator[Case]:
    yield from line_faults()
    yield from manifest_faults()
    yield from section_table_faults()
    yield from trailer_faults()


def lines(data: bytes) -> Make:
    return lambda m: m.file(payload(data))


def head(change: Edit) -> Make:
    return lines(text(empty_rows(), head=change))


def tail(change: Edit) -> Make:
    return lines(text(around("config_keys"), tail=change))


def one_key(line: bytes) -> Make:
    """Return the maker of a file whose one row is *line*, digests and counts right."""
    return lines(text(only("config_keys", line)))


def line_faults() -> Iterator[Case]:
    row = compact(key("x")) + b"\n"
    whole = text(only("config_keys", row))
    for name, line, why in (
        ("cr", row.replace(b"\n", b"\r\n"), "a row ends with CR LF"),
        ("bom", b"\xef\xbb\xbf" + row, "a byte order mark before a row"),
        ("not-utf8", row.replace(b"x", b"\xff"), "a byte that is not UTF-8"),
        ("overlong", row.replace(b"x", b"\xc1\xb8"), "an overlong UTF-8 sequence"),
        ("utf8-surrogate", row.replace(b"x", b"\xed\xa0\x80"), "a surrogate in UTF-8"),
        ("utf16", row[:-1].decode().encode("utf-16-le") + b"\n", "a row in UTF-16"),
        ("lone-surrogate", row.replace(b"x", b"\\ud800"), "a lone high surrogate, escaped"),
        ("low-surrogate", row.replace(b"x", b"\\udc00\\ud800"), "surrogates in the wrong order"),
        ("nul", row.replace(b"x", b"\\u0000"), "a NUL, escaped"),
        ("nul-raw", row.replace(b"x", b"\0"), "a NUL as it is"),
        ("control-raw", row.replace(b"x", b"\x01"), "a control character that is not escaped"),
        ("tab-raw", row.replace(b"x", b"\t"), "a tab inside a string, not escaped"),
        ("escape-unknown", row.replace(b"x", b"\\x41"), "an escape that JSON does not have"),
        ("not-json", b"hello\n", "a row that is not JSON"),
        ("object", b'{"name":"KEY","type":"string","value":"x"}\n', "a row that is an object"),
        ("comma", row.replace(b"]", b",]"), "a comma before the bracket"),
        ("two-values", row.replace(b"\n", b" []\n"), "two values on one line"),
        ("cut", row.replace(b"]", b""), "a row without its closing bracket"),
        ("single-quotes", row.replace(b'"', b"'"), "strings in single quotes"),
        ("comment", row.replace(b"\n", b" // x\n"), "a comment after a row"),
    ):
        yield Case(f"line-{name}", INVALID, why, one_key(line))
    first = whole.index(b"\n") + 1
    for name, data, why in (
        ("blank", whole[:first] + b"\n" + whole[first:], "a blank line after the manifest"),
        ("blank-first", b"\n" + whole, "a blank line before the manifest"),
        ("blank-last", whole + b"\n", "a blank line after the trailer"),
        ("spaces", whole[:first] + b"  \n" + whole[first:], "a line of spaces"),
        ("bom-first", b"\xef\xbb\xbf" + whole, "a byte order mark before the manifest"),
        ("after-trailer", whole + row, "a row after the trailer"),
        ("trailer-twice", whole + whole.splitlines(keepends=True)[-1], "the trailer twice"),
        ("no-trailer", whole[: whole.rindex(b"\n", 0, -1) + 1], "no trailer"),
        ("manifest-alone", whole[:first], "nothing after the manifest"),
        ("no-manifest", whole[first:], "no manifest"),
        ("manifest-twice", whole[:first] + whole, "the manifest twice"),
    ):
        yield Case(f"lines-{name}", INVALID, why, lines(data))
    config = compact(full()["plugins"][0]).replace(b'{"url":"${DBKS:URL}"}', b"@") + b"\n"
    for name, value, why in (
        ("depth-33", b'{"a":' + b"[" * 31 + b"]" * 31 + b"}", "33 deep, counted with the row"),
        ("depth-1000", b'{"a":' + b"[" * 999 + b"]" * 999 + b"}", "1,000 deep"),
        ("depth-open", b'{"a":' + b"[" * 100_000, "100,000 brackets that nobody closes"),
        ("duplicate", b'{"a":1,"a":2}', "a key twice"),
        ("duplicate-deep", b'{"a":[{"b":1,"b":1}]}', "a key twice, deep inside"),
        ("duplicate-escaped", b'{"a":1,"\\u0061":2}', "a key twice, once escaped"),
        ("nan", b'{"a":NaN}', "NaN is no JSON"),
        ("infinity", b'{"a":-Infinity}', "Infinity is no JSON"),
        ("1e999", b'{"a":1e999}', "a number beyond a double"),
        ("65-digits", b'{"a":' + b"9" * 65 + b"}", "a number of 65 characters"),
        ("4301-digits", b'{"a":' + b"9" * 4301 + b"}", "a number of 4,301 characters"),
        ("leading-zero", b'{"a":01}', "a number with a leading zero"),
        ("plus", b'{"a":+1}', "a number with a plus sign"),
        ("hex", b'{"a":0x10}', "a number in hexadecimal"),
        ("nul", b'{"a":"\\u0000"}', "a NUL inside"),
        ("nul-key", b'{"\\u0000":1}', "a NUL in a key"),
        ("surrogate", b'{"a":"\\udfff"}', "a lone surrogate inside"),
        ("surrogate-key", b'{"\\ud83d":1}', "a lone surrogate in a key"),
        ("array", b"[]", "an array"),
        ("null", b"null", "null"),
        ("string", b'"{}"', "an object inside a string"),
    ):
        rows = around("plugins")
        rows["plugins"][0] = config.replace(b"@", value)
        yield Case(f"config-{name}", INVALID, f"config: {why}", lines(text(rows)))


def changed(**fields: object) -> Make:
    return head(lambda manifest: manifest | fields)


def manifest_faults() -> Iterator[Case]:
    for name, value, why in (
        ("0", 0, "format is 0"),
        ("string", "1", "format is a string"),
        ("true", True, "format is true"),
        ("1.0", 1.0, "format is 1.0"),
        ("null", None, "format is null"),
    ):
        yield Case(f"format-{name}", INVALID, why, changed(format=value))
    newer = "format is 2 inside a version 1 file"
    yield Case("format-2", "newer_version", newer, changed(format=2))
    grown = "format is 2, and there are keys that only version 2 knows"
    yield Case("format-2-grown", "newer_version", grown, changed(format=2, extra=1, unit=None))
    for name, value, why in (
        ("date", "2026-11-22", "a date without a time"),
        ("offset", "2026-11-22T23:40:00+00:00", "an offset instead of Z"),
        ("fraction", "2026-11-22T23:40:00.0Z", "a fraction of a second"),
        ("space", "2026-11-22 23:40:00Z", "a space instead of T"),
        ("small", "2026-11-22t23:40:00z", "small letters"),
        ("no-day", "2026-02-29T00:00:00Z", "a day that never was"),
        ("hour-24", "2026-11-22T24:00:00Z", "hour 24"),
        ("second-60", "2026-12-31T23:59:60Z", "second 60"),
        ("digits", "２０２６-11-22T23:40:00Z", "digits that are not ASCII"),
        ("newline", "2026-11-22T23:40:00Z\n", "a newline at the end"),
        ("number", 1795390800, "a number"),
    ):
        yield Case(f"created-{name}", INVALID, f"created_at: {why}", changed(created_at=value))
    unit = {"uid": "unit-harbour", "slug": "harbour-daily", "name": "Harbour Daily"}
    for name, fields, why in (
        ("extra-key", {"is_superuser": True}, "a key too many"),
        ("app", {"app": 1}, "app is a number"),
        ("created-by", {"created_by": None}, "created_by is null"),
        ("instance", {"instance": "not a uid"}, "instance is not a uid"),
        ("organisation", {"organisation": ""}, "organisation is empty"),
        ("note", {"note": None}, "note is null"),
        ("unit-string", {"unit": "harbour-daily"}, "unit is a string"),
        ("unit-extra", {"unit": unit | {"id": 1}}, "a key too many in unit"),
        ("unit-no-uid", {"unit": {"slug": "a", "name": "A"}}, "unit has no uid"),
        ("unit-uid", {"unit": unit | {"uid": "../etc"}}, "the unit's uid has a slash"),
        ("unit-slug", {"unit": unit | {"slug": "../etc"}}, "the unit's slug has a slash"),
        ("unit-name", {"unit": unit | {"name": 7}}, "the unit's name is a number"),
        ("unit-name-long", {"unit": unit | {"name": "n" * 121}}, "a unit name of 121 characters"),
    ):
        yield Case(f"manifest-{name}", INVALID, why, changed(**fields))
    for missing in ("format", "app", "created_at", "created_by", "instance", "note", "sections"):
        without = head(lambda m, key=missing: {k: v for k, v in m.items() if k != key})
        yield Case(f"manifest-no-{missing}", INVALID, f"{missing} is missing", without)
    twice = head(lambda m: compact(m).replace(b'"note":""', b'"note":"","note":""') + b"\n")
    yield Case("manifest-key-twice", INVALID, "a key twice", twice)
    array = head(lambda m: [m])
    yield Case("manifest-array", INVALID, "the manifest is inside an array", array)


def section_table_faults() -> Iterator[Case]:
    def sections(change: Callable[[list[Any]], object]) -> Make:
        return head(lambda m: m | {"sections": change(m["sections"])})

    def first(**fields: object) -> Make:
        return sections(lambda s: [s[0] | fields, *s[1:]])

    columns = list(SECTIONS["plugins"].columns)
    for name, make, why in (
        ("object", sections(lambda s: {}), "sections is an object"),
        ("missing", sections(lambda s: s[:-1]), "the last section is missing"),
        ("twice", sections(lambda s: [*s, s[-1]]), "the last section comes twice"),
        ("extra", sections(lambda s: [*s, s[-1] | {"name": "accounts"}]), "a section accounts"),
        ("order", sections(lambda s: [s[1], s[0], *s[2:]]), "two sections are swapped"),
        ("name", first(name="users"), "a section of an unknown name"),
        ("columns-order", first(columns=columns[::-1]), "columns in another order"),
        ("columns-less", first(columns=columns[:-1]), "a column is missing"),
        ("columns-more", first(columns=[*columns, "id"]), "a column too many"),
        ("key", first(id=1), "a key too many in a section"),
        ("count-minus", first(count=-1), "a count of -1"),
        ("count-1.0", first(count=1.0), "a count of 1.0"),
        ("count-true", first(count=True), "a count of true"),
        ("count-string", first(count="0"), "a count that is a string"),
        ("count-1", first(count=1), "a count of 1 where there is no row"),
    ):
        yield Case(f"sections-{name}", INVALID, why, make)
    less = lines(text(around("config_keys"), head=count_changed(-1)))
    yield Case("sections-count-less", INVALID, "a section has a row more than it says", less)
    for index, (name, section) in enumerate(SECTIONS.items()):
        why = f"{name}: a count of {section.most + 1:,}, seen before any row"
        over = sections(
            lambda s, i=index, n=section.most + 1: [
                entry | {"count": n} if at == i else entry for at, entry in enumerate(s)
            ]
        )
        yield Case(f"limit-count-{name}", "limit", why, over)


def count_changed(by: int) -> Edit:
    """Return the change of the last section's count, in manifest or trailer."""

    def change(value: dict[str, Any]) -> dict[str, Any]:
        *others, last = value["sections"]
        return value | {"sections": [*others, last | {"count": last["count"] + by}]}

    return change


def trailer_faults() -> Iterator[Case]:
    def sections(change: Callable[[list[Any]], object]) -> Make:
        return tail(lambda t: t | {"sections": change(t["sections"])})

    def last(**fields: object) -> Make:
        return sections(lambda s: [*s[:-1], s[-1] | fields])

    def capitals(field: str) -> Edit:
        return lambda t: t | {field: t[field].upper()}

    for name, make, why in (
        ("count-more", tail(count_changed(1)), "a count that is one too many"),
        ("count-less", tail(count_changed(-1)), "a count that is one too few"),
        ("count-string", last(count="5"), "a count that is a string"),
        ("digest", last(blake2b="0" * 64), "the digest of a section is wrong"),
        ("digest-short", last(blake2b="0" * 62), "a digest that is too short"),
        ("digest-null", last(blake2b=None), "a digest that is null"),
        ("content", tail(lambda t: t | {"content": "0" * 64}), "the content digest is wrong"),
        ("content-capitals", tail(capitals("content")), "the content digest in capitals"),
        ("content-null", tail(lambda t: t | {"content": None}), "the content digest is null"),
        ("no-content", tail(lambda t: {"sections": t["sections"]}), "no content digest"),
        ("extra-key", tail(lambda t: t | {"total": 1}), "a key too many"),
        ("section-key", last(bytes=1), "a key too many in a section"),
        ("section-name", last(name="keys"), "a section of another name"),
        ("order", sections(lambda s: [s[1], s[0], *s[2:]]), "two sections are swapped"),
        ("missing", sections(lambda s: s[:-1]), "a section is missing"),
        ("extra", sections(lambda s: [*s, s[-1]]), "a section too many"),
        ("array", tail(lambda t: [t]), "the trailer is inside an array"),
        ("empty", tail(lambda t: {}), "the trailer is an empty object"),
    ):
        yield Case(f"trailer-{name}", INVALID, why, make)
    rows = around("config_keys")
    for name, before, after, why in (
        ("row-changed", b'"15"', b'"16"', "a value was changed after the digests were made"),
        ("row-spelled", b'"15"', b'"1\\u0035"', "a row is spelled otherwise than the digests say"),
    ):
        other = lines(text(rows).replace(before, after))
        yield Case(f"trailer-{name}", INVALID, why, other)
