"""Disks that a test can fill, make read-only, or cut the power of. Root only; all are released.

`Ext4Disk` is an image on a loop device. Its power is cut with the ioctl that ext4 has for the
purpose: the file system stops as it is, nothing in memory is written any more, the journal's open
transaction included. Mounted again, it recovers as after a real cut. `SmallDisk` is a tmpfs.
"""

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path

import pytest

PREFIX = "dashboard-disk-"
IMAGE_BYTES = 64 << 20
# linux/ext4.h: _IOR('X', 125, __u32); 2 is EXT4_GOING_FLAGS_NOLOGFLUSH.
_SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125
_NO_LOG_FLUSH = struct.pack("I", 2)


def _run(*command: str | Path) -> None:
    subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)


def ground() -> Path:
    """Where images are kept: in memory if that is to be had, so that nobody waits for the disk."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


class _Disk(ABC):
    """A folder of our own with a mount in it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=ground()))
        self.root = self.folder / "mount"
        self.root.mkdir()

    def __enter__(self):
        try:
            self._mount()
        except BaseException:
            self.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @abstractmethod
    def _mount(self) -> None: ...

    def read_only(self) -> None:
        """Mount it again for reading alone; with files open for writing that fails as busy."""
        _run("mount", "-o", "remount,ro", self.root)

    def writable(self) -> None:
        _run("mount", "-o", "remount,rw", self.root)

    def release(self) -> None:
        _release(self.folder)


class Ext4Disk(_Disk):
    def _mount(self) -> None:
        image = self._image
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        lazy = "lazy_itable_init=1,lazy_journal_init=1"
        _run("mkfs.ext4", "-q", "-F", "-e", "remount-ro", "-E", lazy, image)
        _run("mount", "-o", "loop", image, self.root)

    @property
    def _image(self) -> Path:
        return self.folder / "image"

    def settle(self) -> None:
        """Have everything on the disk that was written until now."""
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            _run("sync", "-f", self.root)
        finally:
            os.close(descriptor)

    def cut(self) -> None:
        """Cut the power."""
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(descriptor)

    def fail(self) -> None:
        """Have the kernel find an error: it can only be read then, by files that are open, too."""
        device = self.root.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path("/sys/fs/ext4", name, "trigger_fs_error").write_text("a test")

    def power_up(self) -> None:
        """Mount what is on the disk after `cut` or `fail`; nobody may have files open on it."""
        _run("umount", self.root)
        _run("mount", "-o", "loop", self._image, self.root)


class SmallDisk(_Disk):
    """A disk of *size* bytes, in pages of 4 KiB."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def _mount(self) -> None:
        _run("mount", "-t", "tmpfs", "-o", f"size={self._size},mode=0700", "tmpfs", self.root)

    def resize(self, size: int) -> None:
        """Give it *size* bytes; fails below what is in use."""
        _run("mount", "-o", f"remount,size={size}", self.root)

    @property
    def used(self) -> int:
        return shutil.disk_usage(self.root).used


def _release(folder: Path) -> None:
    """Unmount what is in *folder*, later if it is still in use, and remove the folder."""
    mount = folder / "mount"
    if os.path.ismount(mount):
        subprocess.run(["umount", mount], check=False, capture_output=True)
    if os.path.ismount(mount):
        _run("umount", "-l", mount)  # the loop device goes with its last user
    shutil.rmtree(folder)


def sweep(*, own: bool) -> None:
    """Release the disks of processes that are gone, and with *own* those of this one."""
    for folder in ground().glob(f"{PREFIX}*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        if (own and number == str(os.getpid())) or not Path("/proc", number).exists():
            _release(folder)


@lru_cache
def why_no_mounts() -> str:
    """Return why no disk can be made here, or an empty string."""
    if os.geteuid() != 0:
        return "they need root: they mount disks of their own"
    if not Path("/sys/dev/block").is_dir():
        return "there is no /sys, by which the kernel is told to find an error"
    try:
        with SmallDisk(1 << 20):
            return ""
    except subprocess.CalledProcessError as error:
        return f"a tmpfs cannot be mounted here: {error.stderr.strip()}"


@lru_cache
def why_no_cuts() -> str:
    """Return why no power can be cut here although mounts work, or an empty string."""
    try:
        with Ext4Disk() as disk:
            disk.cut()
            disk.power_up()
            return ""
    except subprocess.CalledProcessError as error:
        return f"no ext4 on a loop device here: {error.cmd[0]}: {error.stderr.strip()}"
    except OSError as error:
        return f"this kernel cannot shut an ext4 down: {error.strerror}"


def require_mounts() -> None:
    """Skip where no disk can be mounted, loudly; in CI fail."""
    reason = why_no_mounts()
    if reason:
        _say(reason)
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


def require_power_cuts() -> None:
    """Skip where no power can be cut, loudly; in CI only a kernel that cannot is an excuse."""
    require_mounts()
    if shutil.which("mkfs.ext4") is None:
        reason = "mkfs.ext4 is missing: apt-get install e2fsprogs"
        _say(reason)
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    if reason := why_no_cuts():
        _say(reason)
        pytest.skip(reason)


def _say(reason: str) -> None:
    sys.__stderr__.write(f"\n*** THE TESTS WITH DISKS OF THEIR OWN CANNOT RUN: {reason}\n")
    sys.__stderr__.flush()
