"""Opens the data directory: key, database and folders, made on first start, checked on others."""

import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import db, disk
from .backup.store import Folders, make_folders
from .models import ALL_TABLES, Installation, Organisation, chain
from .upgrades import SCHEMA, UnknownSchema, upgrade
from .vault import KEY_FILE_NAME, KeyUnusable, make_key_file, read_key_file, vault

log = logging.getLogger(__name__)

NOT_OURS = (
    "the database is not one of this program: it has tables, but none of ours. Put the right one "
    "back from your copy of the data directory, or name an empty one."
)

KEY_WAS_OPEN = (
    "warning: other users of this machine could read %s; it is closed to them now. Whoever read it "
    "can open every secret in the database: if you do not trust them all, change the secrets."
)


class InstallationUnusable(Exception):
    """The data directory cannot be used as it is; the message says what to do."""


def open_installation(data_dir: Path, database_url: str = "", *, thorough: bool = False) -> Folders:
    """Bind database and vault to *data_dir*, creating both on the very first start.

    Raise `InstallationUnusable` when one of the two is missing or damaged: a server that lost half
    of itself must never come up as a fresh, open installation.
    """
    data_dir = data_dir.absolute()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file = data_dir / KEY_FILE_NAME
    _close_to_others(data_dir, key_file)
    installation = examine(data_dir, database_url, thorough=thorough)
    with _said(), db.database.connection_context():
        if installation is None:
            _create(key_file)
        else:
            _upgrade(installation)
    return make_folders(data_dir)


def examine(
    data_dir: Path, database_url: str = "", *, thorough: bool = False
) -> Installation | None:
    """Bind database and vault to *data_dir* and check that they belong together; write nothing.

    Return None where there is neither yet; raise `InstallationUnusable` like `open_installation`.
    """
    key_file, file = data_dir / KEY_FILE_NAME, data_dir / db.FILE_NAME
    db.bind(database_url, data_dir)
    has_database = bool(database_url) or file.exists()
    if not has_database and key_file.exists():
        raise InstallationUnusable(_database_lost(key_file))
    if has_database and not database_url and file.stat().st_size == 0:
        raise InstallationUnusable(_database_empty(key_file))
    with _said():
        tables = db.check(thorough=thorough) if has_database else []
        if not tables:
            return None
        if Installation._meta.table_name not in tables:
            raise InstallationUnusable(NOT_OURS)
        with db.database.connection_context():
            installation = _find_installation()
        vault.open(read_key_file(key_file))
        _compare(installation, key_file)
        return installation


@contextmanager
def _said() -> Iterator[None]:
    """Say in a sentence what key, database or disk do not do."""
    try:
        yield
    except (KeyUnusable, db.DatabaseUnusable) as error:
        raise InstallationUnusable(str(error)) from None
    except db.DatabaseError as error:
        if not isinstance(error, db.OperationalError):
            raise InstallationUnusable(db.damaged(str(error))) from None
        said = f"the database cannot be opened ({error}). Nothing was changed. Try again."
        raise InstallationUnusable(disk.sentence(error) or said) from None


def _close_to_others(data_dir: Path, key_file: Path) -> None:
    """Leave everything in *data_dir* to its owner: a copy may have come back open to others.

    Say so if another user of the machine could read the key.
    """
    was_open = is_open(data_dir) and is_open(key_file)
    data_dir.chmod(0o700)
    for path in (key_file, *data_dir.glob(f"{db.FILE_NAME}*")):
        if is_open(path):
            path.chmod(0o600)
    if was_open:
        log.warning(KEY_WAS_OPEN, key_file)


def is_open(path: Path) -> bool:
    """Return whether others than its owner may do anything with what is at *path*, if it is."""
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:
        return False


def belongs_to(path: Path, user: int) -> bool:
    """Return whether what is at *path*, if it is, belongs to the user of this number."""
    try:
        return path.lstat().st_uid == user
    except FileNotFoundError:
        return True


def _find_installation() -> Installation:
    found: Installation | None = Installation.select().first()
    if found is None:
        raise InstallationUnusable(
            "the database has lost the record of its installation. Restore the data directory "
            "from a copy."
        )
    return found


def _create(key_file: Path) -> None:
    if key_file.exists():
        raise InstallationUnusable(_database_lost(key_file))
    vault.open(make_key_file(key_file))
    disk.give_to_owner(key_file, key_file.parent)
    db.create_tables(ALL_TABLES)
    Installation.create(
        uid=secrets.token_hex(16),
        key_id=vault.key_id,
        schema=SCHEMA,
        audit_seal=chain.seal_of(0, ""),
    )
    if db.is_sqlite():
        file = key_file.parent / db.FILE_NAME
        file.chmod(0o600)
        for path in (file, *file.parent.glob(f"{file.name}-*")):  # its log and index
            disk.give_to_owner(path, file.parent)


def _database_lost(key_file: Path) -> str:
    return (
        f"{key_file} is there but its database is not. Put the database back from your copy of "
        "the data directory, or move the key away to begin a new installation."
    )


def _database_empty(key_file: Path) -> str:
    return (
        f"{key_file.with_name(db.FILE_NAME)} is there but empty. Put it and {key_file.name} back "
        "from your copy of the data directory. If this server never ran, move both away to begin "
        "a new installation."
    )


def _compare(installation: Installation, key_file: Path) -> None:
    if installation.key_id != vault.key_id:
        raise InstallationUnusable(
            f"{key_file} is not the key this database was made with. Put the right one back from "
            "your copy of the data directory."
        )


def _upgrade(installation: Installation) -> None:
    try:
        upgrade(installation.schema)
    except UnknownSchema:
        raise InstallationUnusable(
            f"the database was made by another version (schema {installation.schema}, this program "
            f"knows {SCHEMA}). Use the version that made it."
        ) from None


def is_set_up() -> bool:
    """Return whether the organisation exists."""
    return bool(Organisation.select().exists())


def new_setup_token() -> str:
    """Make the one-time token of the set-up page; an earlier one stops working."""
    token = secrets.token_urlsafe(32)
    Installation.update(setup_token_hash=_hash(token)).execute()
    return token


def is_setup_token(token: str) -> bool:
    """Return whether *token* opens the set-up page: only until the first admin exists."""
    stored = Installation.select(Installation.setup_token_hash).scalar()
    return stored is not None and not is_set_up() and secrets.compare_digest(stored, _hash(token))


def end_setup() -> None:
    """Make the set-up token worthless, for good."""
    Installation.update(setup_token_hash=None).execute()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
