"""Wrong rows, made by the hundred from the table of sections, and files made to exhaust a reader.

Each generated file has one row that differs from a right one in one value (or in its number of
values). It is sealed by the second writer, so both readers get behind every MAC, and they must
agree on the class. Bombs are read in a process of their own, which tells what they cost.
"""

import io
import struct
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nacl.pwhash.argon2id
import pytest
import zstandard

from dashboard.archive import SECTIONS, ArchiveError, open_with_password
from tests import needs
from tests.archive import second_content, second_reader
from tests.archive.cases.state import around, full, key, only, with_cell
from tests.archive.second_json import Refused
from tests.archive.second_reader import Limits
from tests.archive.second_writer import (
    BLOCK,
    PASSWORD,
    Maker,
    compact,
    empty_rows,
    frame,
    packed,
    payload,
    text,
)
from tests.fuzz import verdicts

MIB = 1 << 20
ROOT = Path(__file__).parents[2]
MAKER = Maker("generated rows")
LINE2 = MAKER.header()
REFUSED = {"limit", "invalid_content"}


def sealed(data: bytes) -> bytes:
    """Return the file of a payload; the header is the same for all."""
    return MAKER.file(data, line2=LINE2)


def both(data: bytes, limits: Limits = second_reader.DEFAULT) -> tuple[str, str]:
    """Return what the product and the second reader say."""
    return (
        verdicts.product(data, MAKER.file_key),
        verdicts.second(data, MAKER.file_key, limits),
    )


# Every column, every wrong value

# A value as it is written, so that what a Python value cannot say is there too.
TOKENS: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "false": b"false",
    "0": b"0",
    "-0": b"-0",
    "-1": b"-1",
    "7": b"7",
    "1.0": b"1.0",
    "2.5": b"2.5",
    "1e2": b"1e2",
    "-0.0": b"-0.0",
    "2^31": b"2147483648",
    "2^53+1": b"9007199254740993",
    "2^63": b"9223372036854775808",
    "2^64": b"18446744073709551616",
    "64 digits": b"9" * 64,
    "65 digits": b"9" * 65,
    "4301 digits": b"9" * 4301,
    "1e999": b"1e999",
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "01": b"01",
    "+1": b"+1",
    "hex": b"0x10",
    "NaN text": b'"NaN"',
    "empty": b'""',
    "space": b'" "',
    "x": b'"x"',
    "digits": b'"7"',
    "NUL": b'"a.b\\u0000"',
    "raw NUL": b'"a\0b"',
    "LF": b'"a.b\\n"',
    "inner LF": b'"A\\nB"',
    "CR": b'"A\\rB"',
    "DEL": b'"A\\u007fB"',
    "tab": b'"A\\tB"',
    "raw tab": b'"A\tB"',
    "NEL": b'"A\xc2\x85B"',
    "line separator": b'"A\xe2\x80\xa8B"',
    "half a pair": b'"\\ud83d"',
    "half a pair first": b'"\\ude00\\ud83d"',
    "a pair": b'"\\ud83d\\ude00"',
    "not UTF-8": b'"\xff"',
    "overlong": b'"\xc1\xb8"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "unknown escape": b'"\\x41"',
    "Arabic digits": '"\u0661\u0662"'.encode(),
    "fullwidth": '"\uff21.\uff22"'.encode(),
    "path": b'"../../etc/passwd"',
    "long": b'"' + b"A" * 5_000 + b'"',
    "too long": b'"' + b"A" * (MIB + 1) + b'"',
    "list": b"[]",
    "list of one": b"[1]",
    "object": b"{}",
    "object of one": b'{"a":1}',
    "key twice": b'{"a":1,"a":2}',
    "key twice, escaped": b'{"a":1,"\\u0061":2}',
    "deep": b'{"a":' + b"[" * 31 + b"]" * 31 + b"}",
    "text in text": b'"{}"',
    "unquoted": b"abc",
    "nothing": b"",
    "two values": b"1,2",
    "single quotes": b"'a'",
}
CELLS = [(section.name, column) for section in SECTIONS for column in section.columns]


