"""The forms of the plugin pages, beside the settings forms."""

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import HiddenField, PasswordField
from wtforms.validators import Length, ValidationError

from . import access
from .forms import UnitForm
from .forms_backup import PASSWORD_MAX
from .forms_content import CheckboxesField


class InstallForm(UnitForm):
    """Install a plugin, and others that it needs."""

    also = CheckboxesField("Install these, too", choices=[])


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


class ApplyPartForm(UnitForm):
    """Import what was previewed: the file travels in the form, still encrypted."""

    file = HiddenField()
    key = HiddenField()
    expires = HiddenField()
