"""More than five hundred strings that are text and nothing else, whatever they look like.

Each has a mark of its own (`q017z`). Whatever a string should bring about carries that mark: it
calls `pwned("q017z")`, or makes an element, an attribute or a request that is named by it. So one
look at a page tells whether something came of any of them, and of which.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import forms, words

LONG = os.environ.get("HOSTILE") == "long"  # every string on every page; else some of each kind
MARK = re.compile(r"q\d{3}z", re.IGNORECASE)
HOST = "hostile.example"  # nobody asks it for anything


@dataclass(frozen=True, slots=True)
class Hostile:
    """One string, what it tries, and the mark in it."""

    group: str
    text: str
    mark: str

    @property
    def is_possible(self) -> bool:
        """Return whether a file in UTF-8 that holds no NUL can hold it."""
        return "\0" not in self.text and not re.search("[\ud800-\udfff]", self.text)


GROUPS = {
    "script": forms.SCRIPT,
    "handler": forms.handlers(),
    "vector": forms.VECTOR_GRAPHICS,
    "mutation": forms.MUTATION,
    "address": forms.addresses(),
    "breaking out": forms.BREAKING_OUT,
    "page": forms.PAGE,
    "htmx": forms.htmx(),
    "markdown": forms.markdown(),
    "template": words.TEMPLATE,
    "format": words.FORMAT,
    "formula": words.formulas(),
    "sql": words.SQL,
    "shell": words.SHELL,
    "header": words.HEADER,
    "direction": words.directions(),
    "invisible": words.invisible(),
    "unicode": words.UNICODE,
    "twins": words.TWINS,
    "path": words.paths(),
    "code": words.CODE,
    "markup of others": words.OTHER_MARKUP,
    "odd": words.ODD,
    "impossible": words.IMPOSSIBLE,
}


def _all() -> Iterator[Hostile]:
    number = 0
    for group, texts in GROUPS.items():
        for text in texts:
            mark = f"q{number:03}z"
            number += 1
            yield Hostile(group, text.replace("§", mark), mark)


CORPUS = tuple(_all())
POSSIBLE = tuple(one for one in CORPUS if one.is_possible)


def of(*groups: str) -> list[Hostile]:
    """Return the strings of some groups."""
    return [one for one in CORPUS if one.group in groups]
