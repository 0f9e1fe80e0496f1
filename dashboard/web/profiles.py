"""Profiles: choosing one, and editing them, in the menu and in Admin settings."""

from dataclasses import dataclass

import peewee
from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..models import Membership, Profile, ProfileRole, ProfileWorkspace, Role, Workspace, changing
from ..plugins import placing
from . import access, shell
from .forms_content import POSITION_MAX, ConfirmForm, ProfileForm
from .htmx import see_other

bp = Blueprint("profiles", __name__)
LISTED_MAX = 1000


@dataclass(frozen=True, slots=True)
class Choice:
    """A workspace in the form of a profile: whether it is chosen, and its place."""

    workspace: Workspace
    place: int | None


def profile_or_404(uid: str) -> Profile:
    """Return a profile of the unit."""
    found: Profile | None = Profile.of(g.unit).where(Profile.uid == uid).first()
    return found if found is not None else abort(404)


@bp.post("/u/<slug>/profile")
@access.requires(*access.MEMBERS)
def choose(slug: str) -> ResponseReturnValue:
    """Remember the member's choice; empty is Show all."""
    uid = request.form.get("profile", "")
    allowed = {profile.uid for profile in shell.visible_profiles(g.unit, g.role)}
    if uid and uid not in allowed:
        abort(422, "This profile is not offered to you any more. Choose another.")
    own = (Membership.user == g.user) & (Membership.unit == g.unit)
    Membership.update(profile_uid=uid or None).where(own).execute()
    return see_other(url_for("units.home", slug=slug))


@bp.get("/u/<slug>/profiles")
@access.requires(*access.EDITORS)
def index(slug: str) -> ResponseReturnValue:
    """List the profiles."""
    return render_template("profiles/index.html", profiles=_listed())


@bp.get("/u/<slug>/admin/profiles")
@access.requires(*access.ADMIN)
def manage(slug: str) -> ResponseReturnValue:
    """List the profiles as a section of Admin settings."""
    return render_template("profiles/manage.html", profiles=_listed())


def _listed() -> list[tuple[Profile, list[str], list[str]]]:
    """Return (profile, names of its workspaces in order, labels of its roles)."""
    names = {row.uid: row.name for row in Workspace.of(g.unit) if shell.can_see(row, g.user)}
    inside: dict[str, list[str]] = {}
    for row in ProfileWorkspace.of(g.unit).order_by(ProfileWorkspace.position):
        inside.setdefault(row.profile, []).append(names.get(row.workspace, "a private workspace"))
    roles: dict[str, set[str]] = {}
    for shown in ProfileRole.of(g.unit):
        roles.setdefault(shown.profile, set()).add(shown.role)
    return [
        (
            profile,
            inside.get(profile.uid, []),
            [role.label for role in Role if role in roles.get(profile.uid, ())],
        )
        for profile in Profile.of(g.unit).order_by(Profile.position, Profile.name)
    ]


