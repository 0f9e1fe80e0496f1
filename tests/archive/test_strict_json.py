"""Strict JSON: what the quick look accepts, the slow parse accepts too."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.archive import strict_json

REFUSED = (
    "NaN", "-Infinity", "1e400", '{"a":1,"a":2}', '[{"a":{"b":1,"b":1}}]', '"\\ud800"', "",
    "[1,]", "01", "'a'", '"\\u0000"', '{"a\\u0000":1}', "9" * 65, "[" + "9" * 65 + "]",
    "1." + "0" * 63, "[" * 33 + "]" * 33, '{"a":' * 33 + "1" + "}" * 33, "[" * 100_000, '"\x01"',
    "\ufeff1", "1 2", "[" + "[]," * 40 + "[" * 32 + "]" * 32 + "]",
)  # fmt: skip
ACCEPTED = (
    "null", "-0", "1.50", "1E+2", ' {"b" : 1, "a":[ ]} ', '"\\u00e9"', '"é😀"', "9" * 64,
    "[" * 32 + "]" * 32, "[" + "[]," * 40 + "[" * 31 + "]" * 31 + "]",
    '{"a":' * 31 + "[]" + "}" * 31, '"\\ud83d\\ude00"',
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:12])
def test_refused_by_both_looks(text):
    assert not strict_json.are_plain([text])
    with pytest.raises(ValueError, match=r"JSON|twice|surrogate|NUL|nested|number"):
        strict_json.parse(text)


@pytest.mark.parametrize("text", ACCEPTED, ids=lambda text: text[:12])
def test_accepted(text):
    assert strict_json.parse(text) == json.loads(text)


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.slow
@given(nested, st.booleans(), st.booleans())
def test_what_is_plain_is_strict(value, spaced, ascii_only):
    separators = None if spaced else (",", ":")
    text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
    if strict_json.are_plain([text]):
        assert strict_json.parse(text) == value
