"""One act in an application, with the actions that it calls: one change of the unit, or none.

Everything is read inside the change, just before it is written, so what others changed meanwhile
is neither lost nor in the way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from ..models import (
    Application,
    Plugin,
    Role,
    StaleRevision,
    Unit,
    User,
    Workspace,
    changing,
    restored_since,
)
from . import configs
from .acts import (
    Act,
    Action,
    ActProblem,
    ActRefused,
    Called,
    Changes,
    Config,
    Doing,
    NoSuchAct,
    Placed,
)
from .install import plugin_of
from .jsontext import (
    MAX_CONFIG_DEPTH,
    MAX_TEXT_BYTES,
    JsonProblem,
    check_text,
    read_json,
    read_object,
)
from .mappings import State, connection
from .placing import find_application
from .queries import tuples
from .references import from_plain, to_plain
from .registry import find, manifest_of
from .render import Placement, placement
from .schema import Field
from .sources import NOWHERE, Sources

PLACED_MAX = 200  # applications that an action is told of


class _NothingChanged(Exception):
    """The act wrote nothing: no revision, no event."""


@dataclass(slots=True)
class _Scene:
    """Who acts where and when, and what came of it so far."""

    unit: Unit
    workspace: Workspace
    role: Role
    now: datetime
    sources: Sources
    served: list[str] = field(default_factory=list)  # by which actions of which plugins
    has_changed: bool = False
    plugins: set[str] = field(default_factory=set)  # whose own config was changed


def act(
    unit: Unit,
    workspace: Workspace,
    uid: str,
    name: str,
    form: Mapping[str, str],
    *,
    by: User,
    role: Role,
    now: datetime,
    seen: int | None = None,
    sources: Sources = NOWHERE,
) -> frozenset[str]:
    """Do act *name* of an application, with what was typed into *form*.

    Return the bundles of the plugins whose own config was changed.
    Raise `NoSuchAct`, `ActRefused`, `ActProblem`, or `StaleRevision` if a backup replaced the state
    after revision *seen*. Then nothing is changed, whatever was called.
    """
    scene = _Scene(unit, workspace, role, now, sources)
    try:
        with changing(unit, "application.act", by=by, subject=workspace.name) as facts:
            if seen is not None and restored_since(unit, seen):
                raise StaleRevision(unit, seen)
            plugin = _do(scene, uid, name, _clean(form))
            if not scene.has_changed:
                raise _NothingChanged
            facts["act"] = f"{plugin.name}: {name}"
            facts["served"] = ", ".join(scene.served)
    except _NothingChanged:
        pass
    return frozenset(scene.plugins)


def _do(scene: _Scene, uid: str, name: str, form: Mapping[str, str]) -> Plugin:
    row = find_application(scene.unit, scene.workspace, uid)
    plugin = plugin_of(scene.unit, row.bundle) if row is not None else None
    code = find(row.bundle) if row is not None else None
    found = code.acts.get(name) if code is not None else None
    if row is None or plugin is None or not plugin.active or found is None:
        raise NoSuchAct
    here, _ = placement(scene.unit, plugin, row, scene.role, scene.now, scene.sources)
    _check_permission(scene, plugin, here, found)
    application = _placed(row, plugin)
    doing = Doing(here, application, _stored(plugin, plugin), partial(_call, scene, plugin))
    changes = found.run(doing, form)
    if not isinstance(changes, Changes):
        changes = Changes(applications=[(application, changes)])
    _store(scene, plugin, changes)
    return plugin


def _call(scene: _Scene, caller: Plugin, requirement: str, arguments: Mapping[str, str]) -> None:
    found = connection(scene.unit, caller.bundle, "action", requirement)
    if found.plugin is None or found.code is None or found.state is not State.SERVED:
        raise ActProblem(
            f"“{found.needed.name}” is not connected. {found.why} "
            f"An admin can connect it in the mappings of {caller.name}."
        )
    there, _ = placement(scene.unit, found.plugin, None, scene.role, scene.now, scene.sources)
    action = found.code.actions[found.target]
    _check_permission(scene, found.plugin, there, action)
    stored = _stored(found.plugin, found.plugin)
    called = Called(_clean(arguments), there, stored, partial(_placed_of, scene, found.plugin))
    changes = action.run(called)
    _store(scene, found.plugin, changes if isinstance(changes, Changes) else Changes(changes))
    offer = found.offer.name if found.offer is not None else found.target
    scene.served.append(f"{found.plugin.name}: {offer}")


def _check_permission(scene: _Scene, plugin: Plugin, here: Placement, done: Act | Action) -> None:
    if not scene.role.acts:
        raise ActRefused("With the role Readonly you can look, but change nothing.")
    if done.permission and not here.may(done.permission):
        keys = manifest_of(plugin).permission_keys
        label = next((key.label for key in keys if key.id == done.permission), done.permission)
        raise ActRefused(
            f"Your role does not have the permission “{label}” of {plugin.name}. "
            "Ask an admin of the unit. Nothing was changed."
        )


def _clean(texts: Mapping[str, str]) -> dict[str, str]:
    try:
        for text in texts.values():
            check_text(text)
    except JsonProblem as error:
        raise ActProblem(str(error)) from None
    return dict(texts)


# --- reading ---


def _stored(row: Plugin | Application, plugin: Plugin) -> Config:
    try:
        stored: Config = to_plain(read_object(row.config))
    except JsonProblem:
        raise ActProblem(
            f"The settings of {plugin.name} cannot be read. Save them again, then try once more."
        ) from None
    return stored


def _placed(row: Application, plugin: Plugin) -> Placed:
    return Placed(row.workspace, row.uid, row.title or plugin.name, _stored(row, plugin))


def _placed_of(scene: _Scene, plugin: Plugin) -> Iterator[Placed]:
    """Yield the plugin's applications: those of this workspace, then those of shared ones.

    What others placed in private workspaces is not theirs to change, and one's own are not meant.
    """
    key = (Application.workspace, Application.uid)
    in_order = (Application.column, Application.position, Application.uid)
    rows = Application.of(scene.unit, *key).where(Application.bundle == plugin.bundle)
    own = rows.where(Application.workspace == scene.workspace.uid).order_by(*in_order)
    together = (Workspace.unit == Application.unit) & (Workspace.uid == Application.workspace)
    shared = (
        rows.join(Workspace, on=together)
        .where(Workspace.shared, Workspace.uid != scene.workspace.uid)
        .order_by(Workspace.position, Workspace.name, Workspace.uid, *in_order)
    )
    for query in (own, shared):
        # A config may have 1 MiB: each is read only when it is asked for.
        for workspace, uid in list(tuples(query.limit(PLACED_MAX))):
            yield _placed(_row(scene.unit, workspace, uid), plugin)


def _row(unit: Unit, workspace: str, uid: str) -> Application:
    here = (Application.workspace == workspace) & (Application.uid == uid)
    found: Application = Application.of(unit).where(here).get()
    return found


# --- writing ---


def _store(scene: _Scene, plugin: Plugin, changes: Changes) -> None:
    manifest = manifest_of(plugin)
    if changes.plugin:
        texts = _texts(plugin, manifest.plugin_fields, changes.plugin, plugin.name)
        there = (Plugin.unit == scene.unit) & (Plugin.bundle == plugin.bundle)
        _write(scene, Plugin, there, texts)
        scene.plugins.add(plugin.bundle)
    for placed, keys in changes.applications:
        row = _row(scene.unit, placed.workspace, placed.uid)
        texts = _texts(row, manifest.application_fields, keys, placed.title)
        there = (
            (Application.unit == scene.unit)
            & (Application.workspace == placed.workspace)
            & (Application.uid == placed.uid)
            & (Application.bundle == plugin.bundle)
        )
        _write(scene, Application, there, texts)


def _write(
    scene: _Scene, model: type[Plugin] | type[Application], there: Any, texts: dict[str, str]
) -> None:
    if texts:
        model.update(**texts).where(there).execute()
        scene.has_changed = True


def _texts(
    row: Plugin | Application, fields: tuple[Field, ...], keys: Config, name: str
) -> dict[str, str]:
    """Return the columns of *row* that are not the same any more with *keys* in its config."""
    values = configs.merge(row.config, row.secrets) | from_plain(keys)
    config, secrets = configs.split(fields, values, configs.read(row.secrets))
    texts = {"config": config, "secrets": secrets}
    was = {"config": configs.to_json(configs.read(row.config)),
           "secrets": configs.to_json(configs.read(row.secrets))}  # fmt: skip
    for text in texts.values():
        _check_fits(text, name)
    return {column: text for column, text in texts.items() if text != was[column]}


def _check_fits(text: str, name: str) -> None:
    """Refuse what a backup would refuse."""
    if len(text.encode(errors="surrogatepass")) > MAX_TEXT_BYTES:
        raise ActProblem(f"{name} is full: its settings can hold 1 MiB. Remove something first.")
    try:
        read_json(text, depth=MAX_CONFIG_DEPTH)
    except JsonProblem as error:
        raise ActProblem(str(error)) from None
