"""Backups whose every text field holds strings of the corpus, made from the table of the format.

A column of text that the format gets one day is filled without a word here: what is told below is
only which columns hold no text, since they name a row, refer to one, count or choose.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dashboard.archive import SECTIONS
from dashboard.archive.rows import Base64, Json
from dashboard.plugins.registry import catalogue
from tests.archive.cases.state import ICONS
from tests.archive.second_writer import Rows
from tests.hostile.corpus import HOST, Hostile

PLAIN = "q000z plain"
CORE = "dashboard.core."
# What a manifest may say, "*" being the text. Ids must be ids: those are tried by `bad_ids`.
MANIFEST: dict[str, Any] = {
    "manifestVersion": "*", "description": "*", "wiki_url": "*", "parts": ["application", "widget"],
    "author": [{"name": "*", "organization": "*", "website": "*"}], "readme": "*", "icon": "*",
    "entry": "*", "module": "*", "path": "*", "url": "*", "*": {"*": ["*"]},
    "permissionKeys": [{"id": "MAY_READ", "label": "*", "description": "*"}],
    "actions": [{"id": "open", "name": "*", "description": "*", "inputSchema": {"title": "*"}}],
    "portals": [{"id": "side", "name": "*", "description": "*"}],
    "requirements": {
        "dashboardVersion": "*", "browsers": ["*"],
        "actions": [{"id": "OPEN", "name": "*", "description": "*",
                     "suggests": {"bundle": "*", "id": "*", "version": "*"}}],
        "portals": [{"id": "SIDE", "name": "*", "description": "*", "optional": True}],
    },
    "dependencies": [{"bundle": "*", "version": "*", "optional": True}],
    "configModifiers": [{"*": "*", "name": "*", "target": "*"}],
    "settingsSchema": {side: {"type": "object", "title": "*", "properties": {
        "words": {"type": "string", "title": "*", "description": "*", "default": "*"},
        "lines": {"type": "string", "title": "*", "x-widget": "textarea", "default": "*"},
        "choice": {"type": "string", "title": "*", "enum": ["*", "other"]},
        "password": {"type": "string", "title": "*", "format": "password", "description": "*"},
        "number": {"type": "number", "title": "*", "description": "*"},
        "switch": {"type": "boolean", "title": "*", "description": "*"},
        "color": {"type": "string", "title": "*", "x-widget": "color"},
        "list": {"type": "array", "title": "*", "items": {"type": "string", "title": "*"}},
        "tree": {"type": "object", "title": "*", "description": "*"},
        "table": {"type": "array", "title": "*", "items": {"type": "object", "properties": {
            "one": {"type": "string", "title": "*"},
            "two": {"type": "string", "title": "*", "enum": ["*", "x"]}}}},
        "odd": {"type": "*", "title": "*", "pattern": "*", "format": "*", "x-widget": "*"},
        "*": {"type": "string", "title": "*"},
    }, "required": ["*"]} for side in ("plugin", "application")},
}  # fmt: skip


def fits(kind: Any, text: str) -> bool:
    """Return whether a column of *kind* takes *text* as it is."""
    try:
        msgspec.convert(text, kind, strict=True)
    except msgspec.ValidationError:
        return False
    return True


def fitted(kind: Any, text: str) -> str | None:
    """Return *text* so that it fits a column of *kind*: as it is, as an address, or cut."""
    for one in (text, f"{text}@{HOST}", text[:3]):
        if fits(kind, one):
            return one
    return None


def takes_markup(kind: Any) -> bool:
    """Return whether a column of *kind* takes text that is no name of a pattern."""
    if kind is Json:
        return True
    return kind is not Base64 and fitted(kind, "<b>") is not None


TEXT_COLUMNS = tuple(
    (section.name, column)
    for section in SECTIONS
    for column, kind in section.types.items()
    # The name of a key is checked by the rules, for all of them together.
    if takes_markup(kind) and (section.name, column) != ("config_keys", "name")
)


def filled(shape: Any, text: str) -> Any:
    """Return *shape* with *text* for every star, in keys as well."""
    if isinstance(shape, dict):
        return {filled(key, text): filled(value, text) for key, value in shape.items()}
    if isinstance(shape, list):
        return [filled(item, text) for item in shape]
    return text if shape == "*" else shape


def config(text: str) -> dict[str, Any]:
    """Return a config with *text* in every place that a settings form knows, and in others."""
    return {
        "words": text, "lines": f"{text}\n{text}", "choice": text, "number": text, "color": text,
        "list": [text, text], "tree": {text: text}, "table": [{"one": text, "two": text}],
        "odd": text, "switch": text, f"unknown {text}": [{"deep": [text]}],
        "ref": f"${{DBKS:{text}}}",
    }  # fmt: skip


def core_configs(text: str) -> dict[str, dict[str, Any]]:
    """Return what the product's own plugins show of *text*: config of an application of each."""
    link = "\n".join((f"# {text}", f"{text} | {text}", f"{text} | https://{HOST}/", text))
    return {
        "notes": {"text": text},
        "links": {"links": link, "toolbar": link},
        "web_view": {"url": text, "allowedHosts": [text, HOST]},
        "feed_reader": {"address": text, "saved": [text]},
        "agenda": {"url": text, "portalAddress": text, "timezone": text},
        "status_board": {"services": f"{text} | {text}\n{text}", "line": text},
        "announcements": {"messages": f"{text}\n2026-11-25 12:10 | {text}", "timezone": text},
        "clock": {"zones": text, "line": text, "countdownTitle": text, "countdownTo": "2030-01-01"},
    }


