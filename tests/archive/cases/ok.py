"""Files that are right, also in unusual ways: a reader must take them."""

import base64
from collections.abc import Callable, Iterator

from tests.archive.cases.case import Case
from tests.archive.cases.frozen import FULL_COMPRESSED
from tests.archive.cases.payload import sized
from tests.archive.cases.state import (
    ALPHA,
    PNG,
    asset,
    full,
    key,
    only,
    with_cell,
)
from tests.archive.second_writer import (
    BLOCK,
    CHUNK,
    Maker,
    Rows,
    compact,
    empty_rows,
    packed,
    payload,
    text,
)

MIB = 1 << 20
NFC, NFD = "K\u00e4se-Gl\u00f6ckchen", "Ka\u0308se-Glo\u0308ckchen"


def cases() -> Iterator[Case]:
    yield from states()
    yield from spellings()
    yield from containers()
    yield from slots()


def rows(state: Rows) -> Callable[[Maker], bytes]:
    return lambda m: m.file(m.rows(state))


def ok(name: str, why: str, state: Rows) -> Case:
    return Case(f"ok-{name}", "ok", why, rows(state))


def states() -> Iterator[Case]:
    yield ok("empty-unit", "no row in any section", empty_rows())
    yield ok("one-of-everything", "rows in every section", full())
    yield ok("only-keys", "nothing but keys", only("config_keys", *full()["config_keys"]))
    yield ok("only-plugins", "nothing but plugins", only("plugins", *full()["plugins"]))
    longest = only(
        "plugins",
        ["z.b.c.d.e.f.g." + "h" * 114, "\U0001f600" * 120, "1" * 64, {}, "s" * 2048, True, {}, {}],
    )
    longest["workspaces"] = [
        ["w" * 64, "\u00e9" * 120, "4-equal", "\U0001f600" * 3, "#aBcDeF", None, False,
         "o" * 250 + "@a.b", (1 << 31) - 1],
    ]  # fmt: skip
    longest["applications"] = [["w" * 64, "a" * 64, 3, (1 << 31) - 1, "a.b", "t" * 120, {}, {}]]
    longest["config_keys"] = [key("", name="K" * 128, description="\U0001f600" * 2000)]
    yield ok("longest", "names and numbers at their limits", longest)
    shortest = only("plugins", ["a.b", "A", "1", {}, "s", False, {}, {}])
    shortest["workspaces"] = [["w", "W", "1", "W", "#000000", None, False, "a@b", 0]]
    shortest["applications"] = [["w", "a", 0, 0, "a.b", "", {}, {}]]
    shortest["config_keys"] = [key("", name="k")]
    yield ok("shortest", "names and numbers at their lower limits", shortest)
    names = ("0", "B", "Z", "a-b", "a.b", "aB", "a_b", "ab", "abc")
    by_code_point = only("profiles", *[[name, name, 0] for name in names])
    yield ok(
        "code-point-order", "capitals before small letters, - . _ by code point", by_code_point
    )
    numeric = only("toolbar", [2, ALPHA, True], [9, ALPHA, True], [10, ALPHA, False])
    yield ok("number-order", "positions sorted as numbers, with gaps", numeric)
    words = (
        "e\u0301 \u202eright\u202c \u200b \U0001f468\u200d\U0001f469 \u0130 ' \" <b> {{7*7}} \x85"
    )
    yield ok("unicode", "any character in names", with_cell("workspaces", "name", words))
    yield ok(
        "line-breaks",
        "newlines and control characters in value and description",
        only("config_keys", key("a\r\nb\tc\x01", description="one\ntwo\x7f")),
    )
    numbers = ("0", "-0", "-0.5e-10", "1E+3", "1e308", "1e-999", "9" * 64)
    numeric_keys = [key(n, "number", f"K{i}") for i, n in enumerate(numbers)]
    yield ok("numbers", "numbers in all their forms", only("config_keys", *numeric_keys))
    texts = ("null", "true", "0", '""', "[]", " {\n} ", "[" * 32 + "]" * 32)
    json_keys = [key(t, "json", f"K{i}") for i, t in enumerate(texts)]
    yield ok("json-values", "JSON of every kind, 32 deep", only("config_keys", *json_keys))
    deep: object = 1
    for _ in range(30):
        deep = [deep]
    yield ok("depth-32", "a row that is 32 deep", with_cell("plugins", "config", {"a": deep}))
    large = {"a": "x" * (MIB - 8)}
    yield ok("config-1-mib", "a config of exactly 1 MiB", with_cell("plugins", "config", large))
    value = with_cell("config_keys", "value", "x" * (MIB - 3) + "\u20ac")
    yield ok("value-1-mib", "a value of exactly 1 MiB in UTF-8", value)
    icon = only("assets", asset(PNG + bytes((256 << 10) - len(PNG))))
    yield ok("icon-256-kib", "an icon of exactly 256 KiB", icon)


