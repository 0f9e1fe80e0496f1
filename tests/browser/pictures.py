"""The pictures of docs/guide.md: which screen, and which part. `make screenshots` takes them."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import FloatRect, Page

FOLDER = Path(__file__).parents[2] / "docs" / "guide"
MARGIN = 12  # of the page around a part


@dataclass(frozen=True, slots=True)
class Picture:
    """What docs/guide/NAME.png shows: a part of a screen."""

    name: str
    screen: str
    part: str = ""  # selector of the part; without one it is the top of the window
    width: int = 1040  # of the window
    height: int = 640  # at most, in pixels


PICTURES = (
    Picture("setup", "setup", "main", height=1000),
    Picture("first-steps", "unit-empty", height=620),
    Picture("user-menu", "user-menu", height=720),
    Picture("members", "members", ".settings", width=1280, height=560),
    Picture("invite", "member-invited", height=410),
    Picture("store", "plugins", height=620),
    Picture("install", "plugin-install", height=640),
    Picture("mappings", "plugin", "[aria-labelledby=mappings-title]", height=620),
    Picture("applications", "applications", height=600),
    Picture("profile", "profile", height=760),
    Picture("keys", "keys", height=560),
    Picture("export", "backup-exported", "[aria-labelledby=export-title]"),
    Picture("validate", "backup", "[aria-labelledby=import-title]"),
    Picture("preview", "backup-preview", "[aria-labelledby=import-title]", width=1280, height=1500),
    Picture("other-unit", "backup-other-unit", "#backup-import", width=1280, height=330),
    Picture("imported", "backup-imported", "#backup-result"),
    Picture("stale", "backup-preview-stale", "[aria-labelledby=import-title]"),
    Picture("copies", "backup-undo", "[aria-labelledby=copies-title]", width=1280),
    Picture("audit", "audit", height=560),
)
# What differs from run to run: the server's port, and the token of a link.
SAY = """() => {
  for (const field of document.querySelectorAll("input[readonly]"))
    field.value = field.value.replace(/^http:.*invite.*/, "https://dashboard.example.com/invite/…");
}"""


def take(page: Page, screen: str, folder: Path = FOLDER) -> None:
    """Write the pictures of an opened screen, as PNG: of a part it is small, and sharp."""
    for picture in [picture for picture in PICTURES if picture.screen == screen]:
        folder.mkdir(exist_ok=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": picture.width, "height": 2400})
        page.evaluate("scrollTo(0, 0)")
        page.evaluate(SAY)
        page.screenshot(
            path=folder / f"{picture.name}.png",
            clip=clip(page, picture),
            animations="disabled",
            caret="hide",
        )


def clip(page: Page, picture: Picture) -> FloatRect:
    """Return the part of the page that the picture shows."""
    if not picture.part:
        return {"x": 0, "y": 0, "width": picture.width, "height": picture.height}
    box = page.locator(picture.part).first.bounding_box()
    assert box is not None, picture
    return {
        "x": max(box["x"] - MARGIN, 0),
        "y": max(box["y"] - MARGIN, 0),
        "width": box["width"] + 2 * MARGIN,
        "height": min(box["height"] + 2 * MARGIN, picture.height),
    }
