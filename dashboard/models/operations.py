"""What was done and what is under way: never in a backup, never touched by an import."""

import peewee

from ..db import BaseModel, NumberedModel, database
from .accounts import Unit, User
from .enums import RunState


class BackupRun(NumberedModel):
    """One export, validation, import or undo, and how it ended."""

    uid = peewee.CharField(max_length=32, unique=True)
    unit = peewee.ForeignKeyField(Unit, on_delete="CASCADE")
    user_email = peewee.CharField(max_length=254)
    kind = peewee.CharField(max_length=16)
    state = peewee.CharField(max_length=16)
    started_at = peewee.BigIntegerField(index=True)
    finished_at = peewee.BigIntegerField(null=True)
    file_bytes = peewee.BigIntegerField(null=True)
    file_sha256 = peewee.CharField(max_length=64, null=True)
    content = peewee.CharField(max_length=64, null=True)  # content digest of the state
    counts = peewee.TextField(default="{}")  # JSON: section -> number of rows
    source = peewee.TextField(default="")  # "Harbour Daily, 2026-11-22T23:40:00Z"
    reason = peewee.TextField(default="")  # why it was refused or failed
    process = peewee.CharField(max_length=120, default="")  # who is at work, while it is running
    # The access token that the user did it by, as `ApiToken.label`; empty: a screen or a command.
    token = peewee.CharField(max_length=80, default="", constraints=[peewee.SQL("DEFAULT ''")])

    @classmethod
    def start(cls, run: "BackupRun | None" = None, **columns: object) -> "BackupRun | None":
        """Make a running run, or *run* running; None if another one of its unit is running."""
        columns["state"] = RunState.RUNNING
        try:
            with database.atomic():  # so that the caller's transaction can go on without it
                if run is None:
                    return cls.create(**columns)
                cls.update(**columns).where(cls.id == run.id).execute()
        except peewee.IntegrityError:
            unit = run.unit if run is not None else columns["unit"]
            if cls.running(unit) is None:
                raise  # something else is wrong
            return None
        for name, value in columns.items():
            setattr(run, name, value)
        return run

    @classmethod
    def running(cls, unit: object) -> "BackupRun | None":
        """Return what is under way in *unit*, or None."""
        found: BackupRun | None = cls.get_or_none(cls.unit == unit, cls.state == RunState.RUNNING)
        return found


# One at a time in each unit: a fact of the database, for server and commands alike.
BackupRun.add_index(
    BackupRun.index(
        BackupRun.unit,
        unique=True,
        where=BackupRun.state == RunState.RUNNING,
        name="backuprun_running",
    )
)


class ImportTicket(BaseModel):
    """Proof of what was validated; the browser holds the token, the row only its hash.

    `sealed_key` is the file key of the upload, sealed under a key that only the token yields.
    """

    token_hash = peewee.CharField(max_length=64, primary_key=True)
    upload = peewee.CharField(max_length=32, index=True)  # names the file
    unit = peewee.ForeignKeyField(Unit, on_delete="CASCADE")
    user = peewee.ForeignKeyField(User, on_delete="CASCADE")
    kind = peewee.CharField(max_length=16)
    file_sha256 = peewee.CharField(max_length=64)
    unit_revision = peewee.BigIntegerField()
    same_unit = peewee.BooleanField()
    sealed_key = peewee.BlobField()
    summary = peewee.TextField()
    expires_at = peewee.BigIntegerField(index=True)
    run = peewee.ForeignKeyField(BackupRun, null=True, on_delete="SET NULL")


class SafetyCopy(NumberedModel):
    """A backup of the state that an import replaced, sealed to the server's own key pair."""

    uid = peewee.CharField(max_length=32, unique=True)
    unit = peewee.ForeignKeyField(Unit, on_delete="CASCADE")
    run = peewee.ForeignKeyField(BackupRun, null=True, on_delete="SET NULL")
    created_at = peewee.BigIntegerField(index=True)
    file_bytes = peewee.BigIntegerField()
    file_sha256 = peewee.CharField(max_length=64)
    content = peewee.CharField(max_length=64)


class AuditEvent(BaseModel):
    """Who did what, when, and how it ended. Rows are only ever added, by `chain.append`."""

    id = peewee.IntegerField(primary_key=True)  # 1, 2, 3 ...: a missing one is noticed
    at = peewee.BigIntegerField()
    # Plain values: no fate of the unit's row may change what was written down about it.
    unit_uid = peewee.CharField(max_length=32, index=True)  # "" for what concerns no unit
    unit_name = peewee.CharField(max_length=120)
    user_email = peewee.CharField(max_length=254)
    action = peewee.CharField(max_length=64)
    subject = peewee.CharField(max_length=254)
    outcome = peewee.CharField(max_length=16)
    detail = peewee.TextField()  # JSON object
    previous = peewee.CharField(max_length=64)  # tag of the event before it
    tag = peewee.CharField(max_length=64)

    class Meta:
        append_only = True