def row_with(section: str, column: str, token: bytes) -> bytes:
    """Return the line of the section's spare row with *token* in the place of one value."""
    row = with_cell(section, column, "@@")[section][0]
    line = b"[" + b",".join(b"@@" if cell == "@@" else compact(cell) for cell in row) + b"]\n"
    return line.replace(b"@@", token, 1)


def wrong_values(section: str, column: str) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file) for every token that can stand in a column."""
    rows = with_cell(section, column, None)
    for name, token in TOKENS.items():
        rows[section] = [row_with(section, column, token)]
        yield name, sealed(payload(text(rows)))


# The tokens that a column takes; every other one must be refused.
TEXTS = {
    "NaN text",
    "space",
    "x",
    "digits",
    "NEL",
    "line separator",
    "a pair",
    "Arabic digits",
    "fullwidth",
    "path",
    "text in text",
}
ANY_TEXT = {*TEXTS, "empty", "LF", "inner LF", "CR", "DEL", "tab"}
TAKEN_BY_NAME = {
    "active": {"true", "false"},
    "auto": {"true", "false"},
    "shared": {"true", "false"},
    "visible": {"true", "false"},
    "position": {"0", "-0", "7"},
    "manifest": {"object", "object of one"},
    "config": {"object", "object of one"},
    "secrets": {"object", "object of one"},
    "name": TEXTS,
    "version": TEXTS,
    "source": TEXTS,
    "uid": {"NaN text", "x", "digits"},
    "key": {"NaN text", "x"},
    "requirement": {"NaN text", "x"},
    "icon_text": TEXTS - {"path"},
    "icon_asset": {"null"},
    "owner_email": {"null"},
    "column": {"0", "-0"},
    "title": {*TEXTS, "empty"},
    "value": {*ANY_TEXT, "long"},
    "description": ANY_TEXT,
}
TAKEN = {(s, c): TAKEN_BY_NAME.get(c, set()) for s, c in CELLS} | {
    ("config_keys", "name"): {"NaN text", "x"},
    ("plugin_mappings", "target"): TEXTS,
}


@pytest.mark.parametrize(("section", "column"), CELLS)
def test_both_readers_agree_on_every_wrong_value(section, column):
    found = {name: both(data) for name, data in wrong_values(section, column)}
    assert len(found) == len(TOKENS) >= 50
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
    assert {ours for ours, _ in found.values()} <= {"ok", *REFUSED}
    assert {name for name, (ours, _) in found.items() if ours == "ok"} == TAKEN[section, column]


def test_there_are_enough_wrong_values():
    assert len(CELLS) == sum(len(shape.columns) for shape in second_content.SECTIONS.values()) == 52
    assert len(CELLS) * len(TOKENS) >= 3_000


# Rows of a wrong shape

SHAPES: dict[str, Callable[[list[Any]], list[Any]]] = {
    "no value": lambda row: [[]],
    "the first is missing": lambda row: [row[1:]],
    "the last is missing": lambda row: [row[:-1]],
    "one null more": lambda row: [[*row, None]],
    "one copy more": lambda row: [[*row, row[-1]]],
    "twice the values": lambda row: [row + row],
    "a thousand more": lambda row: [row + [None] * 1_000],
    "backwards": lambda row: [row[::-1]],
    "in an array": lambda row: [[row]],
    "an object": lambda row: [{str(at): cell for at, cell in enumerate(row)}],
    "text": lambda row: [compact(row).decode()],
    "a number": lambda row: [7],
    "null": lambda row: [None],
    "two rows on a line": lambda row: [compact(row) + b" " + compact(row) + b"\n"],
    "a row over two lines": lambda row: [compact(row).replace(b",", b",\n", 1) + b"\n"],
    "a row over two counted lines": lambda row: [
        part + b"\n" for part in compact(row).split(b",", 1)
    ],
    "a comma at the end": lambda row: [compact(row)[:-1] + b",]\n"],
    "a comma at the start": lambda row: [b"[," + compact(row)[1:] + b"\n"],
    "no comma": lambda row: [compact(row).replace(b",", b" ", 1) + b"\n"],
    "not closed": lambda row: [compact(row)[:-1] + b"\n"],
    "closed twice": lambda row: [compact(row) + b"]\n"],
    "a line of spaces behind": lambda row: [row, b"  \n"],
    "a blank line behind": lambda row: [row, b"\n"],
    "CR LF": lambda row: [compact(row) + b"\r\n"],
    "a CR between values": lambda row: [compact(row).replace(b",", b",\r", 1) + b"\n"],
    "a CR alone": lambda row: [row, b"\r\n"],
    "twice": lambda row: [row, row],
}


@pytest.mark.parametrize("section", [section.name for section in SECTIONS])
def test_both_readers_agree_on_rows_of_a_wrong_shape(section):
    spare = full()[section][-1]
    for name, change in SHAPES.items():
        rows = around(section)
        rows[section][-1:] = change(spare)
        ours, theirs = both(sealed(payload(text(rows))))
        assert (ours, theirs) == ("invalid_content", "invalid_content"), name


@pytest.mark.parametrize("section", [section.name for section in SECTIONS])
def test_as_many_rows_as_lines_are_not_enough(section):
    """Two rows share a line, and something that is no row makes up the number."""
    first, second = (compact(row) for row in full()[section][-2:])
    broken = first.replace(b",", b",\n", 1)
    for lines in (
        [first + b" " + second + b"\n", b"\n"],
        [first + second + b"\n", b" \n"],
        [b"\n", first + b"\t" + second + b"\n"],
        [broken.split(b"\n")[0] + b"\n", broken.split(b"\n")[1] + second + b"\n"],
    ):
        rows = around(section)
        rows[section][-2:] = lines
        data = sealed(payload(text(rows)))
        assert both(data) == ("invalid_content", "invalid_content"), lines


# JSON that is deep, or says things twice

DEPTHS = (1, 2, 30, 31, 32, 33, 100, 900, 1_000, 100_000)
KINDS = {
    "arrays": lambda depth: b"[" * depth + b"]" * depth,
    "objects": lambda depth: b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1),
    "escaped": lambda depth: b"[" * (depth - 1) + b'["\\u00e9"]' + b"]" * (depth - 1),
    "arrays, open": lambda depth: b"[" * depth,
    "objects, open": lambda depth: b'{"a":' * depth,
}


def in_config(value: bytes) -> bytes:
    """Return a file with *value* inside a config: two levels down, with row and object."""
    rows = around("plugins")
    line = compact(full()["plugins"][0]).replace(b'{"url":"${DBKS:URL}"}', b'{"a":@}')
    rows["plugins"][0] = line.replace(b"@", value) + b"\n"
    return sealed(payload(text(rows)))


def in_key(value: bytes) -> bytes:
    """Return a file with *value* as the whole text of a config key."""
    return sealed(payload(text(only("config_keys", key(value.decode(), "json")))))


def in_row(value: bytes) -> bytes:
    """Return a file with *value* in the place of a name: of a wrong type, however deep."""
    return sealed(payload(text(only("profiles", b'["A",' + value + b",0]\n"))))


def in_manifest(value: bytes) -> bytes:
    def change(manifest: dict[str, Any]) -> bytes:
        return compact(manifest).replace(b'"note":""', b'"note":' + value) + b"\n"

    return sealed(payload(text(empty_rows(), head=change)))


def in_trailer(value: bytes) -> bytes:
    def change(trailer: dict[str, Any]) -> bytes:
        return compact(trailer)[:-1] + b',"a":' + value + b"}\n"

    return sealed(payload(text(empty_rows(), tail=change)))


# place -> how many levels are around what is put there; None: nothing fits there at all
PLACES: dict[Callable[[bytes], bytes], int | None] = {
    in_config: 2,
    in_key: 0,
    in_row: None,
    in_manifest: None,
    in_trailer: None,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_both_readers_agree_on_how_deep_json_may_be(place, kind):
    around_it = PLACES[place]
    for depth in DEPTHS:
        fits = around_it is not None and depth + around_it <= 32 and "open" not in kind
        expected = "ok" if fits else "invalid_content"
        assert both(place(KINDS[kind](depth))) == (expected, expected), depth


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_no_depth_slips_between_the_two_recursion_limits(place):
    """Where Python's parser just passes and its encoder just does not: two depths, somewhere."""
    found = {depth: both(place(KINDS["escaped"](depth))) for depth in range(900, 1_010)}
    refused = ("invalid_content", "invalid_content")
    assert {depth: pair for depth, pair in found.items() if pair != refused} == {}


