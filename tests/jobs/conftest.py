"""The engine and its quick exports, as in the tests of the engine."""

from tests.backup.conftest import engine, make_backup

__all__ = ["engine", "make_backup"]
