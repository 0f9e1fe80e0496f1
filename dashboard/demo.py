"""The demo organisation: an invented newsroom, to look around in and to try size with.

What it holds is data: `demo_data/newsroom.json`. Names, versions and manifests of the plugins come
from the store's catalogue, so the demo is what an admin would have built by hand today.
"""

import hashlib
import json
import random
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from . import db
from .archive import Row
from .archive.limits import MAX_ROWS
from .backup.sections import TABLE_OF
from .backup.tables import BATCH_ROWS
from .installation import end_setup
from .models import ConfigKey, Organisation, Role, Unit, User, changing
from .models.people import create_organisation, create_unit, create_user, set_role
from .plugins.jsontext import to_json
from .plugins.mappings import fill_open_mappings
from .plugins.registry import catalogue

BIG_UNIT = "harbour-daily"  # where the made-up config keys go
MAX_CONFIG_KEYS = MAX_ROWS["config_keys"]  # what one backup holds

_DATA = Path(__file__).parent / "demo_data"  # beside the code, where a single binary has it too
# 32 characters that are not mistaken for each other: 16 of them are 80 bits.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_AGENT = "demo"  # who did it, in the audit log

Json = dict[str, Any]


class NotEmpty(Exception):
    """There is an organisation already; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Login:
    """A person of the demo, the password just set, and the role in each unit."""

    email: str
    name: str
    password: str
    roles: dict[str, Role]


def fill(password: str | None, *, config_keys: int = 0) -> list[Login]:
    """Create the demo organisation in an empty installation and return its logins.

    Everybody gets *password*, or without one a fresh one each. *config_keys* adds that many made-up
    keys to `harbour-daily`, fewer only where a backup could not hold them all. All or nothing:
    raise `NotEmpty` if there is an organisation, `PeopleError` if the password is too short.
    """
    if not 0 <= config_keys <= MAX_CONFIG_KEYS:
        raise ValueError(f"config_keys must be from 0 to {MAX_CONFIG_KEYS}")
    data = json.loads((_DATA / "newsroom.json").read_text(encoding="utf-8"))
    with db.write_transaction():
        _refuse_if_filled()
        create_organisation(**data["organisation"])
        units = {at["slug"]: create_unit(at["slug"], at["name"]) for at in data["units"]}
        logins = [_add_person(person, password, units) for person in data["people"]]
        for plan in data["units"]:
            unit = units[plan["slug"]]
            with changing(unit, "demo.fill", by=_AGENT):
                _fill_unit(unit, plan, data)
                if unit.slug == BIG_UNIT:
                    room = MAX_CONFIG_KEYS - ConfigKey.of(unit).count()
                    _insert(unit, "config_keys", made_up_keys(min(config_keys, room)))
        end_setup()
    db.tidy()
    return logins


def _refuse_if_filled() -> None:
    organisation = Organisation.select().first()
    if organisation is not None:
        raise NotEmpty(
            f"This data directory belongs to {organisation.name} already. Nothing was changed. "
            "Set DASHBOARD_DATA_DIR to an empty folder and try again."
        )


def _add_person(person: Json, password: str | None, units: dict[str, Unit]) -> Login:
    word = new_password() if password is None else password
    user: User = create_user(person["email"], person["name"], word)
    roles = {slug: Role(role) for slug, role in person["roles"].items()}
    for slug, role in roles.items():
        set_role(user, units[slug], role)
    return Login(user.email, user.name, word, roles)


def new_password() -> str:
    """Return a fresh password of 80 bits in four groups, easy to read out and to type."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))


# --- the state of one unit, as the rows that a backup of it would hold ---


