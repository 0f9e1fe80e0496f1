"""What a process makes in the file system: every file and folder, with its mode, by `strace`."""

import re
from dataclasses import dataclass
from pathlib import Path

NAMES = "openat,open,creat,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat"
NAMES += ",umask,chmod,fchmod,fchmodat,rename,renameat,renameat2"
_CALL = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DEVICE = re.compile(r"/dev/(?!shm/)")
_MODE = re.compile(r", (0\d*)\)?$")


def tracing(to: Path) -> tuple[str, ...]:
    """Return the words before a command that let its calls be written to *to*."""
    return ("strace", "-f", "-qq", "-o", str(to), "-e", f"trace={NAMES}", "-e", "signal=none")


@dataclass(frozen=True)
class Made:
    """Something that a process has made, or whose mode it has set."""

    path: str
    mode: int
    has_name: bool

    @property
    def is_open(self) -> bool:
        """Return whether others than the owner may do anything with it."""
        return bool(self.mode & 0o077)


def made_in(trace: str) -> list[Made]:
    """Return what was made in *trace*, in order; devices are not files."""
    found, umask = [], 0o777
    for line in trace.splitlines():
        call = _CALL.fullmatch(line.partition(" (E")[0].strip())
        if call is None or int(call[4]) < 0:
            continue
        name, words = call[2], call[3]
        paths, mode = _PATH.findall(words), _MODE.search(f"{words})")
        if name == "umask":
            umask = int(words, 8)
        elif name.startswith(("link", "symlink", "mknod")):
            found.append(Made(paths[-1], 0o777, True))  # none is wanted
        elif mode and paths and not _DEVICE.match(paths[0]):
            if name.startswith("mkdir"):
                found.append(Made(paths[0], int(mode[1], 8) & ~umask, True))
            elif name.startswith(("open", "creat")) and (
                "O_CREAT" in words or "O_TMPFILE" in words
            ):
                made = Made(paths[0], int(mode[1], 8) & ~umask, "O_TMPFILE" not in words)
                found.append(made)
        if mode and name in ("chmod", "fchmod", "fchmodat"):
            found.append(Made(paths[0] if paths else "", int(mode[1], 8), True))
    return found
