"""JSON that is deep, or says things twice, wherever a file has JSON."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.archive.cases.state import only
from tests.archive.sealed import both, in_config, in_key, sealed
from tests.archive.second_writer import (
    compact,
    empty_rows,
    payload,
    text,
)

DEPTHS = (1, 2, 30, 31, 32, 33, 100, 900, 1_000, 100_000)
KINDS = {
    "arrays": lambda depth: b"[" * depth + b"]" * depth,
    "objects": lambda depth: b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1),
    "escaped": lambda depth: b"[" * (depth - 1) + b'["\\u00e9"]' + b"]" * (depth - 1),
    "arrays, open": lambda depth: b"[" * depth,
    "objects, open": lambda depth: b'{"a":' * depth,
}


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


# Negative controls: with a check taken away, the questions above get two answers.


def test_a_reader_that_takes_the_last_of_two_keys_is_caught(monkeypatch):
    monkeypatch.setattr("tests.archive.second_json._object", dict)
    assert both(in_config(TWICE[0])) == ("invalid_content", "ok")


def test_a_reader_without_the_bound_of_depth_is_caught(monkeypatch):
    monkeypatch.setattr("tests.archive.second_json.check_depth", lambda text: None)
    assert both(in_config(KINDS["arrays"](33))) == ("invalid_content", "ok")
