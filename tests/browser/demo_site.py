"""A running server with the demo organisation, for walks through every screen."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page
from waitress import create_server

from dashboard import backup, db, demo
from dashboard.backup.progress import Stage
from dashboard.config import Settings
from dashboard.installation import is_set_up, new_setup_token, open_installation
from dashboard.jobs import Job
from dashboard.models import ConfigKey, Unit, User, changing
from dashboard.plugins import install
from dashboard.plugins.addresses import OutgoingProblem
from dashboard.plugins.outgoing import Client, Wanted
from dashboard.plugins.sources import CHECK, Kind, Source, Sources
from dashboard.web import backup_jobs, backup_page, build_app
from tests.looping import looping

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
LAUNCH = (
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PASSWORD = "demo-harbour-2026"  # everybody's, to log in
BACKUP_PASSWORD = "four words make it"
LONG_SECONDS = 30


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Run *app* in a thread and give its address."""
    server = create_server(app, host="127.0.0.1", port=0, threads=8)
    try:
        with looping(server):
            yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        app.extensions["sources"].close()


def listen(page: Page, found: list[str]) -> None:
    """Collect in *found* what the console of *page* complains about.

    A refused page or fragment is no complaint (the test looks at it); a missing file is.
    """

    def note(message: ConsoleMessage) -> None:
        missing = "/static/" in message.location["url"]
        refused = message.text.startswith("Response Status Error Code") or (
            message.text.startswith("Failed to load resource: the server responded") and not missing
        )
        if message.type in ("error", "warning") and not refused:
            found.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: found.append(str(error)))


@dataclass
class Site:
    """The server, and what the steps of a screen may do behind it."""

    address: str
    app: Flask
    folder: Path
    complaints: list[str] = field(default_factory=list)  # of the consoles of all pages
    _pages: dict[tuple[str, bool], Page] = field(default_factory=dict)
    _go: threading.Event = field(default_factory=threading.Event)
    _direct_seconds: float = backup_jobs.DIRECT_SECONDS

    @property
    def file(self) -> Path:
        """A backup of Harbour Daily, older than what is in the unit now."""
        return self.folder / "harbour-daily.dbk"

    def fill(self) -> None:
        """Make the demo organisation, a backup of it, and changes since; once."""
        with db.database.connection_context():
            if is_set_up():
                return
            demo.fill(PASSWORD)
            unit, maja = unit_of("harbour-daily"), User.get(User.email == person("maja.lind"))
            with self.app.app_context():
                backup.export_to_file(
                    unit, self.file, BACKUP_PASSWORD, maja.email, backup_page.context()
                )
            change_keys(unit, maja)
            agent = install.plugin_of(unit, "example.deskworks.utility-agent")
            install.set_active(unit, agent, False, by=maja)

    def setup_token(self) -> str:
        """Make a one-time token of the set-up page."""
        with db.database.connection_context():
            return new_setup_token()

    def page(self, browser: Browser, name: str, *, javascript: bool = True) -> Page:
        """Return the page of the person *name*, logged in at the first call; "" is nobody."""
        found = self._pages.get((name, javascript))
        if found is None:
            context = browser.new_context(reduced_motion="reduce", locale="en-GB")
            context.set_default_timeout(10_000)
            if not javascript:  # none of ours: a browser without any could not be asked anything
                context.route("**/*.js?*", lambda route: route.fulfill(body=""))
            found = self._pages[name, javascript] = context.new_page()
            listen(found, self.complaints)
            if name:
                self._log_in(found, name)
        return found

    def _log_in(self, page: Page, name: str) -> None:
        page.goto(f"{self.address}/login")
        page.get_by_label("Email", exact=True).fill(person(name))
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(lambda address: "/login" not in address)

    def hold_jobs(self) -> None:
        """From now on a job stops in the middle and shows where it is, until `let_jobs_go`."""
        self._go.clear()
        backup_jobs.DIRECT_SECONDS = 0

    def let_jobs_go(self) -> None:
        """End what `hold_jobs` began, and wait for it."""
        self._go.set()
        for job in self.app.extensions["jobs"]._jobs.values():
            assert job.wait(LONG_SECONDS)
        backup_jobs.DIRECT_SECONDS = self._direct_seconds

    def holding(self, honest: Callable[..., None]) -> Callable[..., None]:
        """Return `Job.tell`, made to wait at the first rows of every stage."""

        def tell(job: Job, stage: Stage, done: int, total: int) -> None:
            honest(job, stage, done, total)
            if done:
                assert self._go.wait(LONG_SECONDS)

        return tell


def person(name: str) -> str:
    """Return the address of somebody of the demo organisation."""
    return f"{name}@harbour.example"


def unit_of(slug: str) -> Unit:
    """Return a unit of the demo organisation."""
    found: Unit = Unit.get(Unit.slug == slug)
    return found


def change_keys(unit: Unit, by: User) -> None:
    """Add, change and delete a config key, so that a preview has something to tell."""
    with changing(unit, "key.create", by=by, subject="NEWSLETTER_HOUR"):
        ConfigKey.create(unit=unit, name="NEWSLETTER_HOUR", type="number", value="6")
    with changing(unit, "key.change", by=by, subject="PLANNER_SLOT_MINUTES"):
        keys = (ConfigKey.unit == unit) & (ConfigKey.name == "PLANNER_SLOT_MINUTES")
        ConfigKey.update(value="20").where(keys).execute()
    with changing(unit, "key.delete", by=by, subject="SUPPORT_URL"):
        keys = (ConfigKey.unit == unit) & (ConfigKey.name == "SUPPORT_URL")
        ConfigKey.delete().where(keys).execute()


class Offline(Sources):
    """What other servers have for whoever has no network: no name is known, and that at once."""

    def __init__(self) -> None:
        super().__init__(None)
        self._asking = Client(look_up=lambda host, port: [])

    def get(self, address: str, max_age_seconds: float, kind: Kind = CHECK) -> Source:
        """Return what came of asking."""
        try:
            self._asking.fetch(address, Wanted())
        except OutgoingProblem as error:
            now = datetime.now(UTC)
            return Source(problem=str(error), hint=error.hint, checked_at=now, since=now)
        raise AssertionError(address)


@contextmanager
def demo_site(folder: Path) -> Iterator[Site]:
    """Serve an installation in *folder*: not set up yet; `Site.fill` makes the demo in it."""
    settings = Settings(data_dir=folder / "data", kdf_ops=1, kdf_mem_bytes=8 << 20)
    app = build_app(settings, open_installation(settings.data_dir))
    app.extensions["sources"] = Offline()
    with serving(app) as address, pytest.MonkeyPatch.context() as patch:
        site = Site(address, app, folder)
        site.let_jobs_go()
        patch.setattr(Job, "tell", site.holding(Job.tell))
        patch.setattr(backup_jobs, "DIRECT_SECONDS", backup_jobs.DIRECT_SECONDS)
        try:
            yield site
        finally:
            site.let_jobs_go()
