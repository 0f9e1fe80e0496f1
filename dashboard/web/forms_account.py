"""The forms of one's own account."""

from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from ..models.passwords import MAX_LENGTH
from .forms import NewPasswordForm, stripped

CODE_MAX = 64  # of a recovery code with spaces and hyphens


class PasswordForm(NewPasswordForm):
    """Choose another login password."""

    old = PasswordField(
        "Password now",
        validators=[InputRequired("Type the password of now."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.password.label.text = "New password"
        self.again.label.text = "New password again"


class EndSessionForm(FlaskForm):
    """End a log-in, or all others."""


class CodeForm(FlaskForm):
    """Type a code of the authenticator app."""

    code = StringField(
        "Code",
        filters=[stripped],
        validators=[
            InputRequired("Type the code."),
            Length(max=CODE_MAX, message="This is longer than any code."),
        ],
        render_kw={
            "autocomplete": "one-time-code",
            "autocapitalize": "none",
            "spellcheck": "false",
            "maxlength": CODE_MAX,
        },
    )


class LoginCodeForm(CodeForm):
    """Type the code that a log-in needs beside the password."""


class TurnOnForm(CodeForm):
    """Prove who one is, and that the app has the secret."""

    password = PasswordField(
        "Your password",
        validators=[InputRequired("Type your password."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )


class RenewCodesForm(CodeForm):
    """Make new recovery codes."""


class TurnOffForm(CodeForm):
    """Go on without a second factor."""