TWICE = (
    b'{"a":1,"a":1}',
    b'{"a":1,"b":2,"a":3}',
    b'{"a":1,"\\u0061":2}',
    b'{"":1,"":2}',
    b'{"a":{"b":1,"b":1}}',
    b'[{"a":1},{"b":[{"c":1,"c":1}]}]',
    '{"é":1,"\\u00e9":2}'.encode(),
    '{"😀":1,"\\ud83d\\ude00":2}'.encode(),
    b"{" + b",".join(b'"%x":0' % n for n in range(9_000)) + b',"8":0}',
)


@pytest.mark.parametrize("value", TWICE, ids=lambda value: ascii(value[:30]))
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_key_twice_is_refused_wherever_it_is(place, value):
    assert both(place(value)) == ("invalid_content", "invalid_content")


@pytest.mark.parametrize("place", [in_config, in_key], ids=lambda place: place.__name__)
def test_keys_that_only_look_alike_are_two(place):
    for value in ('{"a":1,"A":2}', '{"é":1,"é":2}', '{"a":1,"a ":2}', '{"1":1,"1.0":2}'):
        assert both(place(value.encode())) == ("ok", "ok"), value


# Header bombs: refused before anything is spent


def header_bombs() -> dict[str, tuple[bytes, str]]:
    """Return {name: (line 2, class)}: costs out of bounds, alone and among sound slots."""
    sound, found = MAKER.slot(), {}
    wrong = [("ops", n) for n in (0, -1, 9, 10, 255, 1 << 31, 1 << 32, 1 << 63, 1 << 64, 10**50)]
    wrong += [
        ("mem", n)
        for n in (0, 1, -1, 8 * MIB - 1, 512 * MIB + 1, 1 << 30, (1 << 32) - 1, 1 << 42, 1 << 63)
    ]
    for name, value in [*wrong, ("mem", (1 << 64) - 1), ("mem", 10**50)]:
        bomb = sound | {name: value}
        for where, slots in (
            ("alone", [bomb]),
            ("first", [bomb, sound]),
            ("last of 16", [*[sound] * 15, bomb]),
        ):
            found[f"{name} {value} {where}"] = MAKER.header(*slots), "limit"
    for size in (0, 1, 16, 65_535, 65_537, 1 << 31, 1 << 63, 10**50, -1):
        found[f"chunk {size}"] = MAKER.header(sound, chunk=size), "limit"
    for count in (0, 17, 40):
        found[f"{count} slots"] = MAKER.header(slots=[sound] * count), "limit"
    for name in ("ops", "mem"):
        for value in (True, 1.0, 1e300, "1", None, [1], {}):
            found[f"{name} {value!r}"] = MAKER.header(sound | {name: value}), "damaged"
    for size in (0, 1, 8, 15, 17, 32, 64, 4_096):
        salt = "A" * -(-size * 8 // 6)
        found[f"salt of {size}"] = MAKER.header(sound | {"salt": salt}), "damaged"
    found["parallel"] = MAKER.header(sound | {"parallel": 1 << 31}), "damaged"
    return found


BOMBS = header_bombs()


def test_no_header_costs_a_key_derivation_before_its_bounds_are_checked(monkeypatch):
    assert len(BOMBS) >= 64
    asked = []
    monkeypatch.setattr(nacl.pwhash.argon2id, "kdf", lambda *_, **__: asked.append(1) or bytes(32))
    files = {name: (MAKER.empty(line2=line2), kind) for name, (line2, kind) in BOMBS.items()}
    tracemalloc.start()
    try:
        for name, (data, kind) in files.items():
            tracemalloc.reset_peak()
            start, before = time.thread_time(), tracemalloc.get_traced_memory()[0]
            with pytest.raises(ArchiveError) as caught:
                open_with_password(io.BytesIO(data), PASSWORD)
            assert caught.value.code == kind, name
            assert tracemalloc.get_traced_memory()[1] - before < MIB, name
            assert time.thread_time() - start < 0.25, name
            with pytest.raises(Refused) as refused:
                second_reader.read(data, PASSWORD)
            assert refused.value.kind == kind, name
    finally:
        tracemalloc.stop()
    assert asked == []
    # The control: a sound header does ask, and a wrong key is then said to be a wrong password.
    with pytest.raises(ArchiveError) as caught:
        open_with_password(io.BytesIO(MAKER.empty(line2=LINE2)), PASSWORD)
    assert (caught.value.code, asked) == ("wrong_password", [1])


def deep(depth: int) -> list:
    value: list = []
    for _ in range(depth - 1):
        value = [value]
    return value


ODD_SLOTS = {
    "a NUL": {"a": "\0"},
    "a NUL in a key": {"\0": 1},
    "65 digits": {"a": 10**64},
    "a fraction": {"a": 1.5},
    "30 levels more": {"a": deep(30)},
}


@pytest.mark.parametrize("name", ODD_SLOTS)
def test_both_readers_agree_on_what_an_unknown_slot_may_hold(name):
    data = MAKER.empty(line2=MAKER.header(MAKER.slot(), ODD_SLOTS[name] | {"type": "new"}))
    assert both(data) == ("damaged", "damaged")


ODD_SLOTS_TAKEN = {
    "any text": {"a": "\x7f\t\x1f 😀\\/"},
    "64 digits": {"a": -(10**63) + 1},
    "32 levels": {"a": deep(29)},
    "all kinds": {"a": [None, True, {}, {"": [0]}]},
}


@pytest.mark.parametrize("name", ODD_SLOTS_TAKEN)
def test_an_unknown_slot_may_hold_anything_else(name):
    line2 = MAKER.header(MAKER.slot(), ODD_SLOTS_TAKEN[name] | {"type": "new"})
    assert both(MAKER.empty(line2=line2)) == ("ok", "ok")


def first_faults() -> dict[str, bytes]:
    """Return files with a fault of step 4 or 5 and one of step 6: the earlier step answers."""
    sound = MAKER.slot()
    broken = {"type": "password"}
    costly = MAKER.empty(line2=MAKER.header(sound | {"ops": 9}))
    mac = len(b"".join(costly.splitlines(keepends=True)[:3]))
    return {
        "a costly slot, then a broken one": MAKER.empty(
            line2=MAKER.header(sound | {"ops": 9}, broken)
        ),
        "another chunk size and a broken slot": MAKER.empty(
            line2=MAKER.header(broken, chunk=1),
        ),
        "17 slots, one broken": MAKER.empty(line2=MAKER.header(*[sound] * 16, broken)),
        "a costly slot and no mac": costly[:mac],
    }


@pytest.mark.parametrize("name", first_faults())
def test_the_header_is_finished_in_order(name):
    assert both(first_faults()[name]) == ("damaged", "damaged")


# Decompression bombs, each read in a process of its own

CHILD = """
import sys, time
from dashboard.archive import ArchiveError, ArchiveReader, with_file_key

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])

def verdict(path):
    try:
        with open(path, "rb") as source:
            reader = ArchiveReader(source, with_file_key(bytes.fromhex(sys.argv[1])))
            for _ in reader.batches():
                pass
    except ArchiveError as error:
        return error.code
    return "ok"

verdict(sys.argv[2])
open("/proc/self/clear_refs", "w").write("5")
before, start = peak(), time.process_time()
print(verdict(sys.argv[3]), peak() - before, time.process_time() - start)
"""


@pytest.fixture
def cost_of(tmp_path) -> Callable[[bytes], tuple[str, float, float]]:
    """Read a file in a fresh process; tell the class, the growth in MiB and the seconds spent."""
    if not Path("/proc/self/clear_refs").exists():
        needs.not_tested("only Linux tells the peak of a process")

    def read(data: bytes) -> tuple[str, float, float]:
        warm, file = tmp_path / "warm.dbk", tmp_path / "bomb.dbk"
        warm.write_bytes(sealed(payload(text(full()))))
        file.write_bytes(data)
        command = [sys.executable, "-c", CHILD, MAKER.file_key.hex(), str(warm), str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2_000:]
        word, kib, seconds = done.stdout.split()
        return word, int(kib) / 1024, float(seconds)

    return read


def declares(size: int) -> bytes:
    """Return a block whose frame declares *size* in eight bytes and holds 16 MiB."""
    run = b"".join(
        (128 << 10 << 3 | 1 << 1 | (n == 127)).to_bytes(3, "little") + b"0" for n in range(128)
    )
    return packed(b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size) + run)


