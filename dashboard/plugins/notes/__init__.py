"""Notes: Markdown in an application's config. HTML and images in it stay what they are: text."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from ..acts import Act, Action, ActProblem, Called, Changes, Config, Doing
from ..render import Placement

SHOWN_CHARACTERS = 200_000  # about a second of Markdown
LONGEST_LINE = 2_000
LONGEST_WORDS = 500  # of what others bring: a feed may send a whole article
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


def add_line(doing: Doing, form: Mapping[str, str]) -> Config:
    """Add `form["line"]`, which may be Markdown, as an item at the end of the note."""
    return {"text": _with_line(doing.config, form.get("line", ""))}


def append_note(called: Called) -> Changes:
    """Add the argument `text` at the end of the nearest note: as it reads, without Markdown.

    With `title` and `address` a link comes before it.
    """
    note = next(called.placed(), None)
    if note is None:
        raise ActProblem(
            "There is no note to save it in. Add the application Notes to this workspace, or to "
            "a shared one."
        )
    given = {name: " ".join(text.split()) for name, text in called.arguments.items()}
    link = to_link(_shorten(given.get("title", "")), given.get("address", ""))
    words = as_text(_shorten(given.get("text", "")))
    line = ": ".join(part for part in (link, words) if part)
    return Changes(applications=[(note, {"text": _with_line(note.config, line)})])


def _shorten(words: str) -> str:
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1].rstrip()}…"


def _with_line(config: Config, typed: str) -> str:
    line, text = " ".join(typed.split()), str(config.get("text", ""))
    if not line:
        raise ActProblem("Write what to add.")
    if len(line) > LONGEST_LINE or len(text) + len(line) > LONGEST_NOTE:
        raise ActProblem("Write less, or begin another note.")
    return f"{text.rstrip()}\n- {line}\n".lstrip()


ACTS = {"append-note": Act("ADD_TO_NOTE", add_line)}
ACTIONS = {"append-note": Action("ADD_TO_NOTE", append_note)}

# What Markdown takes for its own: anywhere, and at the beginning of a line.
_SPECIAL = re.compile(r"[\\`*_\[\]<>&~]|^[#+=|-]")
_NUMBERED = re.compile(r"^(\d+)([.)])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_IN_ADDRESS = "%/:?#[]@!$&'()*+,;=~-._"


def as_text(words: str) -> str:
    """Return one line of words as Markdown that shows just these words."""
    return _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", words))


def to_link(title: str, address: str) -> str:
    """Return a Markdown link; only its words if *address* does not lead to the web."""
    address = quote(address.strip(), safe=_IN_ADDRESS)
    words = as_text(title or address)
    if not address.startswith(("https://", "http://")):
        return words
    # An entity would be read as the character that it stands for.
    return "[{}](<{}>)".format(words, _ENTITY.sub(r"\\&", address))


def to_html(text: str) -> str:
    """Return Markdown as safe HTML."""
    return str(_markdown().render(text))


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})


class _Markdown(MarkdownIt):
    """Markdown whose links lead to the web, to a person, or to a page of this server."""

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        found = _SCHEME.match(url.strip())
        return super().validateLink(url) and (not found or found[1].lower() in _SCHEMES)


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False})
    markdown.enable(["table", "strikethrough"]).disable("image")
    markdown.add_render_rule("link_open", _open_link)
    markdown.core.ruler.push("lower_headings", _lower_headings)
    markdown.core.ruler.push("empty_corners", _empty_corners)
    markdown.core.ruler.push("aligned_cells", _aligned_cells)
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


def _aligned_cells(state: StateCore) -> None:
    """Say by a class how a cell of a table is aligned: pages may have no inline style."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open") and (style := token.attrs.pop("style", None)):
            token.attrSet("class", f"to-{str(style).removeprefix('text-align:')}")
