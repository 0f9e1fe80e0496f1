"""Who may log in at all: users disabled and enabled by whoever runs the server."""

from ..db import write_transaction
from .accounts import ApiToken, Invite, Membership, Session, Unit, User
from .changes import audit
from .enums import Role
from .people import PeopleError


def disable(user: User, *, by: User | str) -> None:
    """Keep *user* from logging in, end the sessions, the access tokens, and the invites of *user*.

    Raise `PeopleError`, which names the units, rather than leave one without an admin.
    """
    with write_transaction():
        if alone := _units_without_another_admin(user):
            names = ", ".join(alone)
            raise PeopleError(
                f"{user.email} is the only admin of {names}. Make somebody else admin there first."
            )
        _set_active(user, False)
        Session.delete().where(Session.user == user).execute()
        ApiToken.delete().where(ApiToken.user == user).execute()
        Invite.delete().where(Invite.invited_by == user).execute()
        audit("user.disable", by=by, subject=user.email)


def enable(user: User, *, by: User | str) -> None:
    """Let *user* log in again, with the password and the roles of before."""
    with write_transaction():
        _set_active(user, True)
        audit("user.enable", by=by, subject=user.email)


def _set_active(user: User, active: bool) -> None:
    now = User.select(User.is_active).where(User.id == user.id).scalar()
    if now == active:
        state = "can log in already" if active else "is disabled already"
        raise PeopleError(f"{user.email} {state}.")
    User.update(is_active=active).where(User.id == user.id).execute()
    user.is_active = active


def _units_without_another_admin(user: User) -> list[str]:
    """Return the slugs of the units whose only admin who can log in is *user*."""
    is_admin = Membership.role == Role.ADMIN
    others = Membership.select(Membership.unit).join(User)
    has_other = others.where(is_admin & User.is_active & (Membership.user != user))
    mine = Unit.select(Unit.slug).join(Membership).where(is_admin & (Membership.user == user))
    return [unit.slug for unit in mine.where(Unit.id.not_in(has_other)).order_by(Unit.slug)]
