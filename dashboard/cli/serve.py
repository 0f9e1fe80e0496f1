"""The command that runs the server."""

import logging
import resource
import tempfile
import threading
from contextlib import suppress
from dataclasses import replace
from typing import Any

import click
import waitress.server

from .. import create_app, db
from ..backup import Folders, mark_interrupted, sweep, sweep_beside
from ..backup.store import make_folders
from ..config import Settings
from ..installation import is_set_up, new_setup_token
from ..jobs import Jobs
from . import connections, logs, stopping, wire
from .common import refusing

log = logging.getLogger(__name__)

THREADS = 16
SWEEP_SECONDS = 5 * 60
FILES = 4096  # open at once: connections, what they send, database, jobs
# Of a request body, before it goes to a temporary file: 125 MiB for all connections together.
IN_MEMORY_BYTES = 256 << 10
ABSURD_BYTES = 16 << 20  # more than the application's own limits are above the largest upload


@click.command()
@click.option("--host", metavar="ADDRESS", help="Address to listen on; else DASHBOARD_HOST.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Port; else DASHBOARD_PORT.",
)
@click.pass_obj
@refusing
def serve(settings: Settings, host: str | None, port: int | None) -> None:
    """Run the server until it is told to stop (Ctrl-C or SIGTERM; what runs finishes).

    On an empty data directory it prints a one-time link to set up the organisation.

    Example: dashboard serve --port 8080
    """
    settings = replace(settings, host=host or settings.host)
    app = create_app(settings)
    logs.begin(app.extensions["request_id"])
    token = _tidy_up(settings)
    sockets: dict[int, Any] = {}
    server = waitress.server.create_server(
        app,
        map=sockets,
        host=settings.host,
        port=settings.port if port is None else port,
        threads=THREADS,
        connection_limit=connections.CONNECTIONS,
        channel_timeout=connections.IDLE_SECONDS,
        cleanup_interval=10,
        # The application's own limits are stricter; this one only stops the absurd.
        max_request_body_size=settings.max_upload_bytes + ABSURD_BYTES,
        inbuf_overflow=IN_MEMORY_BYTES,
        asyncore_use_poll=True,
        clear_untrusted_proxy_headers=not settings.proxy_hops,
        ident="dashboard",
        max_request_header_size=wire.MAX_HEADER_BYTES,
    )
    channel_class = connections.channel_class(app.extensions["headers"], app.extensions["bodies"])
    for each in stopping.listening(sockets):
        each.channel_class = channel_class
    jobs: Jobs = app.extensions["jobs"]
    _raise_file_limit()
    over = _sweep_now_and_then(app.extensions["folders"], settings.safety_copy_days)
    stopping.stop_on_signals(sockets, jobs.are_running)
    _announce(settings.host, stopping.listening(sockets)[0].effective_port, token)
    try:
        server.run()
    finally:
        server.task_dispatcher.shutdown()
        over.set()
        app.extensions["sources"].close()
        jobs.close()  # what still runs rolls back and reads interrupted


def _announce(host: str, port: int, token: str | None) -> None:
    """Say where the server is, and who may set it up, once a signal would stop it well."""
    address = f"http://{_shown_host(host)}:{port}"
    if token:
        click.echo(f"This server is empty. Set it up here (works once): {address}/setup/{token}")
    click.echo(f"Dashboard runs at {address} (stop it with Ctrl-C)")


def _tidy_up(settings: Settings) -> str | None:
    """Close what a crash left open; return a set-up token if there is no organisation yet."""
    with db.database.connection_context():
        mark_interrupted()
        folders = make_folders(settings.data_dir.absolute())
        sweep(folders, settings.safety_copy_days, starting=True)
        # Uploads wait where they will be kept: one disk to watch, and nothing of ours in /tmp.
        tempfile.tempdir = str(folders.uploads)
        return None if is_set_up() else new_setup_token()


def _sweep_now_and_then(folders: Folders, safety_copy_days: int) -> threading.Event:
    """Delete what nobody can ask for any more, whether or not anybody looks at a Backup page.

    Until the event that is returned.
    """
    over = threading.Event()

    def sweep_until_over() -> None:
        while not over.wait(SWEEP_SECONDS):
            try:
                with db.database.connection_context():
                    sweep_beside(folders, safety_copy_days)
            except Exception:  # a disk that fails now may not the next time
                log.exception("old files could not be swept")

    threading.Thread(target=sweep_until_over, name="sweep", daemon=True).start()
    return over


def _raise_file_limit() -> None:
    """Ask the system for enough file descriptors; many give 1,024."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now != resource.RLIM_INFINITY and now < FILES:
        with suppress(ValueError, OSError):  # more than the system gives
            resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, most))


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - shown, not bound
        return "localhost"
    return f"[{host}]" if ":" in host else host
