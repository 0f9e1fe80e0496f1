"""The forms of access tokens."""

from typing import cast

from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectChoice, SelectField
from wtforms.validators import InputRequired, NumberRange, ValidationError

from ..models import Unit
from ..models.tokens import DAYS, DAYS_MAX, NAME_MAX, Scope
from .forms import name_field
from .forms_content import CheckboxesField

EVERY_UNIT = ""


class NewTokenForm(FlaskForm):
    """Make an access token."""

    name = name_field("Name", NAME_MAX)
    scopes = CheckboxesField(
        "What it may do",
        choices=[SelectChoice(scope.value, scope.label) for scope in Scope],
    )
    unit = SelectField("Where")
    days = IntegerField(
        "Days until it ends",
        default=DAYS,
        validators=[
            InputRequired(f"Type a number of days from 1 to {DAYS_MAX}."),
            NumberRange(1, DAYS_MAX, f"Type a number of days from 1 to {DAYS_MAX}."),
        ],
        render_kw={"inputmode": "numeric", "min": 1, "max": DAYS_MAX},
    )

    def __init__(self, units: list[Unit]) -> None:
        super().__init__()
        self._units = {unit.slug: unit for unit in units}
        own = [SelectChoice(slug, unit.name) for slug, unit in self._units.items()]
        self.unit.choices = [SelectChoice(EVERY_UNIT, "All where I am admin"), *own]

    def validate_scopes(self, field: CheckboxesField) -> None:
        """Ask for one: with a validator of its own, each checkbox would have to be ticked."""
        if not field.data:
            raise ValidationError("Choose what the token may do.")

    @property
    def chosen_scopes(self) -> list[Scope]:
        """Return what the token may do."""
        return [Scope(word) for word in self.scopes.data or []]

    @property
    def chosen_unit(self) -> Unit | None:
        """Return where it works; None: everywhere."""
        return self._units.get(cast("str", self.unit.data))


class RevokeTokenForm(FlaskForm):
    """End an access token."""