def _fill_unit(unit: Unit, plan: Json, data: Json) -> None:
    chosen = plan.get("plugins", [])
    plugins = [plugin for plugin in data["plugins"] if plugin["bundle"] in chosen]
    workspaces = plan.get("workspaces", [])
    profiles = plan.get("profiles", [])
    _insert(unit, "plugins", map(_plugin, plugins))
    _insert(unit, "plugin_permissions", _permissions(plugins))
    _insert(unit, "plugin_mappings", _chosen_portals(plugins))
    fill_open_mappings(unit)
    _insert(unit, "assets", (_asset(w["icon_file"]) for w in workspaces if "icon_file" in w))
    _insert(unit, "workspaces", (_workspace(w, at) for at, w in enumerate(workspaces)))
    for workspace in workspaces:
        _insert(unit, "applications", _applications(workspace))
    _insert(unit, "profiles", ((p["uid"], p["name"], at) for at, p in enumerate(profiles)))
    for profile in profiles:
        uid = profile["uid"]
        placed = ((uid, at, workspace) for at, workspace in enumerate(profile["workspaces"]))
        _insert(unit, "profile_workspaces", placed)
        _insert(unit, "profile_roles", ((uid, role) for role in profile["roles"]))
    toolbar = enumerate(plan.get("toolbar", []))
    _insert(unit, "toolbar", ((at, item["bundle"], item["visible"]) for at, item in toolbar))
    if "keys" in plan:
        _insert(unit, "config_keys", (_key(key, plan["keys"]) for key in data["keys"]))


def _insert(unit: Unit, section: str, rows: Iterable[Row]) -> None:
    """Insert *rows* a batch at a time, the way an import does."""
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH_ROWS)):
        TABLE_OF[section].insert(unit, batch)


def _plugin(plugin: Json) -> Row:
    release = catalogue()[plugin["bundle"]]
    manifest = release.manifest
    name = (manifest.bundle, manifest.name, manifest.version)
    # Every password in these configs is a reference: the secret itself is in the key store.
    return (*name, release.text, "store", plugin["active"], _config(plugin), "{}")


def _config(item: Json) -> str:
    """Return the config of a plugin or application; `lines` are texts, a line at a time."""
    lines = {key: "\n".join(text) for key, text in item.get("lines", {}).items()}
    return to_json(item["config"] | lines)


def _permissions(plugins: Iterable[Json]) -> Iterator[Row]:
    for plugin in plugins:
        for key, roles in plugin["permissions"].items():
            yield from ((plugin["bundle"], key, role) for role in roles)


def _chosen_portals(plugins: Iterable[Json]) -> Iterator[Row]:
    """Yield what an admin has chosen; the rest maps itself."""
    for plugin in plugins:
        for requirement, (bundle, portal) in plugin.get("portals", {}).items():
            yield (plugin["bundle"], "portal", requirement, bundle, portal, False)


def _asset(file_name: str) -> Row:
    content = (_DATA / file_name).read_bytes()
    return (hashlib.sha256(content).hexdigest(), "image/png", content)


def _workspace(workspace: Json, position: int) -> Row:
    icon = _asset(workspace["icon_file"])[0] if "icon_file" in workspace else None
    look = (workspace["layout"], workspace["icon_text"], workspace["icon_color"], icon)
    owner = workspace["owner"]
    return (workspace["uid"], workspace["name"], *look, owner is None, owner, position)


def _applications(workspace: Json) -> Iterator[Row]:
    filled: dict[int, int] = {}
    for application in workspace["applications"]:
        column = application["column"]
        position = filled[column] = filled.get(column, -1) + 1
        place = (workspace["uid"], application["uid"], column, position)
        yield (*place, application["bundle"], application["title"], _config(application), "{}")


def _key(key: Json, instead: Json) -> Row:
    value = instead.get(key["name"], key["value"])
    text = value if isinstance(value, str) else to_json(value)
    return (key["name"], key["type"], text, key["description"])


# --- made-up config keys, to try size ---

