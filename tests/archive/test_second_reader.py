"""The second reader and the test vectors check each other."""

import io
import itertools
import json
from pathlib import Path
from typing import Any

import nacl.public
import nacl.secret
import pytest
import zstandard
from nacl.exceptions import CryptoError

from tests.archive import make_vectors, second_content, second_reader
from tests.archive.cases import example
from tests.archive.cases.payload import sized
from tests.archive.cases.state import full, key, only
from tests.archive.second_json import KINDS, Refused
from tests.archive.second_reader import CHUNK, TAG, Limits, read
from tests.archive.second_writer import LINE1, PASSWORD, RECIPIENT, Maker, empty_rows, keyed

VECTORS = Path(__file__).parent / "vectors"
INDEX = [json.loads(line) for line in (VECTORS / "index.jsonl").read_text().splitlines()]
DEFAULT = Limits()
BY_NAME = {entry["file"].removesuffix(".dbk"): entry for entry in INDEX}


def data_of(name: str) -> bytes:
    return (VECTORS / f"{name}.dbk").read_bytes()


def answer(data: bytes, password: str, limits: Limits = DEFAULT) -> str:
    """Return the class of a file as the second reader sees it."""
    try:
        read(data, password, limits)
    except Refused as refused:
        return refused.kind
    return "ok"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_second_reader_answers_as_the_index_says(name: str) -> None:
    entry = BY_NAME[name]
    if entry["class"] != "ok":
        with pytest.raises(Refused) as refused:
            read(data_of(name), entry["password"])
        assert refused.value.kind == entry["class"], refused.value.why
        return
    backup = read(data_of(name), entry["password"])
    assert backup.content == entry["content"]
    assert {name: len(rows) for name, rows in backup.sections.items()} == entry["counts"]


def test_there_are_enough_vectors_and_every_class_occurs() -> None:
    assert len(INDEX) >= 120
    assert {entry["class"] for entry in INDEX} == {"ok", *KINDS}
    assert len(BY_NAME) == len(INDEX)


@pytest.mark.slow
def test_the_files_on_disk_are_what_the_script_makes() -> None:
    assert make_vectors.check(make_vectors.files()) == []


# Negative controls: a reader that forgets one check must be caught by the vectors.


def any_flag(file_key: bytes, index: int, piece: bytes, *, is_last: bool) -> bytes:
    """Open a chunk whatever its flag says: the check of the last chunk, removed."""
    box = nacl.secret.SecretBox(file_key)
    for flag in (0, 1):
        try:
            return box.decrypt(piece, index.to_bytes(23, "big") + bytes([flag]))
        except (CryptoError, ValueError):
            continue
    raise Refused("damaged", "does not open")


def nothing(*_: object) -> None:
    """Check nothing."""


REMOVED = {
    "the last chunk": (second_reader, "open_chunk", any_flag, "chunk-no-last"),
    "the mac": (second_reader, "check_mac", nothing, "mac-slot-added"),
    "order": (second_reader, "check_order", nothing, "order-profiles"),
    "references": (second_reader, "check_references", nothing, "reference-workspaces-icon"),
    "depth": (second_content, "strict_json", json.loads, "config_keys-json-depth-33"),
    "time": (second_content, "_check_time", nothing, "created-no-day"),
    "icons": (second_content, "_check_asset", nothing, "assets-icon-html"),
    "typed values": (second_content, "_check_typed_value", nothing, "config_keys-number-plus"),
}


