"""How a page looks, asked by tests of states that the walk over all screens does not reach."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = {"wide": {"width": 1280, "height": 800}, "narrow": {"width": 390, "height": 844}}


def complaints_of_axe(page: Page) -> list[tuple[str, list[str]]]:
    """Return (rule, elements that break it) for everything that axe finds."""
    found = Axe().run(page)
    return [
        (problem["id"], [node["html"] for node in problem["nodes"]])
        for problem in found.response["violations"]
    ]


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
