"""Files made to exhaust a reader, each read in a process of its own, which tells what it costs."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests import needs
from tests.archive.cases.state import around, full, key, only
from tests.archive.sealed import MAKER, MIB, REFUSED, both, in_config, in_key, sealed
from tests.archive.second_reader import Limits
from tests.archive.second_writer import (
    BLOCK,
    compact,
    empty_rows,
    frame,
    packed,
    payload,
    text,
)
from tests.fuzz import verdicts

ROOT = Path(__file__).parents[2]
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


# Negative control


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
