"""What people can do inside an application beside looking, and what a plugin does for others.

An act changes its application or plugin, and may call the actions of other plugins through what
its requirements are mapped to. All of it is one change of the unit. An action calls nothing: so
there are no circles, and what a press can do is seen at a glance.

Both run while the unit is locked for everybody else: they must not wait for anything.

Texts in `config`, in forms and in arguments are plain: what reads `${DBKS:NAME}` in them was typed
so and is stored as that text. A reference that an admin wrote stays one where it is left in place.
Nobody can bring in a new one, so there is nothing that a plugin would have to escape.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .render import Placement
    from .sources import Sources

Config = Mapping[str, Any]


class ActProblem(Exception):
    """What was asked for cannot be done; the message says what to do instead."""


class ActRefused(ActProblem):
    """The role may not do this; the message says which permission it needs."""


class NoSuchAct(Exception):
    """There is no such application, or it does not offer this, or its plugin is not active."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An application as it is stored."""

    workspace: str  # uid
    uid: str
    title: str
    config: Config


@dataclass(frozen=True, slots=True)
class Changes:
    """The keys to change: in the plugin's own config, and in those of its applications."""

    plugin: Config = field(default_factory=dict)
    applications: Sequence[tuple[Placed, Config]] = ()


@dataclass(frozen=True, slots=True)
class Doing:
    """What an act is given: what its application shows, and what is stored."""

    here: "Placement"  # configs with their references resolved
    application: Placed
    plugin: Config  # the plugin's config as it is stored
    # `call(requirement, arguments)`: let the mapped action do its part, inside the same change.
    # Raises `ActProblem` when nothing serves, and `ActRefused` without the permission.
    call: Callable[[str, Mapping[str, str]], None]

    @property
    def config(self) -> Config:
        """Return the application's config as it is stored."""
        return self.application.config

    @property
    def now(self) -> datetime:
        """Return the moment of the act."""
        return self.here.now

    @property
    def sources(self) -> "Sources":
        """Return what other servers have; it never waits."""
        return self.here.sources


@dataclass(frozen=True, slots=True)
class Called:
    """What an action is given: the arguments, and its own plugin; nothing of the caller."""

    arguments: Mapping[str, str]
    here: "Placement"  # the plugin's config with references resolved
    config: Config  # as it is stored
    # Its applications: of the workspace where the act happens, then of the shared ones, in order.
    placed: Callable[[], Iterator[Placed]]

    @property
    def now(self) -> datetime:
        """Return the moment of the act."""
        return self.here.now


@dataclass(frozen=True, slots=True)
class Act:
    """Something to do inside the plugin's applications, for whoever has *permission*.

    `run` returns the keys of its application to change, or `Changes`.
    """

    permission: str
    run: Callable[[Doing, Mapping[str, str]], Config | Changes]


@dataclass(frozen=True, slots=True)
class Action:
    """What the plugin does for another, if the role has *permission*, a key of this plugin.

    "" is everybody who may use applications. `run` returns the keys of its plugin's config to
    change, or `Changes`.
    """

    permission: str
    run: Callable[[Called], Config | Changes]
