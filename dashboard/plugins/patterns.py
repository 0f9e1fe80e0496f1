"""Which regular expressions of a manifest may be run, and on how long a text.

A manifest may come from a backup, so its patterns are a stranger's, and Python's `re` cannot be
stopped once it runs. A pattern runs only if its worst case is small: no repetition of what repeats
or chooses itself (exponential), and texts short enough for the number of its repetitions
(polynomial). What may not run is not asked; the value is then accepted.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_PATTERN_CHARS = 500
MAX_STEPS = 2_000_000  # about a tenth of a second
_REPEAT = re.compile(r"(?:[*+?]|\{([0-9]*)(,?)([0-9]*)\})[?+]?")
_WILD = re.compile(r"\\[1-9]|\(\?(?!:)")  # what looks back, ahead, or names a group


@dataclass(slots=True)
class _Work:
    """The ways in which a pattern may try a text of n characters: at most factor * n ** power."""

    power: int = 0
    factor: int = 1


def matches(pattern: str, text: str) -> bool:
    """Return whether *pattern* is found in *text*; True when it may not be asked."""
    found = _compiled(pattern)
    if found is None:
        return True
    compiled, work = found
    if work.factor * (len(text) + 1) ** work.power > MAX_STEPS:
        return True
    return compiled.search(text) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[re.Pattern[str], _Work] | None:
    """Return the pattern and its worst case; None if that has no bound, or it is none of ours."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return None
    work = _work_of(pattern)
    if work is None:
        return None
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None  # written for another language than ours
    if not pattern.startswith("^"):
        work.power += 1  # it may begin at every character
    return compiled, work


def _work_of(pattern: str) -> _Work | None:
    """Add up what *pattern* may try; None if a part that may go several ways is repeated."""
    if _WILD.search(pattern):
        return None
    work, at = _Work(), 0
    groups = [False]  # for each open group, whether it may go several ways
    before = False  # the same for what stands just before `at`
    while at < len(pattern):
        character = pattern[at]
        if repeat := _REPEAT.match(pattern, at):
            if not _add(work, repeat, before):
                return None
            groups[-1], before, at = True, False, repeat.end()
            continue
        at += 1
        before = False
        if character == "\\":
            at += 1
        elif character == "[":
            at = _end_of_set(pattern, at)
        elif character == "(":
            groups.append(False)
        elif character == ")" and len(groups) > 1:
            before = groups.pop()
            groups[-1] = groups[-1] or before
        elif character == "|":
            groups[-1] = True
            work.factor *= 2
    return work


def _add(work: _Work, repeat: re.Match[str], several: bool) -> bool:
    """Add a repetition; False if it repeats what may go *several* ways."""
    sign = repeat[0]
    if sign[0] == "?":
        work.factor *= 2
        return True
    if several:
        return False
    if sign[0] in "*+" or not (repeat[1] or repeat[3]):
        work.power += 1
    elif repeat[2]:
        least, most = int(repeat[1] or 0), repeat[3]
        if most and int(most) - least < 10:
            work.factor *= max(1, int(most) - least + 1)
        else:
            work.power += 1
    return True


def _end_of_set(pattern: str, at: int) -> int:
    if pattern[at : at + 1] == "^":
        at += 1
    if pattern[at : at + 1] == "]":
        at += 1
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at + 1
