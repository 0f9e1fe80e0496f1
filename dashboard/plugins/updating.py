"""A config from an older version of a plugin, made one of a newer: modifiers, then defaults."""

from collections.abc import Mapping
from typing import Any

from . import configs
from .manifest import Manifest
from .versions import is_newer


def modifiers_between(version: str, new: Manifest) -> list[Mapping[str, Any]]:
    """Return the modifiers of *new* that a config of *version* has not been through, in order."""
    return [
        modifier
        for modifier in new.config_modifiers
        if isinstance(modifier.get("ops", []), list)
        and is_newer(at := str(modifier.get("version", "")), version)
        and not is_newer(at, new.version)
    ]


def updated_config(config: configs.Config, version: str, new: Manifest) -> configs.Config:
    """Return *config* of *version* as the version of *new* has it: nothing that was set is lost."""
    for modifier in modifiers_between(version, new):
        config = configs.modify(config, modifier.get("ops", []))
    return configs.defaults(new.plugin_fields) | config
