"""The first steps of a new unit: what is there of each, asked of the database every time."""

from dataclasses import dataclass

from flask import g, url_for

from ..models import Application, ConfigKey, Membership, Plugin, Profile, Unit, Workspace
from ..models.invites import open_invites

COUNTED_MAX = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the checklist."""

    title: str
    words: str  # what it is for
    state: str  # what is there
    is_done: bool
    url: str
    link: str  # words of the link


def steps_of(unit: Unit) -> list[Step]:
    """Return the steps in the order in which they build on each other."""
    keys = _counted(ConfigKey.of(unit, ConfigKey.name))
    plugins, active = _plugins(unit)
    workspaces = _counted(Workspace.of(unit, Workspace.uid))
    profiles = _counted(Profile.of(unit, Profile.uid))
    members = _counted(Membership.select(Membership.user).where(Membership.unit == unit))
    invites = len(open_invites(unit))
    slug = unit.slug
    return [
        Step(
            "Config key store",
            "Addresses, passwords and other values, kept once for all configurations.",
            _many(keys, "key"),
            keys > 0,
            url_for("keystore.index", slug=slug),
            "Add keys",
        ),
        Step(
            "Plugins",
            "What this unit can do. Install some and make them active.",
            f"{active} of {plugins} active" if plugins else "none",
            active > 0,
            url_for("plugins.index", slug=slug),
            "Install plugins",
        ),
        Step(
            "Workspaces",
            "Pages of applications.",
            _many(workspaces, "workspace"),
            workspaces > 0,
            url_for("workspaces.new", slug=slug),
            "New workspace",
        ),
        Step(
            "Profiles",
            "Named choices of workspaces, for chosen roles.",
            _many(profiles, "profile"),
            profiles > 0,
            url_for("profiles.index", slug=slug),
            "Make profiles",
        ),
        Step(
            "Members",
            "The people who work here.",
            ("only you" if members == 1 else _many(members, "member"))
            + (f", {_many(invites, 'open invite')}" if invites else ""),
            members > 1,
            url_for("members.index", slug=slug),
            "Invite people",
        ),
    ]


def is_set_up(unit: Unit) -> bool:
    """Return whether there is something to use: an application in a workspace."""
    return bool(Application.of(unit, Application.uid).exists())


def to_do() -> list[Step]:
    """Return the steps of this unit while it is new; nothing once it is in use, or all is done."""
    if is_set_up(g.unit):
        return []
    steps = steps_of(g.unit)
    return [] if all(step.is_done for step in steps) else steps


def _counted(rows: object) -> int:
    return int(rows.limit(COUNTED_MAX + 1).count())  # type: ignore[attr-defined]


def _plugins(unit: Unit) -> tuple[int, int]:
    active = [bool(row.active) for row in Plugin.of(unit, Plugin.active)]
    return len(active), sum(active)


def _many(count: int, word: str) -> str:
    if count > COUNTED_MAX:
        return f"more than {COUNTED_MAX:,} {word}s"
    return f"{count} {word}{'' if count == 1 else 's'}" if count else "none"
