"""The state that the vectors are made from: a small unit with something in every section.

The last row of every section is a spare that nothing refers to: a fault in it is the only fault.
"""

import base64
import copy
import hashlib
from typing import Any

from tests.archive.second_content import SECTIONS
from tests.archive.second_writer import Rows

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff\xe0" + bytes(8)


def asset(content: bytes, mime: str = "image/png") -> list[Any]:
    """Return the row of an icon."""
    return [hashlib.sha256(content).hexdigest(), mime, base64.b64encode(content).decode()]


ICONS = sorted([asset(PNG), asset(JPEG, "image/jpeg")])
ALPHA, BETA = "example.desk.alpha", "example.desk.beta"

FULL: Rows = {
    "plugins": [
        [ALPHA, "Alpha", "1.0.0", {"parts": ["agent"]}, "store", True, {"url": "${DBKS:URL}"}, {}],
        [BETA, "Beta", "2.1.0", {}, "https://store.example/beta", False, {}, {"token": "t"}],
    ],
    "plugin_permissions": [[ALPHA, "MOVE_SLOT", "admin"], [ALPHA, "MOVE_SLOT", "user"]],
    "plugin_mappings": [
        [ALPHA, "action", "open", BETA, "show", False],
        [ALPHA, "portal", "side", "example.desk.gone", "panel", True],
    ],
    "assets": ICONS,
    "workspaces": [
        ["ws-a", "Morning", "3-equal", "MM", "#e6a100", ICONS[0][0], True, None, 0],
        ["ws-b", "Draft Board", "1", "D", "#1E8E4E", None, False, "omar@harbour.example", 1],
        ["ws-c", "Spare", "2-equal", "S", "#000000", None, True, None, 2],
    ],
    "applications": [
        ["ws-a", "app-1", 0, 0, ALPHA, "Planner", {"view": "events"}, {}],
        ["ws-a", "app-2", 1, 0, "example.desk.gone", "", {}, {"password": "p"}],
    ],
    "profiles": [["pr-a", "News", 0], ["pr-b", "Web", 1], ["pr-c", "Spare", 2]],
    "profile_workspaces": [["pr-a", 0, "ws-a"], ["pr-a", 1, "ws-b"], ["pr-b", 0, "ws-b"]],
    "profile_roles": [["pr-a", "admin"], ["pr-a", "user"]],
    "toolbar": [[0, ALPHA, True], [1, BETA, False]],
    "config_keys": [
        ["ALLOW", "boolean", "true", ""],
        ["COLORS", "json", '{"draft": "#999999"}', "One colour for each status"],
        ["SLOT_MINUTES", "number", "15", ""],
        ["TOKEN", "secret", "demo-secret", ""],
        ["URL", "string", "https://cca.example/", "Where content lives"],
    ],
}


def full() -> Rows:
    """Return a copy to change."""
    return copy.deepcopy(FULL)


def only(section: str, *rows: Any) -> Rows:
    """Return a state with rows in one section alone."""
    return {name: list(rows) if name == section else [] for name in SECTIONS}


PARENTS = {
    "plugin_permissions": ("plugins",),
    "plugin_mappings": ("plugins",),
    "workspaces": ("assets",),
    "applications": ("assets", "workspaces"),
    "profile_workspaces": ("assets", "workspaces", "profiles"),
    "profile_roles": ("profiles",),
}


def around(section: str) -> Rows:
    """Return the full rows of one section and of those it refers to; the others are empty."""
    return {n: r if n in (section, *PARENTS.get(section, ())) else [] for n, r in full().items()}


def with_cell(section: str, column: str, value: object) -> Rows:
    """Return the spare row of a section, one value changed, and the rows it refers to."""
    rows = around(section)
    del rows[section][:-1]
    rows[section][0][list(SECTIONS[section].columns).index(column)] = value
    return rows


def with_rows(section: str, *rows: Any) -> Rows:
    """Return rows around a section, its own rows replaced."""
    return {**around(section), section: list(rows)}


def key(value: str, kind: str = "string", name: str = "KEY", description: str = "") -> list[Any]:
    """Return a row of config_keys."""
    return [name, kind, value, description]
