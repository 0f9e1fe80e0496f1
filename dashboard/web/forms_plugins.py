"""The forms of the plugin pages, beside the settings forms."""

from wtforms import HiddenField

from .forms import UnitForm
from .forms_content import CheckboxesField


class InstallForm(UnitForm):
    """Install a plugin, and others that it needs."""

    also = CheckboxesField("Install these, too", choices=[])


class ApplyPartForm(UnitForm):
    """Import what was previewed: the file travels in the form, still encrypted."""

    file = HiddenField()
    key = HiddenField()
    expires = HiddenField()
