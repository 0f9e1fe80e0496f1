"""Version ranges as manifests write them: `^2.1.0`, `^1.0.0 || ^2.0.0`, `>= 5.0.0`, `~1.2`, `*`."""

import re

_VERSION = re.compile(r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:[-+][0-9A-Za-z.+-]*)?")
_BOUND = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*(v?\d[0-9A-Za-z.+-]*)")
Version = tuple[int, int, int]


def parse_version(text: str) -> Version:
    """Return the numbers of *text* (missing ones are 0); raise `ValueError` if it has none."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a version")
    major, minor, patch = (int(number or 0) for number in found.groups())
    return major, minor, patch


def satisfies(version: str, wanted: str) -> bool:
    """Return whether *version* lies in the range *wanted*; what cannot be read is not in it."""
    try:
        have = parse_version(version)
        return any(_in_all(have, part.strip()) for part in wanted.split("||"))
    except ValueError:
        return False


def is_newer(version: str, than: str) -> bool:
    """Return whether *version* is higher; what cannot be read is never newer."""
    try:
        return parse_version(version) > parse_version(than)
    except ValueError:
        return False


def _in_all(have: Version, part: str) -> bool:
    if part in ("", "*", "x"):
        return True
    rest = _BOUND.sub("", part)
    if rest.strip():
        raise ValueError(f"{part!r} is not a version range")
    return all(_in_one(have, sign, text) for sign, text in _BOUND.findall(part))


def _in_one(have: Version, sign: str, text: str) -> bool:
    bound = parse_version(text)
    if sign == "^":
        # npm: nothing left of the first number that is not 0 may change
        fixed = next((place for place in range(3) if bound[place]), 2) + 1
        return have >= bound and have[:fixed] == bound[:fixed]
    if sign == "~":
        return have >= bound and have[:2] == bound[:2]
    return {
        "": have == bound,
        "=": have == bound,
        ">": have > bound,
        ">=": have >= bound,
        "<": have < bound,
        "<=": have <= bound,
    }[sign]
