"""Status board: whether addresses answer, how fast, and since when it is so."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..acts import Act, ActProblem, Config, Doing
from ..render import Placement
from ..sources import CHECK, Source
from ..zones import home_zone, when

MAX_SERVICES = 30
SECONDS = range(30, 3601)
USUAL_SECONDS = 60
KEPT_ANNOUNCED = 50


@dataclass(frozen=True, slots=True)
class Service:
    """An address, what it is called, and how it stands."""

    uid: str
    name: str
    source: Source

    @property
    def state(self) -> str:
        """Return up, down or unknown."""
        if self.source.checked_at is None:
            return "unknown"
        return "up" if self.source.is_up else "down"

    @property
    def why(self) -> str:
        """Return what is wrong, in a sentence; nothing if nothing is."""
        if self.source.problem:
            return self.source.problem
        return f"It answers with {self.source.status}." if self.state == "down" else ""

    @property
    def outage(self) -> str:
        """Return what tells this time of being down from another one."""
        since = self.source.since
        return f"{self.uid} {since.isoformat(timespec='seconds')}" if since is not None else ""


def application(here: Placement) -> dict[str, Any]:
    """Show every address; those not checked for a while are checked beside this."""
    seconds = _seconds(here)
    services = _services(here, here.application.get("services", ""), seconds)
    checks = [found.source.checked_at for found in services if found.source.checked_at is not None]
    return {
        "services": services,
        "seconds": seconds,
        "hints": list(dict.fromkeys(one.source.hint for one in services if one.source.hint)),
        "checked_at": min(checks) if len(checks) == len(services) and checks else None,
        "announced": _announced(here.application),
        "may_announce": here.may("ANNOUNCE_DOWN") and here.can("NOTIFY"),
        "time": lambda moment: when(moment, here.now, home_zone(here.plugin)),
        "refresh_seconds": _look_again(services, seconds),
    }


def announce(doing: Doing, form: Mapping[str, str]) -> Config:
    """Tell everybody that the service `form["service"]` is down, once for each time it is.

    Of the form only the id counts: what is told is what the last check found.
    """
    here = doing.here
    services = _services(here, here.application.get("services", ""), _seconds(here))
    service = next((found for found in services if found.uid == form.get("service")), None)
    if service is None or service.state != "down" or service.source.since is None:
        raise ActProblem("This is not down any more. Nothing was announced.")
    announced = _announced(doing.config)
    if service.outage in announced:
        raise ActProblem("This has been announced already.")
    since = when(service.source.since, doing.now, home_zone(here.plugin))
    doing.call("NOTIFY", {"text": f"{service.name} is down since {since}. {service.why}"})
    return {"announced": [service.outage, *announced][:KEPT_ANNOUNCED]}


def status_line(here: Placement) -> dict[str, Any]:
    """Show to others how many of the plugin's own addresses are up."""
    services = _services(here, here.plugin.get("line", ""), USUAL_SECONDS)
    if not services:
        return {}
    return {
        "known": sum(service.state != "unknown" for service in services),
        "up": sum(service.state == "up" for service in services),
        "of": len(services),
        "down": [service.name for service in services if service.state == "down"],
        "refresh_seconds": _look_again(services, USUAL_SECONDS),
    }


ACTS = {"announce": Act("ANNOUNCE_DOWN", announce)}
PORTALS = {"status-line": status_line}


def read_services(text: str) -> list[tuple[str, str]]:
    """Return (name, address) for each line: `words | address`, or only the address."""
    found = []
    for line in text.splitlines():
        words, bar, address = (part.strip() for part in line.rpartition("|"))
        if address:
            found.append((words if bar and words else address, address))
    return found[:MAX_SERVICES]


def _services(here: Placement, text: object, seconds: int) -> list[Service]:
    return [
        Service(
            hashlib.sha256(f"{name}\n{address}".encode(errors="replace")).hexdigest()[:16],
            name[:100],
            here.sources.get(address, seconds, CHECK),
        )
        for name, address in read_services(str(text))
    ]


def _seconds(here: Placement) -> int:
    seconds = here.application.get("seconds")
    return seconds if isinstance(seconds, int) and seconds in SECONDS else USUAL_SECONDS


def _look_again(services: list[Service], seconds: int) -> int:
    return min((service.source.look_again(seconds) for service in services), default=0)


def _announced(config: Config) -> list[str]:
    kept = config.get("announced")
    return [text for text in kept if isinstance(text, str)] if isinstance(kept, list) else []
