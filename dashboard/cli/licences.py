"""The command that tells whose work is inside, and on which terms."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import click

from .. import __version__
from ..config import resource_root
from .common import json_option, show

SYSTEM = "licences"  # in the binary: what the system's libraries in it say, one file for each
LICENCE_FILE = re.compile(
    r"dist-info/(?:.*/)?(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*$", re.IGNORECASE
)
SEE_TEXT = "see its text"
ONE_LINE = 40


@dataclass(frozen=True, slots=True)
class Part:
    """One work that this program holds or needs, with the texts of its licence."""

    name: str
    version: str
    licence: str
    text: str


def parts() -> Iterator[Part]:
    """Yield this program, Python, the packages, the files of others in `static`, and libraries."""
    root = resource_root()
    yield Part("Dashboard", __version__, "MIT", (root / "LICENSE").read_text(encoding="utf-8"))
    yield Part("Python", sys.version.split()[0], "PSF-2.0", _text_of_python(root))
    yield from _packages(root)
    yield from _vendored(root)
    for file in sorted((root / SYSTEM).glob("*.txt")):
        if file.stem != "Python":
            name, _, version = file.stem.partition("=")
            yield Part(name, version, SEE_TEXT, file.read_text(encoding="utf-8", errors="replace"))


def _text_of_python(root: Path) -> str:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = (
        root / SYSTEM / "Python.txt",
        Path(sys.base_prefix, "lib", version, "LICENSE.txt"),
        Path("/usr/share/doc", version, "copyright"),
    )
    found = next((place for place in places if place.exists()), None)
    return found.read_text(encoding="utf-8") if found else "https://docs.python.org/3/license.html"


def _packages(root: Path) -> Iterator[Part]:
    pins = (root / "requirements.txt").read_text(encoding="utf-8")
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", pins, re.MULTILINE):
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # pinned for another system
        files = [file for file in package.files or [] if LICENCE_FILE.search(str(file))]
        text = "\n\n".join(file.read_text(encoding="utf-8") for file in files)
        yield Part(name, package.version, _licence(package), text)


def _licence(package: metadata.Distribution) -> str:
    """Return the licence as the package's metadata name it: three ways, the newest first."""
    said = package.metadata
    if "License-Expression" in said:
        return str(said["License-Expression"])
    if "License" in said and 0 < len(said["License"]) < ONE_LINE:  # some have the whole text there
        return str(said["License"])
    classes = [line for line in said.get_all("Classifier") or [] if line.startswith("License ::")]
    if classes:
        return " and ".join(line.split(" :: ")[-1] for line in classes)
    return SEE_TEXT


def _vendored(root: Path) -> Iterator[Part]:
    folder = root / "static" / "vendor"
    texts = (folder / "LICENSES").read_text(encoding="utf-8")
    for line in (folder / "VERSIONS").read_text(encoding="utf-8").splitlines():
        columns = line.split(" | ")
        if line.startswith("#") or len(columns) != 5:
            continue
        name, version = columns[1].rsplit(" ", 1)
        _, _, text = texts.partition(f"== {name} ==\n")
        yield Part(name, version, columns[3].split(",")[0], text.split("\n== ")[0])


@click.command()
@json_option
@click.option("--text", "in_full", is_flag=True, help="Print the texts of the licences too.")
def licences(*, as_json: bool, in_full: bool) -> None:
    """Say whose work is inside, and on which terms.

    Example: dashboard licences --text
    """
    found = list(parts())
    keys = ("name", "version", "licence", "text") if in_full else ("name", "version", "licence")
    lines = [f"{part.name}\t{part.version}\t{part.licence}" for part in found]
    if in_full:
        lines += [f"\n=== {part.name} {part.version} ===\n\n{part.text.strip()}" for part in found]
    show([{key: getattr(part, key) for key in keys} for part in found], lines, as_json=as_json)
