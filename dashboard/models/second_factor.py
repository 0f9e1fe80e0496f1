"""The second factor: a code of an authenticator app (TOTP, RFC 6238), or a recovery code.

The app and this server share a secret, which the vault seals in the database. A code is of 30
seconds and works once; that of the 30 seconds before or after is taken too, since clocks differ.
"""

import hashlib
import secrets
import time

import pyotp
from pyotp.exceptions import OTPVerificationError

from ..db import write_transaction
from .accounts import RecoveryCode, SecondFactor, Session, Unit, User
from .changes import audit
from .enums import Role
from .people import NotAdmin, PeopleError, role_of

STEPS_EITHER_SIDE = 1
RECOVERY_CODES = 10
# 28 of 32 signs are 140 bits (ASVS 5.0, 11.5.1: at least 128): nobody guesses one, and a plain
# hash of it tells nothing. Without 0, 1, l and o, which are taken for each other.
RECOVERY_SIGNS = "23456789abcdefghijkmnpqrstuvwxyz"
RECOVERY_LENGTH, RECOVERY_GROUP = 28, 7


class WrongCode(PeopleError):
    """What was typed is no code of the user's app, or one that was used, and no recovery code."""

    def __init__(self) -> None:
        super().__init__(
            "This code is not right. Type the 6 digits that your app shows now; each code works "
            "once."
        )


class OtherFactor(PeopleError):
    """The second factor was switched on or off meanwhile, by another browser or the operator."""

    def __init__(self) -> None:
        super().__init__("Your second factor was changed meanwhile. Nothing was saved.")


def new_secret() -> str:
    """Return a random secret of 160 bits in Base32, as apps take it."""
    return pyotp.random_base32(32)


def address_for_apps(secret: str, account: str, issuer: str) -> str:
    """Return the `otpauth:` address of *secret*; both names are cut so that it fits a QR code."""
    names = {"name": account[:60], "issuer_name": issuer.replace(":", " ")[:40]}
    return pyotp.TOTP(secret).provisioning_uri(**names)


def has_second_factor(user: User) -> bool:
    """Return whether *user* has to type a code to log in."""
    return bool(SecondFactor.select().where(SecondFactor.user == user).exists())


def turn_on(user: User, secret: str, code: str, *, here: str) -> list[str]:
    """Make *secret*, which *code* proves to be in the user's app, the second factor.

    Return the recovery codes, which nobody can learn again. Every session of *user* but the one
    with the token hash *here* ends: they never typed a code. Raise `WrongCode` or `OtherFactor`.
    """
    step = _step_of(secret, code)
    with write_transaction():
        if has_second_factor(user):
            raise OtherFactor
        now = int(time.time())
        SecondFactor.create(user=user, secret=secret, last_step=step, created_at=now)
        others = (Session.user == user) & (Session.token_hash != here)
        Session.delete().where(others).execute()
        audit("second_factor.on", by=user, subject=user.email)
        return _replace_recovery_codes(user)


def take_code(user: User, typed: str) -> bool:
    """Use up a code of *user*; return whether it was a recovery code. Raise `WrongCode`.

    Of several who come with the same code at the same time, one is let in.
    """
    plain = _plain(typed)
    if len(plain) == RECOVERY_LENGTH:
        _take_recovery_code(user, plain)
        return True
    found: SecondFactor | None = SecondFactor.get_or_none(SecondFactor.user == user)
    if found is None:
        raise WrongCode
    step = _step_of(found.secret, plain)
    # The secret too: nothing is written into a factor that was set up anew meanwhile.
    is_unused = (SecondFactor.user == user) & (SecondFactor.last_step < step)
    same = SecondFactor.created_at == found.created_at
    if SecondFactor.update(last_step=step).where(is_unused & same).execute() != 1:
        raise WrongCode
    return False


def is_recovery_code(typed: str) -> bool:
    """Return whether *typed* has the shape of a recovery code, which nobody can guess."""
    return len(_plain(typed)) == RECOVERY_LENGTH


def recovery_codes_left(user: User) -> int:
    """Return how many recovery codes still work."""
    return int(RecoveryCode.select().where(RecoveryCode.user == user).count())


def renew_recovery_codes(user: User) -> list[str]:
    """Return new recovery codes, which nobody can learn again; those of before stop working."""
    with write_transaction():
        if not has_second_factor(user):
            raise OtherFactor
        audit("second_factor.codes", by=user, subject=user.email)
        return _replace_recovery_codes(user)


def turn_off(user: User, *, by: User | str) -> None:
    """Take the second factor and the recovery codes of *user* away; raise `OtherFactor` if none."""
    with write_transaction():
        if SecondFactor.delete().where(SecondFactor.user == user).execute() != 1:
            raise OtherFactor
        RecoveryCode.delete().where(RecoveryCode.user == user).execute()
        audit("second_factor.off", by=by, subject=user.email)


def is_missing(user: User, unit: Unit, role: Role | None) -> bool:
    """Return whether *unit* asks for a second factor that *user*, with *role* there, has not."""
    asks = role is Role.ADMIN and unit.admins_need_second_factor
    return bool(asks) and not has_second_factor(user)


def require(unit: Unit, required: bool, *, by: User) -> None:
    """Let *unit* ask its admins for a second factor, or not any more.

    Raise `NotAdmin`, or `PeopleError` if *by* would keep himself out.
    """
    with write_transaction():
        if role_of(by, unit) is not Role.ADMIN:
            raise NotAdmin("You are no admin of this unit any more. Nothing was changed.")
        if required and not has_second_factor(by):
            raise PeopleError("Set up your own second factor first, then ask the others for one.")
        now = Unit.select(Unit.admins_need_second_factor).where(Unit.id == unit.id).scalar()
        if now == required:
            return
        Unit.update(admins_need_second_factor=required).where(Unit.id == unit.id).execute()
        audit("unit.second_factor", by=by, unit=unit, required="yes" if required else "no")


def _step_of(secret: str, code: str) -> int:
    """Return the number of the 30 seconds that *code* is of; raise `WrongCode` if of none near."""
    window = STEPS_EITHER_SIDE
    try:
        totp = pyotp.TOTP(secret)
        return totp.verify_and_get_timecode(_plain(code), for_time=time.time(), valid_window=window)
    except OTPVerificationError:
        raise WrongCode from None


def _plain(typed: str) -> str:
    return "".join(typed.split()).replace("-", "").lower()


def _take_recovery_code(user: User, plain: str) -> None:
    mine = (RecoveryCode.user == user) & (RecoveryCode.code_hash == _hash(plain))
    # Looked for first: a wrong one needs no lock.
    if not RecoveryCode.select().where(mine).exists():
        raise WrongCode
    if RecoveryCode.delete().where(mine).execute() != 1:
        raise WrongCode


def _replace_recovery_codes(user: User) -> list[str]:
    RecoveryCode.delete().where(RecoveryCode.user == user).execute()
    made = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    for code in made:
        RecoveryCode.create(user=user, code_hash=_hash(_plain(code)))
    return made


def _new_recovery_code() -> str:
    signs = "".join(secrets.choice(RECOVERY_SIGNS) for _ in range(RECOVERY_LENGTH))
    groups = range(0, RECOVERY_LENGTH, RECOVERY_GROUP)
    return "-".join(signs[start : start + RECOVERY_GROUP] for start in groups)


def _hash(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()
