"""Any state that a unit can hold, for Hypothesis: all eleven tables, references kept.

A state is {section: rows}; a row is a tuple as the product keeps it (JSON as text, icons as bytes),
in the order of the section's columns. Rows come sorted, so that a file of them can be compared.
"""

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.archive.second_content import KEY_TYPES, LAYOUTS, ROLES, SECTIONS, SIGNATURES

State = dict[str, list[tuple[Any, ...]]]
MIB = 1 << 20
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
WORD = LETTERS + "0123456789_.-"
PART = LETTERS + "0123456789_-"

# Texts that have broken other programs; each is one line.
AWKWARD = (
    "\u202eback to front\u202c",
    "zero\u200bwidth\u200d\ufeff",
    "e\u0301 is not \u00e9, \ufb01 is not fi",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067\U000e007f",
    "\u0130\u0131\u017f\u1e9e \u01c4\u01c5\u01c6",
    "\U0010ffff\ufffe\uffff\u0080\u009f",
    "\u2028\u2029\u0085",
    "' OR 1=1 --",
    "<script>alert(1)</script>{{7*7}}%s${DBKS:A}",
    "../../etc/passwd",
    "=cmd()",
    "\\u0000 \\n \\",
    '"quoted"',
    " leading and trailing ",
    "NULL",
    "0",
    "\u0661\uff11",
)


def texts(low: int, high: int, *, controls: bool = False) -> st.SearchStrategy[str]:
    """Return text of *low* to *high* code points; without *controls* it has no C0 and no DEL."""
    banned = "\0" if controls else "".join(map(chr, [*range(32), 127]))
    letters = st.characters(codec="utf-8", exclude_characters=banned)
    awkward = [text for text in AWKWARD if low <= len(text) <= high]
    choices = [
        st.text(letters, min_size=low, max_size=min(high, low + 12)),
        st.sampled_from([*"\u00ff\U0001f600a"]).map(lambda letter: letter * high),
    ]
    if awkward:
        choices.insert(1, st.sampled_from(awkward))
    if controls:
        choices.append(st.sampled_from(["\r\n", "\t\x01\x1f\x7f", "a\n\nb\n", "\\u0000"]))
    return st.one_of(choices)


def _word(first: str, rest: str, most: int) -> st.SearchStrategy[str]:
    tail = st.text(rest, max_size=4) | st.just(rest[-1] * (most - 1))
    return st.builds(str.__add__, st.sampled_from(first), tail)


def bundles() -> st.SearchStrategy[str]:
    parts = st.lists(st.text(PART, min_size=1, max_size=3), min_size=2, max_size=8)
    return parts.map(".".join) | st.sampled_from(["a." + "b" * 126, "-._.-", "0.0.0.0.0.0.0.0"])


def uids() -> st.SearchStrategy[str]:
    return _word(LETTERS + "0123456789", WORD, 64) | st.sampled_from(["a", "A", "a.", "a-", "a_"])


def key_names() -> st.SearchStrategy[str]:
    return _word(LETTERS, WORD, 128) | st.sampled_from(["k", "K", "k.", "K-"])


def positions() -> st.SearchStrategy[int]:
    return st.integers(0, 5) | st.sampled_from([2**31 - 1, 2**31 - 2, 10**9])


