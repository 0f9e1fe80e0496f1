"""The forms of the base: what each asks for, and in which shape it must come."""

import re

from flask import g
from flask_wtf import FlaskForm
from wtforms import EmailField, Field, HiddenField, PasswordField, StringField
from wtforms.validators import (
    AnyOf,
    DataRequired,
    EqualTo,
    InputRequired,
    Length,
    Regexp,
    ValidationError,
)

from ..models import StaleRevision, Unit
from ..models.passwords import MAX_LENGTH, MIN_LENGTH
from ..models.people import EMAIL, SLUG

NAME_MAX = 120
THEMES = ("auto", "light", "dark")


def stripped(text: str | None) -> str | None:
    """Remove the white space around typed text."""
    return text.strip() if isinstance(text, str) else text


def without_control_characters(_form: FlaskForm, field: Field) -> None:
    """Refuse line breaks and other invisible characters in a name."""
    if any(ord(character) < 32 or ord(character) == 127 for character in field.data or ""):
        raise ValidationError("Remove the line breaks from the name.")


def name_field(label: str, most: int = NAME_MAX) -> StringField:
    """Return a field for a name as the tables accept it."""
    return StringField(
        label,
        filters=[stripped],
        validators=[
            DataRequired("Type a name."),
            Length(1, most, f"Use 1 to {most} characters."),
            without_control_characters,
        ],
        render_kw={"maxlength": most},
    )


class UnitForm(FlaskForm):
    """A form that changes unit state: it carries the revision of the unit it was made from."""

    revision = HiddenField()

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        is_new = kwargs.get("formdata", "auto") is None
        if is_new or not self.is_submitted():
            unit: Unit = g.unit
            self.revision.data = str(unit.revision)

    def validate_on_submit(self, extra_validators: object = None) -> bool:
        """Return whether there is something to do; never after a refusal (see `kept_input`)."""
        if "refusal" in g:
            return False
        g.has_unit_form = self.is_submitted()
        return bool(super().validate_on_submit(extra_validators))

    def revision_number(self) -> int:
        """Return the revision the page was made from, for `changing`; none at all is stale."""
        text = self.revision.data or ""
        if not re.fullmatch(r"[0-9]{1,18}", text):
            raise StaleRevision(g.unit)
        return int(text)


class LoginForm(FlaskForm):
    """Log in."""

    email = EmailField(
        "Email",
        filters=[stripped],
        validators=[DataRequired("Type your e-mail address."), Length(max=254)],
        render_kw={"autocomplete": "username"},
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Type your password."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "current-password"},
    )


class ConfirmForm(FlaskForm):
    """Type the login password again before something that matters."""

    password = PasswordField(
        "Password",
        validators=[InputRequired("Type your password."), Length(max=MAX_LENGTH)],
        render_kw={"autocomplete": "current-password", "autofocus": True},
    )


class LogoutForm(FlaskForm):
    """Log out."""


class ThemeForm(FlaskForm):
    """Choose light or dark."""

    theme = StringField("Theme", validators=[AnyOf(THEMES, "Choose auto, light or dark.")])


def email_field() -> EmailField:
    """Return a field for the address of somebody who may not be a user yet."""
    return EmailField(
        "Email",
        filters=[stripped],
        validators=[
            DataRequired("Type an e-mail address."),
            Regexp(re.compile(rf"(?:{EMAIL.pattern})\Z"), message="Type a whole e-mail address."),
        ],
        render_kw={"autocomplete": "username", "maxlength": 254},
    )


def slug_field(label: str) -> StringField:
    """Return a field for the part of every address that names a unit."""
    return StringField(
        label,
        filters=[stripped],
        validators=[
            DataRequired("Type a short name."),
            Regexp(
                re.compile(rf"(?:{SLUG.pattern})\Z"),
                message="Use 2 to 40 lower-case letters, digits and hyphens; begin with a letter "
                "or digit.",
            ),
        ],
        render_kw={"maxlength": 40, "autocapitalize": "none", "spellcheck": "false"},
    )


class NewPasswordForm(FlaskForm):
    """Choose a password to log in with, and type it twice."""

    password = PasswordField(
        "Password",
        validators=[
            InputRequired("Choose a password."),
            Length(MIN_LENGTH, message=f"Use at least {MIN_LENGTH} characters."),
            Length(max=MAX_LENGTH, message=f"Use at most {MAX_LENGTH} characters."),
        ],
        render_kw={"autocomplete": "new-password", "minlength": MIN_LENGTH},
    )
    again = PasswordField(
        "Password again",
        validators=[EqualTo("password", "Type the same password twice.")],
        render_kw={"autocomplete": "new-password"},
    )


class NewPersonForm(NewPasswordForm):
    """Who somebody new is, and the password to log in with."""

    name = name_field("Your name")


class SetupForm(NewPersonForm):
    """Create the organisation, its first unit and that unit's admin."""

    organisation = name_field("Organisation name")
    unit = name_field("Name of the first unit")
    slug = slug_field("Short name in addresses")
    email = email_field()
