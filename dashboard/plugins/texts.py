"""Texts that other servers send: decoded, and as plain words of one line."""

import codecs
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

# Encodings in which people write. Python knows others, some of them slow, some no text at all.
_ENCODING = re.compile(
    r"utf-?8|utf-?16(?:[lb]e)?|us-ascii|ascii|iso-?8859-\d{1,2}|(?:windows-|cp)125\d|koi8-[ru]"
    r"|gb(?:2312|k|18030)|big5|shift[_-]jis|euc-(?:jp|kr)|iso-2022-jp"
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
          (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
_XML_DECLARATION = re.compile(rb"""<\?xml[^>]{1,100}encoding=["']([A-Za-z0-9._-]{1,40})["']""")
# Control characters, and those that turn the direction of what follows.
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
LONGEST_LINK = 2000


def decode(data: bytes, charset: str = "") -> str:
    """Return *data* as text: by its own mark, else by *charset*, else by its XML declaration."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    declared = _XML_DECLARATION.match(data)
    for name in (charset, declared[1].decode() if declared else ""):
        if _ENCODING.fullmatch(name.lower()):
            try:
                return data.decode(name, errors="replace")
            except LookupError:  # it looks like one, but there is none
                continue
    return data.decode("utf-8", errors="replace")


def one_line(text: str, longest: int) -> str:
    """Return *text* as one line of visible words, cut where it is too long."""
    words = " ".join(_INVISIBLE.sub(" ", text[: longest * 10]).split())
    return words if len(words) <= longest else f"{words[: longest - 1].rstrip()}…"


def without_markup(html: str) -> str:
    """Return the text of *html*: no tags, no scripts and styles, entities read once."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts)


def web_link(address: str) -> str:
    """Return *address* if it leads to the web and can be shown as a link, else nothing."""
    address = address.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    is_fine = parts.scheme in ("http", "https") and parts.hostname and len(address) <= LONGEST_LINK
    return address if is_fine and not _INVISIBLE.search(address) else ""


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.parts.append(" " if tag not in _INLINE else "")
        if tag in _SILENT:
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(" " if tag not in _INLINE else "")
        if tag in _SILENT and self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


_SILENT = frozenset({"script", "style"})
_INLINE = frozenset({"a", "abbr", "b", "code", "em", "i", "mark", "s", "small", "span", "strong",
                     "sub", "sup", "u", "wbr"})  # fmt: skip
