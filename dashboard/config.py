"""Settings: read from the environment once, checked, and handed down as one value.

`SETTINGS` is the whole table; the README repeats it and a test compares the two.
"""

import ipaddress
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIB = 1 << 20


class ConfigError(Exception):
    """A setting cannot be used; the message names it and says what was expected."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the settings table: `DASHBOARD_<name>`."""

    name: str
    parse: Callable[[str], Any]
    default: Any
    help: str
    is_secret: bool = False  # not repeated when it cannot be used

    @property
    def variable(self) -> str:
        """Return the environment variable that carries this setting."""
        return f"DASHBOARD_{self.name}"

    @property
    def attribute(self) -> str:
        """Return the name of the field of `Settings` that carries this setting."""
        return self.name.lower()


def _text(value: str) -> str:
    return value


def _token(value: str) -> str:
    if len(value) < 16 or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("expected at least 16 characters, without spaces")
    return value


def _flag(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("expected yes or no")


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(value)

    return parse


_HOST = re.compile(r"(?:\[([^\]]+)\]|([A-Za-z0-9_.-]+))(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def _hosts(value: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in value.split(",") if host.strip())
    for host in hosts:
        if not _is_host(host):
            raise ValueError(f"{host[:100]!r} is not a host or host:port; separate with commas")
    return hosts


def _names(value: str) -> tuple[str, ...]:
    names = _hosts(value)
    for name in names:
        if "_" in name:  # no host of an address, though name servers know such names
            raise ValueError(f"{name[:100]!r} has an underscore: people cannot reach a server so")
    return names


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    if found is None or not 0 < int(found[3] or 443) < 65536:
        return False
    labels = (found[2] or "").split(".")
    try:
        if found[1] is not None:
            return ipaddress.IPv6Address(found[1]).scope_id is None
        # What ends in a number has to be an IP address, as in a browser.
        if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
            return bool(ipaddress.IPv4Address(found[2]))
    except ValueError:
        return False
    return len(found[2]) < 254 and all(map(_LABEL.fullmatch, labels))


SETTINGS = (
    Setting("DATA_DIR", Path, Path("dashboard-data"), "folder for database, key and files"),
    Setting(
        "DATABASE_URL", _text, "", "database address; empty: SQLite file `dashboard.db` in DATA_DIR"
    ),
    Setting("HOST", _text, "127.0.0.1", "address to listen on"),
    Setting("PORT", _number(0, 65535), 8000, "port to listen on"),
    Setting(
        "SERVER_NAMES",
        _names,
        (),
        "names by which people reach this server, `host` or `host:port`, separated by commas; "
        "empty: IP addresses, `localhost`, HOST and the machine's own name",
    ),
    Setting("SECURE_COOKIES", _flag, False, "yes when the server is reached by https only"),
    Setting(
        "PROXY_HOPS",
        _number(0, 8),
        0,
        "proxies in front of the server; see [docs/proxy.md](docs/proxy.md)",
    ),
    Setting("MAX_UPLOAD_BYTES", _number(1 * MIB, 1 << 40), 1 << 30, "largest backup file taken in"),
    Setting("BACKUP_PASSWORD_MIN", _number(4, 128), 4, "shortest backup password, in characters"),
    Setting("SAFETY_COPY_DAYS", _number(1, 3650), 7, "days an import can be undone"),
    Setting(
        "METRICS_TOKEN",
        _token,
        "",
        "what a Prometheus sends as bearer token to read `/metrics`; empty: there is no such page",
        is_secret=True,
    ),
    Setting(
        "ALLOWED_HOSTS",
        _hosts,
        (),
        "private hosts that plugins may ask, `host` or `host:port`, separated by commas; "
        "see [docs/outgoing.md](docs/outgoing.md)",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of one running program, typed. Build it with `load`, or by name in tests."""

    data_dir: Path = Path("dashboard-data")
    database_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    server_names: tuple[str, ...] = ()
    secure_cookies: bool = False
    proxy_hops: int = 0
    max_upload_bytes: int = 1 << 30
    backup_password_min: int = 4
    safety_copy_days: int = 7
    metrics_token: str = field(default="", repr=False)
    allowed_hosts: tuple[str, ...] = ()
    # Argon2id cost of what is written. Not a setting: only tests lower it, to be quick.
    kdf_ops: int = field(default=3)
    kdf_mem_bytes: int = field(default=256 * MIB)


PASSWORD_VARIABLES = (
    "DASHBOARD_BACKUP_PASSWORD",
    "DASHBOARD_USER_PASSWORD",
    "DASHBOARD_DEMO_PASSWORD",
)


def resource_root() -> Path:
    """Return the folder of `templates/` and `static/`, in a checkout and in the single binary."""
    return Path(getattr(sys, "_MEIPASS", Path(__file__).resolve().parents[1]))


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Return the DASHBOARD_ variables that mean nothing to this program: misspelled, perhaps."""
    known = {setting.variable for setting in SETTINGS} | set(PASSWORD_VARIABLES)
    return sorted(name for name in environ if name.startswith("DASHBOARD_") and name not in known)


def load(environ: Mapping[str, str]) -> Settings:
    """Read every setting from *environ*; raise `ConfigError` on the first bad value."""
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        raw = environ.get(setting.variable)
        if raw is None or raw == "":
            values[setting.attribute] = setting.default
            continue
        try:
            raw.encode()
            values[setting.attribute] = setting.parse(raw)
        except ValueError as error:
            shown = "" if setting.is_secret else f"={raw!r}"
            why = "expected UTF-8 text" if isinstance(error, UnicodeError) else error
            raise ConfigError(f"{setting.variable}{shown}: {why}") from None
    return Settings(**values)
