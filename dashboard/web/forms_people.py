"""The forms of members, invites and units: they are no unit state, so none carries a revision.

What somebody saw of the one thing that a form changes travels with it instead.
"""

from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectChoice
from wtforms.validators import AnyOf, InputRequired

from ..models import Role
from .forms import email_field, name_field, slug_field

ROLES = [SelectChoice(role.value, role.label) for role in Role]
ROLE_WORDS = {
    Role.ADMIN: "everything, Admin settings and backups included",
    Role.POWER_USER: "makes and changes workspaces and profiles",
    Role.USER: "uses the applications",
    Role.READONLY: "only looks",
}
EXPLAINED = [SelectChoice(role.value, f"{role.label}: {ROLE_WORDS[role]}") for role in Role]


def _seen_role() -> HiddenField:
    # Required: what is missing must not be filled in from how it is now.
    checks = [InputRequired("Reload the page."), AnyOf(list(Role), "Reload the page.")]
    return HiddenField("Role seen", validators=checks)


class RoleForm(FlaskForm):
    """Give a member another role than the one that was seen."""

    seen = _seen_role()
    role = RadioField("Role", choices=EXPLAINED, validators=[InputRequired("Choose a role.")])


class RemoveMemberForm(FlaskForm):
    """Take a member, who had the seen role, out of the unit."""

    seen = _seen_role()


class SecondFactorRuleForm(FlaskForm):
    """Ask the admins of a unit for a second factor, or not any more."""

    required = HiddenField("Required", validators=[AnyOf(("yes", "no"), "Reload the page.")])


class InviteForm(FlaskForm):
    """Invite somebody by a link."""

    email = email_field()
    role = RadioField("Role", choices=EXPLAINED, default=Role.USER.value)


class WithdrawForm(FlaskForm):
    """End an open invite."""


class AcceptForm(FlaskForm):
    """Become a member, as a user who is there already."""


class NewUnitForm(FlaskForm):
    """Make an empty unit."""

    name = name_field("Name")
    slug = slug_field("Short name in addresses")


class RenameUnitForm(FlaskForm):
    """Give a unit, which was called as seen, another name."""

    seen = HiddenField("Name seen", validators=[InputRequired("Reload the page.")])
    name = name_field("Name")
