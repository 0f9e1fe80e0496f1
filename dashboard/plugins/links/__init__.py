"""Links: a board of links in groups, and some in the toolbar."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..render import Placement

SCHEMES = frozenset({"http", "https", "mailto"})  # never javascript: or data:


@dataclass(frozen=True, slots=True)
class Link:
    """Words and where they lead; without a usable address only the words are shown."""

    text: str
    address: str


@dataclass(slots=True)
class Group:
    """A heading with its links; the first group may have no heading."""

    title: str = ""
    links: list[Link] = field(default_factory=list)


def application(here: Placement) -> dict[str, Any]:
    """Show the board."""
    return {"groups": read_board(str(here.application.get("links", "")))}


def widget(here: Placement) -> dict[str, Any] | None:
    """Show the toolbar's links; nothing when there are none."""
    groups = read_board(str(here.plugin.get("toolbar", "")))
    links = [link for group in groups for link in group.links if link.address]
    return {"links": links} if links else None


def read_board(text: str) -> list[Group]:
    """Return the groups written in *text*: `# heading`, `words | address`, or only an address."""
    groups = [Group()]
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#"):
            groups.append(Group(line.lstrip("# ")))
        elif line:
            words, bar, address = (part.strip() for part in line.rpartition("|"))
            groups[-1].links.append(Link(words if bar and words else address, _safe(address)))
    return [group for group in groups if group.title or group.links]


def _safe(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    has_place = bool(parts.netloc) if parts.scheme in ("http", "https") else bool(parts.path)
    return address if parts.scheme in SCHEMES and has_place else ""
