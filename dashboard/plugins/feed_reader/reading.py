"""From the bytes of a feed to plain texts and web links. Nothing is expanded, nothing fetched."""

import hashlib
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.parsers import expat

import feedparser

from ..sources import Content, Unreadable
from ..texts import decode, one_line, web_link, without_markup

TYPES = frozenset(
    f"{family}/{kind}"
    for family in ("application", "text")
    for kind in ("rss+xml", "atom+xml", "rdf+xml", "xml")
) | {"text/plain"}
MAX_ITEMS = 100
MAX_ELEMENTS = 60_000  # some thousands of items; more would take long
LONGEST_TITLE, LONGEST_SUMMARY = 200, 400
LONGEST_MARKUP = 20_000  # of one text, before its tags are taken out
# What is not well-formed is read by a parser that forgives, and takes its time.
LONGEST_BROKEN = 200_000
_ROOT = re.compile(r"<[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a feed, as plain text."""

    uid: str  # the same as long as the feed gives it the same id
    title: str
    link: str = ""
    summary: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its name and its first items, in its own order."""

    title: str = ""
    items: tuple[Item, ...] = ()


def read_feed(content: Content) -> Feed:
    """Return what the feed says; raise `Unreadable` if it is none."""
    data = prepare(decode(content.data, content.charset))
    # As a stream: of a text, feedparser would ask whether it is an address or a file to open.
    found = feedparser.parse(
        io.BytesIO(data),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,  # no markup is kept
        resolve_relative_uris=False,
    )
    if not found.version and not found.entries:
        raise Unreadable("This is not a feed: neither RSS nor Atom.")
    is_atom = found.version.startswith("atom")
    items = (_item(entry, is_atom=is_atom) for entry in found.entries[:MAX_ITEMS])
    return Feed(_text(found.feed, "title", LONGEST_TITLE, is_atom=is_atom), tuple(items))


def prepare(text: str) -> bytes:
    """Return the feed from its first element on, in UTF-8.

    What comes before could declare entities, which grow without end or name files; a feed needs
    none. Without it there are none: a declaration further down is an error.
    """
    root = _ROOT.search(text)
    if root is None:
        raise Unreadable("This is not a feed: neither RSS nor Atom.")
    if "<!entity" in text[: root.start()].lower():
        raise Unreadable("This feed declares entities of its own, and is not read for safety.")
    data = text[root.start() :].encode("utf-8", errors="replace")
    return data if _is_well_formed(data) else data[:LONGEST_BROKEN]


def _is_well_formed(data: bytes) -> bool:
    """Return whether *data* is XML; raise `Unreadable` if there is too much in it."""
    parser, left = expat.ParserCreate("utf-8"), MAX_ELEMENTS

    def count(name: str, attributes: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Unreadable("This feed is too large to be read.")

    parser.StartElementHandler = count
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        return False
    return True


def _item(entry: Any, *, is_atom: bool) -> Item:
    link = web_link(str(entry.get("link", "")))
    summary = _text(entry, "summary", LONGEST_SUMMARY, is_atom=is_atom)
    title = _text(entry, "title", LONGEST_TITLE, is_atom=is_atom)
    name = str(entry.get("id") or link or f"{title}\n{summary}")
    return Item(
        hashlib.sha256(name.encode(errors="replace")).hexdigest()[:16],
        title or one_line(summary, 80) or link or "Without a title",
        link,
        summary if title and summary != title else "",
        _moment(entry.get("published_parsed") or entry.get("updated_parsed")),
    )


def _text(holder: Any, name: str, longest: int, *, is_atom: bool) -> str:
    """Return a text without markup. Only Atom says reliably when there is none in it."""
    text = str(holder.get(name, ""))[:LONGEST_MARKUP]
    kind = str((holder.get(f"{name}_detail") or {}).get("type", ""))
    return one_line(text if is_atom and kind == "text/plain" else without_markup(text), longest)


def _moment(parts: Any) -> datetime | None:
    try:
        year, month, day, hour, minute, second = parts[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except (TypeError, ValueError):  # there is none, or it is none
        return None
