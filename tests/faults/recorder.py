"""What a command did to the files of a folder, call by call, as strace saw it.

    record(act, site, folder)   the operations on files of the data directory, and what was said

Memory maps are invisible here. That is no loss: SQLite maps its `-shm` index alone, which a
start after a crash makes anew, so these files are left out. `replay` proves that nothing else is.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.faults.site import Site

CALLS = (
    "openat,creat,close,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,"
    "fsync,fdatasync,sync_file_range,unlink,unlinkat,rename,renameat,renameat2,link,linkat,"
    "copy_file_range,sendfile"
)
# More bytes than any call writes: of more, the rest would be cut off, and `replay` would differ.
_OPTIONS = ("-f", "-y", "-xx", "-s", str(1 << 22), "-e", f"trace={CALLS}")
_CHILD = "import sys; from tests.faults import power, runner; {}; runner.main(sys.argv[1:])"


class Kind(Enum):
    CREATE = "create"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    SYNC_FOLDER = "sync folder"
    RENAME = "rename"
    UNLINK = "unlink"
    SAY = "say"  # a line on standard output


@dataclass(frozen=True, slots=True)
class Op:
    """One operation; paths are relative to the folder."""

    kind: Kind
    path: str = ""
    offset: int = 0  # where it was written, or the size after a truncation
    data: bytes = b""
    to: str = ""  # the new name


@dataclass(frozen=True)
class Recording:
    """What an act did to the files of a data directory."""

    act: str
    files: dict[str, bytes]  # before it
    ops: list[Op]


def record(act: str, site: Site, folder: Path, *, synced: bool = True) -> Recording:
    """Have *act* done below strace in *folder*, and prove that the recording is whole.

    An export makes out.dbk in the data directory. *synced*=False is the build without any sync.
    """
    data, log = site.copy(folder / "recorded", act), folder / "strace.log"
    files = snapshot(data)
    code = _CHILD.format("pass" if synced else "power.sync_nothing()")
    file = data / "out.dbk" if act == "export" else site.backup
    command = ["strace", *_OPTIONS, "-o", log, "--", sys.executable, "-c", code, act, data, file]
    subprocess.run(command, check=True, capture_output=True)
    ops = read(log, data, files)
    assert replay(ops, files) == snapshot(data)
    return Recording(act, files, ops)


def read(log: Path, folder: Path, names: Iterable[str]) -> list[Op]:
    """Return what was done; *names* are the files that were there before."""
    return list(_Reader(folder, names).read(_whole_lines(log)))


def replay(ops: Iterable[Op], files: dict[str, bytes]) -> dict[str, bytes]:
    """Return *files* after all of *ops*: what a program without crash leaves."""
    found = {path: bytearray(data) for path, data in files.items()}
    for op in ops:
        apply(op, found)
    return {path: bytes(data) for path, data in found.items()}


def apply(op: Op, files: dict[str, bytearray]) -> None:
    match op.kind:
        case Kind.CREATE:
            files.setdefault(op.path, bytearray())
        case Kind.WRITE:
            write(files[op.path], op.offset, op.data)
        case Kind.TRUNCATE:
            truncate(files[op.path], op.offset)
        case Kind.RENAME:
            files[op.to] = files.pop(op.path)
        case Kind.UNLINK:
            del files[op.path]
        case _:
            pass


def write(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def truncate(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file below *folder*, without SQLite's index."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.endswith("-shm")}


_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\w+|\?)(?:<([^>]*)>)?")
_FD = re.compile(r"(\d+)<([^>]*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def _whole_lines(log: Path) -> Iterator[str]:
    """Yield calls without the process id, those in two pieces where they ended."""
    begun: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            pid, _, call = line.rstrip("\n").partition(" ")
            call = call.strip()
            if call.endswith(_UNFINISHED):
                begun[pid] = call.removesuffix(_UNFINISHED)
            elif resumed := _RESUMED.match(call):
                yield begun.pop(pid) + call[resumed.end() :]
            elif not call.startswith(("+++", "---")):
                yield call


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


class _Reader:
    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._known = set(names)
        self._position: dict[int, int] = {}

    def read(self, calls: Iterable[str]) -> Iterator[Op]:
        for call in calls:
            match = _CALL.match(call)
            if match is None:
                raise ValueError(f"not understood: {call[:60]} ... {call[-60:]}")
            name, args, result, opened = match.groups()
            if result != "?" and not result.startswith("-"):
                yield from self._op(name, args, int(result, 0), opened)

    def _op(self, name: str, args: str, result: int, opened: str | None) -> Iterator[Op]:
        if name == "openat":
            yield from self._open(args, result, opened or "")
        elif name in ("rename", "unlink"):
            yield from self._named(name, [_bytes(text).decode() for text in _STRING.findall(args)])
        elif found := _FD.match(args):
            yield from self._descriptor(
                name, args, result, int(found[1]), _bytes(found[2]).decode()
            )

    def _inside(self, path: str) -> str | None:
        if path.endswith("-shm") or not Path(path).is_relative_to(self._folder):
            return None
        return str(Path(path).relative_to(self._folder))

    def _open(self, args: str, descriptor: int, opened: str) -> Iterator[Op]:
        self._position[descriptor] = 0
        path = self._inside(_bytes(opened).decode())
        if path is None:
            return
        if "O_CREAT" in args and path not in self._known:
            yield Op(Kind.CREATE, path)
        if "O_TRUNC" in args:
            yield Op(Kind.TRUNCATE, path)
        self._known.add(path)

    def _named(self, name: str, names: list[str]) -> Iterator[Op]:
        path, *to = (self._inside(name) for name in names)
        if path is None:
            return
        self._known.discard(path)
        if name == "unlink":
            yield Op(Kind.UNLINK, path)
        else:
            self._known.add(to[0] or "")
            yield Op(Kind.RENAME, path, to=to[0] or "")

    def _descriptor(self, name: str, args: str, result: int, fd: int, path: str) -> Iterator[Op]:
        numbers = [word.strip() for word in args.rsplit(",", 1)]
        inside = self._inside(path)
        if name == "lseek":
            self._position[fd] = result
        elif name == "write" and fd == 1:
            yield Op(Kind.SAY, data=_data(args, result))
        elif inside is None or name == "close":
            return
        elif name == "write":
            yield Op(Kind.WRITE, inside, self._position[fd], _data(args, result))
            self._position[fd] += result
        elif name == "pwrite64":
            yield Op(Kind.WRITE, inside, int(numbers[-1]), _data(args, result))
        elif name == "ftruncate":
            yield Op(Kind.TRUNCATE, inside, int(numbers[-1]))
        elif name in ("fsync", "fdatasync"):
            yield Op(Kind.SYNC_FOLDER if Path(path).is_dir() else Kind.SYNC, inside)
        else:
            raise ValueError(f"a call that is not understood yet: {name}")


def _data(args: str, length: int) -> bytes:
    found = _STRING.search(args)
    return _bytes(found[1])[:length] if found else b""
