"""Brings a database of an earlier version up to the one this program knows: in place, once."""

from collections.abc import Callable

from . import db
from .models import (
    ApiToken,
    BackupRun,
    Installation,
    Invite,
    RecoveryCode,
    SecondFactor,
    Session,
    Throttle,
    Unit,
)

SCHEMA = 4


class UnknownSchema(Exception):
    """The database was made by a version that this program cannot begin from."""


def _to_3() -> None:
    db.create_tables([Invite])


def _to_4() -> None:
    db.add_column(Unit.admins_need_second_factor)
    db.add_column(BackupRun.token)
    db.create_tables([SecondFactor, RecoveryCode, ApiToken, Throttle])
    # The sessions end: nobody knows from which browsers they are. People log in once more.
    Session.drop_table()
    db.create_tables([Session])


# What makes the next version of each. Everything that a version brings is in its one step.
STEPS: dict[int, Callable[[], None]] = {2: _to_3, 3: _to_4}


def upgrade(schema: int) -> None:
    """Take every step from *schema* to `SCHEMA`, in one transaction: all of them or none.

    Raise `UnknownSchema` before anything is written if there is no way.
    """
    if schema == SCHEMA:
        return
    if not all(version in STEPS for version in range(schema, SCHEMA)) or schema > SCHEMA:
        raise UnknownSchema
    with db.write_transaction():
        # Asked again: of two programs that start at the same time, one is first.
        current = Installation.select(Installation.schema).scalar()
        if current > SCHEMA:
            raise UnknownSchema
        for version in range(current, SCHEMA):
            STEPS[version]()
        Installation.update(schema=SCHEMA).execute()
