"""Backup files on disk. Every name is the id of a `BackupRun` row that was there before the file.

Files are written as `<id>.part`, flushed, and renamed to `<id>.dbk`; mode 0600 in folders of 0700,
and all of the data directory's owner, whoever makes them. All of them are ciphertext.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .. import disk
from ..archive.worker import Worker
from .errors import NoSpace


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files are kept: the data directory and its folders for each kind of backup file."""

    data: Path
    uploads: Path
    exports: Path
    safety: Path


def make_folders(data_dir: Path) -> Folders:
    """Create the folders that are missing in *data_dir*, readable by the owner alone."""
    names = ("uploads", "exports", "safety")
    for name in names:
        (data_dir / name).mkdir(mode=0o700, exist_ok=True)
        disk.give_to_owner(data_dir / name, data_dir)
        (data_dir / name).chmod(0o700)  # a copy may have come back open to others
    return Folders(data_dir, *(data_dir / name for name in names))


PART = ".part"  # what is not finished ends so
_NAME = re.compile(rf"([0-9a-f]{{32}})(?:\.dbk|{re.escape(PART)})")
_COPY_BYTES = 1 << 20


def file_path(folder: Path, uid: str) -> Path:
    """Return where the finished file of run *uid* is kept in *folder*."""
    if not re.fullmatch(r"[0-9a-f]{32}", uid):
        raise ValueError("not the id of a run")
    return folder / f"{uid}.dbk"


@contextmanager
def new_file(folder: Path, uid: str) -> Iterator[BinaryIO]:
    """Give a new file to write; when the block ends well it is flushed to disk and named.

    When the block fails, nothing remains.
    """
    final = file_path(folder, uid)
    with _written(final) as sink:
        disk.give_to_owner(sink.fileno(), folder)
        yield sink


@contextmanager
def new_output(final: Path) -> Iterator[BinaryIO]:
    """Like `new_file`, for a path that the operator named; refuse to overwrite."""
    if final.exists():
        raise FileExistsError(final)
    with _written(final) as sink:
        yield sink


@contextmanager
def _written(final: Path) -> Iterator[BinaryIO]:
    part = final.with_name(final.stem + PART)
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())  # never tried again: after a failure the kernel forgets
        part.rename(final)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(final.parent)


def remove(folder: Path, uid: str) -> None:
    """Delete the file of run *uid*, if it is there."""
    file_path(folder, uid).unlink(missing_ok=True)


def listed(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (run id, path) of every file in *folder* that carries such a name."""
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match and path.is_file() and not path.is_symlink():
            yield match[1], path


def copy_in(source: BinaryIO, sink: BinaryIO) -> str:
    """Copy *source* to *sink* and return the SHA-256 of what was copied, in hex."""
    digest = hashlib.sha256()
    while block := source.read(_COPY_BYTES):
        digest.update(block)
        sink.write(block)
    return digest.hexdigest()


def sha256(source: BinaryIO) -> str:
    """Return the SHA-256 of *source* from its beginning, in hex; leave it at its beginning."""
    source.seek(0)
    found = _sha256(source.read)
    source.seek(0)
    return found


def sha256_beside(source: BinaryIO, worker: Worker) -> "Future[str]":
    """Return what will hold the same; *worker* reads a file while the caller reads it, too."""
    try:
        file = source.fileno()
    except OSError:  # it is in memory
        found: Future[str] = Future()
        found.set_result(sha256(source))
        return found
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        block = os.pread(file, size, at)
        at += len(block)
        return block

    return worker.submit(_sha256, read)


def _sha256(read: Callable[[int], bytes]) -> str:
    digest = hashlib.sha256()
    while block := read(_COPY_BYTES):
        digest.update(block)
    return digest.hexdigest()


def size(source: BinaryIO) -> int:
    """Return the number of bytes in *source*; leave it at its beginning."""
    end = source.seek(0, os.SEEK_END)
    source.seek(0)
    return end


def require_space(folder: Path, needed: int) -> None:
    """Raise `NoSpace` unless *needed* bytes are free where *folder* is."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoSpace(needed, free)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
