"""A real Chromium and a real server, each test with an installation of its own."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from dashboard.backup.store import Folders
from dashboard.config import Settings
from dashboard.models import User
from tests import factories
from tests.browser.demo_site import CHROMIUM, LAUNCH, listen, serving
from tests.browser.lateness import make_late
from tests.installed import new_app

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder; skip it without Chromium, but never in CI."""
    missing = shutil.which(CHROMIUM) is None and not os.environ.get("CI")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if missing:
                item.add_marker(pytest.mark.skip(reason=f"NOT TESTED: {CHROMIUM} is missing"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Launch the system's Chromium, quietly."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is missing, and in CI the tests in the browser must run")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": list(LAUNCH)}


@pytest.fixture(scope="session")
def browser(browser: Browser) -> Browser:
    """Return the browser; with `LATE` set, one in which answers are shown late."""
    make_late(browser)
    return browser


@pytest.fixture
def live(settings: Settings, folders: Folders) -> Iterator[str]:
    """The address of a running server on the test installation."""
    with serving(new_app(settings, folders)) as address:
        yield address


@pytest.fixture(autouse=True)
def complaints(page: Page) -> Iterator[list[str]]:
    """What the console of `page` complains about; at the end of the test it must be nothing."""
    found: list[str] = []
    listen(page, found)
    yield found
    assert not found


@pytest.fixture
def log_in(live: str) -> Callable[[Page, User], None]:
    """`log_in(page, user)`: through the log-in page, as anybody would."""

    def log_in(page: Page, user: User) -> None:
        page.goto(f"{live}/login")
        page.get_by_label("Email", exact=True).fill(user.email)
        page.get_by_label("Password", exact=True).fill(factories.PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(lambda address: "/login" not in address)

    return log_in


@pytest.fixture
def plain_page(
    browser: Browser, log_in: Callable[[Page, User], None]
) -> Iterator[Callable[[User], Page]]:
    """`plain_page(user)`: a browser without JavaScript, logged in, on its first workspace.

    A workspace leads on to its plain page by itself, and whoever goes elsewhere before it has is
    taken back: so this waits for that page.
    """
    contexts: list[BrowserContext] = []

    def open_page(user: User) -> Page:
        contexts.append(browser.new_context(java_script_enabled=False))
        page = contexts[-1].new_page()
        log_in(page, user)
        page.wait_for_url("**?plain=1", wait_until="networkidle")
        return page

    yield open_page
    for context in contexts:
        context.close()
