"""What has to happen on an opened page until a screen is in the state it is about."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from dashboard import db
from dashboard.models import (
    Plugin,
    RecoveryCode,
    Role,
    SecondFactor,
    Session,
    User,
    changing,
    second_factor,
)
from dashboard.models.invites import invite
from tests.web.authenticator import Phone, set_up

from .demo_site import BACKUP_PASSWORD, PASSWORD, Site, person, unit_of

Steps = Callable[[Page, Site], None]


def region(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def send_wrong_login(page: Page, _site: Site) -> None:
    page.get_by_label("Email").fill("x@y.example")
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("do not belong together")).to_be_visible()


def type_the_right_password(page: Page, _site: Site) -> None:
    """Log in as somebody who has a second factor."""
    with db.database.connection_context():
        pia = User.get(User.email == person("pia.strand"))
        if not second_factor.has_second_factor(pia):
            set_up(pia)
    page.get_by_label("Email", exact=True).fill(pia.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Type the code")).to_be_visible()


def log_in_elsewhere(page: Page, _site: Site) -> None:
    """Let the account have two more sessions, one of them of a long past."""
    with db.database.connection_context():
        mine = Session.select().join(User).where(User.email == person("ingrid.berg")).get()
        for number, agent in enumerate(("(Windows) Firefox/140.0", "(iPhone) Safari/604.1")):
            Session.insert(
                token_hash=f"{number}" * 64,
                uid=f"{number}" * 32,
                user=mine.user,
                user_agent=agent,
                address=("192.0.2.17", "2001:db8::5:1e")[number],
                created_at=mine.created_at - 86_400 * (number + 1),
                seen_at=mine.created_at - 3_600,
                expires_at=mine.expires_at,
            ).on_conflict_ignore().execute()
    page.reload()
    expect(page.get_by_role("button", name="End all others")).to_be_visible()


def send_wrong_old_password(page: Page, _site: Site) -> None:
    page.get_by_label("Password now").fill("wrong horse")
    for label in ("New password", "New password again"):
        page.get_by_label(label, exact=True).fill("quiet harbour, slow tide")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator(".field__error")).to_be_visible()


def send_wrong_token(page: Page, _site: Site) -> None:
    page.get_by_label("Name", exact=True).fill("Nightly backup")
    page.get_by_role("button", name="Make the token").click()
    expect(page.locator(".field__error")).to_be_visible()


def make_a_token(page: Page, _site: Site) -> None:
    page.get_by_label("Name", exact=True).fill("Nightly backup of the archive")
    for scope in ("Status", "Export", "Validate"):
        page.get_by_role("checkbox", name=f"{scope}:").check()
    page.get_by_label("Where").select_option("Harbour Daily")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_label("Access token")).to_be_visible()


def keep_a_token(page: Page, site: Site) -> None:
    make_a_token(page, site)
    page.get_by_role("link", name="I have kept it").click()
    expect(page.get_by_role("button", name="Revoke").first).to_be_visible()


def set_up_second_factor(page: Page, _site: Site) -> None:
    with db.database.connection_context():
        tom = User.get(User.email == person("tom.okafor"))
        for table in (SecondFactor, RecoveryCode):
            table.delete().where(table.user == tom).execute()
    page.reload()
    secret = page.locator(".factor__secret").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(Phone(secret).code())
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()


def have_second_factor(page: Page, site: Site) -> None:
    set_up_second_factor(page, site)
    page.goto(f"{site.address}/account/second-factor")
    expect(page.get_by_role("heading", name="New recovery codes")).to_be_visible()


def make_a_workspace(page: Page, _site: Site) -> None:
    page.get_by_label("Name", exact=True).fill("Weekend")
    page.locator("#main form button[type=submit]").first.click()
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()


def open_menu(page: Page, _site: Site) -> None:
    page.get_by_role("button", name="User menu").click()
    expect(page.get_by_role("navigation", name="User menu")).to_be_visible()


def reveal(page: Page, _site: Site) -> None:
    page.get_by_role("button", name="Reveal WIRE_API_TOKEN").click()
    expect(page.get_by_text("in the audit log")).to_be_visible()


def choose_all_keys(page: Page, _site: Site) -> None:
    page.get_by_role("button", name="Delete all that match the search").click()
    expect(page.get_by_role("heading", name=re.compile("Delete .* keys"))).to_be_visible()


def make_a_link(page: Page, _site: Site) -> None:
    page.get_by_label("Email").fill("nora.new@harbour.example")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_label("Invite link")).to_be_visible()


def open_invite(page: Page, site: Site, email: str = "new.person@harbour.example") -> None:
    with db.database.connection_context():
        maja = User.get(User.email == person("maja.lind"))
        _, token = invite(unit_of("harbour-daily"), email, Role.USER, by=maja)
    page.goto(f"{site.address}/invite/{token}")
    expect(page.get_by_role("heading", name="Join Harbour Daily")).to_be_visible()


def open_invite_of_a_user(page: Page, site: Site) -> None:
    open_invite(page, site, person("pia.strand"))


def go_back_a_version(page: Page, site: Site) -> None:
    """Let the plugin whose page is open be of an older release, and look at its update."""
    bundle = page.url.rpartition("/")[2]
    with db.database.connection_context():
        here = (Plugin.unit == unit_of("harbour-daily")) & (Plugin.bundle == bundle)
        was = Plugin.select(Plugin.version).where(here).scalar()
        Plugin.update(version="0.9.0").where(here).execute()
    page.goto(f"{page.url}/update")
    expect(page.get_by_role("heading", name="Update Notes?")).to_be_visible()
    with db.database.connection_context():
        Plugin.update(version=was).where(here).execute()


def send_wrong_key(page: Page, _site: Site) -> None:
    page.get_by_label("Name", exact=True).fill("not a name!")
    page.get_by_label("Type").select_option("number")
    page.get_by_label("Value").fill("twelve")
    page.get_by_role("button", name="Add key").click()
    expect(page.locator(".field__error").first).to_be_visible()


def change_meanwhile() -> None:
    """Let somebody else change the unit."""
    with db.database.connection_context():
        omar = User.get(User.email == person("omar.haddad"))
        with changing(unit_of("harbour-daily"), "profile.change", by=omar, subject="Planning"):
            pass


def save_a_stale_form(page: Page, _site: Site) -> None:
    change_meanwhile()
    page.get_by_label("Value").fill("13000")
    page.get_by_role("button", name="Save key").click()
    expect(page.get_by_text("What you typed is still in the form")).to_be_visible()


def type_a_short_password(page: Page, _site: Site) -> None:
    part = region(page, "Export backup")
    part.get_by_label("Backup password").fill("abc")
    part.get_by_role("button", name="Download backup").click()
    expect(part.locator(".field__error")).to_be_visible()


def export(page: Page, _site: Site) -> None:
    part = region(page, "Export backup")
    part.get_by_label("Backup password").fill(BACKUP_PASSWORD)
    with page.expect_download():
        part.get_by_role("button", name="Download backup").click()
    expect(part.get_by_role("status")).to_contain_text("Written and read back")


def export_slowly(page: Page, site: Site) -> None:
    site.hold_jobs()
    part = region(page, "Export backup")
    part.get_by_label("Backup password").fill(BACKUP_PASSWORD)
    part.get_by_role("button", name="Download backup").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"\d"))


def validate(page: Page, site: Site, password: str = BACKUP_PASSWORD) -> None:
    part = region(page, "Import backup")
    part.get_by_label("Upload your backup file").set_input_files(site.file)
    part.get_by_label("Backup password").fill(password)
    part.get_by_role("button", name="Validate").click()


def preview(page: Page, site: Site) -> None:
    validate(page, site)
    expect(page.get_by_text("What this backup contains")).to_be_visible()


def open_job(page: Page, site: Site) -> None:
    export_slowly(page, site)
    place = region(page, "Export backup").locator("section[hx-get]").get_attribute("hx-get") or ""
    page.goto(site.address + place.removesuffix("/status"))
    expect(page.get_by_role("progressbar")).to_be_visible()


def validate_with_wrong_password(page: Page, site: Site) -> None:
    validate(page, site, "not the password")
    expect(page.get_by_text("This is not the password of this backup")).to_be_visible()


def preview_with_fields(page: Page, site: Site) -> None:
    preview(page, site)
    page.locator("summary", has_text="Config keys").click()
    page.get_by_role("button", name="PLANNER_SLOT_MINUTES").click()
    expect(page.locator(".change-fields")).to_be_visible()


def import_a_stale_preview(page: Page, site: Site) -> None:
    preview(page, site)
    change_meanwhile()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("has changed since this preview")


def fields(page: Page, site: Site) -> None:
    """Without JavaScript the fields are a page in another tab; here it takes this one's place."""
    preview(page, site)
    page.locator("summary", has_text="Config keys").click()
    with page.context.expect_page() as waiting:
        page.get_by_role("button", name="PLANNER_SLOT_MINUTES").click()
    body, address = waiting.value.content(), waiting.value.url
    waiting.value.close()
    page.route(address, lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(address)


def import_backup(page: Page, site: Site) -> None:
    preview(page, site)
    with page.expect_navigation():
        page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="The backup is back")).to_be_visible()


def prepare_undo(page: Page, _site: Site) -> None:
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("What an undo brings back")).to_be_visible()


def open_delete_copy(page: Page, _site: Site) -> None:
    page.get_by_role("link", name="Delete it now").first.click()
    expect(page.get_by_role("heading", name="Delete this safety copy now?")).to_be_visible()
