"""A page of another site inside one of ours: shown where an admin allowed it, and held short."""

import json

import pytest
from playwright.sync_api import expect

from dashboard.models import Application, Plugin
from dashboard.plugins import registry

BUNDLE = "dashboard.core.web_view"
INSIDE = "https://stats.example/live"
FEATURES = ("geolocation", "camera", "microphone", "fullscreen", "payment", "clipboard-read")


@pytest.fixture
def framed(page, cast, log_in):
    """The frame, on the workspace that shows it."""
    Plugin.create(
        unit=cast.daily,
        bundle=BUNDLE,
        name="Web view",
        version="1",
        active=True,
        manifest=registry.catalogue()[BUNDLE].text,
        config=json.dumps({"allowedHosts": ["stats.example"]}),
    )
    here = (Application.unit == cast.daily) & (Application.uid == "app-1")
    config = json.dumps({"url": INSIDE})
    Application.update(bundle=BUNDLE, config=config).where(here).execute()
    asked = []

    def answer(route):
        asked.append(route.request.headers)
        route.fulfill(content_type="text/html", body="<!doctype html><h1>Live figures</h1>")

    page.route("https://stats.example/**", answer)
    log_in(page, cast.bob)
    expect(page.frame_locator("iframe").first.get_by_role("heading")).to_have_text("Live figures")
    assert all("referer" not in headers for headers in asked)
    return page.frame(url=INSIDE)


def test_it_is_shown_and_may_use_nothing_of_the_browser(framed):
    allowed = framed.evaluate("() => document.featurePolicy.allowedFeatures()")
    assert not set(FEATURES) & set(allowed)


def test_it_does_not_get_out(page, framed, live, complaints):
    """Neither by reaching for the page around it, nor by leading that away."""
    tried = framed.evaluate(
        """() => {
          const tried = [];
          const ways = [() => parent.document.title, () => { top.location = "about:blank"; }];
          for (const reach of ways)
            try { reach(); tried.push("done"); } catch (error) { tried.push(error.name); }
          return tried;
        }"""
    )
    assert tried == ["SecurityError", "SecurityError"]
    assert page.url.startswith(live)
    (complaint,) = complaints
    assert "sandboxed" in complaint
    complaints.clear()