_SEED = 20
# Sizes follow a power law, as they do in life: half of the values have fewer than 40 characters,
# one in a hundred has more than 5,000. With this exponent a key has 320 characters in the mean.
_LEAST, _MOST, _POWER = 10, 60_000, 0.672
_BELOW_MOST = 1 - (_LEAST / _MOST) ** _POWER
_WORDS = """
    anchor archive article author banner barge beacon boat border bridge budget buoy cache canal
    caption cargo channel chart client coast colour column content copy council count crew culture
    current daily dawn deadline default desk dock draft drift editor engine event fallback feed
    ferry field fishing fleet float fog format front gallery gate guide gull harbour headline
    heading height host image import index island item jetty journal keel key label layout letter
    light limit link list local lock log mail mast match member menu message metric mooring name
    network news night north note number offset open opinion order page panel parser path pier
    pilot place planner port preview print profile prompt provider proxy public publish push quay
    query queue reader region release report retry river rope route rule sail schedule score search
    section sender server session shore signal size slot sort source south sport stage status storm
    stream style summary sync table tag target template theme tide timeout title token topic tower
    town traffic unit update user value vessel video view warning watch water wave weather web
    width wind window wire worker zone
""".split()  # noqa: SIM905 - a column of words is easier to read and to change
_FRAGMENTS = (
    *_WORDS,
    *(f"https://{a}.harbour.example/{b}" for a, b in zip(_WORDS[::4], _WORDS[2::4], strict=False)),
    *(f"{word}={17 * at}" for at, word in enumerate(_WORDS[1::4])),
    *("brygga", "båt", "fyr", "räka", "sjö", "Ærø", "港の町"),
)
_FRAGMENT_LENGTH = sum(map(len, _FRAGMENTS)) / len(_FRAGMENTS) + 1

Chance = Callable[[], float]  # a number from 0 to 1, 1 excluded


def made_up_keys(count: int) -> Iterator[Row]:
    """Yield *count* config keys in the order of their names, the same ones each time."""
    # Of all that `Random` has, only `random` is promised to stay the same in every Python.
    chance = random.Random(_SEED).random  # noqa: S311 - made-up text, nothing secret
    for number in range(count):
        size = int(_LEAST * (1 - chance() * _BELOW_MOST) ** (-1 / _POWER))
        kind, ending, value = _made_up(size, chance)
        desk = _one_of(_WORDS, chance)
        description = f"Made up for the {desk} desk" if chance() < 0.5 else ""
        yield (f"DEMO.{_letters(number)}.{desk.upper()}_{ending}", kind, value, description)


def _made_up(size: int, chance: Chance) -> tuple[str, str, str]:
    """Return type, last word of the name, and a value, of about *size* characters if it can be."""
    dice = chance()
    if dice < 0.60:
        return "string", "TEXT", " ".join(_fragments(size, chance))
    if dice < 0.82:
        return "json", "RULES", _rules(size, chance)
    if dice < 0.91:
        return "number", "LIMIT", str(int(10 ** (9 * chance())))
    if dice < 0.97:
        return "boolean", "ENABLED", "true" if chance() < 0.5 else "false"
    return "secret", "TOKEN", "".join(f"{int(chance() * 2**52):013x}" for _ in range(3))


def _fragments(size: int, chance: Chance) -> list[str]:
    count = max(3, round(size / _FRAGMENT_LENGTH))
    return [_FRAGMENTS[int(chance() * len(_FRAGMENTS))] for _ in range(count)]


def _rules(size: int, chance: Chance) -> str:
    """Return JSON text: a list of words when short, of objects when long."""
    if size < 100:
        return to_json(_fragments(size, chance))
    items = (_rule(_one_of(_WORDS, chance), int(chance() * 9000)) for _ in range(size // 95))
    return f"[{','.join(items)}]"


def _rule(word: str, number: int) -> str:
    url = f"https://{word}.harbour.example/{number % 97}"
    return f'{{"enabled":true,"id":"{word}-{number}","timeoutMs":{number * 10},"url":"{url}"}}'


def _one_of(words: list[str], chance: Chance) -> str:
    return words[int(chance() * len(words))]


def _letters(number: int) -> str:
    """Return *number* as five letters that sort like it: AAAAA, AAAAB."""
    letters = ""
    for _ in range(5):
        number, at = divmod(number, 26)
        letters = chr(65 + at) + letters
    return letters