def core_bundles() -> dict[str, str]:
    """Return the bundle of every plugin whose code is here, by its folder."""
    found = [bundle for bundle, release in catalogue().items() if release.has_code]
    return {bundle.removeprefix(CORE).replace("-", "_"): bundle for bundle in found}


class Cells:
    """The values of one row, column by column: told ones, and the text wherever it fits."""

    def __init__(self, section: str, text: str, **told: Any) -> None:
        self.section = next(one for one in SECTIONS if one.name == section)
        self.text, self.told = text, told

    def row(self) -> list[Any]:
        """Return the row."""
        return [self._cell(*item) for item in self.section.types.items()]

    def _cell(self, column: str, kind: Any) -> Any:
        if column in self.told:
            return self.told[column]
        if kind is Json:
            return {self.text: self.text, "text": self.text}
        found = fitted(kind, self.text)
        if found is None:
            found = fitted(kind, PLAIN) or fitted(kind, "q000z")
        assert found is not None, (self.section.name, column)
        return found


def rows_of(batch: Sequence[Hostile]) -> Rows:
    """Return the rows of a unit with a row of each kind for each string, filled with it."""
    rows: Rows = {section.name: [] for section in SECTIONS}
    rows["assets"] = ICONS
    _add_core(rows, batch)
    for number, one in enumerate(batch):
        _add(rows, number, one.text)
    for section in SECTIONS:
        key = [section.columns.index(name) for name in section.key]
        rows[section.name].sort(key=lambda row, key=key: [row[at] for at in key])
    return rows


def _add_core(rows: Rows, batch: Sequence[Hostile]) -> None:
    """Add the product's own plugins; what they show on every page is of the first string."""
    own = core_configs(batch[0].text)
    for place, (folder, bundle) in enumerate(core_bundles().items()):
        release = catalogue()[bundle]
        told = {"bundle": bundle, "name": release.manifest.name, "active": True,
                "version": release.manifest.version, "manifest": json.loads(release.text),
                "config": own.get(folder, {}), "secrets": {}}  # fmt: skip
        rows["plugins"].append(Cells("plugins", batch[0].text, **told).row())
        rows["toolbar"].append([place, bundle, True])
        for key in release.manifest.permission_keys:
            rows["plugin_permissions"].append([bundle, key.id, "admin"])


def _add(rows: Rows, number: int, text: str) -> None:
    bundle, workspace, profile = (f"{word}{number:03}" for word in ("hostile.p", "ws-", "pf-"))
    manifest = filled(MANIFEST, text)
    if number % 10 == 9:
        manifest = bad_ids(text)

    def add(section: str, **told: Any) -> None:
        rows[section].append(Cells(section, text, **told).row())

    add("plugins", bundle=bundle, manifest=manifest, active=number % 2 == 0, config=config(text))
    add("plugin_permissions", bundle=bundle, key="MAY_READ", role="user")
    for kind, requirement in (("action", "OPEN"), ("portal", "SIDE")):
        target = {"kind": kind, "target_bundle": "hostile.p000", "auto": False}
        add("plugin_mappings", bundle=bundle, requirement=requirement, **target)
    place = {"layout": "3-equal", "icon_color": "#123456", "position": number}
    icon = ICONS[0][0] if number % 20 == 19 else None
    add("workspaces", uid=workspace, icon_asset=icon, shared=True, **place)
    add("workspaces", uid=f"wp-{number:03}", icon_asset=None, shared=False, **place)
    _add_applications(add, workspace, bundle, text)
    add("profiles", uid=profile, position=number)
    rows["profile_workspaces"] += [[profile, 0, workspace]]
    rows["profile_roles"] += [[profile, role] for role in ("admin", "user")]
    add("toolbar", position=number + 100, bundle=bundle, visible=True)
    add("config_keys", name=f"K{number:03}", type="string")
    add("config_keys", name=f"S{number:03}", type="secret")
    as_json = json.dumps({text: [text]}, ensure_ascii=False)
    add("config_keys", name=f"J{number:03}", type="json", value=as_json)


def _add_applications(add: Callable[..., None], workspace: str, bundle: str, text: str) -> None:
    shown = core_configs(text)
    place = {"workspace": workspace, "column": 0}
    add("applications", uid="app-other", position=0, bundle=bundle, config=config(text), **place)
    add("applications", uid="app-gone", position=1, bundle="hostile.gone", **place)
    for position, (folder, found) in enumerate(core_bundles().items(), 2):
        told = {"position": position, "bundle": found, "config": shown.get(folder, {})}
        add("applications", uid=f"app-{folder}", secrets={}, **told, **place)


def bad_ids(text: str) -> dict[str, Any]:
    """Return a manifest that cannot be read, since the text is where an id has to be."""
    return {"bundle": text, "parts": [text], "permissionKeys": [{"id": text}], "author": text}


def head(text: str) -> Callable[[dict[str, Any]], None]:
    """Return what puts *text* into every text of a backup's own manifest."""

    def edit(manifest: dict[str, Any]) -> None:
        short = text[:64] if fits_head(text) else PLAIN
        manifest |= {"app": short, "created_by": short, "organisation": short, "note": text}
        manifest["unit"] |= {"name": short}

    return edit


def fits_head(text: str) -> bool:
    """Return whether *text* is a line, as the names in a backup's own manifest are."""
    return text.isprintable() or not any(ord(sign) < 32 or ord(sign) == 127 for sign in text)
