"""Which plugins there are: those with code on this server, and all that can be installed."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .acts import Act
from .jsontext import read_object, to_json
from .manifest import Manifest, ManifestProblem, parse_manifest, read_manifest

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Code:
    """A plugin's folder: what the product calls in it, and where its templates are."""

    folder: str
    manifest: Manifest
    module: ModuleType

    def call(self, part: str) -> Callable[..., Mapping[str, Any] | None] | None:
        """Return the function that shows *part* (`application` or `widget`), if there is one."""
        return getattr(self.module, part, None)

    @property
    def acts(self) -> Mapping[str, Act]:
        """Return what people can do inside the application, by name."""
        return getattr(self.module, "ACTS", {})

    @property
    def frame_sources(self) -> Callable[[Mapping[str, Any]], list[str]] | None:
        """Return what names the sources that its frames may load, from the plugin's config."""
        return getattr(self.module, "frame_sources", None)

    @property
    def refresh_seconds(self) -> int:
        """Return how often an application that is shown asks for itself again; 0 is never."""
        return int(getattr(self.module, "REFRESH_SECONDS", 0))

    def template(self, part: str) -> str:
        """Return the name of a part's template, as the template loader knows it."""
        return f"plugins/{self.folder}/{part}.html"


@dataclass(frozen=True, slots=True)
class Release:
    """A plugin as the store offers it: its manifest, read and as the text that is installed."""

    manifest: Manifest
    text: str
    has_code: bool


def template_folder() -> Path:
    """Return the folder of the templates named `plugins/<folder>/<part>.html`."""
    return _FOLDER


@lru_cache(maxsize=1)
def _codes() -> dict[str, Code]:
    found = {}
    for folder in pkgutil.iter_modules([str(_FOLDER)]):
        if folder.ispkg:
            module = importlib.import_module(f"{__package__}.{folder.name}")
            manifest = parse_manifest(_manifest_text(folder.name))
            found[manifest.bundle] = Code(folder.name, manifest, module)
    return found


def _manifest_text(folder: str) -> str:
    return (_FOLDER / folder / "manifest.json").read_text(encoding="utf-8")


def find(bundle: str) -> Code | None:
    """Return the code for *bundle* on this server, or None."""
    return _codes().get(bundle)


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Release]:
    """Return everything that can be installed, by bundle, ordered by name."""
    releases = []
    for code in _codes().values():
        data = read_object(_manifest_text(code.folder))
        releases.append(Release(code.manifest, to_json(data), has_code=True))
    listed = read_object((_FOLDER / "catalogue.json").read_text(encoding="utf-8"))
    for data in listed["manifests"]:
        releases.append(Release(read_manifest(data), to_json(data), has_code=False))
    releases.sort(key=lambda release: release.manifest.name.casefold())
    return {release.manifest.bundle: release for release in releases}


@lru_cache(maxsize=512)
def _read(text: str, bundle: str, name: str, version: str) -> Manifest:
    try:
        return parse_manifest(text, bundle=bundle, name=name, version=version)
    except ManifestProblem as error:
        return Manifest(bundle, name, version, problem=str(error))


def manifest_of(plugin: Any) -> Manifest:
    """Return the manifest that an installed *plugin* (a row) carries.

    One that cannot be read gives a bare manifest whose `problem` says why: a unit must stay
    usable whatever a backup brought along.
    """
    return _read(plugin.manifest, plugin.bundle, plugin.name, plugin.version)
