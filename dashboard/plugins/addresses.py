"""Web addresses that plugins may ask: how they must be written, and which machines they may reach.

Strict on purpose. What two programs could read in two ways (`http://2130706433/`, a backslash, a
name and password before the host) is refused, not repaired.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit

LONGEST_ADDRESS = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_BAD_CHARACTERS = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What some programs take for an IPv4 address: 127.1, 2130706433, 0x7f.0.0.1
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_IN_PATH = "%/:?[]@!$&'()*+,;=~-._"

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        # IPv4: this network, private, shared (CGNAT), loopback, link-local with the metadata of
        # clouds, protocol assignments, documentation, the old 6to4 relays, benchmarks.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        # multicast, reserved, broadcast; the wire server of a cloud, which looks public
        *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
        # IPv6 inside 2000::/3: Teredo and other special ones, documentation
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
]
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")


class Reason(StrEnum):
    """Why an outgoing request came to nothing."""

    ADDRESS = "address"  # it is not written as it has to be
    NOT_PUBLIC = "not public"  # no address, or one that is not public: others are not told which
    NO_ANSWER = "no answer"
    TOO_SLOW = "too slow"
    CERTIFICATE = "certificate"
    REDIRECTS = "redirects"
    STATUS = "status"
    KIND = "kind"  # of content
    TOO_LARGE = "too large"


class OutgoingProblem(Exception):
    """An outgoing request came to nothing. The message is a sentence for whoever looks.

    It names at most the host, which the asker wrote: never an address that was looked up, nor
    whether a name exists that is not public.
    """

    def __init__(self, reason: Reason, words: str, hint: str = "") -> None:
        super().__init__(words)
        self.reason = reason
        self.hint = hint  # what can be done about it


@dataclass(frozen=True)
class Target:
    """A web address, read."""

    scheme: str
    host: str  # in lower case and ASCII, without brackets and without a dot at its end
    port: int
    path: str  # with what follows it, ready to be sent

    @cached_property
    def ip(self) -> Ip | None:
        """Return the host if it is written as an IP address."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """Return the host, with brackets and port where they belong: the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> str:
        """Return it in one form, however it was written."""
        return f"{self.scheme}://{self.authority}{self.path}"

    def follow(self, location: str) -> "Target":
        """Return where a redirect leads; raise `OutgoingProblem`."""
        return read_address(urljoin(self.address, location.strip()))


def read_address(address: str) -> Target:
    """Read a web address; raise `OutgoingProblem` when it is not written as it has to be."""
    address = address.strip()
    if not address.lower().startswith(("http://", "https://")):
        raise _refusal("Write an address that begins with https:// or http://.")
    if len(address) > LONGEST_ADDRESS or _BAD_CHARACTERS.search(address):
        raise _refusal("Write the address without spaces, in at most 2,000 characters.")
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise _refusal("This is not a web address: its host cannot be read.") from None
    if "@" in parts.netloc:
        raise _refusal("Write the address without a name and password before the host.")
    if port == 0:
        raise _refusal("This is not a web address: its port cannot be read.")
    path = quote(parts.path or "/", safe=_IN_PATH)
    query = f"?{quote(parts.query, safe=_IN_PATH)}" if parts.query else ""
    scheme = parts.scheme.lower()
    return Target(
        scheme,
        read_host(host, in_brackets="[" in parts.netloc),
        port or DEFAULT_PORTS[scheme],
        path + query,
    )


def read_host(host: str, *, in_brackets: bool = False) -> str:
    """Return a host in its one form; raise `OutgoingProblem` if it is neither name nor address."""
    wrong = "This is not a web address: its host is neither a name nor an IP address."
    if in_brackets:
        try:
            return str(ipaddress.IPv6Address(host if "%" not in host else ""))
        except ValueError:
            raise _refusal(wrong) from None
    try:
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise _refusal(wrong) from None
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise _refusal(wrong)
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))  # four decimal numbers, none with a 0 before
        except ValueError:
            raise _refusal(wrong) from None
    return name


def _refusal(words: str) -> OutgoingProblem:
    return OutgoingProblem(Reason.ADDRESS, words)


def is_public(ip: Ip) -> bool:
    """Return whether *ip* is an address that anybody on the internet could ask.

    IPv6 that carries an IPv4 address (mapped, 6to4, NAT64) counts as what it carries.
    """
    if isinstance(ip, ipaddress.IPv6Address):
        carried = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            carried = ipaddress.IPv4Address(ip.packed[-4:])
        if carried is not None:
            return is_public(carried)
        if ip not in _PUBLIC_IPV6:
            return False
    return not any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The hosts that the operator allows beyond the public ones: `host` or `host:port`.

    Such a host may be private. Without a port it is asked at 80 and 443 only, like any other.
    """

    hosts: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def read(cls, hosts: Iterable[str]) -> "Allowed":
        """Read what the setting lists; it has been checked already."""
        parts = [urlsplit(f"//{host}") for host in hosts]
        return cls(
            frozenset(
                (read_host(part.hostname or "", in_brackets="[" in part.netloc), part.port)
                for part in parts
            )
        )

    def has(self, target: Target) -> bool:
        """Return whether the host of *target* may have any address."""
        is_default = target.port in DEFAULT_PORTS.values()
        return (target.host, target.port) in self.hosts or (
            is_default and (target.host, None) in self.hosts
        )
