"""The field of a settings form for each kind of setting, and what is checked of it alone."""

from typing import Any

from wtforms import (
    BooleanField,
    ColorField,
    Field,
    PasswordField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import ValidationError

from ..plugins import configs
from ..plugins.jsontext import JsonProblem, check_text
from ..plugins.schema import Field as Setting
from ..plugins.schema import Kind
from .forms_content import COLOR
from .settings_values import is_checkbox, read_value, shown
from .table_field import TableField

PREFIX = "config-"
CLEAR = "clear-"


def data_of(setting: Setting, value: Any, as_text: bool) -> Any:
    """Return what a field is filled with for a stored *value*."""
    if setting.kind is Kind.TABLE:
        return value
    return bool(value) if is_checkbox(setting, value, as_text) else shown(setting, value)


def field_of(setting: Setting, value: Any, as_text: bool) -> Field:
    """Return the field in which a setting is entered whose stored *value* this is."""
    label, checks = setting.title, [_Check(setting, value)]
    text = "" if setting.kind in (Kind.PASSWORD, Kind.TABLE) else shown(setting, value)
    match setting.kind:
        case Kind.TABLE:
            return TableField(label, [_check_table], setting)
        case Kind.LINES:
            return TextAreaField(label, checks, render_kw={"rows": 12})
        case Kind.LIST:
            kw = {"rows": min(12, 3 + text.count("\n")), "spellcheck": "false"}
            return TextAreaField(label, checks, render_kw=kw)
        case Kind.JSON:
            kw = {"rows": min(16, 3 + text.count("\n")), "spellcheck": "false", "class": "code"}
            return TextAreaField(label, checks, render_kw=kw)
        case Kind.PASSWORD:
            return PasswordField(label, checks, render_kw={"autocomplete": "new-password"})
        case Kind.SWITCH if is_checkbox(setting, value, as_text):
            return BooleanField(label)
        case Kind.SELECT if not as_text:
            offered = list(setting.choices)
            if text not in offered:
                offered.insert(0, text)
            choices = [SelectChoice(choice, choice or "–") for choice in offered]
            return SelectField(label, checks, choices=choices, validate_choice=False)
        case Kind.COLOR if not as_text and COLOR.match(text):
            return ColorField(label, checks)
        case Kind.NUMBER | Kind.INTEGER:
            return StringField(label, checks, render_kw={"inputmode": "decimal"})
    return StringField(label, checks)


def _check_table(_form: Any, field: TableField) -> None:
    """Say what is wrong with the first bad cell."""
    try:
        field.value()
    except JsonProblem as error:
        raise ValidationError(str(error)) from None


class _Check:
    """Reads what was typed as the setting's kind, and says what is wrong with it."""

    def __init__(self, setting: Setting, stored: Any):
        self.setting, self.stored = setting, stored

    def __call__(self, form: Any, field: Field) -> None:
        text = field.data or ""
        setting = self.setting
        if setting.kind is Kind.PASSWORD:
            _check_password(form, setting, text, self.stored)
            return
        text = text.replace("\r\n", "\n")
        if configs.is_set(self.stored) and text == shown(setting, self.stored):
            return
        try:
            check_text(text)
            value = read_value(setting, text)
        except JsonProblem as error:
            raise ValidationError(str(error)) from None
        if setting.required and not configs.is_set(value):
            raise ValidationError("Fill this in.")


def _check_password(form: Any, setting: Setting, text: str, stored: Any) -> None:
    clearing = CLEAR + setting.key in form and form[CLEAR + setting.key].data
    if setting.required and not text and (clearing or not configs.is_set(stored)):
        raise ValidationError("Fill this in.")
    try:
        check_text(text)
    except JsonProblem as error:
        raise ValidationError(str(error)) from None
