"""The forms of the Backup page, and of the files of parts."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from ..backup.export import PASSWORD_MAX
from . import access


class ExportForm(FlaskForm):
    """Make a backup."""

    password = PasswordField(
        "Backup password",
        validators=[Length(max=PASSWORD_MAX, message=f"Use at most {PASSWORD_MAX} characters.")],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_password(self, field: PasswordField) -> None:
        """Refuse a password shorter than the setting allows."""
        least = access.settings().backup_password_min
        if len(field.data or "") < least:
            raise ValidationError(f"Use at least {least} characters for the backup password.")


class UploadForm(FlaskForm):
    """Upload a backup, or name the one that was uploaded already, and validate it."""

    file = FileField("Upload your backup file", render_kw={"accept": ".dbk"})
    upload = HiddenField()
    password = PasswordField(
        "Backup password",
        validators=[
            InputRequired("Type the password of this backup."),
            Length(max=PASSWORD_MAX, message=f"Use at most {PASSWORD_MAX} characters."),
        ],
        render_kw={"autocomplete": "off"},
    )

    def validate_file(self, field: FileField) -> None:
        """Ask for a file unless one is on the server already."""
        if not field.data and not self.upload.data:
            raise ValidationError("Choose a backup file. Its name ends in .dbk.")


class ImportForm(FlaskForm):
    """Import what was validated."""

    ticket = HiddenField()
    unit_name = StringField("Name of this unit", render_kw={"autocomplete": "off"})


class PreviewForm(FlaskForm):
    """Look once more at what an import of the validated file would do."""

    ticket = HiddenField()


class DiscardForm(FlaskForm):
    """Forget what was validated."""

    ticket = HiddenField()


class DeleteCopyForm(FlaskForm):
    """Delete a safety copy before its time."""


class UndoForm(FlaskForm):
    """Look at what an undo of the last import would bring back."""


class ExportPartForm(FlaskForm):
    """Make the file of a part. Without a password it holds no secret values."""

    password = PasswordField(
        "Backup password",
        description="Optional. Without one the file holds no secrets, and anybody can open it.",
        validators=[Length(max=PASSWORD_MAX, message=f"Use at most {PASSWORD_MAX} characters.")],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_password(self, field: PasswordField) -> None:
        """Refuse a password shorter than the setting allows; none at all is fine."""
        least = access.settings().backup_password_min
        if field.data and len(field.data) < least:
            raise ValidationError(f"Use at least {least} characters, or none at all.")


class ImportPartForm(FlaskForm):
    """Choose the file of a part, to see what its import would do."""

    file = FileField("Upload the file", render_kw={"accept": ".dbk"})
    password = PasswordField(
        "Backup password",
        description="Leave this empty if the file was made without one.",
        validators=[Length(max=PASSWORD_MAX, message=f"Use at most {PASSWORD_MAX} characters.")],
        render_kw={"autocomplete": "off"},
    )

    def validate_file(self, field: FileField) -> None:
        """Ask for a file."""
        if not field.data:
            raise ValidationError("Choose a file. Its name ends in .dbk.")
