"""The forms of what a unit is made of: workspaces, applications, profiles, keys, plugins."""

import json
import re
from typing import Any, Self

from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import (
    BooleanField,
    ColorField,
    Field,
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from ..models import POSITION_MAX, KeyType, Layout, Role
from ..plugins import references
from ..plugins.jsontext import MAX_TEXT_BYTES, JsonProblem, check_text, read_json
from .forms import UnitForm, name_field, stripped, without_control_characters
from .picture_files import SIDE_MAX, PictureProblem, clean

ICON_MAX_BYTES = 256 * 1024
COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")
ROLES = [SelectChoice(role.value, role.label) for role in Role]
LAYOUTS = [SelectChoice(layout.value, layout.label) for layout in Layout]
TITLE_MAX = 120


class ConfirmForm(UnitForm):
    """Yes, do it: a button that changes unit state."""


class CheckboxesField(SelectMultipleField):
    """Several choices, each with a checkbox."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class IconField(FileField):
    """An uploaded picture; `picture` is its (mime, bytes) once the form is valid."""

    picture: tuple[str, bytes] | None = None

    def pre_validate(self, form: Any) -> None:
        """Take a sound PNG or JPEG of at most 256 KiB, and of it only the picture itself."""
        if not isinstance(self.data, FileStorage) or not self.data.filename:
            return
        content = self.data.stream.read(ICON_MAX_BYTES + 1)
        if len(content) > ICON_MAX_BYTES:
            raise ValidationError("Choose a picture of at most 256 KiB.")
        try:
            self.picture = clean(content)
        except PictureProblem as error:
            raise ValidationError(str(error)) from None


class WorkspaceForm(UnitForm):
    """A workspace's name, look and place."""

    name = name_field("Name")
    layout = RadioField("Layout", choices=LAYOUTS, default="2-equal")
    icon_text = StringField(
        "Icon characters",
        description="1 to 3 characters. Empty: the first of each word of the name.",
        filters=[stripped],
        validators=[Length(max=3, message="Use at most 3 characters."), without_control_characters],
        render_kw={"maxlength": 3},
    )
    icon_color = ColorField(
        "Icon colour",
        default="#2a6fdb",
        validators=[Regexp(COLOR, message="Write a colour like #2a6fdb.")],
    )
    icon_file = IconField(
        "Icon picture",
        description="Optional, instead of the characters: PNG or JPEG, at most 256 KiB and "
        f"{SIDE_MAX} pixels wide and high. What cameras add to it, like the place, is left out.",
        render_kw={"accept": "image/png,image/jpeg"},
    )
    shared = BooleanField("Share this workspace with others", default=True)
    profiles = CheckboxesField("Profiles", choices=[])
    position = IntegerField(
        "Place in the bar",
        description="Workspaces with smaller numbers come first. Admins can also drag them, in "
        "Admin settings.",
        validators=[
            InputRequired("Write a number."),
            NumberRange(0, POSITION_MAX, "Write a number from 0 to 2147483647."),
        ],
    )


class NewWorkspaceForm(UnitForm):
    """What a workspace needs to begin."""

    name = name_field("Name")
    layout = RadioField("Layout", choices=LAYOUTS, default="2-equal")
    profiles = CheckboxesField("Profiles", choices=[])
    shared = BooleanField("Share this workspace with others", default=True)


class RemovePictureForm(UnitForm):
    """Go back from an icon picture to characters."""


class AddApplicationForm(UnitForm):
    """Place a plugin in a column."""

    bundle = SelectField("Application", validators=[InputRequired("Choose an application.")])
    column = SelectField("Column", coerce=int)


class ProfileForm(UnitForm):
    """A profile's name and roles. Its workspaces are rows of their own in the page."""

    name = name_field("Name")
    roles = CheckboxesField(
        "Visible to",
        description="Members with these roles find it in their user menu. Without any role nobody "
        "does: only those who edit profiles see it, in their list.",
        choices=ROLES,
    )


class KeyForm(UnitForm):
    """A config key. What its value may be depends on the type."""

    kept = False  # whether an empty secret means: leave the stored one as it is
    name = StringField(
        "Name",
        description="Letters, digits and _ . - after a letter. For example CONTENT_API_URL.",
        filters=[stripped],
        validators=[
            InputRequired("Type a name."),
            Regexp(
                re.compile(rf"(?:{references.NAME.pattern})\Z"),
                message="Begin with a letter; use only letters, digits, _ . and -; at most 128.",
            ),
        ],
        render_kw={"maxlength": 128, "spellcheck": "false", "autocapitalize": "none"},
    )
    type = SelectField("Type", choices=[SelectChoice(kind.value, kind.label) for kind in KeyType])
    value = TextAreaField("Value", render_kw={"rows": 4, "spellcheck": "false"})
    description = TextAreaField(
        "Description",
        validators=[Optional(), Length(max=2000, message="Use at most 2,000 characters.")],
        render_kw={"rows": 2, "maxlength": 2000},
    )

    def without_secret(self) -> Self:
        """Return this form fit to be shown again: a typed secret is not sent back."""
        if self.type.data == KeyType.SECRET:
            self.value.data = ""
        return self

    def validate_value(self, field: Field) -> None:
        """Check the text against the chosen type."""
        field.data = _lines(field.data or "")
        problem = key_problem(self.type.data, field.data)
        if self.type.data == KeyType.SECRET and not field.data and not self.kept:
            problem = "Type the secret."
        if problem is not None:
            raise ValidationError(problem)

    def validate_description(self, field: Field) -> None:
        """Refuse what a text column of some database cannot hold."""
        field.data = _lines(field.data or "")
        _plain_text(field.data)


class DeleteKeysForm(UnitForm):
    """Delete many keys. Which ones stands beside it in the form: names, or a search."""

    confirmed = HiddenField()


# In a backup the whole row must fit a block of 4 MiB, and a control character takes six bytes.
MAX_ESCAPED_CHARS = 2 * MAX_TEXT_BYTES
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")


def key_problem(kind: str, text: str) -> str | None:
    """Return what is wrong with *text* as the value of a key of this type, or None."""
    try:
        check_text(text)
        if len(text.encode()) > MAX_TEXT_BYTES:
            return "Shorten the value to at most 1 MiB."
        if len(json.dumps(text, ensure_ascii=False)) > MAX_ESCAPED_CHARS:
            return "Take control characters out of the value: a backup writes each as six."
        if kind == KeyType.BOOLEAN and text not in ("true", "false"):
            return "Write true or false."
        if kind == KeyType.NUMBER and not _NUMBER.match(text):
            return "Write a number like 42, -1.5 or 6e3."
        if kind in (KeyType.NUMBER, KeyType.JSON):
            read_json(text)
    except JsonProblem as error:
        return str(error)
    return None


def _lines(text: str) -> str:
    """Return *text* with the line ends that browsers add taken out again."""
    return text.replace("\r\n", "\n")


def _plain_text(text: str) -> None:
    try:
        check_text(text)
    except JsonProblem as error:
        raise ValidationError(str(error)) from None