@bp.route("/u/<slug>/profiles/new", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def new(slug: str) -> ResponseReturnValue:
    """Make a profile."""
    return _edit(slug, None)


@bp.route("/u/<slug>/profiles/<uid>", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def edit(slug: str, uid: str) -> ResponseReturnValue:
    """Change a profile's name, workspaces and roles."""
    return _edit(slug, profile_or_404(uid))


def _edit(slug: str, profile: Profile | None) -> ResponseReturnValue:
    roles = [] if profile is None else [
        row.role for row in ProfileRole.of(g.unit).where(ProfileRole.profile == profile.uid)
    ]  # fmt: skip
    form = ProfileForm(obj=profile, data={"roles": roles or ([] if profile else list(Role))})
    inside = _inside(profile)
    if form.validate_on_submit() and _name_is_free(form, profile):
        uid = profile.uid if profile is not None else placing.new_uid("pf")
        action = "profile.change" if profile is not None else "profile.create"
        name = form.name.data
        with changing(g.unit, action, by=g.user, revision=form.revision_number(), subject=name):
            _store(uid, form, _chosen(inside), is_new=profile is None)
        flash(f"The profile {name} is saved.", "success")
        return see_other(url_for("profiles.index", slug=slug))
    page = render_template(
        "profiles/edit.html", form=form, profile=profile, choices=_choices(inside)
    )
    return page, 422 if form.is_submitted() else 200


def _inside(profile: Profile | None) -> list[str]:
    if profile is None:
        return []
    rows = ProfileWorkspace.of(g.unit).where(ProfileWorkspace.profile == profile.uid)
    return [row.workspace for row in rows.order_by(ProfileWorkspace.position)]


def _name_is_free(form: ProfileForm, profile: Profile | None) -> bool:
    wanted = form.name.data.casefold()
    for other in Profile.of(g.unit):
        if other.name.casefold() == wanted and (profile is None or other.uid != profile.uid):
            form.name.errors = ["There is a profile of this name. Choose another name."]
            return False
    return True


def _seen() -> list[Workspace]:
    rows = Workspace.of(g.unit).order_by(Workspace.position, Workspace.name, Workspace.uid)
    own = Workspace.shared | (Workspace.owner_email == g.user.email)
    return list(rows.where(own).limit(LISTED_MAX))


def _choices(inside: list[str]) -> list[Choice]:
    """Return every workspace to choose from, the chosen ones first and in their order."""
    if request.method == "POST":
        inside = _chosen(inside)
    places = {uid: number for number, uid in enumerate(inside, 1)}
    choices = [Choice(row, places.get(row.uid)) for row in _seen()]
    return sorted(choices, key=lambda choice: (choice.place is None, choice.place or 0))


def _chosen(inside: list[str]) -> list[str]:
    """Return the uids that were ticked, ordered by the numbers beside them.

    Others' private workspaces, which this page does not show, stay in the profile, at its end.
    """
    seen = [row.uid for row in _seen()]
    ticked = set(request.form.getlist("workspace"))
    chosen = [uid for uid in seen if uid in ticked]
    chosen.sort(key=lambda uid: _place(request.form.get(f"place-{uid}", "")))
    return chosen + [uid for uid in inside if uid not in seen]


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else POSITION_MAX


def _store(uid: str, form: ProfileForm, workspaces: list[str], *, is_new: bool) -> None:
    here = (Profile.unit == g.unit) & (Profile.uid == uid)
    if is_new:
        last = Profile.of(g.unit, peewee.fn.MAX(Profile.position)).scalar()
        position = 0 if last is None else min(last + 1, POSITION_MAX)
        Profile.create(unit=g.unit, uid=uid, name=form.name.data, position=position)
    else:
        Profile.update(name=form.name.data).where(here).execute()
    for table in (ProfileWorkspace, ProfileRole):
        table.delete().where((table.unit == g.unit) & (table.profile == uid)).execute()
    for position, workspace in enumerate(workspaces):
        ProfileWorkspace.create(unit=g.unit, profile=uid, position=position, workspace=workspace)
    for role in sorted(set(form.roles.data)):
        ProfileRole.create(unit=g.unit, profile=uid, role=role)


@bp.route("/u/<slug>/profiles/<uid>/delete", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def delete(slug: str, uid: str) -> ResponseReturnValue:
    """Ask, then delete a profile; its workspaces stay."""
    profile = profile_or_404(uid)
    form = ConfirmForm()
    if not form.validate_on_submit():
        page = render_template("profiles/delete.html", form=form, profile=profile)
        return page, 422 if form.is_submitted() else 200
    revision, name = form.revision_number(), profile.name
    with changing(g.unit, "profile.delete", by=g.user, revision=revision, subject=name):
        Profile.delete().where((Profile.unit == g.unit) & (Profile.uid == uid)).execute()
    flash(f"The profile {name} is deleted. Who had chosen it sees everything now.", "success")
    return see_other(url_for("profiles.index", slug=slug))
