"""Lines that somebody knows already are not decoded; everything around them is asked as ever."""

import io

import pytest

from dashboard.archive import ArchiveReader, InvalidContent, with_file_key
from dashboard.archive import reader as archive_reader
from tests.archive.cases.state import full, key, only
from tests.archive.second_writer import Maker, compact, payload, text

A, B, C = (key("1", name=name) for name in "ABC")


def read(data: bytes, maker: Maker, known: tuple, monkeypatch) -> tuple[list, list]:
    """Read *data*, *known* rows as proven; return all rows, and those that were decoded."""
    decode, decoded = archive_reader.decode_rows, []

    def decode_rows(*where):
        rows = decode(*where)
        decoded.extend(rows)
        return rows

    def proven(_section, lines):
        rows = {compact(row): tuple(row) for row in known}
        return [rows.get(line) for line in lines]

    monkeypatch.setattr(archive_reader, "decode_rows", decode_rows)
    reader = ArchiveReader(io.BytesIO(data), with_file_key(maker.file_key))
    rows = [row for batch in reader.batches(proven=proven) for row in batch.rows]
    assert reader.trailer is not None
    return rows, decoded


@pytest.mark.parametrize("proven", [(A,), (B,), (C,), (A, B), (B, C), (A, B, C)])
def test_what_is_proven_is_not_decoded(monkeypatch, proven):
    maker = Maker("proven")
    data = maker.file(maker.rows(only("config_keys", A, B, C)))
    rows, decoded = read(data, maker, proven, monkeypatch)
    assert rows == [tuple(row) for row in (A, B, C)]
    assert decoded == [tuple(row) for row in (A, B, C) if row not in proven]


@pytest.mark.parametrize("proven", [(A,), (B,), (A, B)])
@pytest.mark.parametrize("rows", [(B, A), (A, A), (A, C, B), (A, B, B), (B, A, C)])
@pytest.mark.parametrize("piece_bytes", [1, 64 << 10])
def test_order_is_asked_of_what_is_proven_too(monkeypatch, rows, proven, piece_bytes):
    monkeypatch.setattr(archive_reader, "PIECE_BYTES", piece_bytes)
    maker = Maker("order")
    data = maker.file(maker.rows(only("config_keys", *rows)))
    with pytest.raises(InvalidContent, match=r"out of order|twice"):
        read(data, maker, proven, monkeypatch)


def test_a_fault_beside_what_is_proven_is_told_with_its_place(monkeypatch):
    maker, odd = Maker("fault"), key("one", "number", name="C")
    data = maker.file(maker.rows(only("config_keys", A, B, odd)))
    with pytest.raises(InvalidContent, match="config_keys, row 3: not a number"):
        read(data, maker, (A, B), monkeypatch)


def test_the_digests_are_asked_of_proven_lines_too(monkeypatch):
    maker = Maker("digest")
    rows = text(only("config_keys", A, B)).replace(b'["B"', b'["C"')
    with pytest.raises(InvalidContent, match="trailer"):
        read(maker.file(payload(rows)), maker, (A, key("1", name="C")), monkeypatch)


def test_sections_that_others_refer_to_are_always_decoded(monkeypatch):
    maker, state = Maker("all"), full()
    everything = tuple(row for own in state.values() for row in own)
    rows, decoded = read(maker.file(maker.rows(state)), maker, everything, monkeypatch)
    alone = len(state["toolbar"]) + len(state["config_keys"])
    assert len(rows) == len(everything) == len(decoded) + alone
