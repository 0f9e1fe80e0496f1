"""Notes: Markdown in an application's config. HTML and images in it stay what they are: text."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ..acts import Act, ActProblem
from ..render import Placement

SHOWN_CHARACTERS = 200_000  # about a second of Markdown
LONGEST_LINE = 2_000
LONGEST_NOTE = 500_000
_TITLE_LEVEL = 2  # the application's own title; a note's headings come below it


def application(here: Placement) -> dict[str, Any]:
    """Show the note."""
    text = str(here.application.get("text", ""))
    return {
        "html": to_html(text[:SHOWN_CHARACTERS]),
        "is_cut": len(text) > SHOWN_CHARACTERS,
        "may_add": here.may("ADD_TO_NOTE"),
        "longest": LONGEST_LINE,
    }


def append_note(
    config: Mapping[str, Any], form: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """Add `form["line"]` as an item at the end of the note."""
    line = " ".join(form.get("line", "").split())
    if not line:
        raise ActProblem("Write what to add.")
    text = str(config.get("text", ""))
    if len(line) > LONGEST_LINE or len(text) + len(line) > LONGEST_NOTE:
        raise ActProblem("Write less, or begin another note.")
    # What people add is text: it must not become a reference to a config key.
    line = line.replace("${DBKS:", "$${DBKS:")
    return {"text": f"{text.rstrip()}\n- {line}\n".lstrip()}


ACTS = {"append-note": Act("ADD_TO_NOTE", append_note)}


def to_html(text: str) -> str:
    """Return Markdown as safe HTML."""
    return str(_markdown().render(text))


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False})
    markdown.enable(["table", "strikethrough"]).disable("image")
    markdown.add_render_rule("link_open", _open_link)
    markdown.core.ruler.push("lower_headings", _lower_headings)
    markdown.core.ruler.push("empty_corners", _empty_corners)
    return markdown


def _open_link(
    self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[at].attrSet("rel", "noopener noreferrer")
    return self.renderToken(tokens, at, options, env)


def _lower_headings(state: StateCore) -> None:
    """Put the note's headings below the application's title, and none of them two levels deeper.

    Who writes a note chooses how a heading looks; who listens to the page needs an outline.
    """
    above: list[int] = []
    for token in state.tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
            while above and above[-1] >= level:
                above.pop()
            above.append(level)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, _TITLE_LEVEL + len(above))}"


def _empty_corners(state: StateCore) -> None:
    """Make an ordinary cell of a table header without words: it is the head of nothing."""
    tokens = state.tokens
    for opened, words, closed in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opened.type == "th_open" and not words.content:
            opened.tag = closed.tag = "td"
