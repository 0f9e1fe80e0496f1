"""What people can do inside an application beside looking: small changes of its own config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class ActProblem(Exception):
    """What was asked for cannot be done; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Act:
    """A change that a plugin offers to whoever has *permission*.

    `run(config, form, now)` gets the application's plain config as it is stored, with references as
    they are written, and what was typed; it returns the keys to change.
    """

    permission: str
    run: Callable[[Mapping[str, Any], Mapping[str, str], datetime], Mapping[str, Any]]
