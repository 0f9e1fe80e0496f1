"""What is inside profiles: for their list, for the form of one, and what a saved form stores."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import peewee
from flask import g, request

from ..models import (
    POSITION_MAX,
    Membership,
    Profile,
    ProfileRole,
    ProfileWorkspace,
    Role,
    Workspace,
    last_place,
    order_of,
    require_room,
)
from ..plugins.queries import tuples
from . import moves, shell
from .forms_content import ProfileForm
from .workspace_changes import store_places

LISTED_MAX = 500  # workspaces in the form of a profile: a page of half a megabyte
NAMED_MAX = 8  # workspaces of a profile in the list of profiles


@dataclass(frozen=True, slots=True)
class Line:
    """A profile as the list shows it."""

    profile: Profile
    workspaces: list[str]  # names of the first ones
    count: int
    roles: list[Role]


@dataclass(frozen=True, slots=True)
class Choice:
    """A workspace in the form of a profile: whether it is chosen, and its place."""

    workspace: Workspace
    place: int | None


@dataclass(frozen=True, slots=True)
class Choices:
    """The workspaces in the form of a profile, the chosen ones first, and what it leaves out."""

    listed: list[Choice]
    others: int  # in the profile, and not listed: they stay
    unlisted: int  # not in the profile, and not listed for there are too many


def lines(profiles: list[Profile]) -> list[Line]:
    """Return what the list shows of *profiles*, in a few queries however many there are."""
    uids = [profile.uid for profile in profiles]
    here = ProfileWorkspace.profile.in_(uids)
    counted = ProfileWorkspace.of(
        g.unit, ProfileWorkspace.profile, peewee.fn.COUNT(ProfileWorkspace.workspace)
    )
    counts = dict(tuples(counted.where(here).group_by(ProfileWorkspace.profile)))
    inside: dict[str, list[str]] = {}
    first = list(tuples(_first_workspaces(here)))
    names = dict(tuples(_seen(Workspace.uid, Workspace.name, among={uid for _, uid in first})))
    for profile, workspace in first:
        inside.setdefault(profile, []).append(names.get(workspace, "a private workspace"))
    shown: dict[str, set[str]] = {}
    for row in ProfileRole.of(g.unit).where(ProfileRole.profile.in_(uids)):
        shown.setdefault(row.profile, set()).add(row.role)
    return [
        Line(
            profile,
            inside.get(profile.uid, []),
            counts.get(profile.uid, 0),
            [role for role in Role if role in shown.get(profile.uid, ())],
        )
        for profile in profiles
    ]


def _first_workspaces(condition: Any) -> Any:
    """Select profile and workspace of the first places of each profile, in order."""
    number = peewee.fn.ROW_NUMBER().over(
        partition_by=[ProfileWorkspace.profile], order_by=[ProfileWorkspace.position]
    )
    columns = (ProfileWorkspace.profile, ProfileWorkspace.workspace, number.alias("number"))
    inner = ProfileWorkspace.of(g.unit, *columns).where(condition)
    return (
        ProfileWorkspace.select(inner.c.profile, inner.c.workspace)
        .from_(inner)
        .where(inner.c.number <= NAMED_MAX)
        .order_by(inner.c.profile, inner.c.number)
    )


def members_by_role() -> dict[Role, int]:
    """Return how many members of the unit have each role."""
    counted = Membership.select(Membership.role, peewee.fn.COUNT(Membership.user))
    counts = dict(tuples(counted.where(Membership.unit == g.unit).group_by(Membership.role)))
    return {role: counts.get(role, 0) for role in Role}


def inside_of(profile: Profile | None) -> list[str]:
    """Return the uids of a profile's workspaces, in order."""
    if profile is None:
        return []
    columns = (ProfileWorkspace.workspace, ProfileWorkspace.position)
    rows = ProfileWorkspace.of(g.unit, *columns).where(ProfileWorkspace.profile == profile.uid)
    return [uid for uid, _ in tuples(rows.order_by(ProfileWorkspace.position))]


def choices(inside: list[str]) -> Choices:
    """Return the workspaces to choose from: those inside in their order, then the first others."""
    listed = _listed(inside)
    chosen = chosen_of(inside) if request.method == "POST" else inside
    places = {uid: number for number, uid in enumerate(chosen, 1)}
    rows = {row.uid: row for row in _seen(among=listed)}
    total = _seen(Workspace.uid).count()
    more = _seen().order_by(*order_of(Workspace)).limit(LISTED_MAX)
    for row in more:
        if len(rows) < LISTED_MAX:
            rows.setdefault(row.uid, row)
    first = sorted(rows.values(), key=lambda row: places.get(row.uid, POSITION_MAX))
    return Choices(
        [Choice(row, places.get(row.uid)) for row in first],
        others=len(inside) - len(listed),
        unlisted=max(0, total - len(rows)),
    )


def chosen_of(inside: list[str]) -> list[str]:
    """Return the uids that were ticked, ordered by the numbers beside them.

    What the form does not show, as others' private workspaces, keeps its place.
    """
    ticked = list(dict.fromkeys(request.form.getlist("workspace")))
    there = {uid for (uid,) in tuples(_seen(Workspace.uid))}
    order = {uid: number for number, uid in enumerate(inside)}
    chosen = [uid for uid in ticked if uid in there]
    # Equal numbers keep the order that they had.
    chosen.sort(key=lambda uid: order.get(uid, len(order)))
    chosen.sort(key=lambda uid: _number(f"place-{uid}"))
    listed = set(_listed(inside)) | set(chosen)
    for at, uid in enumerate(inside):
        if uid not in listed:
            chosen.insert(at, uid)
    return chosen


def _number(field: str) -> int:
    number = moves.number(field)
    return POSITION_MAX if number is None else number


def _listed(inside: list[str]) -> list[str]:
    """Return those of *inside* that the form shows: what the user may open, if not too many."""
    there = {uid for (uid,) in tuples(_seen(Workspace.uid, among=inside))}
    return [uid for uid in dict.fromkeys(inside) if uid in there][:LISTED_MAX]


def _seen(*columns: Any, among: Iterable[str] | None = None) -> Any:
    rows = Workspace.of(g.unit, *columns).where(shell.seen_by(g.user))
    return rows if among is None else rows.where(Workspace.uid.in_(list(among)))


def store(uid: str, form: ProfileForm, workspaces: list[str], *, is_new: bool) -> None:
    """Write the profile, its workspaces and its roles, inside a change."""
    name = form.name.data
    if is_new:
        require_room(g.unit, Profile)
        position = last_place(g.unit, Profile)
        Profile.create(unit=g.unit, uid=uid, name=name, position=position)
    else:
        here = (Profile.unit == g.unit) & (Profile.uid == uid)
        Profile.update(name=name).where(here).execute()
    store_places(uid, workspaces)
    shown = (ProfileRole.unit == g.unit) & (ProfileRole.profile == uid)
    ProfileRole.delete().where(shown).execute()
    roles = sorted(set(form.roles.data))
    require_room(g.unit, ProfileRole, len(roles))
    for role in roles:
        ProfileRole.create(unit=g.unit, profile=uid, role=role)
