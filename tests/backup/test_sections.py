"""The coverage contract: every column of unit state is in a section, or has a reason not to be."""

import pytest

from dashboard.archive import SECTIONS
from dashboard.archive.limits import MAX_ROWS
from dashboard.backup import sections
from dashboard.db import BaseModel
from dashboard.models import ALL_TABLES, GLOBAL_TABLES, ROOM, UNIT_STATE, UnitOwned

# Columns that are not columns of the file, and why.
NOT_IN_THE_FILE = {
    "unit": "which unit a row belongs to is where the file is imported",
    "secret": "the sealed form of `value`, which the file carries in clear within its encryption",
    "checked": "what the database knows of the row; an import proves every row anew",
}


def all_models(base=BaseModel):
    for model in base.__subclasses__():
        yield model
        yield from all_models(model)


def test_every_table_is_unit_state_or_named_as_global():
    abstract = {"UnitOwned", "NumberedModel"}
    names = {model.__name__ for model in all_models()} - abstract
    assert names == {model.__name__ for model in ALL_TABLES}
    assert not set(UNIT_STATE) & set(GLOBAL_TABLES)


def test_every_unit_owned_table_is_a_section_of_the_backup():
    owned = set(UnitOwned.__subclasses__())
    assert owned == set(UNIT_STATE)
    assert owned == {table.model for table in sections.TABLES}
    assert owned == set(sections.WIPE_ORDER)


@pytest.mark.parametrize("table", sections.TABLES, ids=lambda table: table.section.name)
def test_every_column_is_in_the_file_or_has_a_reason(table):
    columns = set(table.model._meta.fields) - set(NOT_IN_THE_FILE)
    assert columns == set(table.section.columns)


@pytest.mark.parametrize("table", sections.TABLES, ids=lambda table: table.section.name)
def test_rows_are_kept_in_the_order_of_the_file(table):
    key = tuple(table.model._meta.primary_key.field_names)
    assert key == ("unit", *table.section.key)


def test_the_sections_come_in_the_order_of_the_format():
    assert [table.section for table in sections.TABLES] == list(SECTIONS)


def test_children_are_wiped_before_their_parents():
    order = [model._meta.table_name for model in sections.WIPE_ORDER]
    for model in sections.WIPE_ORDER:
        for constraint in model._meta.constraints or ():
            words = constraint.sql.split() if hasattr(constraint, "sql") else []
            if "REFERENCES" in words:
                parent = words[words.index("REFERENCES") + 1]
                assert order.index(model._meta.table_name) < order.index(parent)


def test_plugins_go_first_and_the_config_key_store_last():
    assert sections.WIPE_ORDER[-1].__name__ == "ConfigKey"
    assert all("Plugin" in model.__name__ for model in sections.WIPE_ORDER[:3])


def test_a_unit_has_no_more_rows_than_its_backup_holds():
    most = {table.section.name: ROOM[table.model][0] for table in sections.TABLES}
    assert most == MAX_ROWS
