"""Settings forms, made from the fields of a manifest. A reference is accepted in any field.

A form reads what was typed, then asks the manifest's schema about the whole config, with the values
of config keys put in. What is stored and not touched is never refused, only marked: an import may
have brought it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from flask import g
from wtforms import BooleanField, Field, StringField
from wtforms.validators import Length

from ..plugins import configs
from ..plugins.checking import Findings, check
from ..plugins.jsontext import (
    MAX_CONFIG_DEPTH,
    Excerpt,
    JsonProblem,
    excerpt,
    read_json,
)
from ..plugins.references import look_up, names_in
from ..plugins.schema import Field as Setting
from ..plugins.schema import Kind
from .forms import UnitForm, stripped, without_control_characters
from .forms_content import TITLE_MAX
from .settings_fields import CLEAR, PREFIX, data_of, field_of
from .settings_values import kind_shown, read_value, shown
from .table_field import TableField, is_reshaping


@dataclass(frozen=True, slots=True)
class Row:
    """A setting as the page shows it."""

    setting: Setting
    input: Field
    clear: Field | None  # the box that removes a stored secret
    warnings: list[str] = field(default_factory=list)
    excerpt: Excerpt | None = None  # where its JSON is wrong


class SettingsForm(UnitForm):
    """The base of every settings form; `make` adds a field for each setting."""

    settings: tuple[Setting, ...] = ()
    schema: Mapping[str, Any] = {}
    stored: Mapping[str, Any] = {}
    sealed: frozenset[str] = frozenset()

    def entered(self) -> configs.Config:
        """Return the whole config as it is now: keys that no field shows are kept.

        So is what a field with an error stands for.
        """
        config = dict(self.stored)
        for setting in self.settings:
            if self[PREFIX + setting.key].errors:
                continue
            config.update(self._entered(setting))
            if config.get(setting.key) is None:
                config.pop(setting.key, None)
        return config

    def texts(self) -> tuple[str, str]:
        """Return the whole config as the two texts of a row: config and secrets."""
        return configs.split(self.settings, self.entered(), self.sealed)

    def _entered(self, setting: Setting) -> configs.Config:
        input_ = self[PREFIX + setting.key]
        if isinstance(input_, TableField):
            value = input_.value()
            is_there = bool(value) or setting.required or setting.key in self.stored
            return {setting.key: value} if is_there else {}
        if setting.kind is Kind.PASSWORD:
            if CLEAR + setting.key in self and self[CLEAR + setting.key].data:
                return {setting.key: None}
            return {setting.key: input_.data} if input_.data else {}
        if setting.kind is Kind.SWITCH and isinstance(input_, BooleanField):
            return {setting.key: input_.data}
        text = (input_.data or "").replace("\r\n", "\n")
        if setting.key in self.stored and text == shown(setting, self.stored[setting.key]):
            return {}
        if setting.key not in self.stored and not text.strip() and not setting.required:
            return {}
        return {setting.key: read_value(setting, text)}

    def validate(self, extra_validators: Any = None) -> bool:
        """Check every field, the size and depth of the whole, then the rules of the manifest."""
        is_sound = super().validate(extra_validators)
        try:
            for text in self.texts():
                read_json(text, depth=MAX_CONFIG_DEPTH)
        except JsonProblem as error:
            self.form_errors.append(f"All settings together are too much. {error}")
            return False
        self._ask_the_rules()
        return is_sound and not self.errors

    def _ask_the_rules(self) -> None:
        config = self.entered()
        self.findings = self._check(config)  # from here on the page warns of what was typed
        for problem in self.findings.problems:
            if not problem.key:
                if config != self.stored:
                    self.form_errors.append(problem.words)
            elif config.get(problem.key) != self.stored.get(problem.key):
                input_ = self._fields.get(PREFIX + problem.key)
                if input_ is None:
                    continue
                input_.errors = [*input_.errors, problem.words]
                if isinstance(input_, TableField):
                    input_.mark(problem.path)

    @cached_property
    def findings(self) -> Findings:
        """Return what the rules of the manifest say of the stored config."""
        return self._check(self.stored)

    def _check(self, config: Mapping[str, Any]) -> Findings:
        return check(self.schema, config, look_up(g.unit, names_in(config)))

    def is_reshaped(self) -> bool:
        """Return whether only a table was reshaped: the page is to be shown again, unsaved."""
        return self.is_submitted() and is_reshaping()

    def status(self) -> int:
        """Return the status of the page that shows this form instead of saving it."""
        return 422 if self.is_submitted() and not is_reshaping() else 200

    @property
    def kept(self) -> list[str]:
        """Return the keys of the stored config that no field shows."""
        known = {setting.key for setting in self.settings}
        return sorted(key for key in self.stored if key not in known)

    @cached_property
    def rows(self) -> list[Row]:
        """Return the settings in the manifest's order, with what is to be said of each."""
        find = self._fields.get
        return [
            Row(
                setting,
                self[PREFIX + setting.key],
                find(CLEAR + setting.key),
                self._warnings(setting),
                self._excerpt(setting),
            )
            for setting in self.settings
        ]

    def _warnings(self, setting: Setting) -> list[str]:
        input_ = self[PREFIX + setting.key]
        said = [] if input_.errors else self.findings.of(setting.key)
        names = names_in(self._written(setting, input_)) & self.findings.missing
        said += [f"There is no config key {name}." for name in sorted(names)]
        if setting.kind is Kind.PASSWORD and input_.data and self.is_submitted():
            said.append("Type it again: it was not saved, and is never sent back.")
        return said

    def _written(self, setting: Setting, input_: Field) -> Any:
        """Return the text in which references may stand."""
        if setting.kind is Kind.PASSWORD and not input_.data:
            return self.stored.get(setting.key)
        return input_.data if isinstance(input_.data, str | list) else None

    def _excerpt(self, setting: Setting) -> Excerpt | None:
        input_ = self[PREFIX + setting.key]
        if setting.kind is not Kind.JSON or not input_.errors:
            return None
        text = (input_.data or "").replace("\r\n", "\n")
        try:
            read_value(setting, text)
        except JsonProblem as error:
            return excerpt(text, error.at) if error.at is not None else None
        return None


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
    schema: Mapping[str, Any],
    config: str,
    secrets: str,
    *,
    as_text: bool = False,
    **data: object,
) -> Any:
    """Return a form for *settings*, filled from the two texts of a row.

    What is stored as a secret is a password field, whatever the manifest calls it. *as_text* shows
    switches, choices, colours and tables as text, so that references can be written.
    """
    sealed = frozenset(configs.read(secrets))
    stored = configs.merge(config, secrets)
    found = tuple(
        replace(
            setting,
            kind=Kind.PASSWORD
            if setting.key in sealed
            else kind_shown(setting, stored.get(setting.key), as_text),
        )
        for setting in settings
    )
    fields: dict[str, Any] = {"settings": found, "stored": stored, "sealed": sealed}
    fields["schema"] = schema
    for setting in found:
        value = stored.get(setting.key)
        fields[PREFIX + setting.key] = field_of(setting, value, as_text)
        if setting.kind is Kind.PASSWORD and value not in (None, ""):
            fields[CLEAR + setting.key] = BooleanField("Remove the stored value")
        if setting.kind is not Kind.PASSWORD:
            data[PREFIX + setting.key] = data_of(setting, value, as_text)
    return type(base.__name__, (base,), fields)(data=data)
