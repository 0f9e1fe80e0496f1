"""The licences of what a build takes from the system: it goes into the binary, so they do too.

The texts are those of the packages that the libraries came from, as Debian keeps them.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

FOLDER = "licences"  # where `dashboard licences` looks
DOCUMENTS = Path("/usr/share/doc")


def of(binaries: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return PyInstaller's data entries with the licence text of each library in *binaries*.

    Ends the build if the licence of one cannot be told.
    """
    libraries = {Path(source) for _, source, _ in binaries if not _is_of_a_package(source)}
    packages = {name for library in libraries if (name := _package_of(library)) is not None}
    entries = [(f"{FOLDER}/{name}.txt", str(_copyright_of(name)), "DATA") for name in packages]
    return [*entries, (f"{FOLDER}/Python.txt", str(_text_of_python()), "DATA")]


def _is_of_a_package(source: str) -> bool:
    """Return whether the file belongs to an installed Python package, which brings its own text."""
    return any((parent / "PyInstaller").is_dir() for parent in Path(source).parents)


def _package_of(library: Path) -> str | None:
    """Return `package=version` of the system's package that *library* is of; None: Python's own."""
    is_of_python = library.is_relative_to(sysconfig.get_paths()["stdlib"])
    if is_of_python or library.name.startswith("libpython"):
        return None
    for path in (library, library.resolve(), _before_usr_merge(library.resolve())):
        said = subprocess.run(
            ["/usr/bin/dpkg-query", "-S", str(path)], capture_output=True, text=True, check=False
        )
        if said.returncode == 0:
            name = said.stdout.split(":")[0]
            return f"{name}={_version_of(name)}"
    sys.exit(f"{library}: cannot tell which package it is of, and so not its licence")


def _before_usr_merge(path: Path) -> Path:
    return Path(str(path).removeprefix("/usr"))


def _version_of(package: str) -> str:
    said = subprocess.run(
        ["/usr/bin/dpkg-query", "-W", "-f", "${Version}\n", package],
        capture_output=True,
        text=True,
        check=True,
    )
    # An epoch has a colon, which is no good in a file's name.
    return re.sub(r"^\d+:", "", said.stdout.split("\n")[0])


def _copyright_of(package: str) -> Path:
    file = DOCUMENTS / package.split("=")[0] / "copyright"
    if not file.exists():
        sys.exit(f"{file} is missing: the licence of {package} has to go into the binary")
    return file


def _text_of_python() -> Path:
    places = (
        Path(sysconfig.get_paths()["stdlib"], "LICENSE.txt"),
        DOCUMENTS / f"python{sysconfig.get_python_version()}" / "copyright",
    )
    for place in places:
        if place.exists():
            return place
    sys.exit(f"the licence of Python is at none of {[str(place) for place in places]}")
