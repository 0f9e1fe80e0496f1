"""Patterns of manifests: the ordinary ones are asked, those that could explode are not."""

import time

import pytest

from dashboard.plugins.patterns import matches


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[a-z]{2}-[A-Z]{2}$", "en-GB", "english"),
        ("^#[0-9a-f]{6}$", "#2a6fdb", "blue"),
        (r"^[a-z][a-z0-9.-]*(:[0-9]{2,5})?$", "host.example:8443", "host:1"),
        ("^(http|https)://", "https://x.example", "ftp://x"),
        ("[)(*]", "a(b", "ab"),
        (r"^\(\*\[$", "(*[", "()"),
        ("^[]^]+$", "]^", "a"),
    ],
)
def test_ordinary_patterns_are_asked(pattern, good, bad):
    assert matches(pattern, good)
    assert not matches(pattern, bad)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 60 + "b"),
        ("(a|aa)*$", "a" * 60 + "b"),
        ("((a?){30}){2}$", "a" * 60 + "b"),
        ("^" + "a?" * 40 + "a" * 40 + "$", "a" * 40 + "b"),
        ("^" + "(a|a)" * 40 + "$", "a" * 40 + "b"),
        ("a*" * 12 + "b", "a" * 2_000),
        ("a{0,99}" * 9 + "b", "a" * 2_000),
        (r"(a*)\1b", "a" * 5_000),
        ("(?=(a+))b", "a" * 5_000),
        (".*.*=", "a" * 10_000),
        ("x" * 501, "y"),
        ("(", "y"),
        ("a{99999999999}", "y"),
    ],
)
def test_what_could_take_forever_is_not_asked(pattern, text):
    begun = time.thread_time()
    assert matches(pattern, text)
    assert time.thread_time() - begun < 1


def test_the_longest_text_that_is_asked_is_answered_soon():
    pattern = "^[a-z]*[a-z]*[a-z]*b$"
    asked = [n for n in range(10, 400) if not matches(pattern, "a" * n)]
    begun = time.thread_time()
    assert not matches(pattern, "a" * asked[-1])
    assert time.thread_time() - begun < 1
    assert matches(pattern, "a" * (asked[-1] + 1))
