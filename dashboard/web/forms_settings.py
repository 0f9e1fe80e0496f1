"""Settings forms, made from the fields of a manifest. A reference is accepted in any field."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
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
from wtforms.validators import Length, ValidationError

from ..archive.limits import MAX_NUMBER_CHARS
from ..plugins import configs
from ..plugins.jsontext import (
    MAX_CONFIG_DEPTH,
    JsonProblem,
    check_text,
    read_json,
    to_json,
)
from ..plugins.references import holds_reference, is_reference
from ..plugins.schema import Field as Setting
from ..plugins.schema import Kind
from .forms import UnitForm, stripped, without_control_characters
from .forms_content import COLOR, TITLE_MAX

PREFIX = "config-"
CLEAR = "clear-"


class SettingsForm(UnitForm):
    """The base of every settings form; `make` adds a field for each setting."""

    settings: tuple[Setting, ...] = ()
    stored: Mapping[str, Any] = {}
    sealed: frozenset[str] = frozenset()

    def entered(self) -> configs.Config:
        """Return the whole config as it is now: keys that no field shows are kept."""
        config = dict(self.stored)
        for setting in self.settings:
            config.update(self._entered(setting))
            if config.get(setting.key) is None:
                config.pop(setting.key, None)
        return config

    def texts(self) -> tuple[str, str]:
        """Return the whole config as the two texts of a row: config and secrets."""
        return configs.split(self.settings, self.entered(), self.sealed)

    def _entered(self, setting: Setting) -> configs.Config:
        field = self[PREFIX + setting.key]
        if setting.kind is Kind.PASSWORD:
            if CLEAR + setting.key in self and self[CLEAR + setting.key].data:
                return {setting.key: None}
            return {setting.key: field.data} if field.data else {}
        if setting.kind is Kind.SWITCH and isinstance(field, BooleanField):
            return {setting.key: field.data}
        text = (field.data or "").replace("\r\n", "\n")
        if setting.key in self.stored and text == shown(setting, self.stored[setting.key]):
            return {}
        return {setting.key: read_value(setting, text)}

    def validate(self, extra_validators: Any = None) -> bool:
        """Check every field, then the size and depth of the whole."""
        if not super().validate(extra_validators):
            return False
        try:
            for text in self.texts():
                read_json(text, depth=MAX_CONFIG_DEPTH)
        except JsonProblem as error:
            self.form_errors.append(f"All settings together are too much. {error}")
            return False
        return True

    @property
    def kept(self) -> list[str]:
        """Return the keys of the stored config that no field shows."""
        known = {setting.key for setting in self.settings}
        return sorted(key for key in self.stored if key not in known)

    @property
    def rows(self) -> list[tuple[Setting, Field, Field | None]]:
        """Return (setting, its field, the field that clears it) in the manifest's order."""
        find = self._fields.get
        return [
            (setting, self[PREFIX + setting.key], find(CLEAR + setting.key))
            for setting in self.settings
        ]


class TitledSettingsForm(SettingsForm):
    """The settings of one placed application, with its title."""

    title = StringField(
        "Title",
        filters=[stripped],
        validators=[
            Length(max=TITLE_MAX, message=f"Use at most {TITLE_MAX} characters."),
            without_control_characters,
        ],
        render_kw={"maxlength": TITLE_MAX},
    )


def make(
    base: type[SettingsForm],
    settings: Iterable[Setting],
    config: str,
    secrets: str,
    *,
    as_text: bool = False,
    **data: object,
) -> Any:
    """Return a form for *settings*, filled from the two texts of a row.

    What is stored as a secret is a password field, whatever the manifest calls it. *as_text* shows
    switches, choices and colours as text, so that references can be written.
    """
    sealed = frozenset(configs.read(secrets))
    stored = configs.merge(config, secrets)
    found = tuple(
        replace(setting, kind=Kind.PASSWORD) if setting.key in sealed else setting
        for setting in settings
    )
    fields: dict[str, Any] = {"settings": found, "stored": stored, "sealed": sealed}
    for setting in found:
        value = stored.get(setting.key)
        fields[PREFIX + setting.key] = _field(setting, value, as_text)
        if setting.kind is Kind.PASSWORD and value not in (None, ""):
            fields[CLEAR + setting.key] = BooleanField("Remove the stored value")
        if setting.kind is not Kind.PASSWORD:
            data[PREFIX + setting.key] = (
                bool(value) if _is_checkbox(setting, value, as_text) else shown(setting, value)
            )
    return type(base.__name__, (base,), fields)(data=data)


