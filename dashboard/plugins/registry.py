"""Which plugins there are: those with code on this server, and all that can be installed."""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from .acts import Act, Action
from .jsontext import as_written, read_object
from .manifest import Manifest, ManifestProblem, Offer, parse_manifest, read_manifest

CATALOGUE = Path(__file__).parent / "catalogue.json"


@dataclass(frozen=True, slots=True)
class Code:
    """A plugin's folder: what the product calls in it, and where its templates are."""

    folder: str
    manifest: Manifest
    module: ModuleType

    @property
    def path(self) -> Path:
        """Return where the folder is."""
        return Path(self.module.__path__[0])

    def call(self, part: str) -> Callable[..., Mapping[str, Any] | None] | None:
        """Return the function that shows *part* (`application` or `widget`), if there is one."""
        return getattr(self.module, part, None)

    @property
    def acts(self) -> Mapping[str, Act]:
        """Return what people can do inside the application, by name."""
        return getattr(self.module, "ACTS", {})

    @property
    def actions(self) -> Mapping[str, Action]:
        """Return what the plugin does for others, by the id that its manifest offers."""
        return getattr(self.module, "ACTIONS", {})

    @property
    def portals(self) -> Mapping[str, Callable[..., Mapping[str, Any] | None]]:
        """Return what the plugin shows inside others, by the id that its manifest offers."""
        return getattr(self.module, "PORTALS", {})

    def has_offer(self, offer: Offer) -> bool:
        """Return whether there is code behind what a manifest offers."""
        return offer.id in (self.actions if offer.kind == "action" else self.portals)

    @property
    def frame_sources(self) -> Callable[[Mapping[str, Any]], list[str]] | None:
        """Return what names the sources that its frames may load, from the plugin's config."""
        return getattr(self.module, "frame_sources", None)

    @property
    def readme(self) -> str:
        """Return what the folder's README.md says, in Markdown; nothing if there is none."""
        file = Path(self.module.__path__[0]) / "README.md"
        return file.read_text(encoding="utf-8") if file.is_file() else ""

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


def folders() -> list[str]:
    """Return where the folders of plugins are: the path of this package, which may be extended."""
    return list(sys.modules[__package__].__path__)


@lru_cache(maxsize=1)
def _codes() -> dict[str, Code]:
    found = {}
    for folder in pkgutil.iter_modules(folders()):
        if folder.ispkg:
            module = importlib.import_module(f"{__package__}.{folder.name}")
            code = Code(folder.name, parse_manifest(_manifest_text(module)), module)
            found[code.manifest.bundle] = code
    return found


def _manifest_text(module: ModuleType) -> str:
    return (Path(module.__path__[0]) / "manifest.json").read_text(encoding="utf-8")


def look_again() -> None:
    """Forget which plugins there are: the path of this package has changed."""
    importlib.invalidate_caches()
    _codes.cache_clear()
    catalogue.cache_clear()


def find(bundle: str) -> Code | None:
    """Return the code for *bundle* on this server, or None."""
    return _codes().get(bundle)


def has_widget(bundle: str) -> bool:
    """Return whether *bundle* can show something in the toolbar."""
    code = find(bundle)
    return code is not None and code.call("widget") is not None


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Release]:
    """Return everything that can be installed, by bundle, ordered by name."""
    releases = []
    for code in _codes().values():
        data = read_object(_manifest_text(code.module))
        releases.append(Release(code.manifest, as_written(data), has_code=True))
    listed = read_object(CATALOGUE.read_text(encoding="utf-8"))
    for data in listed["manifests"]:
        releases.append(Release(read_manifest(data), as_written(data), has_code=False))
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
