"""Lines that somebody knows already are not decoded; everything around them is asked as ever."""

import io

import pytest

from dashboard.archive import ArchiveReader, InvalidContent, with_file_key
from dashboard.archive import reader as archive_reader
from tests.archive.cases.state import full, key, only
from tests.archive.second_writer import Maker, compact, payload, text

A, B, C = (key("1", name=name) for name in "ABC")


def lines_of(*rows) -> set[bytes]:
    return {compact(row) + b"\n" for row in rows}


def read(data: bytes, maker: Maker, known: set[bytes], monkeypatch) -> list[tuple]:
    """Read *data* a line at a time, *known* lines as proven; return the rows that were decoded."""
    monkeypatch.setattr(archive_reader, "PIECE_BYTES", 1)
    reader = ArchiveReader(io.BytesIO(data), with_file_key(maker.file_key))
    found = reader.batches(proven=lambda _section, lines, count: count == 1 and lines in known)
    rows = [row for batch in found for row in batch.rows]
    assert reader.trailer is not None
    return rows


@pytest.mark.parametrize("proven", [(A,), (B,), (C,), (A, B), (B, C), (A, B, C)])
def test_what_is_proven_is_not_decoded(monkeypatch, proven):
    maker = Maker("proven")
    data = maker.file(maker.rows(only("config_keys", A, B, C)))
    decoded = read(data, maker, lines_of(*proven), monkeypatch)
    assert decoded == [tuple(row) for row in (A, B, C) if row not in proven]


@pytest.mark.parametrize("proven", [(A,), (B,), (A, B)])
@pytest.mark.parametrize("rows", [(B, A), (A, A), (A, C, B), (A, B, B), (B, A, C)])
def test_order_is_asked_across_the_ends_of_what_is_proven(monkeypatch, rows, proven):
    maker = Maker("order")
    data = maker.file(maker.rows(only("config_keys", *rows)))
    with pytest.raises(InvalidContent, match=r"out of order|twice"):
        read(data, maker, lines_of(*proven), monkeypatch)


def test_order_is_asked_between_the_last_of_many_proven_rows_and_the_next(monkeypatch):
    maker, known = Maker("many"), compact(A) + b"\n" + compact(C) + b"\n"
    data = maker.file(maker.rows(only("config_keys", A, C, B)))
    monkeypatch.setattr(archive_reader, "PIECE_BYTES", len(known))
    reader = ArchiveReader(io.BytesIO(data), with_file_key(maker.file_key))
    with pytest.raises(InvalidContent, match="out of order"):
        list(reader.batches(proven=lambda _section, lines, _count: lines == known))
    assert reader.trailer is None


def test_the_digests_are_asked_of_proven_lines_too(monkeypatch):
    maker = Maker("digest")
    rows = text(only("config_keys", A, B)).replace(b'["B"', b'["C"')
    with pytest.raises(InvalidContent, match="trailer"):
        read(maker.file(payload(rows)), maker, lines_of(A, key("1", name="C")), monkeypatch)


def test_sections_that_others_refer_to_are_always_decoded(monkeypatch):
    maker, rows = Maker("all"), full()
    everything = lines_of(*(row for own in rows.values() for row in own))
    decoded = read(maker.file(maker.rows(rows)), maker, everything, monkeypatch)
    alone = len(rows["toolbar"]) + len(rows["config_keys"])
    assert len(decoded) == sum(map(len, rows.values())) - alone