def _is_checkbox(setting: Setting, value: object, as_text: bool) -> bool:
    return setting.kind is Kind.SWITCH and not as_text and (value is None or value in (True, False))


def _field(setting: Setting, value: Any, as_text: bool) -> Field:
    label, checks = setting.title, [_Check(setting, value)]
    text = "" if setting.kind is Kind.PASSWORD else shown(setting, value)
    match setting.kind:
        case Kind.LINES:
            return TextAreaField(label, checks, render_kw={"rows": 12})
        case Kind.JSON:
            kw = {"rows": min(16, 3 + text.count("\n")), "spellcheck": "false", "class": "code"}
            return TextAreaField(label, checks, render_kw=kw)
        case Kind.PASSWORD:
            return PasswordField(label, checks, render_kw={"autocomplete": "new-password"})
        case Kind.SWITCH if _is_checkbox(setting, value, as_text):
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


class _Check:
    """Reads what was typed as the setting's kind, and says what is wrong with it."""

    def __init__(self, setting: Setting, stored: Any):
        self.setting, self.stored = setting, stored

    def __call__(self, form: SettingsForm, field: Field) -> None:
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
            problem = configs.problem_of(setting, read_value(setting, text))
        except JsonProblem as error:
            raise ValidationError(str(error)) from None
        if problem is not None:
            raise ValidationError(problem)


def _check_password(form: SettingsForm, setting: Setting, text: str, stored: Any) -> None:
    clearing = CLEAR + setting.key in form and form[CLEAR + setting.key].data
    if setting.required and not text and (clearing or not configs.is_set(stored)):
        raise ValidationError("Fill this in.")
    try:
        check_text(text)
    except JsonProblem as error:
        raise ValidationError(str(error)) from None


def shown(setting: Setting, value: Any) -> str:
    """Return the text that stands in the form for a stored *value*."""
    if value is None:
        return ""
    if setting.kind is Kind.JSON and not (isinstance(value, str) and is_reference(value)):
        return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    return value if isinstance(value, str) else to_json(value)


def read_value(setting: Setting, text: str) -> Any:
    """Return what *text* means for the setting; raise `JsonProblem` if it means nothing."""
    if is_reference(text.strip()):
        return text.strip()
    match setting.kind:
        case Kind.JSON:
            return read_json(text) if text.strip() else None
        case Kind.NUMBER | Kind.INTEGER:
            return _number(text.strip(), whole=setting.kind is Kind.INTEGER)
        case Kind.SWITCH:
            if text.strip() not in ("true", "false", ""):
                raise JsonProblem("Write true, false or a reference.")
            return text.strip() == "true"
        case Kind.SELECT if text not in setting.choices and (text or setting.required):
            raise JsonProblem("Choose one of the offered values.")
        case Kind.COLOR if text and not (COLOR.match(text) or holds_reference(text)):
            raise JsonProblem("Write a colour like #2a6fdb.")
    return text


def _number(text: str, *, whole: bool) -> int | float | None:
    if text == "":
        return None
    if whole:
        if not re.fullmatch(rf"-?[0-9]{{1,{MAX_NUMBER_CHARS - 1}}}", text):
            raise JsonProblem("Write a whole number.")
        return int(text)
    try:
        value = read_json(text)
    except JsonProblem:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise JsonProblem("Write a number like 42 or 1.5.")
    return value