@pytest.mark.parametrize("check", REMOVED)
def test_a_reader_without_a_check_is_caught(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, replacement, witness = REMOVED[check]
    monkeypatch.setattr(module, function, replacement)
    assert answer(data_of(witness), BY_NAME[witness]["password"]) == "ok"
    assert BY_NAME[witness]["class"] != "ok"


# Every damage to a small file, and every arrangement of five chunks


HELLO = (Path(__file__).parent / "example" / "hello.dbk").read_bytes()


def test_every_cut_of_a_file_is_refused() -> None:
    for length in range(len(HELLO)):
        expected = "not_a_backup" if length < len(LINE1) else "damaged"
        assert answer(HELLO[:length], example.PASSWORD) == expected, length


@pytest.mark.slow
def test_every_flipped_bit_of_a_file_is_refused() -> None:
    for at, bit in itertools.product(range(len(HELLO)), range(8)):
        changed = bytearray(HELLO)
        changed[at] ^= 1 << bit
        expected = {"damaged"} if at >= len(LINE1) else {"not_a_backup", "newer_version"}
        assert answer(bytes(changed), example.PASSWORD) in expected, (at, bit)


def test_bytes_after_the_end_are_refused() -> None:
    for extra in (b"\0", b"\n", bytes(16), bytes(CHUNK), HELLO):
        assert answer(HELLO + extra, example.PASSWORD) == "damaged"


def five_chunks() -> tuple[bytes, list[bytes], str]:
    data, step = data_of("ok-five-chunks"), CHUNK + TAG
    start = len(data) - 4 * step - (1000 + TAG)
    pieces = [data[at : at + step] for at in range(start, len(data), step)]
    assert len(pieces) == 5
    return data[:start], pieces, BY_NAME["ok-five-chunks"]["password"]


def test_only_one_of_all_orders_of_five_chunks_is_accepted() -> None:
    header, pieces, password = five_chunks()
    answers = {
        order: answer(header + b"".join(pieces[i] for i in order), password)
        for order in itertools.permutations(range(5))
    }
    assert answers.pop((0, 1, 2, 3, 4)) == "ok"
    assert len(answers) == 119
    assert set(answers.values()) == {"damaged"}


def test_no_chunk_can_be_dropped_or_doubled() -> None:
    header, pieces, password = five_chunks()
    for size in range(5):
        for kept in itertools.combinations(pieces, size):
            assert answer(header + b"".join(kept), password) == "damaged"
    for at in range(5):
        doubled = [*pieces[: at + 1], *pieces[at:]]
        assert answer(header + b"".join(doubled), password) == "damaged"


# What the vectors cannot show


def test_the_limits_of_size_hold_where_no_small_file_reaches_them() -> None:
    m = Maker("limits")
    data = m.file(m.rows(only("config_keys", *[key("x" * 9999, name=f"K{n}") for n in range(9)])))
    packed = len(data)
    unpacked = len(b"".join(line + b"\n" for line in read(data, PASSWORD).lines))
    assert answer(data, PASSWORD, Limits(packed=packed, unpacked=unpacked)) == "ok"
    assert answer(data, PASSWORD, Limits(packed=packed - 1)) == "limit"
    assert answer(data, PASSWORD, Limits(unpacked=unpacked - 1)) == "limit"
    ratio = unpacked // packed
    assert ratio > 5
    assert answer(data, PASSWORD, Limits(ratio=ratio + 1, ratio_from=0)) == "ok"
    assert answer(data, PASSWORD, Limits(ratio=ratio, ratio_from=0)) == "limit"
    assert answer(data, PASSWORD, Limits(ratio=ratio, ratio_from=unpacked)) == "ok"


def test_no_key_is_derived_before_the_bounds_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_reader, "derive", lambda *_: pytest.fail("a key was derived"))
    bounded = [
        name for name in BY_NAME if name.startswith(("ops-", "mem-", "slots-", "chunk-size"))
    ]
    assert len(bounded) >= 15
    for name in bounded:
        assert answer(data_of(name), BY_NAME[name]["password"]) == "limit"


def test_a_sealed_slot_opens_with_the_recipients_secret() -> None:
    data = data_of("ok-sealed-slot")
    header = second_reader.read_header(data, LINE1)
    sealed: Any = next(slot for slot in header.slots if slot["type"] == "sealed")
    assert sealed["recipient"] == bytes(RECIPIENT.public_key)
    file_key = nacl.public.SealedBox(RECIPIENT).decrypt(sealed["key"])
    assert keyed(file_key, b"dbk1 header" + header.lines) == header.mac


def test_slots_change_without_touching_the_chunks() -> None:
    m = Maker("slots")
    chunks = m.chunks(m.rows(empty_rows()))
    before, after = (m.file(chunks, line2=m.header(m.slot(p))) for p in ("old one", "new one"))
    assert before.endswith(b"".join(chunks))
    assert after.endswith(b"".join(chunks))
    assert (answer(before, "old one"), answer(before, "new one")) == ("ok", "wrong_password")
    assert (answer(after, "old one"), answer(after, "new one")) == ("wrong_password", "ok")


def test_zstd_alone_turns_the_payload_into_text() -> None:
    m = Maker("zstd alone")
    payload = m.rows(full(), size=1000)
    stream = zstandard.ZstdDecompressor().stream_reader(
        io.BytesIO(payload), read_across_frames=True
    )
    lines = stream.read().splitlines()
    assert lines == read(m.file(payload), PASSWORD).lines


def test_equal_states_have_equal_digests_whatever_the_file() -> None:
    rows = sized(CHUNK + 1)
    one, two = Maker("one"), Maker("two")
    assert one.file(one.rows(rows)) != two.file(two.rows(rows, size=1))
    assert one.content == two.content