# JSON and its spellings

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.sampled_from([2**53 + 1, -(2**63), 2**64, 10**63, -(10**62)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts(0, 20, controls=True)
)
_NAMES = texts(0, 8, controls=True)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(_NAMES, _VALUES, max_size=4)


def spelled(value: Any, rng: random.Random, *, breaks: bool = False) -> str:
    """Return JSON text of *value*, oddly spelled: spaces, escapes, other forms of numbers.

    With *breaks* there may be line breaks too, which a line of the file has no room for.
    """
    space = [*["", "", "", " ", "\t", "  "], *(["\n", "\r\n", "\r"] if breaks else [])]

    def gap() -> str:
        return rng.choice(space)

    def text(found: str) -> str:
        return '"' + "".join(_letter(letter, rng) for letter in found) + '"'

    def say(item: Any) -> str:
        if isinstance(item, str):
            return text(item)
        if isinstance(item, list):
            return "[" + gap() + ",".join(gap() + say(each) + gap() for each in item) + "]"
        if isinstance(item, dict):
            pairs = list(item.items())
            rng.shuffle(pairs)
            return (
                "{" + gap()
                + ",".join(gap() + text(k) + gap() + ":" + gap() + say(v) + gap() for k, v in pairs)
                + "}"
            )  # fmt: skip
        plain = json.dumps(item)
        if isinstance(item, float) and "e" not in plain:
            return rng.choice([plain, plain + "0", plain + "e0", plain + "E+00"])
        if isinstance(item, int) and not isinstance(item, bool) and abs(item) < 10**6:
            return rng.choice([plain, plain, plain + ".0", plain + "e0", plain + "E-0"])
        return plain

    return say(value)


def _letter(letter: str, rng: random.Random) -> str:
    plain = json.dumps(letter, ensure_ascii=False)[1:-1]
    if rng.random() < 0.8 and plain != "\x7f":
        return plain
    units = letter.encode("utf-16-be")
    codes = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    escaped = "".join("\\u" + rng.choice([code, code.upper()]) for code in codes)
    return rng.choice([escaped, "\\/" if letter == "/" else escaped])


def _chain(depth: int) -> dict[str, Any]:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def objects() -> st.SearchStrategy[str]:
    """Return the text of an object: any spelling on one line, 31 levels at most."""
    odd = st.builds(spelled, _OBJECTS, st.integers(0, 2**32).map(random.Random))
    extreme = st.sampled_from([31, 30]).map(lambda depth: json.dumps(_chain(depth)))
    return st.one_of(st.just("{}"), odd, odd, extreme)


def key_values() -> st.SearchStrategy[tuple[str, str]]:
    """Return (type, value) of a config key."""
    numbers = st.one_of(
        st.integers().map(str).filter(lambda text: len(text) <= 64),
        st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
        st.sampled_from(["-0", "0.0", "1E+2", "1e-400", "-12.50e+3", "9" * 64, "0." + "0" * 62]),
    )
    seeds = st.integers(0, 2**32).map(random.Random)
    json_text = st.builds(
        lambda value, rng: " \n" * rng.randrange(2) + spelled(value, rng, breaks=True) + "\t",
        _VALUES,
        seeds,
    )
    deep = st.sampled_from(["[" * 32 + "]" * 32, json.dumps(_chain(32))])
    words = {
        "string": texts(0, 200, controls=True),
        "secret": texts(0, 200, controls=True),
        "number": numbers,
        "boolean": st.sampled_from(["true", "false"]),
        "json": json_text | deep,
    }
    return st.one_of([st.tuples(st.just(kind), words[kind]) for kind in KEY_TYPES])


def _icon(mime: str, body: bytes) -> tuple[str, str, bytes]:
    content = SIGNATURES[mime] + body
    return hashlib.sha256(content).hexdigest(), mime, content


def icons() -> st.SearchStrategy[tuple[str, str, bytes]]:
    return st.builds(_icon, st.sampled_from(sorted(SIGNATURES)), st.binary(max_size=40))


# The state as a whole

_FEW = 4


@st.composite
def states(draw: Callable[..., Any]) -> State:
    """Draw a state. Any table may be empty, as far as references allow."""

    def several(strategy: st.SearchStrategy[Any], most: int = _FEW) -> list[Any]:
        return draw(st.lists(strategy, max_size=most, unique=True))

    def one_of(known: list[Any]) -> Any:
        return draw(st.sampled_from(known))

    state: State = {name: [] for name in SECTIONS}
    plugins = several(bundles())
    anywhere = bundles() | st.sampled_from(plugins) if plugins else bundles()
    for bundle in plugins:
        state["plugins"].append(
            (
                bundle,
                draw(texts(1, 120)),
                draw(texts(1, 64)),
                draw(objects()),
                draw(texts(1, 2048)),
                draw(st.booleans()),
                draw(objects()),
                draw(objects()),
            )
        )
    if plugins:
        keys = st.tuples(st.sampled_from(plugins), key_names(), st.sampled_from(ROLES))
        state["plugin_permissions"] = several(keys, 6)
        needs = st.tuples(
            st.sampled_from(plugins), st.sampled_from(["action", "portal"]), key_names()
        )
        state["plugin_mappings"] = [
            (*need, draw(anywhere), draw(texts(1, 128)), draw(st.booleans()))
            for need in several(needs)
        ]
    state["assets"] = draw(st.lists(icons(), max_size=3, unique_by=lambda row: row[0]))
    digests = [row[0] for row in state["assets"]]
    workspaces = several(uids())
    emails = st.none() | st.builds("{}@{}".format, texts(1, 20), texts(1, 20))
    for uid in workspaces:
        state["workspaces"].append(
            (
                uid,
                draw(texts(1, 120)),
                one_of(LAYOUTS),
                draw(texts(1, 3)),
                "#" + draw(st.text("0123456789abcdefABCDEF", min_size=6, max_size=6)),
                one_of([None, *digests]),
                draw(st.booleans()),
                draw(emails),
                draw(positions()),
            )
        )
    if workspaces:
        places = several(st.tuples(st.sampled_from(workspaces), uids()), 6)
        state["applications"] = [
            (
                *place,
                draw(st.integers(0, 3)),
                draw(positions()),
                draw(anywhere),
                draw(texts(0, 120)),
                draw(objects()),
                draw(objects()),
            )
            for place in places
        ]
    profiles = several(uids())
    state["profiles"] = [(uid, draw(texts(1, 120)), draw(positions())) for uid in profiles]
    for profile in profiles:
        if workspaces:
            chosen = several(st.sampled_from(workspaces))
            at = draw(
                st.lists(positions(), min_size=len(chosen), max_size=len(chosen), unique=True)
            )
            state["profile_workspaces"] += [
                (profile, n, w) for n, w in zip(at, chosen, strict=True)
            ]
        state["profile_roles"] += [(profile, r) for r in several(st.sampled_from(ROLES))]
    state["toolbar"] = [(at, draw(anywhere), draw(st.booleans())) for at in several(positions())]
    state["config_keys"] = [
        (name, *draw(key_values()), draw(texts(0, 2000, controls=True)))
        for name in several(key_names(), 8)
    ]
    return in_order(state)


def in_order(state: State) -> State:
    """Return *state* with the rows of each section as a file has them."""
    ordered: State = {}
    for name, section in SECTIONS.items():
        at = [list(section.columns).index(column) for column in section.sort]
        ordered[name] = sorted(state[name], key=lambda row, at=at: tuple(row[i] for i in at))
    return ordered


def largest() -> State:
    """Return a state where every value is as long as it may be, and every number as large."""
    wide = "\U0001f600"
    bundle, uid, key = "b." + "Z" * 126, "Z" * 64, "Z" * 128
    pad = '{"a":"' + "x" * (MIB - 8) + '"}'
    icon = _icon("image/png", b"\xff" * ((256 << 10) - 8))
    most, owner = 2**31 - 1, wide * 253 + "@"
    return in_order(
        {
            "plugins": [
                (bundle, wide * 120, wide * 64, pad, wide * 2048, True, pad, pad),
                ("a.b", "n", "v", "{}", "s", False, "{}", "{}"),
            ],
            "plugin_permissions": [(bundle, key, role) for role in ROLES],
            "plugin_mappings": [
                (bundle, kind, key, bundle, wide * 128, True) for kind in ("action", "portal")
            ],
            "assets": [icon, _icon("image/jpeg", b"")],
            "workspaces": [
                (uid, wide * 120, layout, wide * 3, "#FFFFFF", icon[0], True, owner, most)
                for uid, layout in zip([uid, *"1234567"], [*LAYOUTS, "1"], strict=True)
            ],
            "applications": [
                (uid, uid, 3, most, bundle, wide * 120, pad, pad),
                ("1", uid, 0, 0, bundle, "", "{}", "{}"),
            ],
            "profiles": [(uid, wide * 120, most)],
            "profile_workspaces": [(uid, most, uid), (uid, 0, "1")],
            "profile_roles": [(uid, role) for role in ROLES],
            "toolbar": [(most, bundle, True), (0, bundle, False)],
            "config_keys": [
                (key, "secret", wide * (MIB // 4), wide * 2000),
                ("STRING", "string", "\x01" * (600 << 10), "\n" * 2000),  # six bytes each
                ("JSON", "json", '"' + "\u00e9" * ((MIB - 2) // 2) + '"', ""),
                ("NUMBER", "number", "9" * 64, ""),
            ],
        }
    )


def empty() -> State:
    return {name: [] for name in SECTIONS}