def spellings() -> Iterator[Case]:
    row = key("\u00e9\U0001f600/x", description="d")
    escaped = b' [ "K\\u0045Y" ,\t"string", "\\u00e9\\uD83D\\uDE00\\/x" , "d" ] \n'  # the same row
    yield ok("spelled-plain", "a row in the plainest spelling", only("config_keys", row))
    yield ok(
        "spelled-otherwise",
        "the same row with spaces, a tab and escapes: other bytes, so another digest",
        only("config_keys", escaped),
    )

    def reordered(m: Maker) -> bytes:
        m.rows(empty_rows())  # for content and counts
        turned = lambda d: dict(reversed(d.items()))  # noqa: E731
        lines = text(empty_rows(), head=turned, tail=turned)
        return m.file(payload(lines))

    why = "manifest and trailer have their keys in another order"
    yield Case("ok-key-order", "ok", why, reordered)

    def spaced(m: Maker) -> bytes:
        m.rows(empty_rows())
        wide = lambda d: compact(d).replace(b",", b" , ") + b" \n"  # noqa: E731
        return m.file(payload(text(empty_rows(), head=wide, tail=wide)))

    yield Case("ok-spaces", "ok", "manifest and trailer with spaces", spaced)


def containers() -> Iterator[Case]:
    def chunked(size: int) -> Callable[[Maker], bytes]:
        return rows(sized(size))

    yield Case("ok-five-chunks", "ok", "five chunks", chunked(4 * CHUNK + 1000))
    yield Case("ok-last-chunk-full", "ok", "the last chunk carries 65,536 bytes", chunked(CHUNK))
    one = chunked(CHUNK + 1)
    yield Case("ok-last-chunk-one-byte", "ok", "the last chunk carries one byte", one)
    small = lambda m: m.file(m.rows(full(), size=1))  # noqa: E731
    yield Case("ok-many-blocks", "ok", "every line in a block of its own", small)

    def exact(m: Maker) -> bytes:
        state = only(
            "config_keys", *[key("f" * MIB, name=f"K{n}") for n in range(3)], key("", name="L")
        )
        state["config_keys"][-1][2] = "f" * (BLOCK - len(text(state)))
        assert len(text(state)) == BLOCK
        return m.file(m.rows(state))

    yield Case("ok-block-4-mib", "ok", "one block of exactly 4 MiB", exact)

    def compressed(m: Maker) -> bytes:
        m.rows(full())
        return m.file(packed(base64.b64decode(FULL_COMPRESSED)))

    why = "a frame that zstd itself compressed, with a checksum"
    yield Case("ok-compressed", "ok", why, compressed)


def slots() -> Iterator[Case]:
    def header(make: Callable[[Maker], bytes]) -> Callable[[Maker], bytes]:
        return lambda m: m.empty(line2=make(m))

    two = header(lambda m: m.header(m.slot("first"), m.slot("second")))
    yield Case("ok-two-slots-first", "ok", "two password slots, opened by the first", two, "first")
    yield Case("ok-two-slots-second", "ok", "opened by the second", two, "second")
    unknown = {"type": "shamir", "n": [2, 3, {"x": None}], "who": "Zo\u00eb"}
    ignored = header(lambda m: m.header(unknown, m.slot()))
    yield Case("ok-unknown-slot", "ok", "a slot of an unknown type is ignored", ignored)
    both = header(lambda m: m.header(m.sealed_slot(), m.slot()))
    yield Case("ok-sealed-slot", "ok", "a sealed slot before the password slot", both)
    sixteen = header(lambda m: m.header(*[{"type": "other"}] * 15, m.slot()))
    yield Case("ok-slots-16", "ok", "16 slots, the last one opens", sixteen)

    def longest(m: Maker) -> bytes:
        slot = m.slot()
        size = len(m.header(slot, {"pad": "", "type": "other"}))
        return m.empty(line2=m.header(slot, {"pad": "x" * (16384 - size), "type": "other"}))

    yield Case("ok-line2-16-kib", "ok", "line 2 has 16,384 bytes with its LF", longest)
    nfc = header(lambda m: m.header(m.slot(NFC)))
    yield Case("ok-password-nfc", "ok", "a password with accents, composed", nfc, NFC)
    yield Case("ok-password-nfd", "ok", "the same password, typed decomposed", nfc, NFD)
    for name, password, why in (
        ("emoji", "\U0001f511\U0001f40e pass", "a password beyond the first plane"),
        ("1-kib", "p" * 1024, "a password of 1 KiB"),
        ("spaces", "  two  spaces  ", "spaces in a password count"),
    ):
        make = header(lambda m, password=password: m.header(m.slot(password)))
        yield Case(f"ok-password-{name}", "ok", why, make, password)
    costly = header(lambda m: m.header(m.slot(cost=(8, 8 * MIB))))
    yield Case("ok-ops-8", "ok", "the highest ops", costly)
    odd = header(lambda m: m.header(m.slot(cost=(2, 8 * MIB + 1023))))
    yield Case("ok-mem-odd", "ok", "mem is no multiple of 1,024", odd)
