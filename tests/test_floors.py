"""Imports go down only: every room of `dashboard` may know the floors below it, nothing else."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {"db": 0, "vault": 0, "disk": 1, "archive": 1, "models": 1, "backup": 2, "plugins": 2}
FLOORS |= {"upgrades": 2, "installation": 3, "jobs": 3, "web": 4, "cli": 4}
# Beside the floors. "roof" is dashboard/__init__.py; it and the demo may import anything.
MAY_BE_IMPORTED_BY = {
    "config": {"roof", "cli", "web", "demo"},
    "demo": {"roof", "cli"},
    "roof": {"cli", "demo"},
}
# The strict rooms: beside the standard library and itself, such a room imports nothing but this.
ONLY = {
    "config": set(),
    "archive": {"nacl", "zstandard", "msgspec"},
    # nacl: login hashes; pyotp: the codes of a second factor
    "models": {"dashboard.db", "dashboard.vault", "peewee", "playhouse", "nacl", "pyotp"},
    "backup": {f"dashboard.{room}" for room in ("archive", "models", "db", "vault", "disk")},
}
VERSION = "dashboard.__version__"  # a constant of the roof that all but the strict rooms may read
WEB_FAMILY = {"flask", "flask_login", "flask_wtf", "jinja2", "werkzeug", "wtforms"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def room_of(module: str) -> str:
    """Return the room of a dotted name under `dashboard`; `create_app` is the roof's."""
    name = [*module.split("."), ""][1]
    return name if name in FLOORS or name in MAY_BE_IMPORTED_BY else "roof"


def names_imported(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute dotted name) of every import, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join((above if node.level else []) + ([node.module] if node.module else []))
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def refusal(room: str, name: str) -> str | None:
    """Return why *room* may not import *name*, or None."""
    top = name.split(".")[0]
    ours = top == "dashboard"
    other = room_of(name) if ours else ""
    if other == room:
        return None
    wanted = f"dashboard.{other}" if ours else top
    if name == VERSION and room not in ONLY:
        return None
    if room in ONLY and wanted not in ONLY[room] and top not in sys.stdlib_module_names:
        return f"{room} is a strict room"
    if top in WEB_FAMILY and FLOORS.get(room, 4) < 4:
        return "no web below the doors"
    if top == "click" and room not in {"cli", "demo", "roof"}:
        return "click is for the terminal door"
    if other in MAY_BE_IMPORTED_BY and room not in MAY_BE_IMPORTED_BY[other]:
        return f"{other} is not for {room}"
    if other in FLOORS and FLOORS[other] >= FLOORS.get(room, 5):
        return "imports go down only"
    return None


def faults(path: str, source: str) -> list[str]:
    """Return the floor rules that the file at *path*, relative to the project, breaks."""
    parts = Path(path).with_suffix("").parts
    package = ".".join(parts[:-1])
    room = "roof" if parts[1] == "__init__" else parts[1]
    if room not in FLOORS and room not in MAY_BE_IMPORTED_BY:
        return [f"{path}: {room} has no floor; give it one in {Path(__file__).name}"]
    tree = ast.parse(source)
    found = [
        f"{path}:{line}: imports {name}: {reason}"
        for line, name in names_imported(tree, package)
        if (reason := refusal(room, name))
    ]
    if room not in {"config", "cli"}:
        used = [
            (node.lineno, ast.unparse(node))
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
        ]
        found += [
            f"{path}:{line}: {name}: only config and cli read the environment"
            for line, name in [*used, *names_imported(tree, package)]
            if name in {f"os.{word}" for word in ENVIRONMENT}
        ]
    return found


@pytest.mark.slow
def test_imports_go_down_only():
    files = sorted((ROOT / "dashboard").rglob("*.py"))
    found = [
        fault
        for file in files
        for fault in faults(str(file.relative_to(ROOT)), file.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("dashboard/archive/keys.py", "from ..models.enums import Role"),
        ("dashboard/archive/keys.py", "from .. import models"),
        ("dashboard/archive/keys.py", "from ..db import database"),
        ("dashboard/archive/keys.py", "import peewee"),
        ("dashboard/archive/__init__.py", "from ..models import Role"),
        ("dashboard/models/content.py", "from dashboard.archive import rows"),
        ("dashboard/models/content.py", "import dashboard.backup.export"),
        ("dashboard/vault.py", "from .db import database"),
        ("dashboard/backup/export.py", "from ..plugins import registry"),
        ("dashboard/backup/export.py", "def f():\n    from ..jobs.queue import enqueue"),
        ("dashboard/backup/export.py", "from ..config import Settings"),
        ("dashboard/backup/export.py", "from .. import create_app"),
        ("dashboard/archive/rows.py", "from .. import __version__"),
        ("dashboard/backup/export.py", "if TYPE_CHECKING:\n    from flask import Flask"),
        ("dashboard/plugins/notes/view.py", "from ...backup import export"),
        ("dashboard/plugins/notes/view.py", "from markupsafe import escape\nimport jinja2.sandbox"),
        ("dashboard/jobs/worker.py", "from werkzeug.utils import secure_filename"),
        ("dashboard/jobs/worker.py", "import click"),
        ("dashboard/jobs/worker.py", "import os\nlimit = os.environ['LIMIT']"),
        ("dashboard/jobs/worker.py", "from os import getenv"),
        ("dashboard/web/auth.py", "from ..cli.serve import serve"),
        ("dashboard/web/auth.py", "from .. import cli"),
        ("dashboard/web/auth.py", "from .. import create_app"),
        ("dashboard/config.py", "from .db import database"),
        ("dashboard/config.py", "import msgspec"),
        ("dashboard/attic.py", "import os"),
    ],
)
def test_a_broken_rule_is_found(path, source):
    assert len(faults(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "dashboard/__init__.py",
            "from . import config, web\nfrom .cli import register\nimport flask",
        ),
        ("dashboard/demo.py", "from . import create_app\nfrom .backup import restore"),
        ("dashboard/config.py", "import os\nnames = os.environ"),
        (
            "dashboard/archive/reader.py",
            "import struct, nacl.secret\nfrom . import limits\nfrom .keys import K",
        ),
        ("dashboard/archive/__init__.py", "from .reader import read"),
        ("dashboard/models/content.py", "from ..db import BaseModel\nfrom peewee import CharField"),
        (
            "dashboard/backup/restore.py",
            "from ..archive.reader import read\nfrom .. import vault, models",
        ),
        ("dashboard/plugins/links/view.py", "from .. import registry\nfrom ...models import Unit"),
        (
            "dashboard/jobs/handlers.py",
            "from ..backup import export\nfrom ..plugins import registry",
        ),
        ("dashboard/web/__init__.py", "from .jobs import bp\nfrom ..jobs.queue import enqueue"),
        (
            "dashboard/cli/serve.py",
            "import click, os\nfrom .. import create_app, demo\nos.getenv('X')",
        ),
    ],
)
def test_what_the_rules_allow_passes(path, source):
    assert faults(path, source) == []
