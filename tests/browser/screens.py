"""Every screen of the product: for the walk with axe and for `make screenshots`. Add yours here.

A new page is one line in the group it belongs to. A state that is not reached by an address alone
(a preview, a refused form) has a function of its own that goes on from the opened page.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, expect

from . import steps
from .demo_site import Site

DAILY, WEEKLY, SANDBOX = "/u/harbour-daily", "/u/coast-weekly", "/u/sandbox"
ADMIN = f"{DAILY}/admin"
EMPTY = f"{SANDBOX}/admin"
MAJA, INGRID, LENA, TOM, NOBODY = "maja.lind", "ingrid.berg", "lena.fors", "tom.okafor", ""
NOTES, EDITOR = "dashboard.core.notes", "example.deskworks.story-editor"
PHOTOS = "example.deskworks.photo-desk"


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen: who opens which address, and what then has to happen until it is seen."""

    name: str
    address: str  # {token}: of the set-up page
    who: str = MAJA
    then: steps.Steps | None = None
    also: str = ""  # the address that the steps lead to, where it is another page
    javascript: bool = True
    before_setup: bool = False
    is_overlay: bool = False  # something lies on the page: a picture shows the window, not the page


@contextmanager
def opened(screen: Screen, browser: Browser, site: Site) -> Iterator[Page]:
    """Open *screen* in the state that it is about; afterwards end what it left at work."""
    if not screen.before_setup:
        site.fill()
    token = site.setup_token() if "{token}" in screen.address else ""
    page = site.page(browser, screen.who, javascript=screen.javascript)
    page.bring_to_front()  # one that lies behind draws nothing: a picture of it would never come
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(site.address + screen.address.format(token=token))
    try:
        if screen.then is not None:
            screen.then(page, site)
        settle(page)
        yield page
    finally:
        site.let_jobs_go()


def settle(page: Page) -> None:
    """Wait until nothing is on its way any more."""
    page.wait_for_load_state()
    expect(page.locator(".htmx-request, .htmx-settling, article[aria-busy]")).to_have_count(0)


