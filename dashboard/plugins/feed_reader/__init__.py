"""Feed reader: the newest of an RSS or Atom feed, and what is worth it saved to the notes."""

from collections.abc import Mapping
from typing import Any

from ..acts import Act, ActProblem, Config, Doing
from ..render import Placement
from ..sources import Kind, Source
from ..zones import home_zone, when
from .reading import TYPES, Feed, read_feed

FRESH_SECONDS = 300
FEED = Kind(TYPES, 2 << 20, read_feed)
ITEMS = range(1, 51)
KEPT_SAVED = 200  # how many items the application remembers as saved


def application(here: Placement) -> dict[str, Any]:
    """Show the newest items, those of the last good answer if the feed does not answer now."""
    address = _address(here)
    found = here.sources.get(address, FRESH_SECONDS, FEED) if address else Source()
    feed = _feed(found)
    count = here.application.get("items")
    return {
        "address": address,
        "source": found,
        "feed": feed,
        "items": feed.items[: count if count in ITEMS else 10],
        "show_summaries": here.application.get("summaries", True) is True,
        "saved": _saved(here.application),
        "may_save": here.may("SAVE_ITEM") and here.can("SAVE_NOTE"),
        "time": lambda moment: when(moment, here.now, home_zone(here.plugin)),
        "refresh_seconds": found.look_again(FRESH_SECONDS) if address else 0,
    }


def save(doing: Doing, form: Mapping[str, str]) -> Config:
    """Hand the item `form["item"]` of the feed to whatever keeps notes, and remember that.

    Of the form only the item's id counts: title, link and words are those of the feed.
    """
    found = doing.sources.get(_address(doing.here), FRESH_SECONDS, FEED)
    chosen = form.get("item", "")
    item = next((item for item in _feed(found).items if item.uid == chosen), None)
    if item is None:
        raise ActProblem("This item is not in the feed any more. Nothing was saved.")
    arguments = {"title": item.title, "address": item.link, "text": item.summary}
    doing.call("SAVE_NOTE", arguments)
    others = [uid for uid in _saved(doing.config) if uid != item.uid]
    return {"saved": [item.uid, *others][:KEPT_SAVED]}


ACTS = {"save": Act("SAVE_ITEM", save)}


def _address(here: Placement) -> str:
    return str(here.application.get("address", "")).strip()


def _feed(found: Source) -> Feed:
    return found.value if isinstance(found.value, Feed) else Feed()


def _saved(config: Config) -> list[str]:
    saved = config.get("saved")
    return [uid for uid in saved if isinstance(uid, str)] if isinstance(saved, list) else []
