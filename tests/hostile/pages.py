"""What a page consists of, as an HTML parser reads it: to tell text from anything else."""

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

from tests.hostile.corpus import MARK

ROOT = Path(__file__).parents[2]
# Attributes whose value a browser goes to, or htmx does.
ADDRESSES = frozenset(
    ("href", "src", "action", "formaction", "hx-get", "hx-post", "srcset", "data", "poster", "ping",
     "xlink:href", "background", "cite", "manifest")
)  # fmt: skip
# Attributes that make something happen, or say how: none of them is ever a text of somebody's.
TOLD = re.compile(r"on|hx-(?!get$|post$)|data-hx-|style$|srcdoc$|http-equiv$|nonce$|ping$")
# Names and words of the templates' own.
NAMES = frozenset(("id", "class", "name", "for", "form", "target", "rel", "type", "method", "role"))
# What a note may become beside what the templates write.
MARKDOWN = (
    "a blockquote br code del em h2 h3 h4 h5 h6 hr li ol p pre s strong "
    "table tbody td th thead tr ul"
)
SETTING = re.compile(r"(?:config|clear)-[\w-]+\Z")  # named by a key that has a pattern
# A page's CSRF token, signed: one in some thousand pages has something like a mark in it by chance.
TOKEN = re.compile(r"[\w-]{40,}\.[\w-]{6}\.[\w-]{27}")
OWN = re.compile(
    r"/(?![/\\])[^\s<>\"'`\\]*|#[\w-]*|\?[^\s<>\"'`\\]*|[\w.~%-]+(?:[/?#][^\s<>\"'`\\]*)?|"
)
OUTSIDE = re.compile(r"(?:https?://[^/?#\s\\]|mailto:).*", re.DOTALL)
PICTURE = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=]+")
RAW = frozenset({"script", "style"})


@cache
def known_elements() -> frozenset[str]:
    """Return every element that a template or a note may write."""
    folders = (ROOT / "templates", ROOT / "dashboard" / "plugins")
    texts = [file.read_text() for folder in folders for file in folder.rglob("*.html")]
    return frozenset(MARKDOWN.split()).union(*(re.findall(r"<([a-z0-9]+)", text) for text in texts))


class Read(HTMLParser):
    """A page taken apart: its texts, its values, and what in it should not be there."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.values: list[str] = []
        self.faults: list[str] = []
        self._text: list[str] = []
        self._inside = ""
        self.feed(page)
        self.close()
        self._end_text()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element apart."""
        self._end_text()
        self._inside = tag if tag in RAW else ""
        for name, value in attrs:
            self.values.append(value or "")
            self.faults += _faults(tag, name, value or "")
        if tag not in known_elements():
            self.faults.append(f"an element {tag}")

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        self._end_text()
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self._text.append(data)
        if self._inside and data.strip():
            self.faults.append(f"a text inside {self._inside}: {data[:80]!r}")

    def handle_comment(self, data: str) -> None:
        """Note a comment: no template writes one."""
        self.faults.append(f"a comment: {data[:80]!r}")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration that is not the one of a page."""
        if decl != "doctype html":
            self.faults.append(f"a declaration: {decl[:80]!r}")

    def handle_pi(self, data: str) -> None:
        """Note an instruction."""
        self.faults.append(f"an instruction: {data[:80]!r}")

    def unknown_decl(self, data: str) -> None:
        """Note a section."""
        self.faults.append(f"a section: {data[:80]!r}")

    def _end_text(self) -> None:
        if text := "".join(self._text):
            self.texts.append(text)
        self._text.clear()

    def holds(self, text: str) -> bool:
        """Return whether *text* stands on the page as it is, but for how lines are broken."""
        wanted = flat(text)
        return any(wanted in found for found in self.flat)

    @property
    def flat(self) -> Iterator[str]:
        """Yield all texts and values, each as one line."""
        return (flat(found) for found in (*self.texts, *self.values))


def flat(text: str) -> str:
    """Return *text* on one line: what HTML does to blanks is none of our business."""
    return " ".join(text.split())


def _faults(tag: str, name: str, value: str) -> Iterator[str]:
    told = name == "http-equiv" and value != "refresh"
    if MARK.search(name) or name.startswith("on") or name == "style" or told:
        yield f"an attribute {name} of {tag}"
    is_language = (tag, name) == ("code", "class") and value.startswith("language-")
    is_name = name in NAMES or tag in ("meta", "link", "script", "body", "html")
    is_ours = is_language or SETTING.match(value)
    if is_name and MARK.search(TOKEN.sub("", value)) and not is_ours:
        yield f"{tag} {name}={value[:80]!r}"
    if TOLD.match(name) and MARK.search(value):
        yield f"{tag} {name}={value[:80]!r}"
    if name in ADDRESSES and not is_harmless(tag, name, value):
        yield f"{tag} {name}={value[:80]!r}"


def is_harmless(tag: str, name: str, value: str) -> bool:
    """Return whether an address leads to this server, or is a link that somebody follows."""
    if OWN.fullmatch(value):
        return True
    if tag == "img" and name == "src":
        return PICTURE.fullmatch(value) is not None
    if tag == "iframe" and name == "src":  # the Web view
        return value.startswith("https://hostile.example")
    if tag != "a" or name != "href":
        return False
    # A link that somebody follows; what has no scheme (`java%09script:` is none) stays here.
    has_scheme = re.match(r"[\x00-\x20]*[A-Za-z][A-Za-z0-9+.\t\r\n-]*:", value)
    return OUTSIDE.fullmatch(value) is not None or not has_scheme
