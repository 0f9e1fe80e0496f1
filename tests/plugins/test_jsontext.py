"""JSON as it is taken from people and rows."""

import pytest

from dashboard.archive import limits, strict_json
from dashboard.plugins import jsontext
from dashboard.plugins.jsontext import (
    EXCERPT_CHARS,
    Excerpt,
    JsonProblem,
    excerpt,
    read_json,
    read_object,
    to_json,
)


def test_equal_values_are_written_as_the_same_text():
    assert to_json({"b": [1, None], "a": "ä"}) == to_json({"a": "ä", "b": [1, None]})
    assert to_json({"b": [1, 2.5], "a": "ä"}) == '{"a":"ä","b":[1,2.5]}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Line 1, column 1: a value"),
        ('{"a": 1,\n  oops}', 'Line 2, column 3: a name in "double'),
        ('{"a":1,"a":2}', "only once"),
        ("[NaN]", "NaN"),
        ("-Infinity", "Infinity"),
        ("1e999", "too large"),
        ("1" * 5000, "too many digits"),
        ("1" * 65, "too many digits"),
        ("0." + "1" * 63, "too many digits"),
        ('"a\\u0000b"', "NUL"),
        ('"\\ud800"', "broken"),
        ('{"\\udfff":1}', "broken"),
        ("[" * 33 + "]" * 33, "Nest less"),
        ("[" * 100_000 + "]" * 100_000, "Nest less"),
        ('"\ud800"', "Unicode"),
        ('"' + "a" * (1 << 20) + '"', "1 MiB"),
        ("01", "Line 1"),
        ("[1] 2", "Line 1, column 5: the value ends"),
    ],
)
def test_unusual_json_is_refused_in_words(text, words):
    with pytest.raises(JsonProblem, match=words):
        read_json(text)


def test_the_deepest_allowed_json_is_read():
    assert read_json("[" * 32 + "]" * 32)


def test_the_limits_are_those_of_a_backup():
    assert (jsontext.MAX_DEPTH, jsontext.MAX_TEXT_BYTES, jsontext.MAX_NUMBER_CHARS) == (
        limits.MAX_JSON_DEPTH, limits.MAX_VALUE_BYTES, limits.MAX_NUMBER_CHARS,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    ["1" * 64, "-1.5e300", "[" * 32 + "]" * 32, '{"a":"\\u2028\\u007f"}', '" \\ud83d\\ude00"'],
)
def test_what_is_taken_here_a_backup_takes_too(text):
    assert read_json(text) == strict_json.parse(text)


def test_only_an_object_is_taken_for_a_config():
    with pytest.raises(JsonProblem, match="object"):
        read_object("[]")


def test_the_place_of_an_error_is_cut_out_of_its_line():
    text = '{"a": 1,\n  "b": oops,\n  "c": 3}'
    with pytest.raises(JsonProblem) as caught:
        read_json(text)
    found = excerpt(text, caught.value.at)
    assert (found.line, found.before, found.marked, found.after) == (2, '  "b": ', "o", "ops,")
    assert excerpt("[", 1) == Excerpt(1, "[", "", "")
    assert len(excerpt("x" * 10_000, 5_000).before) == EXCERPT_CHARS
