"""Access tokens in a real browser: made, copied, used by a script, and revoked."""

import http.client
import re

import pytest
from playwright.sync_api import Error, expect

from tests.browser.steps import region


def asked(live, secret):
    """What the API answers to a script that shows *secret*."""
    link = http.client.HTTPConnection(live.removeprefix("http://"))
    link.request("GET", "/api/v1/units", headers={"Authorization": f"Bearer {secret}"})
    status = link.getresponse().status
    link.close()
    return status


def make(page, live):
    """Make a token from the account page on; return its text."""
    page.goto(f"{live}/account")
    region(page, "Access tokens").get_by_role("link", name="New access token").click()
    page.get_by_label("Name", exact=True).fill("nightly")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("Choose what the token may do.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("nightly")
    page.get_by_role("checkbox", name="Status:").check()
    page.get_by_role("button", name="Make the token").click()
    return page.get_by_label("Access token", exact=True).input_value()


def test_a_token_from_its_making_to_its_end(page, live, cast, log_in):
    log_in(page, cast.alice)
    secret = make(page, live)
    assert re.fullmatch(r"dbt_[A-Za-z0-9_-]{43}", secret)
    page.context.grant_permissions(["clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert asked(live, secret) == 200
    page.get_by_role("link", name="I have kept it").click()
    here = region(page, "Access tokens")
    expect(here).to_contain_text("status in every unit")
    expect(here).to_contain_text("last used")
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # the browser has not kept the page
        page.go_back()
    page.wait_for_url(re.compile("^chrome-error:"))
    page.goto(f"{live}/account")
    here.get_by_role("button", name="Revoke nightly").click()
    expect(page.get_by_text("does not work any more.")).to_be_visible()
    expect(here.get_by_role("button", name="Revoke")).to_have_count(0)
    assert asked(live, secret) == 401


def test_it_works_without_javascript(live, cast, plain_page):
    page = plain_page(cast.alice)
    secret = make(page, live)
    assert asked(live, secret) == 200
    expect(page.get_by_role("button", name="Copy")).to_be_hidden()
