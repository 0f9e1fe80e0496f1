"""The installation, the organisation, its units, users and sessions: never in a backup."""

import secrets

import peewee

from ..db import BaseModel, NumberedModel
from ..vault import SealedField
from .enums import Role

USER_AGENT_MAX = 200
ADDRESS_MAX = 45  # an IPv6 address that carries an IPv4 one


def _new_uid() -> str:
    return secrets.token_hex(16)


class Installation(NumberedModel):
    """One row: what this database is, and which server key it belongs to."""

    uid = peewee.CharField(max_length=32)
    key_id = peewee.CharField(max_length=32)
    schema = peewee.IntegerField()
    setup_token_hash = peewee.CharField(max_length=64, null=True)
    # Where the audit log ends, so that an end cut off is noticed: see `chain`.
    audit_events = peewee.IntegerField(default=0)
    audit_tag = peewee.CharField(max_length=64, default="")
    audit_seal = peewee.CharField(max_length=64)


class Organisation(NumberedModel):
    """Owns the users and the units of one server."""

    slug = peewee.CharField(max_length=40, unique=True)
    name = peewee.CharField(max_length=120)
    created_at = peewee.CharField(max_length=20)


class Unit(NumberedModel):
    """The tenant. `revision` grows by one with every change of the unit's state."""

    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    uid = peewee.CharField(max_length=32, unique=True)
    slug = peewee.CharField(max_length=40, unique=True)
    name = peewee.CharField(max_length=120)
    revision = peewee.BigIntegerField(default=0)
    created_at = peewee.CharField(max_length=20)
    # A rule for people, so no state of the unit: not in a backup, and no import changes it.
    admins_need_second_factor = peewee.BooleanField(
        default=False, constraints=[peewee.SQL("DEFAULT FALSE")]
    )


class User(NumberedModel):
    """A person who can log in. E-mail addresses are kept in lower case."""

    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")
    email = peewee.CharField(max_length=254, unique=True)
    name = peewee.CharField(max_length=120)
    password_hash = peewee.CharField(max_length=200)
    is_active = peewee.BooleanField(default=True)
    theme = peewee.CharField(max_length=8, default="auto")
    created_at = peewee.CharField(max_length=20)
    # No column: the access token by which this user acts right now, for whatever is written down.
    via = ""


class Membership(BaseModel):
    """One user's one role in one unit."""

    user = peewee.ForeignKeyField(User, on_delete="CASCADE")
    unit = peewee.ForeignKeyField(Unit, on_delete="CASCADE")
    role = peewee.CharField(max_length=16, choices=[(role.value, role.label) for role in Role])
    # What this member last looked at. By uid, so that an import finds it again; NULL is "Show all".
    profile_uid = peewee.CharField(max_length=64, null=True)
    workspace_uid = peewee.CharField(max_length=64, null=True)

    class Meta:
        primary_key = peewee.CompositeKey("user", "unit")


class Invite(NumberedModel):
    """An open invite to a unit. The link holds a random token, the row only its hash.

    There is a row only while the link works: it goes with the use, the withdrawal, and the admin
    role of who made it. One that is too old means nothing and is swept when the next one is made.
    """

    uid = peewee.CharField(max_length=32, unique=True)
    unit = peewee.ForeignKeyField(Unit, on_delete="CASCADE")
    email = peewee.CharField(max_length=254)
    role = peewee.CharField(max_length=16)
    token_hash = peewee.CharField(max_length=64, unique=True)
    invited_by = peewee.ForeignKeyField(User, on_delete="CASCADE")
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()

    class Meta:
        indexes = ((("unit", "email"), True),)


class SecondFactor(BaseModel):
    """The secret that a user's authenticator app shares with this server, once it was proven."""

    user = peewee.ForeignKeyField(User, on_delete="CASCADE", primary_key=True)
    secret = SealedField()
    # The 30 seconds (number since 1970) of the last code that was taken: a code works once.
    last_step = peewee.BigIntegerField()
    created_at = peewee.BigIntegerField()


class RecoveryCode(NumberedModel):
    """One way in without the app. There is a row only while the code works; it holds its hash."""

    user = peewee.ForeignKeyField(User, on_delete="CASCADE")
    code_hash = peewee.CharField(max_length=64, unique=True)


class ApiToken(NumberedModel):
    """An access token of a user for scripts. The text is with the user, the row has its hash."""

    uid = peewee.CharField(max_length=32, unique=True)
    user = peewee.ForeignKeyField(User, on_delete="CASCADE")
    name = peewee.CharField(max_length=60)
    token_hash = peewee.CharField(max_length=64, unique=True)
    scopes = peewee.CharField(max_length=120)  # `tokens.Scope`, separated by spaces
    unit = peewee.ForeignKeyField(Unit, on_delete="CASCADE", null=True)  # NULL: all of the user's
    # All times are whole seconds since 1970 (UTC).
    created_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()
    last_used_at = peewee.BigIntegerField(null=True)

    @property
    def label(self) -> str:
        """Return what tells this token from others of the same name: `nightly (3f2a9c1e)`."""
        return f"{self.name} ({self.uid[:8]})"


class Throttle(BaseModel):
    """How full a bucket of `throttle` is: when it will be empty, in seconds since 1970 (UTC)."""

    bucket = peewee.CharField(max_length=64, primary_key=True)
    empty_at = peewee.BigIntegerField(index=True)


class Session(BaseModel):
    """A browser that came by. The cookie holds a random token, the row only its hash."""

    token_hash = peewee.CharField(max_length=64, primary_key=True)
    # Names the session where it is listed; opens nothing.
    uid = peewee.CharField(max_length=32, unique=True, default=_new_uid)
    user = peewee.ForeignKeyField(User, on_delete="CASCADE", null=True)
    data = peewee.TextField(default="{}")
    # Of the log-in, for its owner to know it again.
    user_agent = peewee.CharField(max_length=USER_AGENT_MAX, default="")
    address = peewee.CharField(max_length=ADDRESS_MAX, default="")
    # All times are whole seconds since 1970 (UTC).
    created_at = peewee.BigIntegerField()
    seen_at = peewee.BigIntegerField()
    fresh_at = peewee.BigIntegerField(default=0)
    expires_at = peewee.BigIntegerField(index=True)
