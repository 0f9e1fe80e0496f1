"""Plugins are met through the web, too: the fixtures of its tests."""

from tests.web.conftest import app, as_htmx, client, login

__all__ = ["app", "as_htmx", "client", "login"]
