"""What `doctor` looks at: it only reads, and says of each thing how it is and what to do."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from peewee import fn

from .. import db
from ..backup import store
from ..config import Settings
from ..installation import InstallationUnusable, belongs_to, examine, is_open
from ..models import (
    AuditEvent,
    ConfigKey,
    Plugin,
    SafetyCopy,
    Unit,
    Workspace,
    chain,
    figures,
)
from ..upgrades import SCHEMA

DAY_SECONDS = 86_400
OLD_BACKUP_DAYS = 30
LEAST_FREE_BYTES = 1 << 30
CLOCK_SLACK_SECONDS = 120


class Health(StrEnum):
    """How something is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. What is not good says what to do."""

    subject: str
    health: Health
    said: str


class Hopeless(Exception):
    """Nothing after this can be looked at."""

    def __init__(self, subject: str, said: str) -> None:
        super().__init__(said)
        self.finding = Finding(subject, Health.BAD, said)


def look(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, the things first that others stand on."""
    data = settings.data_dir.absolute()
    try:
        for check in BEFORE_ALL:
            yield check(settings, data)
        with db.database.connection_context():
            for check in IN_DATABASE:
                yield check(settings, data)
            yield from _backups()
    except Hopeless as end:
        yield end.finding
    except db.DatabaseError as error:
        yield _bad("database", f"it stopped answering ({error}). Try again, then restore a copy.")
    yield _front(settings)


def _good(subject: str, said: str) -> Finding:
    return Finding(subject, Health.GOOD, said)


def _warning(subject: str, said: str) -> Finding:
    return Finding(subject, Health.WARNING, said)


def _bad(subject: str, said: str) -> Finding:
    return Finding(subject, Health.BAD, said)


def _data_directory(settings: Settings, data: Path) -> Finding:
    subject = "data directory"
    if not data.is_dir():
        said = f"{data} is not there. Set DASHBOARD_DATA_DIR to where it is, or run `serve` once."
        raise Hopeless(subject, said)
    inside = list(data.rglob("*"))
    open_ones = [path.name for path in (data, *inside) if is_open(path)]
    if open_ones:
        said = f"{len(open_ones)} files can be read by others ({open_ones[0]}): chmod -R go= {data}"
        return _bad(subject, said)
    owner = data.stat()
    foreign = [path.name for path in inside if not belongs_to(path, owner.st_uid)]
    if foreign:
        said = f"{len(foreign)} files are not its owner's, who cannot open them ({foreign[0]})"
        return _bad(subject, f"{said}: chown -R {owner.st_uid}:{owner.st_gid} {data}")
    return _good(subject, f"{data}, its owner's and open to nobody else")


def _key_and_database(settings: Settings, data: Path) -> Finding:
    subject = "key and database"
    try:
        found = examine(data, settings.database_url, thorough=True)
    except InstallationUnusable as error:
        raise Hopeless(subject, str(error)) from None
    if found is None:
        raise Hopeless(subject, "there is neither. Put both back from your copy, or run `serve`.")
    if found.schema != SCHEMA:
        newer = "use the newer version" if found.schema > SCHEMA else "`serve` brings it up to date"
        raise Hopeless(subject, f"it has schema {found.schema}, this program {SCHEMA}: {newer}.")
    return _good(subject, f"whole and of each other, schema {SCHEMA}; copy both together")


def _references(settings: Settings, data: Path) -> Finding:
    broken = db.broken_references()
    if broken:
        said = f"rows of {', '.join(broken)} point at nothing. Restore the data from a copy."
        return _bad("references", said)
    return _good("references", "every row that another one names is there")


def _audit_log(settings: Settings, data: Path) -> Finding:
    found = chain.verify()
    if found.fault is not None:
        return _bad("audit log", f"{found.sentence} `audit verify` says more.")
    return _good("audit log", f"whole, {found.events} events")


def _safety_copies(settings: Settings, data: Path) -> Finding:
    wrong = []
    for copy in SafetyCopy.select():
        path = store.file_path(data / "safety", copy.uid)
        try:
            with path.open("rb") as file:
                is_same = store.sha256(file) == copy.file_sha256
        except OSError:
            is_same = False
        wrong += [] if is_same else [path.name]
    number = SafetyCopy.select().count()
    if wrong:
        said = f"{len(wrong)} of {number} are gone or changed ({wrong[0]})."
        return _bad("safety copies", f"{said} Those imports cannot be undone.")
    return _good("safety copies", f"{number}, each as it was written")


def _disk(settings: Settings, data: Path) -> Finding:
    free = shutil.disk_usage(data).free
    used = db.size(data)
    wanted = max(LEAST_FREE_BYTES, used)
    if free < wanted:
        said = f"{free >> 20} MiB free; an import may need {wanted >> 20}. Make room."
        return _warning("disk", said)
    return _good("disk", f"{free >> 20} MiB free, the database has {used >> 20}")


def _clock(settings: Settings, data: Path) -> Finding:
    newest = AuditEvent.select(fn.MAX(AuditEvent.at)).scalar() or 0
    now = int(time.time())
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now + CLOCK_SLACK_SECONDS < newest:
        return _bad(
            "clock", f"it says {shown}, before the newest event. Set it, or run an NTP client."
        )
    return _good("clock", shown)


Check = Callable[[Settings, Path], Finding]
BEFORE_ALL: tuple[Check, ...] = (_data_directory, _key_and_database)
IN_DATABASE: tuple[Check, ...] = (
    _references,
    _audit_log,
    _safety_copies,
    _disk,
    _clock,
)


def _backups() -> Iterator[Finding]:
    last = {found.unit: found.at for found in figures.last_backups()}
    for unit in Unit.select().order_by(Unit.slug):
        subject = f"backup of {unit.slug}"
        if unit.slug not in last:
            if any(table.of(unit).exists() for table in (Plugin, Workspace, ConfigKey)):
                yield _warning(subject, "never exported. `backup export` takes the unit home.")
            else:
                yield _good(subject, "never exported, and there is nothing in the unit")
            continue
        days = (int(time.time()) - last[unit.slug]) // DAY_SECONDS
        if days > OLD_BACKUP_DAYS:
            yield _warning(subject, f"{days} days old. `backup export` makes a new one.")
        else:
            yield _good(subject, f"{days} days old")


def _front(settings: Settings) -> Finding:
    """Return whether what listens to others is behind TLS."""
    try:
        is_own = ip_address(settings.host).is_loopback
    except ValueError:
        is_own = settings.host == "localhost"
    if not is_own and not settings.secure_cookies:
        said = (
            f"it listens on {settings.host} without TLS, so passwords can be read on the way. Put "
            "a proxy before it (docs/proxy.md) and set DASHBOARD_SECURE_COOKIES=yes."
        )
        return _warning("network", said)
    return _good("network", "nobody reads along" if is_own else "https only, by the settings")