SCREENS = (
    # before anybody is logged in
    Screen("setup-missing", "/", NOBODY, before_setup=True),
    Screen("setup", "/setup/{token}", NOBODY, before_setup=True),
    Screen("login", "/login", NOBODY),
    Screen("login-refused", "/login", NOBODY, steps.send_wrong_login),
    Screen("login-code", "/login", NOBODY, steps.type_the_right_password, also="/login/code"),
    # one's own account
    Screen("account", "/account", INGRID, steps.log_in_elsewhere),
    Screen("account-refused", "/account", then=steps.send_wrong_old_password),
    Screen("token-new", "/account/tokens/new"),
    Screen("token-refused", "/account/tokens/new", then=steps.send_wrong_token),
    Screen("token-made", "/account/tokens/new", then=steps.make_a_token),
    Screen("account-tokens", "/account/tokens/new", then=steps.keep_a_token, also="/account"),
    Screen("second-factor-new", "/account/second-factor"),
    Screen("second-factor-codes", "/account/second-factor", TOM, steps.set_up_second_factor),
    Screen("second-factor", "/account/second-factor", TOM, steps.have_second_factor),
    # outside a unit
    Screen("confirm", "/confirm"),
    Screen("units", "/units?here=harbour-daily"),
    Screen("units-not-found", "/units?q=nothing"),
    Screen("unit-new", "/units/new"),
    Screen("invite-new-person", "/login", NOBODY, steps.open_invite, also="/invite/x"),
    Screen("invite-known-person", "/login", NOBODY, steps.open_invite_of_a_user),
    Screen("invite-gone", "/invite/x", NOBODY),
    Screen("error-not-found", "/u/none/"),
    Screen("error-forbidden", ADMIN + "/audit", LENA),
    # workspaces
    Screen("unit-empty", SANDBOX + "/"),
    Screen("unit-empty-user", WEEKLY + "/", INGRID),
    Screen("workspace", DAILY + "/w/ws-morning"),
    Screen("workspace-links", DAILY + "/w/ws-reporter"),
    Screen("workspace-wide-center", DAILY + "/w/ws-web"),
    Screen("workspace-readonly", DAILY + "/w/ws-wall", LENA),
    Screen("workspace-plain", DAILY + "/w/ws-wires?plain=1", javascript=False),
    Screen("workspace-empty", WEEKLY + "/workspaces/new", then=steps.make_a_workspace),
    Screen("user-menu", DAILY + "/w/ws-morning", then=steps.open_menu, is_overlay=True),
    Screen("workspace-new", DAILY + "/workspaces/new"),
    Screen("workspace-settings", DAILY + "/w/ws-morning/settings"),
    Screen("workspace-delete", DAILY + "/w/ws-morning/delete"),
    Screen("workspace-export", DAILY + "/w/ws-morning/export"),
    Screen("workspace-import", DAILY + "/workspaces/import"),
    Screen("workspaces", DAILY + "/workspaces"),
    Screen("applications", DAILY + "/w/ws-morning/applications"),
    Screen("application-settings", DAILY + "/w/ws-morning/applications/app-clock/settings"),
    Screen("application-no-plugin", DAILY + "/w/ws-private/applications/app-pictures/settings"),
    Screen("application-remove", DAILY + "/w/ws-morning/applications/app-clock/remove"),
    # profiles
    Screen("profiles", DAILY + "/profiles"),
    Screen("profiles-empty", SANDBOX + "/profiles"),
    Screen("profile-new", DAILY + "/profiles/new"),
    Screen("profile", DAILY + "/profiles/pf-planning"),
    Screen("profile-choose", DAILY + "/profile"),
    Screen("profile-delete", DAILY + "/profiles/pf-planning/delete"),
    Screen("admin-profiles", ADMIN + "/profiles"),
    Screen("admin-workspaces", ADMIN + "/workspaces"),
    Screen("admin-workspaces-empty", EMPTY + "/workspaces"),
    # plugins
    Screen("plugins", ADMIN + "/plugins"),
    Screen("plugins-empty", EMPTY + "/plugins"),
    Screen("plugin", f"{ADMIN}/plugins/{EDITOR}"),
    Screen("plugin-notes", f"{ADMIN}/plugins/{NOTES}"),
    Screen("plugin-install", f"{ADMIN}/plugins/{PHOTOS}/install"),
    Screen("plugin-deactivate", f"{ADMIN}/plugins/{NOTES}/deactivate"),
    Screen("plugin-uninstall", f"{ADMIN}/plugins/{NOTES}/uninstall"),
    Screen("plugin-file", f"{ADMIN}/plugins/{NOTES}/file"),
    Screen(
        "plugin-update",
        f"{ADMIN}/plugins/{NOTES}",
        then=steps.go_back_a_version,
        also=f"{ADMIN}/plugins/{NOTES}/update",
    ),
    # config key store
    Screen("keys", ADMIN + "/keys"),
    Screen("keys-empty", EMPTY + "/keys"),
    Screen("keys-not-found", ADMIN + "/keys?q=nothing"),
    Screen("key-new", ADMIN + "/keys/-/new"),
    Screen("key-refused", ADMIN + "/keys/-/new", then=steps.send_wrong_key),
    Screen("key", ADMIN + "/keys/CHANNELS"),
    Screen("key-secret", ADMIN + "/keys/WIRE_API_TOKEN"),
    Screen("key-stale", ADMIN + "/keys/CONTENT_TIMEOUT_MS", then=steps.save_a_stale_form),
    Screen("key-delete", ADMIN + "/keys/CHANNELS/delete"),
    Screen("keys-unused", ADMIN + "/keys?show=unused"),
    Screen("keys-missing", ADMIN + "/keys?show=missing"),
    Screen("keys-delete-many", ADMIN + "/keys?q=CONTENT", then=steps.choose_all_keys),
    Screen("key-revealed", ADMIN + "/keys", then=steps.reveal, javascript=False),
    # people and what they did
    Screen("members", ADMIN + "/members"),
    Screen("member", ADMIN + "/members/2"),
    Screen("member-remove", ADMIN + "/members/2/remove"),
    Screen("member-invite", ADMIN + "/invite"),
    Screen("member-invited", ADMIN + "/invite", then=steps.make_a_link),
    Screen("unit-rename", ADMIN + "/name"),
    Screen("audit", ADMIN + "/audit"),
    Screen("audit-nothing", ADMIN + "/audit?who=nobody"),
    # backup
    Screen("backup", ADMIN + "/backup"),
    Screen("backup-short-password", ADMIN + "/backup", then=steps.type_a_short_password),
    Screen("backup-exported", ADMIN + "/backup", then=steps.export),
    Screen("backup-running", ADMIN + "/backup", then=steps.export_slowly),
    Screen("backup-job", ADMIN + "/backup", then=steps.open_job, also=ADMIN + "/backup/jobs/x"),
    Screen("backup-wrong-password", ADMIN + "/backup", then=steps.validate_with_wrong_password),
    Screen("backup-preview", ADMIN + "/backup", then=steps.preview_with_fields),
    Screen("backup-preview-stale", ADMIN + "/backup", then=steps.import_a_stale_preview),
    Screen("backup-other-unit", EMPTY + "/backup", then=steps.preview),
    Screen("backup-preview-plain", ADMIN + "/backup", then=steps.preview, javascript=False),
    Screen("backup-fields-plain", ADMIN + "/backup", then=steps.fields, javascript=False),
    Screen("backup-imported", ADMIN + "/backup", then=steps.import_backup),
    Screen("backup-undo", ADMIN + "/backup", then=steps.prepare_undo),
    Screen(
        "backup-delete-copy",
        ADMIN + "/backup",
        then=steps.open_delete_copy,
        also=ADMIN + "/backup/copies/x/delete",
    ),
)
