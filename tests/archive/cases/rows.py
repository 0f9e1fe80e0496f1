"""Faults of single rows, of their order, and of what they refer to."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.archive.cases.case import Case
from tests.archive.cases.state import (
    ALPHA,
    BETA,
    FULL,
    ICONS,
    JPEG,
    PNG,
    around,
    asset,
    full,
    key,
    only,
    with_cell,
    with_rows,
)
from tests.archive.second_content import (
    SECTIONS,
    boolean,
    json_object,
)
from tests.archive.second_writer import Maker, Rows

INVALID = "invalid_content"
INTEGERS = {"position", "column"}
MIB = 1 << 20


def cases() -> Iterator[Case]:
    yield from wrong_types()
    yield from wrong_lengths()
    for section, column, slug, value, why in WRONG_VALUES:
        name = f"{section}-{column}-{slug}"
        yield Case(name, INVALID, f"{section}: {why}", rows(with_cell(section, column, value)))
    yield from wrong_assets()
    yield from wrong_key_values()
    yield from wrong_order()
    yield from dangling()
    yield from too_large()


def rows(state: Rows) -> Callable[[Maker], bytes]:
    return lambda m: m.file(m.rows(state))


def wrong_types() -> Iterator[Case]:
    """One value of a wrong type for every column of every section."""
    for section, shape in SECTIONS.items():
        for column, rule in shape.columns.items():
            wrong: Any = 7
            if rule is boolean:
                wrong = 1
            elif rule is json_object:
                wrong = []
            elif column in INTEGERS:
                wrong = True
            why = f"{section}: {column} is {wrong!r}, of a wrong type"
            yield Case(
                f"{section}-{column}-type", INVALID, why, rows(with_cell(section, column, wrong))
            )


def wrong_lengths() -> Iterator[Case]:
    for section in SECTIONS:
        *others, last = FULL[section]
        short = rows(with_rows(section, *others, last[:-1]))
        yield Case(f"{section}-short", INVALID, f"{section}: a value is missing", short)
        long = rows(with_rows(section, *others, [*last, None]))
        yield Case(f"{section}-long", INVALID, f"{section}: a value too many", long)


NINE_PARTS = "z.b.c.d.e.f.g.h.i"
WRONG_VALUES: tuple[tuple[str, str, str, object, str], ...] = (
    ("plugins", "bundle", "one-part", "zeta", "a bundle of one part"),
    ("plugins", "bundle", "nine-parts", NINE_PARTS, "a bundle of nine parts"),
    ("plugins", "bundle", "empty-part", "z..b", "a bundle with an empty part"),
    ("plugins", "bundle", "slash", "z.b/../c", "a bundle with a slash"),
    ("plugins", "bundle", "newline", "z.b\n", "a newline after a bundle"),
    ("plugins", "bundle", "umlaut", "z.b\u00fc", "a bundle with a letter that is not ASCII"),
    ("plugins", "bundle", "129", "z." + "b" * 127, "a bundle of 129 characters"),
    ("plugins", "name", "empty", "", "an empty name"),
    ("plugins", "name", "121", "\u00e9" * 121, "a name of 121 code points"),
    ("plugins", "name", "newline", "Be\nta", "a newline in a name"),
    ("plugins", "name", "delete", "Be\x7fta", "U+007F in a name"),
    ("plugins", "name", "null", None, "a name that is null"),
    ("plugins", "version", "empty", "", "an empty version"),
    ("plugins", "version", "65", "1" * 65, "a version of 65 characters"),
    ("plugins", "source", "empty", "", "an empty source"),
    ("plugins", "source", "2049", "s" * 2049, "a source of 2,049 characters"),
    ("plugins", "source", "tab", "a\tb", "a tab in a source"),
    ("plugins", "active", "null", None, "active is null"),
    ("plugins", "manifest", "null", None, "a manifest that is null"),
    ("plugins", "secrets", "string", "{}", "secrets in a string"),
    ("plugin_permissions", "key", "digit", "1KEY", "a key that begins with a digit"),
    ("plugin_permissions", "key", "umlaut", "Z\u00fc", "a key with a letter that is not ASCII"),
    ("plugin_permissions", "key", "empty", "", "an empty key"),
    ("plugin_permissions", "key", "129", "Z" * 129, "a key of 129 characters"),
    ("plugin_permissions", "role", "unknown", "owner", "a role that does not exist"),
    ("plugin_permissions", "role", "capital", "Admin", "a role with a capital letter"),
    ("plugin_permissions", "role", "null", None, "a role that is null"),
    ("plugin_mappings", "kind", "unknown", "event", "a kind that does not exist"),
    ("plugin_mappings", "requirement", "empty", "", "an empty requirement"),
    ("plugin_mappings", "requirement", "space", "the side", "a space in a requirement"),
    ("plugin_mappings", "target_bundle", "null", None, "a target bundle that is null"),
    ("plugin_mappings", "target_bundle", "one-part", "gone", "a target bundle of one part"),
    ("plugin_mappings", "target", "empty", "", "an empty target"),
    ("plugin_mappings", "target", "129", "t" * 129, "a target of 129 characters"),
    ("plugin_mappings", "target", "newline", "a\nb", "a newline in a target"),
    ("assets", "mime", "svg", "image/svg+xml", "an icon that is neither PNG nor JPEG"),
    ("assets", "mime", "gif", "image/gif", "an icon that is neither PNG nor JPEG"),
    ("workspaces", "uid", "empty", "", "an empty uid"),
    ("workspaces", "uid", "65", "z" * 65, "a uid of 65 characters"),
    ("workspaces", "uid", "dot", ".ws", "a uid that begins with a dot"),
    ("workspaces", "uid", "slash", "ws/d", "a uid with a slash"),
    ("workspaces", "name", "empty", "", "an empty name"),
    ("workspaces", "name", "121", "n" * 121, "a name of 121 characters"),
    ("workspaces", "layout", "5", "5-equal", "a layout that does not exist"),
    ("workspaces", "icon_text", "empty", "", "an empty icon text"),
    ("workspaces", "icon_text", "4", "ABCD", "an icon text of 4 characters"),
    ("workspaces", "icon_text", "newline", "A\n", "a newline in an icon text"),
    ("workspaces", "icon_color", "name", "red", "a colour by name"),
    ("workspaces", "icon_color", "short", "#abc", "a colour of 3 digits"),
    ("workspaces", "icon_color", "letters", "#gggggg", "a colour that is not hexadecimal"),
    ("workspaces", "icon_color", "newline", "#000000\n", "a newline after a colour"),
    ("workspaces", "icon_asset", "empty", "", "an empty icon asset"),
    ("workspaces", "icon_asset", "capitals", ICONS[0][0].upper(), "a digest in capitals"),
    ("workspaces", "shared", "null", None, "shared is null"),
    ("workspaces", "owner_email", "no-at", "omar.harbour.example", "an owner without @"),
    ("workspaces", "owner_email", "short", "@a", "an owner of 2 characters"),
    ("workspaces", "owner_email", "255", "o" * 251 + "@a.b", "an owner of 255 characters"),
    ("workspaces", "owner_email", "newline", "omar@\nharbour", "a newline in an owner"),
    ("workspaces", "position", "minus", -1, "a position of -1"),
    ("workspaces", "position", "2-31", 1 << 31, "a position of 2,147,483,648"),
    ("workspaces", "position", "2-64", 1 << 64, "a position of 2 to the power of 64"),
    ("workspaces", "position", "fraction", 2.0, "a position of 2.0"),
    ("workspaces", "position", "string", "2", "a position that is a string"),
    ("workspaces", "position", "null", None, "a position that is null"),
    ("applications", "uid", "space", "app 3", "a uid with a space"),
    ("applications", "column", "4", 4, "column 4"),
    ("applications", "column", "minus", -1, "column -1"),
    ("applications", "title", "121", "t" * 121, "a title of 121 characters"),
    ("applications", "title", "null", None, "a title that is null"),
    ("applications", "title", "newline", "a\nb", "a newline in a title"),
    ("applications", "bundle", "empty", "", "an empty bundle"),
    ("profiles", "name", "empty", "", "an empty name"),
    ("profiles", "name", "121", "n" * 121, "a name of 121 characters"),
    ("profiles", "position", "minus", -1, "a position of -1"),
    ("profile_workspaces", "position", "fraction", 0.5, "a position of 0.5"),
    ("profile_roles", "role", "unknown", "visitor", "a role that does not exist"),
    ("toolbar", "position", "2-31", 1 << 31, "a position of 2,147,483,648"),
    ("toolbar", "bundle", "one-part", "clock", "a bundle of one part"),
    ("toolbar", "visible", "null", None, "visible is null"),
    ("config_keys", "name", "underscore", "_KEY", "a key name that begins with an underscore"),
    ("config_keys", "name", "digit", "1KEY", "a key name that begins with a digit"),
    ("config_keys", "name", "129", "Z" * 129, "a key name of 129 characters"),
    ("config_keys", "name", "space", "Z Y", "a space in a key name"),
    ("config_keys", "name", "empty", "", "an empty key name"),
    ("config_keys", "type", "integer", "integer", "a type that does not exist"),
    ("config_keys", "value", "null", None, "a value that is null"),
    ("config_keys", "value", "object", {}, "a value that is an object"),
    ("config_keys", "description", "2001", "d" * 2001, "a description of 2,001 characters"),
    ("config_keys", "description", "null", None, "a description that is null"),
)


def wrong_assets() -> Iterator[Case]:
    sha, mime, content = asset(PNG)
    for slug, row, why in (
        ("sha256", ["0" * 64, mime, content], "sha256 is not that of the content"),
        ("capitals", [sha.upper(), mime, content], "sha256 in capitals"),
        ("not-base64", [sha, mime, "?" * 8], "the content is not base64"),
        ("unpadded", [sha, mime, content.rstrip("=")], "base64 without its padding"),
        ("newline", [sha, mime, content[:8] + "\n" + content[8:]], "a newline in base64"),
        ("spare-bits", [sha, mime, content[:-3] + "B=="], "spare bits of base64 are not zero"),
        ("url-alphabet", asset_url(), "the other base64 alphabet"),
        ("empty", asset(b""), "an icon of 0 bytes"),
        ("mime-lies", asset(JPEG, "image/png"), "a JPEG that is called a PNG"),
        ("mime-lies-too", asset(PNG, "image/jpeg"), "a PNG that is called a JPEG"),
        ("html", asset(b"<script>", "image/png"), "HTML that is called a PNG"),
        ("short", asset(PNG[:7]), "a PNG signature that is cut"),
    ):
        yield Case(f"assets-icon-{slug}", INVALID, f"assets: {why}", rows(only("assets", row)))


def asset_url() -> list[Any]:
    sha, mime, content = asset(JPEG, "image/jpeg")
    return [sha, mime, content.replace("/", "_").replace("+", "-")]


def wrong_key_values() -> Iterator[Case]:
    for kind, slug, value, why in (
        ("number", "empty", "", "an empty number"),
        ("number", "word", "fifteen", "a word"),
        ("number", "plus", "+15", "a plus sign"),
        ("number", "leading-zero", "015", "a leading zero"),
        ("number", "dot", "15.", "a dot and no fraction"),
        ("number", "no-zero", ".5", "no digit before the dot"),
        ("number", "space", " 15", "a space"),
        ("number", "newline", "15\n", "a newline"),
        ("number", "hex", "0x0f", "hexadecimal"),
        ("number", "underscore", "1_000", "an underscore"),
        ("number", "nan", "NaN", "NaN"),
        ("number", "infinity", "Infinity", "Infinity"),
        ("number", "1e999", "1e999", "beyond a double"),
        ("number", "65", "1" * 65, "65 characters"),
        ("number", "arabic", "\u0661\u0665", "digits that are not ASCII"),
        ("boolean", "empty", "", "an empty boolean"),
        ("boolean", "capital", "True", "a capital letter"),
        ("boolean", "1", "1", "1 for true"),
        ("boolean", "space", "true ", "a space"),
        ("json", "empty", "", "an empty text"),
        ("json", "word", "hello", "a word without quotes"),
        ("json", "two", "1 2", "two values"),
        ("json", "nan", "[NaN]", "NaN"),
        ("json", "1e999", "[1e999]", "a number beyond a double"),
        ("json", "duplicate", '{"a":1,"a":1}', "a key twice"),
        ("json", "nul", '"\\u0000"', "a NUL inside"),
        ("json", "surrogate", '"\\ud800"', "a lone surrogate inside"),
        ("json", "depth-33", "[" * 33 + "]" * 33, "33 deep"),
        ("json", "depth-open", "[" * 100_000, "100,000 brackets that nobody closes"),
        ("json", "single-quotes", "{'a': 1}", "single quotes"),
        ("json", "bom", "\ufeff{}", "a byte order mark"),
    ):
        name = f"config_keys-{kind}-{slug}"
        state = rows(only("config_keys", key(value, kind)))
        yield Case(name, INVALID, f"config_keys, {kind}: {why}", state)


def wrong_order() -> Iterator[Case]:
    for section in SECTIONS:
        own = FULL[section]
        swapped = with_rows(section, *own[:-2], own[-1], own[-2])
        why = f"{section}: the last two rows are swapped"
        yield Case(f"order-{section}", INVALID, why, rows(swapped))
        doubled = with_rows(section, *own, own[-1])
        why = f"{section}: the last row comes twice"
        yield Case(f"twice-{section}", INVALID, why, rows(doubled))
    same = with_rows("profiles", ["pr-a", "A", 0], ["pr-b", "B", 1], ["pr-b", "C", 2])
    why = "profiles: one uid with two names"
    yield Case("order-same-uid", INVALID, why, rows(same))
    capital = only("config_keys", key("", name="a"), key("", name="B"))
    why = "config_keys: sorted without regard to case"
    yield Case("order-case", INVALID, why, rows(capital))
    underscore = only("config_keys", key("", name="a_b"), key("", name="aB"))
    why = "config_keys: sorted as a dictionary would"
    yield Case("order-punctuation", INVALID, why, rows(underscore))
    text = only("toolbar", [10, ALPHA, True], [9, ALPHA, True])
    yield Case("order-number-as-text", INVALID, "toolbar: 10 before 9", rows(text))


def dangling() -> Iterator[Case]:
    gone = "example.desk.gone"
    parents = {**around("profile_workspaces"), "plugins": full()["plugins"]}
    parents["profile_workspaces"] = []
    for section, slug, row, why in (
        ("plugin_permissions", "plugin", [gone, "KEY", "user"], "of no plugin of this file"),
        ("plugin_mappings", "plugin", [gone, "action", "a", BETA, "t", True], "of no plugin"),
        ("workspaces", "icon", ["ws-a", "A", "1", "A", "#000000", "0" * 64, True, None, 0], "icon"),
        ("applications", "workspace", ["ws-z", "a", 0, 0, ALPHA, "", {}, {}], "of no workspace"),
        ("applications", "profile", ["pr-a", "a", 0, 0, ALPHA, "", {}, {}], "of a profile"),
        ("profile_workspaces", "profile", ["pr-z", 0, "ws-a"], "of no profile"),
        ("profile_workspaces", "workspace", ["pr-a", 0, "ws-z"], "of no workspace"),
        ("profile_workspaces", "swapped", ["ws-a", 0, "pr-a"], "profile and workspace swapped"),
        ("profile_roles", "profile", ["pr-z", "user"], "of no profile"),
        ("profile_roles", "workspace", ["ws-a", "user"], "of a workspace"),
    ):
        state = {**parents, section: [row]}
        name = f"reference-{section}-{slug}"
        yield Case(name, INVALID, f"{section}: a reference to nothing: {why}", rows(state))
    twice = with_rows("profile_workspaces", ["pr-a", 0, "ws-a"], ["pr-a", 1, "ws-a"])
    why = "profile_workspaces: a workspace twice in one profile"
    yield Case("reference-workspace-twice", INVALID, why, rows(twice))


def too_large() -> Iterator[Case]:
    large = {"a": "x" * (MIB - 7)}  # with braces, key and quotes: 1 MiB and a byte
    for section, column in (
        ("plugins", "manifest"),
        ("plugins", "config"),
        ("plugins", "secrets"),
        ("applications", "config"),
        ("applications", "secrets"),
    ):
        why = f"{section}: {column} has 1 MiB and a byte as it is written"
        name = f"limit-{section}-{column}"
        yield Case(name, "limit", why, rows(with_cell(section, column, large)))
    why = "config_keys: a value of 1 MiB and a byte"
    value = with_cell("config_keys", "value", "x" * (MIB + 1))
    yield Case("limit-config_keys-value", "limit", why, rows(value))
    why = "config_keys: a value of fewer than 1 Mi characters, but more than 1 MiB in UTF-8"
    wide = with_cell("config_keys", "value", "x" * (MIB - 2) + "\u20ac")
    yield Case("limit-config_keys-value-utf8", "limit", why, rows(wide))
    why = "assets: an icon of 256 KiB and a byte"
    icon = only("assets", asset(PNG + bytes((256 << 10) + 1 - len(PNG))))
    yield Case("limit-assets-content", "limit", why, rows(icon))
