"""What is added to a note: by people in its card, and by other plugins."""

import html
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.plugins import notes
from dashboard.plugins.acts import ActProblem, Called, Changes, Doing, Placed
from dashboard.plugins.render import Placement

HERE = Placement({}, {}, datetime(2026, 11, 25, 11, 10, tzinfo=UTC), lambda key: True)


def note(text):
    return Placed("ws", "app", "Notes", {"text": text} if text else {})


def typed(text, line):
    doing = Doing(HERE, note(text), {}, lambda *call: None)
    return notes.add_line(doing, {"line": line})


def brought(old, *more, **arguments):
    placed = [note(old), *more]
    changes = notes.append_note(Called(arguments, HERE, {}, lambda: iter(placed)))
    assert isinstance(changes, Changes)
    [(where, keys)] = changes.applications
    assert (where, dict(changes.plugin)) == (placed[0], {})
    return keys["text"]


def test_a_typed_line_is_added_at_the_end_and_may_be_markdown():
    assert typed("Hello", " two\n**words** ") == {"text": "Hello\n- two **words**\n"}
    assert typed("", "first") == {"text": "- first\n"}


@pytest.mark.parametrize("line", ["", "  ", "x" * 2001])
def test_an_empty_or_endless_line_is_refused(line):
    with pytest.raises(ActProblem):
        typed("Hello", line)


def test_a_note_has_an_end():
    with pytest.raises(ActProblem, match="another note"):
        typed("x" * notes.LONGEST_NOTE, "y")


def test_what_a_plugin_brings_goes_to_the_nearest_note():
    assert brought("Hello", note("other"), text="a\n b") == "Hello\n- a b\n"


def test_without_any_note_it_says_what_to_do():
    called = Called({"text": "x"}, HERE, {}, lambda: iter(()))
    with pytest.raises(ActProblem, match="Add the application Notes"):
        notes.append_note(called)


def test_nothing_to_add_is_refused():
    with pytest.raises(ActProblem):
        brought("Hello", text=" ")


def test_title_and_address_become_a_link_before_the_text():
    line = brought("", title="Ferry [live]", address="https://a.example/?q=1&lt;=2 x", text="*now*")
    assert line == r"- [Ferry \[live\]](<https://a.example/?q=1\&lt;=2%20x>): \*now\*" + "\n"
    shown = notes.to_html(line)
    assert 'href="https://a.example/?q=1&amp;lt;=2%20x"' in shown
    assert ">Ferry [live]</a>: *now*" in shown
    assert (
        brought("", address="https://a.example/")
        == "- [https://a.example/](<https://a.example/>)\n"
    )


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//a.example", "a.example", "", "ftp://x"],
)
def test_what_does_not_lead_to_the_web_is_no_link(address):
    assert brought("", title="Words", address=address) == "- Words\n"


def test_a_whole_article_is_shortened():
    line = brought("", title="t" * 5_000, text="x" * 1_000_000, address="https://a.example")
    assert len(line) < notes.LONGEST_LINE
    assert line.endswith("x…\n")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=80))
def test_whatever_is_brought_shows_as_the_words_it_was(words):
    plain = " ".join(words.split())
    if not plain:
        return
    for text in (
        brought("", text=words),
        brought("# Old", title=words, address="https://a.example/"),
    ):
        shown = notes.to_html(text)
        body = re.search(r"<li>(.*)</li>", shown, re.DOTALL)[1]
        bare = re.sub(r"^<a [^>]*>|</a>$", "", body)
        assert html.unescape(bare).strip() == plain
        assert "<" not in bare


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60))
def test_whatever_the_address_there_is_one_link_or_none(rest):
    shown = notes.to_html(brought("", title="Words", address=f"https://a.example/{rest}"))
    assert re.fullmatch(
        r'<ul>\n<li><a href="https://a\.example/[^"<>]*" rel="[a-z ]*">Words</a></li>\n</ul>\n',
        shown,
    )


@pytest.mark.parametrize(
    "scheme", ["x", "blob", "intent", "ms-word", "view-source", "vbscript", "JavaScript"]
)
def test_a_link_leads_to_the_web_or_to_a_person_and_nowhere_else(scheme):
    assert "<a " not in notes.to_html(f"[words]({scheme}:there)")
    assert 'href="https://a.example"' in notes.to_html("[words](https://a.example)")
    assert 'href="mailto:a@b.example"' in notes.to_html("[words](mailto:a@b.example)")


def test_a_cell_is_aligned_by_a_class():
    html = notes.to_html("|a|b|\n|-:|:-:|\n|1|2|")
    assert '<td class="to-right">1</td>' in html
    assert '<td class="to-center">2</td>' in html
    assert "style" not in html
