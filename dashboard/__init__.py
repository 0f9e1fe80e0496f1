"""Dashboard: a self-hosted team dashboard that can be rewound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "1.0.0"

if TYPE_CHECKING:
    from flask import Flask

    from .config import Settings


def create_app(settings: Settings) -> Flask:
    """Open the installation of *settings* and return the WSGI application: rooms meet here."""
    from .installation import open_installation
    from .web import build_app

    folders = open_installation(settings.data_dir, settings.database_url, thorough=True)
    return build_app(settings, folders)


def api_description() -> dict[str, Any]:
    """Return the OpenAPI document of the HTTP API; no installation is needed for it."""
    from .web.api.description import describe

    return describe()
