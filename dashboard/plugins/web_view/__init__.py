"""Web view: a page of an allowed host in a sandboxed frame. The server itself asks for nothing."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..render import Placement

MAX_HOSTS = 50
HEIGHT = range(120, 4001)
# Strict: it becomes part of the page's content security policy.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}(?::|\Z)){_LABEL}(?:\.{_LABEL})*(?::[1-9][0-9]{{0,4}})?")


def application(here: Placement) -> dict[str, Any]:
    """Show the page, or say why it is not shown."""
    address = str(here.application.get("url", "")).strip()
    height = here.application.get("height")
    host = _host_of(address)
    return {
        "address": address if host in allowed_hosts(here.plugin) else "",
        "host": host,
        "is_empty": not address,
        "height": height if isinstance(height, int) and height in HEIGHT else 480,
    }


def frame_sources(config: Mapping[str, Any]) -> list[str]:
    """Return the allowed hosts as sources of a content security policy."""
    return [f"https://{host}" for host in allowed_hosts(config)]


def allowed_hosts(config: Mapping[str, Any]) -> list[str]:
    """Return the well-formed ones of the hosts that the admin allowed."""
    hosts = config.get("allowedHosts")
    listed = hosts[:MAX_HOSTS] if isinstance(hosts, list) else []
    names = [str(host).strip().lower().removesuffix(":443") for host in listed]
    return [name for name in names if _HOST.fullmatch(name)]


def _host_of(address: str) -> str:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        return ""
    return parts.hostname if port in (None, 443) else f"{parts.hostname}:{port}"
