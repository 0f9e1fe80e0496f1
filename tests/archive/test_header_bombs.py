"""Headers made to exhaust a reader are refused before anything is spent, in a fixed order."""

import io
import time
import tracemalloc

import nacl.pwhash.argon2id
import pytest

from dashboard.archive import ArchiveError, open_with_password
from tests.archive import second_reader
from tests.archive.sealed import LINE2, MAKER, MIB, both
from tests.archive.second_json import Refused
from tests.archive.second_writer import (
    PASSWORD,
)


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
