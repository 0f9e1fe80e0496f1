"""The street door: `python app.py COMMAND` runs the commands, `app:app` is the WSGI application."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Build the WSGI application when a server asks for `app:app`, not before."""
    if name != "app":
        raise AttributeError(name)
    from dashboard.cli import wsgi_app

    return wsgi_app()


if __name__ == "__main__":
    from dashboard.cli import main

    main()
