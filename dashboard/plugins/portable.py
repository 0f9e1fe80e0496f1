"""The configuration of a plugin from a file, into the installed plugin of the same bundle.

What a file says is data from a stranger. It brings only what the installed manifest knows of, and a
secret that it does not carry stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..models import Plugin, PluginMapping, PluginPermission, Unit, User, changing, require_room
from . import configs
from .checking import check
from .install import PluginProblem, plugin_of
from .jsontext import MAX_CONFIG_DEPTH, JsonProblem, read_json
from .references import MASK, look_up, names_in
from .registry import manifest_of
from .updating import modifiers_between, updated_config
from .versions import is_newer

EXCERPT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Brought:
    """What a file holds."""

    bundle: str
    name: str
    version: str
    config: str  # JSON objects
    secrets: str
    permissions: tuple[tuple[str, str], ...]  # (key, role)
    mappings: tuple[tuple[str, str, str, str], ...]  # kind, requirement, target bundle, target


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that becomes another; None is not there. A secret's values are never said."""

    what: str  # Setting, Permission, Mapping
    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """Return `added`, `removed` or `changed`."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do."""

    config: str
    secrets: str
    permissions: tuple[tuple[str, str], ...]
    mappings: tuple[tuple[str, str, str, str], ...]
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]  # what the installed version does not know
    steps: int  # modifiers that the config goes through
    secrets_stay: bool  # some are set, and the file does not carry them
    attention: tuple[str, ...]  # what does not follow the rules of the manifest, in sentences


def plan(unit: Unit, plugin: Plugin, brought: Brought) -> Plan:
    """Return what importing *brought* into *plugin* would do; raise `PluginProblem`."""
    _check(unit, plugin, brought)
    manifest = manifest_of(plugin)
    kept = configs.read(plugin.secrets)
    file_secrets = configs.read(brought.secrets)
    values = configs.read(brought.config) | file_secrets
    steps = len(modifiers_between(brought.version, manifest))
    if is_newer(plugin.version, brought.version):
        values = updated_config(values, brought.version, manifest)
    sealed = set(kept) | set(file_secrets)
    config, secrets = configs.split(manifest.plugin_fields, kept | values, sealed)
    for text in (config, secrets):
        _check_size(text)
    keys = {key.id for key in manifest.permission_keys}
    needs = {(needed.kind, needed.id) for needed in manifest.requirements}
    permissions = tuple(sorted(at for at in set(brought.permissions) if at[0] in keys))
    mappings = tuple(sorted(at for at in set(brought.mappings) if at[:2] in needs))
    unknown = {f"permission {key}" for key, _ in brought.permissions if key not in keys}
    unknown |= {f"{at[0]} {at[1]}" for at in brought.mappings if at[:2] not in needs}
    return Plan(
        config=config,
        secrets=secrets,
        permissions=permissions,
        mappings=mappings,
        changes=(
            *_changes("Setting", _settings(plugin.config), _settings(config)),
            *_secret_changes(kept, configs.read(secrets)),
            *_changes("Permission", _roles(_permissions(unit, plugin)), _roles(permissions)),
            *_changes("Mapping", _targets(_mappings(unit, plugin)), _targets(mappings)),
        ),
        left_out=tuple(sorted(unknown)),
        steps=steps,
        secrets_stay=bool(set(kept) - set(file_secrets)),
        attention=_attention(unit, plugin, kept | values),
    )


def apply(
    unit: Unit,
    plugin: Plugin,
    brought: Brought,
    *,
    by: User,
    revision: int | None = None,
    file_sha256: str = "",
) -> Plan:
    """Do what `plan` says, as one change of *unit*."""
    subject = plugin.bundle
    with changing(unit, "plugin.import", by=by, revision=revision, subject=subject) as facts:
        facts["file_sha256"] = file_sha256
        now = plugin_of(unit, subject)
        if now is None:
            raise PluginProblem("The plugin was uninstalled meanwhile. Install it first.")
        planned = plan(unit, now, brought)
        here = (Plugin.unit == unit) & (Plugin.bundle == subject)
        Plugin.update(config=planned.config, secrets=planned.secrets).where(here).execute()
        for model in (PluginPermission, PluginMapping):
            model.delete().where((model.unit == unit) & (model.bundle == subject)).execute()
        require_room(unit, PluginPermission, len(planned.permissions))
        require_room(unit, PluginMapping, len(planned.mappings))
        for key, role in planned.permissions:
            PluginPermission.create(unit=unit, bundle=subject, key=key, role=role)
        for kind, requirement, target_bundle, target in planned.mappings:
            PluginMapping.create(
                unit=unit,
                bundle=subject,
                kind=kind,
                requirement=requirement,
                target_bundle=target_bundle,
                target=target,
            )
    return planned


def _attention(unit: Unit, plugin: Plugin, values: configs.Config) -> tuple[str, ...]:
    manifest = manifest_of(plugin)
    titles = {field.key: field.title for field in manifest.plugin_fields}
    found = check(manifest.plugin_schema, values, look_up(unit, names_in(values)))
    broken = [f"{titles.get(at.key, at.key)}: {at.words}" for at in found.problems]
    return (*broken, *(f"There is no config key {name}." for name in sorted(found.missing)))


def _check(unit: Unit, plugin: Plugin, brought: Brought) -> None:
    if brought.bundle != plugin.bundle:
        is_there = plugin_of(unit, brought.bundle) is not None
        way_on = (
            "Import it on the page of that plugin."
            if is_there
            else "That plugin is not installed in this unit: install it first."
        )
        raise PluginProblem(
            f"This file holds the configuration of {brought.name} ({brought.bundle}), not of "
            f"{plugin.name}. {way_on}"
        )
    if is_newer(brought.version, plugin.version):
        raise PluginProblem(
            f"This file was made with version {brought.version} of {plugin.name}, and version "
            f"{plugin.version} is installed here. Update the plugin first."
        )


def _check_size(text: str) -> None:
    try:
        read_json(text, depth=MAX_CONFIG_DEPTH)
    except JsonProblem as error:
        raise PluginProblem(f"All settings together are too much. {error}") from None


def _permissions(unit: Unit, plugin: Plugin) -> list[tuple[str, str]]:
    rows = PluginPermission.of(unit).where(PluginPermission.bundle == plugin.bundle)
    return [(row.key, row.role) for row in rows]


def _mappings(unit: Unit, plugin: Plugin) -> list[tuple[str, str, str, str]]:
    rows = PluginMapping.of(unit).where(PluginMapping.bundle == plugin.bundle)
    return [(row.kind, row.requirement, row.target_bundle, row.target) for row in rows]


def _settings(text: str) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else configs.to_json(value)
        for key, value in configs.read(text).items()
    }


def _roles(pairs: Any) -> dict[str, str]:
    keys = sorted({key for key, _ in pairs})
    return {key: ", ".join(sorted(role for at, role in pairs if at == key)) for key in keys}


def _targets(rows: Any) -> dict[str, str]:
    return {f"{kind} {needed}": f"{bundle}: {target}" for kind, needed, bundle, target in rows}


def _changes(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    return [
        Change(what, key, _short(before.get(key)), _short(after.get(key)))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _secret_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    return [
        Change("Secret", key, MASK if key in before else None, MASK)
        for key in sorted(after)
        if before.get(key) != after[key]
    ]


def _short(text: str | None) -> str | None:
    if text is None or len(text) <= EXCERPT_CHARS:
        return text
    return text[: EXCERPT_CHARS - 1] + "…"
