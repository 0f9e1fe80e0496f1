"""The formats of JSON Schema that we know, in our own few lines: no further packages."""

import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime, time
from urllib.parse import urlsplit
from uuid import UUID

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)*")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I
)
MAX_CHARS = 2_048


def _uri(text: str) -> object:
    parts = urlsplit(text)
    return parts.scheme and (parts.netloc or parts.path) and _reference(text)


def _reference(text: str) -> object:
    urlsplit(text)
    return not re.search(r"[\s<>\"{}|\\^`]", text)


# Format -> (whether a text has it; it may raise ValueError for no), and what to write.
FORMATS: dict[str, tuple[Callable[[str], object], str]] = {
    "date": (date.fromisoformat, "Write a date like 2027-01-31."),
    "date-time": (
        lambda text: "T" in text.upper() and datetime.fromisoformat(text),
        "Write a date and time like 2027-01-31T18:00:00Z.",
    ),
    "email": (_EMAIL.fullmatch, "Write an e-mail address like name@example.org."),
    "hostname": (_HOST.fullmatch, "Write the name of a host like www.example.org."),
    "ipv4": (ipaddress.IPv4Address, "Write an address like 192.0.2.1."),
    "ipv6": (ipaddress.IPv6Address, "Write an address like 2001:db8::1."),
    "time": (time.fromisoformat, "Write a time like 18:00."),
    "uri": (_uri, "Write a whole address like https://www.example.org/."),
    "uri-reference": (_reference, "Write an address without spaces."),
    "uuid": (UUID, "Write a UUID, 32 hex digits with hyphens."),
}


def has_format(name: object, text: str) -> bool:
    """Return whether *text* has the format *name*; one that we do not know every text has."""
    known = FORMATS.get(str(name))
    if known is None:
        return True
    try:
        return len(text) <= MAX_CHARS and bool(known[0](text))
    except ValueError:
        return False