def zeros_in(frames: int) -> bytes:
    """Return a payload of nothing but zero bytes, 4 MiB in every block."""
    return packed(frame(bytes(BLOCK))) * frames


def counted(count: int) -> bytes:
    """Return the block of a manifest that promises *count* config keys."""
    rows = empty_rows() | {"config_keys": [None] * count}
    return packed(frame(text(rows).splitlines(keepends=True)[0]))


def rows_of_zeros(count: int) -> bytes:
    """Return a payload of *count* right rows of 1 MiB each, almost nothing when packed."""
    one = packed(frame(compact(key("0" * MIB, name="K0000")) + b"\n"))
    return counted(count) + b"".join(one.replace(b"K0000", b"K%04d" % n) for n in range(count))


def line_of(row: bytes) -> bytes:
    """Return a payload with one long line where a config key belongs."""
    return counted(1) + packed(frame(row + b"\n"))


def zstd_bomb_inside() -> bytes:
    """Return a payload whose block is small as declared, and a whole file of blocks inside."""
    return packed(frame(zeros_in(64)[: BLOCK - 1] + b"\n"))


INVALID, ACCEPTED = {"invalid_content"}, {"ok"}
COSTLY_JSON: dict[str, tuple[bytes, set[str]]] = {
    "an integer of 1,000,000 digits": (b"9" * 1_000_000, INVALID),
    "a float of 1,000,000 digits": (b"9" * 1_000_000 + b".5", INVALID),
    "a fraction of 1,000,000 digits": (b"0." + b"0" * 1_000_000 + b"1", INVALID),
    "an exponent of 1,000,000 digits": (b"1e" + b"9" * 1_000_000, INVALID),
    "100,000 arrays": (b"[" * 100_000, INVALID),
    "100,000 objects": (b'{"a":' * 100_000 + b"{}" + b"}" * 100_000, INVALID),
    "15,000 texts of 64 digits": (b"[" + b'"%064d",' % 7 * 15_000 + b"0]", ACCEPTED),
    "a text of 1,000,000 digits": (b'"' + b"7" * 1_000_000 + b'"', ACCEPTED),
    "15,000 numbers of 64 digits": (
        b"[" + b"9" * 64 + b"," + b"%d," % 10**63 * 15_000 + b"0]",
        ACCEPTED,
    ),
    "80,000 keys": (b"{" + b",".join(b'"%x":0' % n for n in range(80_000)) + b"}", ACCEPTED),
    "80,000 keys and one twice": (
        b"{" + b",".join(b'"%x":0' % n for n in range(80_000)) + b',"0":0}',
        INVALID,
    ),
    "150,000 escapes": (b'"' + b"\\u00e9" * 150_000 + b'"', ACCEPTED),
    "75,000 halves of pairs": (b'"' + b"\\ud83d" * 75_000 + b'"', INVALID),
    "500,000 backslashes": (b'"' + b"\\\\" * 500_000 + b'"', ACCEPTED),
    "an open text": (b'"' + b"\\\\" * 500_000, INVALID),
}


