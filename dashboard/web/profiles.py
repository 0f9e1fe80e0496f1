"""Profiles: choosing one, and editing them, in the menu and in Admin settings."""

from functools import partial

from flask import Blueprint, abort, flash, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from ..models import Membership, NoRoom, Profile, ProfileRole, Role, StaleRevision, changing
from ..plugins import placing
from ..plugins.queries import tuples
from . import access, moves, profile_changes, shell
from .forms_content import ConfirmForm, ProfileForm
from .htmx import see_other
from .paging import page_of

bp = Blueprint("profiles", __name__)


def profile_or_404(uid: str) -> Profile:
    """Return a profile of the unit."""
    found: Profile | None = Profile.of(g.unit).where(Profile.uid == uid).first()
    return found if found is not None else abort(404)


@bp.route("/u/<slug>/profile", methods=["GET", "POST"])
@access.requires(*access.MEMBERS)
def choose(slug: str) -> ResponseReturnValue:
    """Remember the member's choice; empty is Show all. Asked with GET, list what is offered."""
    offered = shell.profiles_for(g.unit, g.role)
    if request.method != "POST":
        return render_template("profiles/choose.html", page=page_of(Profile, offered))
    uid = request.form.get("profile", "")
    if uid and not offered.where(Profile.uid == uid).exists():
        abort(422, "This profile is not offered to you any more. Choose another.")
    own = (Membership.user == g.user) & (Membership.unit == g.unit)
    Membership.update(profile_uid=uid or None).where(own).execute()
    return see_other(url_for("units.home", slug=slug))


@bp.get("/u/<slug>/profiles")
@access.requires(*access.EDITORS)
def index(slug: str) -> ResponseReturnValue:
    """List the profiles."""
    return _listed("profiles/index.html")


@bp.get("/u/<slug>/admin/profiles")
@access.requires(*access.ADMIN)
def manage(slug: str) -> ResponseReturnValue:
    """List the profiles as a section of Admin settings."""
    return _listed("profiles/manage.html")


def _listed(template: str, refusal: str = "") -> str:
    page = page_of(Profile, Profile.of(g.unit))
    return render_template(
        template,
        page=page,
        lines=profile_changes.lines(page.rows),
        move_form=ConfirmForm(formdata=None),
        refusal=refusal,
        within="admin" if template == "profiles/manage.html" else None,
    )


@bp.post("/u/<slug>/profiles/<uid>/move")
@access.requires(*access.EDITORS)
def move(slug: str, uid: str) -> ResponseReturnValue:
    """Give a profile another place in the user menu."""
    profile = profile_or_404(uid)
    is_admin_page = request.args.get("within") == "admin" and g.role is Role.ADMIN
    here = ".manage" if is_admin_page else ".index"
    home = url_for(here, slug=slug, page=request.args.get("page"))
    try:
        return moves.move(Profile, uid, "profile.move", profile.name, home)
    except StaleRevision as error:
        template = "profiles/manage.html" if is_admin_page else "profiles/index.html"
        return moves.stale(error, partial(_listed, template))


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
    members = profile_changes.members_by_role()
    form.roles.choices = [
        SelectChoice(role.value, f"{role.label} ({_members(count)})")
        for role, count in members.items()
    ]
    inside = profile_changes.inside_of(profile)
    if form.validate_on_submit() and _name_is_free(form, profile):
        uid = profile.uid if profile is not None else placing.new_uid("pf")
        action = "profile.change" if profile is not None else "profile.create"
        revision, name = form.revision_number(), form.name.data
        try:
            with changing(g.unit, action, by=g.user, revision=revision, subject=name):
                chosen = profile_changes.chosen_of(inside)
                profile_changes.store(uid, form, chosen, is_new=profile is None)
        except NoRoom as error:
            form.form_errors.append(str(error))
        else:
            flash(f"The profile {name} is saved. {_seen_by(form.roles.data)}", "success")
            return see_other(url_for("profiles.index", slug=slug))
    page = render_template(
        "profiles/edit.html", form=form, profile=profile, choices=profile_changes.choices(inside)
    )
    return page, 422 if form.is_submitted() else 200


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{count or 'no'} members"


def _seen_by(roles: list[str]) -> str:
    """Return who finds a profile of these roles, as a sentence."""
    found = [role.label for role in Role if role in roles]
    if not found:
        return (
            "It has no role, so nobody finds it in the user menu; those who edit profiles do here."
        )
    if len(found) == len(Role):
        return "Every member finds it in the user menu."
    words = f"{', '.join(found[:-1])} and {found[-1]}" if found[1:] else found[0]
    return f"Members with the role {words} find it in the user menu."


def _name_is_free(form: ProfileForm, profile: Profile | None) -> bool:
    wanted = form.name.data.casefold()
    for uid, name in tuples(Profile.of(g.unit, Profile.uid, Profile.name)):
        if name.casefold() == wanted and (profile is None or uid != profile.uid):
            form.name.errors = ["There is a profile of this name. Choose another name."]
            return False
    return True


@bp.route("/u/<slug>/profiles/<uid>/delete", methods=["GET", "POST"])
@access.requires(*access.EDITORS)
def delete(slug: str, uid: str) -> ResponseReturnValue:
    """Ask, then delete a profile; its workspaces stay."""
    profile = profile_or_404(uid)
    form = ConfirmForm()
    if not form.validate_on_submit():
        own = (Membership.unit == g.unit) & (Membership.profile_uid == uid)
        users = Membership.select().where(own).count()
        page = render_template("profiles/delete.html", form=form, profile=profile, users=users)
        return page, 422 if form.is_submitted() else 200
    revision, name = form.revision_number(), profile.name
    with changing(g.unit, "profile.delete", by=g.user, revision=revision, subject=name):
        Profile.delete().where((Profile.unit == g.unit) & (Profile.uid == uid)).execute()
    flash(f"The profile {name} is deleted. Who had chosen it sees everything now.", "success")
    return see_other(url_for("profiles.index", slug=slug))
