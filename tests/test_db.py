"""The database handle, where it differs from Peewee's."""

import pytest

from dashboard import db
from tests import factories


def test_the_error_after_which_sqlite_has_rolled_back_by_itself_is_the_one_that_is_told(folders):
    """As it does when the disk is full: a second ROLLBACK would fail, and hide that."""
    factories.make_organisation()

    def fail():
        with db.write_transaction():
            factories.make_unit()
            db.database.execute_sql("ROLLBACK")
            raise ValueError("full")

    with pytest.raises(ValueError, match="full"):
        fail()
    assert not db.database.in_transaction()
    factories.make_unit()  # which the failed transaction did not leave
