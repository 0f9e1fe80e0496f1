"""An authenticator app, as it would be on somebody's phone."""

import time

import pyotp

from dashboard.models import SecondFactor, User, second_factor

STEP_SECONDS = 30


class Phone:
    """Shows the codes of one secret."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of so many times 30 seconds later."""
        return self._totp.at(time.time(), counter_offset=steps)

    def wrong(self) -> str:
        """Return six digits that are no code of a minute around."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in map("{:06d}".format, range(10)) if code not in near)


def set_up(user: User) -> tuple[Phone, list[str]]:
    """Give *user* a second factor; return the phone, with no code used, and the recovery codes."""
    secret = second_factor.new_secret()
    phone = Phone(secret)
    codes = second_factor.turn_on(user, secret, phone.code(), here="")
    SecondFactor.update(last_step=0).where(SecondFactor.user == user).execute()
    return phone, codes