def bombs() -> dict[str, tuple[Callable[[], bytes], set[str]]]:
    """Return {name: (the maker of a file, classes)}."""
    limit, invalid = {"limit"}, INVALID
    return {
        "1 GiB of zeros": (lambda: sealed(zeros_in(256)), REFUSED),
        "1 GiB of right rows": (lambda: sealed(rows_of_zeros(1_024)), limit),
        "1 GiB of zeros behind a manifest": (lambda: sealed(counted(9) + zeros_in(256)), REFUSED),
        "a bomb inside a block": (lambda: sealed(zstd_bomb_inside()), invalid),
        "declares 4 MiB, holds 16": (lambda: sealed(declares(BLOCK)), invalid),
        "declares 4 MiB and 1, holds 16": (lambda: sealed(declares(BLOCK + 1)), limit),
        "declares 16 MiB, holds 16": (lambda: sealed(declares(16 * MIB)), limit),
        "declares 1 byte, holds 16 MiB": (lambda: sealed(declares(1)), invalid),
        "declares 0 bytes, holds 16 MiB": (lambda: sealed(declares(0)), invalid),
        "declares 4 GiB": (lambda: sealed(declares(1 << 32)), limit),
        "declares 2^63": (lambda: sealed(declares(1 << 63)), limit),
        "declares 2^64 - 3": (lambda: sealed(declares((1 << 64) - 3)), limit),
        "4,000,000 digits": (lambda: sealed(line_of(b"[" + b"9" * 4_000_000 + b"]")), invalid),
        "4,000,000 brackets": (lambda: sealed(line_of(b"[" * 4_000_000)), invalid),
        "800,000 objects": (lambda: sealed(line_of(b'{"a":' * 800_000)), invalid),
        "2,000,000 values": (lambda: sealed(line_of(b"[" + b"1," * 2_000_000 + b"1]")), invalid),
        "an open string of 4 MB": (lambda: sealed(line_of(b'["' + b"a" * 4_000_000)), invalid),
        "a config of 600,000 escapes": (
            lambda: in_config(b'"' + b"\\u00e9" * 600_000 + b'"'),
            limit,
        ),
        **{
            f"{name} in a {place}": (lambda put=put, value=value: put(value), kinds)
            for place, put in (("config", in_config), ("key", in_key))
            for name, (value, kinds) in COSTLY_JSON.items()
        },
        "2,000,000 blank lines": (
            lambda: sealed(counted(1) + packed(frame(b"\n" * 2_000_000))),
            invalid,
        ),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", bombs())
def test_a_bomb_costs_little_memory_and_time(name, cost_of):
    make, expected = bombs()[name]
    data = make()
    word, mib, seconds = cost_of(data)
    assert word in expected
    assert mib < 64
    assert seconds < 5
    assert verdicts.second(data, MAKER.file_key) in expected


def worst_accepted() -> dict[str, Callable[[], bytes]]:
    """Return right content that is as costly as it can be for its size."""
    pairs = b"[" + b"{}," * ((MIB - 4) // 3) + b"0]"
    nested = b"[" + b",".join([b"[" * 30 + b"]" * 30] * (MIB // 62)) + b"]"

    def keys(value: bytes) -> bytes:
        rows = [key(value.decode(), "json", name=f"K{n}") for n in range(4)]
        return payload(text(only("config_keys", *rows)))

    def tiny() -> bytes:
        """Return four full blocks of the shortest rows there are."""
        names = [f"{a}{n:04X}" for a in "ABCDEFGHIJKL" for n in range(1 << 16)]
        lines = [b'["%b","string","\xe4\xb8\x80","\xe4\xb8\x80"]\n' % n.encode() for n in names]
        most = BLOCK // len(lines[0])
        blocks = [b"".join(lines[at : at + most]) for at in range(0, 4 * most, most)]
        return counted(4 * most) + b"".join(packed(zstandard.compress(block)) for block in blocks)

    return {
        "empty objects": lambda: keys(pairs),
        "nested arrays": lambda: keys(nested),
        "tiny rows": tiny,
        "64 MiB of zeros": lambda: rows_of_zeros(63),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", worst_accepted())
def test_the_worst_content_that_is_accepted_stays_within_the_promise(name, cost_of):
    """128 MiB above the idle process; its trailer may be wrong, so that nothing is left out."""
    word, mib, seconds = cost_of(sealed(worst_accepted()[name]()))
    assert word in {"ok", "invalid_content"}
    assert mib < 128
    assert seconds < 10


def of_ratio(ratio: float, megabytes: int = 72) -> bytes:
    """Return a payload of right rows that are unpacked *ratio* times as large in every block."""
    noise = MAKER.random.take(MIB).hex()
    size = int(MIB / ratio) - 160
    values = [noise[n * size : (n + 1) * size] for n in range(megabytes)]
    rows = [key(value + "0" * (MIB - size), name=f"K{n:02}") for n, value in enumerate(values)]
    return payload(text(only("config_keys", *rows)), size=1)


@pytest.mark.slow
@pytest.mark.parametrize(("ratio", "expected"), [(190, "ok"), (210, "limit")])
def test_the_ratio_counts_once_past_64_mib(ratio, expected, cost_of):
    data = of_ratio(ratio)
    packed_size = len(sealed(data))
    assert (packed_size * 200 < 72 * MIB) == (expected == "limit")
    word, mib, _ = cost_of(sealed(data))
    assert word == expected == verdicts.second(sealed(data), MAKER.file_key)
    assert mib < 64


def test_the_ratio_does_not_count_before_64_mib():
    data = sealed(rows_of_zeros(8))
    limits = Limits(ratio_from=0)
    assert both(data, limits) == ("invalid_content", "limit")


@pytest.mark.slow
def test_the_ratio_is_that_of_the_whole_file():
    noise = MAKER.random.take(MIB // 2).hex()
    rows = [key("0" * MIB, name=f"K{n:02}") for n in range(72)]
    rows.append(key(noise[:MIB], name="LAST"))
    data = sealed(payload(text(only("config_keys", *rows))))
    assert len(data) * 200 > 73 * MIB
    assert both(data) == ("ok", "ok")


def test_a_frame_may_name_any_window():
    raw = text(around("profiles"))
    body = frame(raw)[9:]
    for window in (0x00, 0x68, 0x70, 0x88):
        head = struct.pack("<BBI", 0x80, window, len(raw))
        data = sealed(packed(b"\x28\xb5\x2f\xfd" + head + body))
        assert both(data) == ("ok", "ok"), hex(window)


# Negative controls: with a check taken away, the questions above get two answers.


def test_a_reader_without_a_rule_is_caught(monkeypatch):
    columns = second_content.SECTIONS["profiles"].columns
    monkeypatch.setitem(columns, "position", lambda value, raw: None)
    pairs = {name: both(data) for name, data in wrong_values("profiles", "position")}
    assert sum(ours != theirs for ours, theirs in pairs.values()) > 20


def test_a_reader_that_takes_the_last_of_two_keys_is_caught(monkeypatch):
    monkeypatch.setattr("tests.archive.second_json._object", dict)
    assert both(in_config(TWICE[0])) == ("invalid_content", "ok")


def test_a_reader_without_the_bound_of_depth_is_caught(monkeypatch):
    monkeypatch.setattr("tests.archive.second_json.check_depth", lambda text: None)
    assert both(in_config(KINDS["arrays"](33))) == ("invalid_content", "ok")


def test_a_hungry_reader_is_caught(cost_of, monkeypatch):
    """The measure itself: 200 MiB that are taken on the way are seen."""
    greedy = CHILD.replace(
        "for _ in reader.batches():",
        "hoard = b'x' * (200 << 20)\n            for _ in reader.batches():",
    )
    assert greedy != CHILD
    monkeypatch.setattr(sys.modules[__name__], "CHILD", greedy)
    word, mib, _ = cost_of(sealed(payload(text(empty_rows()))))
    assert word == "ok"
    assert mib > 190
