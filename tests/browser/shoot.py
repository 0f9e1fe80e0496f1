"""`make screenshots`: every screen, light and dark, wide and narrow, as small pictures."""

import argparse
import base64
import datetime
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from . import pictures
from .demo_site import CHROMIUM, LAUNCH, demo_site
from .screens import SCREENS, Screen, opened

OUT = Path(__file__).parents[2] / "docs" / "screenshots"
NOW = datetime.datetime(2026, 11, 25, 8, 45, tzinfo=datetime.UTC)  # every picture is of this moment
WIDTHS = {1280: 800, 390: 844}
SCHEMES = ("light", "dark")
IN_THE_GUIDE = {picture.screen for picture in pictures.PICTURES}
LONGEST = 2600  # pixels; what is below is cut off
DOT = {"x": 0, "y": 0, "width": 1, "height": 1, "scale": 1}
TO_THE_TOP = """() => {
  const strips = ".bar [aria-current], .settings__list [aria-current]";
  for (const current of document.querySelectorAll(strips))
    current.scrollIntoView({ block: "nearest", inline: "center" });
  scrollTo(0, 0);
}"""


@contextmanager
def frozen_clock() -> Iterator[None]:
    """Stop the clock that the program reads, so that the same screens give the same pictures."""

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return NOW.astimezone(tz)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time", NOW.timestamp)
        patch.setattr("time.gmtime", lambda at=None, real=time.gmtime: real(at or NOW.timestamp()))
        for name, module in list(sys.modules.items()):
            if name.startswith("dashboard.") and getattr(module, "datetime", None) is (
                datetime.datetime
            ):
                patch.setattr(module, "datetime", Frozen)
        yield


def picture(page: Page) -> bytes:
    """Return what *page* shows as WebP; Chromium encodes it, Playwright knows no small format."""
    session = page.context.new_cdp_session(page)
    # The first frame begins what a change of theme or size asks for, the second has it.
    session.send("Page.captureScreenshot", {"clip": DOT})
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
    session.detach()
    return base64.b64decode(shot["data"])


def shoot(page: Page, screen: Screen, out: Path) -> None:
    """Write the pictures of an opened screen."""
    page.evaluate("document.activeElement?.blur()")
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        if not screen.is_overlay:  # else the picture is the whole page, with its bars in place
            whole = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": width, "height": max(height, min(whole, LONGEST))})
        page.evaluate(TO_THE_TOP)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            (out / f"{screen.name}-{width}-{scheme}.webp").write_bytes(picture(page))


def main() -> None:
    """Walk the table; `--only` names screens by a part of their names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], metavar="PART")
    parser.add_argument("--guide", action="store_true", help="only the pictures of docs/guide.md")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        frozen_clock(),
        demo_site(Path(folder)) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(LAUNCH))
        for screen in SCREENS:
            if given.only and not any(part in screen.name for part in given.only):
                continue
            if given.guide and screen.name not in IN_THE_GUIDE:
                continue
            with opened(screen, browser, site) as page:
                if not given.guide:
                    shoot(page, screen, given.out)
                pictures.take(page, screen.name)
            print(screen.name, flush=True)


if __name__ == "__main__":
    main()
